//! What the proofs share: their arguments, the product inside their own program, the sabotage that they must notice, one JSON
//! line at the end.

use std::process::ExitCode;

use clap::Parser;
use serde_json::{Map, Value};
use tokio::process::Command;

/// Set in a process that is to be `hefe`.
const AS_HEFE: &str = "E2E_AS_HEFE";

/// What a proof came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Its name.
    pub proof: &'static str,
    /// What was counted.
    pub figures: Map<String, Value>,
    /// What broke, in words; empty if nothing did.
    pub broken: Vec<String>,
    /// What people read before the last line, if there is more to say.
    pub table: Vec<String>,
}

/// How the product is broken on purpose; not at all by default.
#[derive(Debug, Clone, Default)]
pub struct Sabotage(Option<String>);

impl Sabotage {
    /// Whether it is broken.
    pub fn on(&self) -> bool {
        self.0.is_some()
    }

    /// Breaks the `hefe` that the command will start.
    pub fn ask(&self, command: &mut Command) {
        if let Some(name) = &self.0 {
            command.env("HEFE_SABOTAGE", name);
        }
    }
}

#[derive(Parser)]
struct Args<A: clap::Args> {
    #[command(flatten)]
    asked: A,
    /// Break the product so, which the proof must notice (needs `--features sabotage`)
    #[arg(long, value_name = "NAME")]
    sabotage: Option<String>,
    /// Print for programs: the last line is always JSON
    #[arg(long)]
    json: bool,
}

/// A proof as a program. In the processes that it starts as `hefe` it is the product, with whatever features it was built.
pub fn main<A: clap::Args>(check: impl AsyncFnOnce(A, Sabotage) -> Report) -> ExitCode {
    if std::env::var_os(AS_HEFE).is_some() {
        return hefe::main();
    }
    testkit::process::stand_in(AS_HEFE);
    let args = Args::<A>::parse();
    if !can_break(args.sabotage.as_deref()) {
        return ExitCode::from(2);
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    end(runtime.block_on(check(args.asked, Sabotage(args.sabotage))), args.json)
}

/// The same for a proof whose product works in this very process.
pub fn main_inside<A: clap::Args>(check: impl FnOnce(&A) -> Report) -> ExitCode {
    let args = Args::<A>::parse();
    if !can_break(args.sabotage.as_deref()) {
        return ExitCode::from(2);
    }
    match args.sabotage.as_deref().and_then(broken_so) {
        Some(ended) => ended,
        None => end(check(&args.asked), args.json),
    }
}

/// Whether the product in this program can be broken on purpose; says what to do if not.
fn can_break(sabotage: Option<&str>) -> bool {
    let can = sabotage.is_none() || cfg!(feature = "sabotage");
    if !can {
        eprintln!("error: this build cannot be broken; build it with `--features sabotage`");
    }
    can
}

/// Runs this program again as one whose product is broken so, unless this is it: what it ended with. The product reads that
/// from its environment, which nobody changes while it runs.
fn broken_so(sabotage: &str) -> Option<ExitCode> {
    if std::env::var("HEFE_SABOTAGE").is_ok_and(|name| name == sabotage) {
        return None;
    }
    let program = std::env::current_exe().expect("this program");
    let mut again = std::process::Command::new(program);
    again.args(std::env::args_os().skip(1)).env("HEFE_SABOTAGE", sabotage);
    let ended = again.status().expect("this program once more");
    Some(ExitCode::from(ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)))
}

/// Prints the report as its last line; 0 if nothing broke, else 1.
fn end(report: Report, json: bool) -> ExitCode {
    for row in report.table.iter().filter(|_| !json) {
        println!("{row}");
    }
    for what in report.broken.iter().take(20) {
        eprintln!("broken: {what}");
    }
    let mut line = report.figures;
    line.insert("proof".to_owned(), report.proof.into());
    line.insert("ok".to_owned(), report.broken.is_empty().into());
    line.insert("broken".to_owned(), report.broken.iter().take(20).cloned().collect());
    println!("{}", Value::Object(line));
    if report.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
