//! What tests share: a fake provider, temporary projects, the real binary, a small HTTP client to talk to it, a real
//! PostgreSQL, and for simulations a clock and a faulty store.
//!
//! Nothing here is shipped. What goes wrong here fails the test with words that say what was awaited and what came
//! instead; no wait is longer than [`DEADLINE`]. It must not know a crate of ours but the store's traits, and those only in
//! `faulty`: the outside is tested from the outside.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test kit fails the test"
)]

use std::time::Duration;

pub mod client;
pub mod clock;
pub mod faulty;
pub mod postgres;
pub mod process;
pub mod project;
pub mod provider;

/// The longest wait for anything that should happen soon. A wait that reaches it is a failed test, so it is generous.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Awaits `event` up to [`DEADLINE`], then fails the test with what `says` gives.
pub async fn within<T>(event: impl Future<Output = T>, says: impl FnOnce() -> String) -> T {
    match tokio::time::timeout(DEADLINE, event).await {
        Ok(value) => value,
        Err(_) => panic!("{} (waited {} s)", says(), DEADLINE.as_secs()),
    }
}

/// Asks again and again until it is so: for what follows an event that nobody outside can await.
pub async fn until(says: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asked = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(asked, || format!("it did not come about that {says}")).await;
}
