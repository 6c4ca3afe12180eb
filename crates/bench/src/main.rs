//! Measures Hefe beside what the machine can do, in one run: only ratios within one run mean something.
//!
//! Every figure is the median of at least five windows after a warm-up, of the real server's code with full durability in
//! a process of its own. Adding a work is a file and a line in [`Work`].
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints figures")]

mod backlog;
mod crowd;
mod drain;
mod enqueue;
mod fanout;
mod figures;
mod idle;
mod inside;
mod launch;
mod load;
mod loops;
mod memory;
mod parked;
mod pickup;
mod place;
mod prune;
mod recipes;
mod scale;
mod served;
mod steps;
mod works;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

/// What is measured.
#[derive(Clone, Copy, ValueEnum)]
enum Work {
    /// Webhook launches over HTTP, durably stored, on 1 and on 64 connections
    Launch,
    /// Ten expressions, compiled once, beside other embeddable languages
    Recipes,
    /// Runs started from inside: one at a time, 16 at once, in bulk
    Enqueue,
    /// Queued runs worked to their end
    Drain,
    /// A worker of four recorded effects, 16 at once
    Steps,
    /// From the launcher's answer to the worker's first element
    Pickup,
    /// One run with many effects, and one that parks at every turn
    Loop,
    /// Enqueue and claim while many others are queued
    Backlog,
    /// 100,000 runs that wait: what they take, and how they come back
    Parked,
    /// 100,000 ended runs that go while others are started
    Prune,
    /// 200 bars that move, to 100, 1,000 and 10,000 connected clients
    Fanout,
    /// The process with nothing to do
    Idle,
}

#[derive(Parser)]
struct Cli {
    #[arg(value_enum)]
    work: Option<Work>,
    /// One JSON line a figure
    #[arg(long)]
    json: bool,
    /// Shorter windows: to see that it works, not to quote
    #[arg(long)]
    quick: bool,
    /// Where runs are kept (launch, loop by steps, prune, fanout and idle know SQLite alone)
    #[arg(long, value_enum, default_value_t)]
    store: place::Kind,
    /// A PostgreSQL of your own, with an empty database; without one it is started
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Serve this project until standard input closes (what the benchmark starts as a process of its own)
    #[arg(long, hide = true, value_name = "PROJECT")]
    serve: Option<std::path::PathBuf>,
    /// How many runs that process works at once
    #[arg(long, hide = true)]
    runs: Option<usize>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    place::choose(cli.store, cli.database.clone());
    let result = match (&cli.serve, cli.work) {
        (Some(project), _) => served::serve(project, cli.runs),
        (None, Some(Work::Launch)) => launch::measure(cli.quick),
        (None, Some(Work::Recipes)) => {
            recipes::measure(cli.quick, cli.json).map(|()| figures::Figures::default())
        }
        (None, Some(Work::Enqueue)) => enqueue::measure(cli.quick),
        (None, Some(Work::Drain)) => drain::measure(cli.quick),
        (None, Some(Work::Steps)) => steps::measure(cli.quick),
        (None, Some(Work::Pickup)) => pickup::measure(cli.quick),
        (None, Some(Work::Loop)) => loops::measure(cli.quick),
        (None, Some(Work::Backlog)) => backlog::measure(cli.quick),
        (None, Some(Work::Parked)) => parked::measure(cli.quick),
        (None, Some(Work::Prune)) => prune::measure(cli.quick),
        (None, Some(Work::Fanout)) => fanout::measure(cli.quick),
        (None, Some(Work::Idle)) => idle::measure(cli.quick),
        (None, None) => Err("name what is to be measured, such as `launch`".into()),
    };
    match result {
        Ok(figures) => {
            figures.print(cli.json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a measurement may fail with: its words are all that matters.
type Failure = Box<dyn std::error::Error + Send + Sync>;
