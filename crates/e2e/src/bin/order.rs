//! `cargo run -p e2e --bin order`: nothing is answered before it is on disk. See `e2e::order`.
#![allow(
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a proof that cannot be carried out ends with words"
)]

use std::process::ExitCode;

use clap::Parser;
use e2e::{order, proof};

/// Launches under strace: is the write-ahead log synced before each answer leaves?
#[derive(Parser)]
struct Args {
    /// How many launches
    #[arg(long, default_value_t = 10)]
    launches: usize,
    /// Break the product so (needs `--features sabotage`)
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
    proof::end(runtime.block_on(order::check(args.launches, args.sabotage.as_deref())))
}
