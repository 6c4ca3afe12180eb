//! The clock and the ids, as parameters: a test brings its own.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use interpreter::FiringId;
use store::Id;

/// Milliseconds since 1970.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// Any source of milliseconds since 1970.
    pub fn new(source: impl Fn() -> i64 + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(source))
    }

    /// Now.
    pub fn now_ms(&self) -> i64 {
        (self.0)()
    }
}

impl Default for Clock {
    /// The machine's.
    #[expect(clippy::disallowed_methods, reason = "this is where the engine's time comes from")]
    fn default() -> Clock {
        Clock::new(|| {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
        })
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Ids of runs that a request starts: nobody can guess one from another.
#[derive(Debug)]
pub struct Ids {
    seed: FiringId,
    next: AtomicU64,
}

impl Ids {
    /// From that seed, else from one of the operating system's.
    pub(crate) fn new(seed: Option<u128>) -> Ids {
        let drawn = || {
            let mut seed = [0; 16];
            // Without a source of randomness ids are still unique, by time and count.
            let _ = getrandom::fill(&mut seed);
            u128::from_be_bytes(seed)
        };
        Ids { seed: FiringId(seed.unwrap_or_else(drawn)), next: AtomicU64::new(0) }
    }

    /// A new one.
    pub(crate) fn next(&self, now_ms: i64) -> Id {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        Id(interpreter::effect::timed_id(now_ms, self.seed.child(count, "run", 0).0))
    }
}
