//! The engine through its doors: a temporary project, SQLite in it, and a provider on this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod addresses;
mod answers;
mod attempts;
mod bulk;
mod crashes;
mod deploys;
mod failed;
mod hosts;
mod limits;
mod modals;
mod panics;
mod patience;
mod redirects;
mod scene;
mod schedules;
mod sent;
mod sizes;
mod stops;
mod versions;
mod waits;
