//! `cargo run --release -p e2e --bin torture -- --kills 200 --json`: nothing that was answered is lost. See `e2e::torture`.
#![allow(
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a proof that cannot be carried out ends with words"
)]

use std::process::ExitCode;

use clap::Parser;
use e2e::{proof, torture};

/// A mixed load under a server that is killed at random moments and started again.
#[derive(Parser)]
struct Args {
    /// How often it is killed
    #[arg(long, default_value_t = 200)]
    kills: u64,
    /// All that is random comes from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Break the product so (needs `--features sabotage`): answer-before-commit, fresh-keys, double-append, drop-end
    #[arg(long, value_name = "NAME")]
    sabotage: Option<String>,
    /// Print for programs: the last line is always JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    if let Some(ended) = proof::product() {
        return ended;
    }
    let args = Args::parse();
    if !proof::can_break(args.sabotage.as_deref()) {
        return ExitCode::from(2);
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let asked = torture::Asked { kills: args.kills, seed: args.seed, sabotage: args.sabotage };
    proof::end(runtime.block_on(torture::check(&asked)))
}
