//! The binary as its users meet it: real processes, real HTTP, a real browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod approval;
mod attack;
mod bakery;
mod browser;
mod bulk;
mod clients;
mod clock;
mod curl;
mod deploy;
mod disk;
mod hosts;
mod jobs;
mod limits;
mod maintenance;
mod many;
mod matrix;
mod modal;
mod once;
mod openapi;
mod order;
mod read_only;
mod script;
mod sim;
mod stop;
mod style;
mod under;
