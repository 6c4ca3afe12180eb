//! The server through its doors: real HTTP on loopback, a real engine, SQLite in a folder that goes away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod bars;
mod border;
mod bulk;
mod calls;
mod described;
mod doors;
mod drawing;
mod guard;
mod inbox;
mod limits;
mod live;
mod messages;
mod modals;
mod once;
mod pages;
mod pusher;
mod refusals;
mod scene;
mod schedules;
mod signals;
mod tokens;
mod users;
mod versions;
