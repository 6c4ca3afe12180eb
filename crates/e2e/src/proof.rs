//! What the proofs share: the product inside their own program, the sabotage that they must notice, one JSON line at the end.

use std::process::ExitCode;

use serde_json::{Map, Value};

/// Set in a process that is to be `hefe`.
const AS_HEFE: &str = "E2E_AS_HEFE";

/// What a proof came to.
#[derive(Debug)]
pub struct Report {
    /// Its name.
    pub proof: &'static str,
    /// What was counted.
    pub figures: Map<String, Value>,
    /// What broke, in words; empty if nothing did.
    pub broken: Vec<String>,
}

/// The product if this process is meant to be it; else None, and from now on `testkit` starts this program as `hefe`.
pub fn product() -> Option<ExitCode> {
    if std::env::var_os(AS_HEFE).is_some() {
        return Some(hefe::main());
    }
    testkit::process::stand_in(AS_HEFE);
    None
}

/// Whether the product in this program can be broken on purpose; says what to do if not.
pub fn can_break(sabotage: Option<&str>) -> bool {
    let can = sabotage.is_none() || cfg!(feature = "sabotage");
    if !can {
        eprintln!("error: this build cannot be broken; build it with `--features sabotage`");
    }
    can
}

/// Runs this program again as one whose product is broken so, unless this is it: what it ended with. The product reads that
/// from its environment, which nobody changes while it runs.
pub fn broken_so(sabotage: &str) -> Option<ExitCode> {
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
pub fn end(report: Report) -> ExitCode {
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
