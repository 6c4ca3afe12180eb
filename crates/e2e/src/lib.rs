//! The binary as its users meet it: tests in `tests/`, and proofs that are programs of their own (`src/bin/`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a proof that cannot be carried out ends with words"
)]

pub mod attack;
pub mod clock;
pub mod crashdisk;
mod dice;
pub mod failover;
pub mod matrix;
pub mod order;
pub mod proof;
pub mod sim;
pub mod torture;
