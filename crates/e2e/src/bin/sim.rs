//! `cargo run --release -p e2e --bin sim -- --seeds 20000 --json`: what must be true is, whatever fails and whenever the
//! process dies. See `e2e::sim`.
#![allow(
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a proof that cannot be carried out ends with words"
)]

use std::process::ExitCode;

use clap::Parser;
use e2e::{proof, sim};

/// Seeds of a simulation: engine and store, with a disk, a provider and a process that fail by a plan.
#[derive(Parser)]
struct Args {
    /// How many seeds, each run twice
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// Only this one, with an account of what happened
    #[arg(long)]
    seed: Option<u64>,
    /// Break the product so (needs `--features sabotage`): answer-before-commit, fresh-keys, double-append, drop-end
    #[arg(long, value_name = "NAME")]
    sabotage: Option<String>,
    /// Print for programs: the last line is always JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if !proof::can_break(args.sabotage.as_deref()) {
        return ExitCode::from(2);
    }
    if let Some(ended) = args.sabotage.as_deref().and_then(proof::broken_so) {
        return ended;
    }
    let (first, seeds) = args.seed.map_or((1, args.seeds), |seed| (seed, 1));
    proof::end(sim::check(&sim::Asked { seeds, first, tell: args.seed.is_some() }))
}
