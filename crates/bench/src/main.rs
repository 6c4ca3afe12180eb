//! Measures Hefe beside what the machine can do, in one run: only ratios within one run mean something.
//!
//! Every figure is the median of at least five windows after a warm-up, of the real server's code with full durability in
//! a process of its own. Adding a work is a file and a line in [`Work`].
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints figures")]

mod backlog;
mod cost;
mod crew;
mod crowd;
mod drain;
mod enqueue;
mod fanout;
mod figures;
mod idle;
mod inside;
mod lane;
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
mod talk;
mod told;
mod works;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use self::figures::Figures;

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
    /// So many worker processes, while this one does not work (drain, backlog and steps on PostgreSQL)
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(2..=64))]
    workers: Option<u32>,
    /// Beside a transaction that sees the database as it was a minute ago (drain and backlog on PostgreSQL)
    #[arg(long)]
    snapshot: bool,
    /// Serve this project until standard input closes (what the benchmark starts as a process of its own)
    #[arg(long, hide = true, value_name = "PROJECT")]
    serve: Option<std::path::PathBuf>,
    /// How many runs that process works at once
    #[arg(long, hide = true)]
    runs: Option<usize>,
    /// Work what is queued there, as standard input says
    #[arg(long, hide = true, value_name = "URL")]
    works_on: Option<String>,
}

/// The form in which a work is measured.
struct How {
    quick: bool,
    /// So many processes beside this one, which does not work then.
    workers: Option<u32>,
    /// A transaction stays open.
    snapshot: bool,
}

impl How {
    /// Behind the names of figures.
    fn form(&self) -> String {
        self.workers.map(|workers| format!("_{workers}_workers")).unwrap_or_default()
    }

    /// How old the snapshot gets.
    fn age(&self) -> std::time::Duration {
        std::time::Duration::from_secs(if self.quick { 5 } else { 60 })
    }
}

impl Cli {
    fn how(&self) -> Result<How, Failure> {
        let (workers, snapshot) = (self.workers.is_some(), self.snapshot);
        let knows = match self.work {
            Some(Work::Drain | Work::Backlog) => true,
            Some(Work::Steps) => !snapshot,
            _ => !workers && !snapshot,
        };
        if !knows {
            return Err("`--workers` goes with drain, steps and backlog, `--snapshot` with drain and backlog: leave it out".into());
        }
        if self.store == place::Kind::Sqlite && (workers || snapshot) {
            return Err(
                "one process owns SQLite's file: give `--store postgres` with `--workers` and `--snapshot`"
                    .into(),
            );
        }
        Ok(How { quick: self.quick, workers: self.workers, snapshot })
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json;
    let result = measure(cli);
    match result {
        Ok(figures) => {
            figures.print(json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(cli: Cli) -> Result<Figures, Failure> {
    let how = cli.how()?;
    if let Some(database) = cli.works_on {
        return crew::serve(database);
    }
    if let Some(project) = &cli.serve {
        return served::serve(project, cli.runs);
    }
    let work = cli.work.ok_or("name what is to be measured, such as `launch`")?;
    place::choose(cli.store, cli.database);
    match work {
        Work::Launch => launch::measure(how.quick),
        Work::Recipes => recipes::measure(how.quick, cli.json).map(|()| Figures::default()),
        Work::Enqueue => enqueue::measure(how.quick),
        Work::Drain => drain::measure(&how),
        Work::Steps => steps::measure(&how),
        Work::Pickup => pickup::measure(how.quick),
        Work::Loop => loops::measure(how.quick),
        Work::Backlog => backlog::measure(&how),
        Work::Parked => parked::measure(how.quick),
        Work::Prune => prune::measure(how.quick),
        Work::Fanout => fanout::measure(how.quick),
        Work::Idle => idle::measure(how.quick),
    }
}

/// What a measurement may fail with: its words are all that matters.
type Failure = Box<dyn std::error::Error + Send + Sync>;
