//! The interpreter through its public doors: files in, what it did out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bars;
mod cuts;
mod elements;
mod frames;
mod journals;
mod memory;
mod messages;
mod modals;
mod parallel;
mod scope;
mod waits;

use std::{collections::VecDeque, sync::Arc};

use interpreter::{
    End, Entry, Failure, Machine, Outcome, Output, Run, Start, Then, catalog,
    effect::{Asked, Wait},
};
use recipe::{Map, Value};
use workflow::{File, System};

/// Loads workflows; any error is the test's.
pub(crate) fn system(files: &[String]) -> Arc<System> {
    let files: Vec<File> = files
        .iter()
        .enumerate()
        .map(|(n, text)| File { path: format!("workflows/{n}.workflow.json"), bytes: text.as_bytes().into() })
        .collect();
    let system = workflow::load("test", &files, catalog());
    let errors: Vec<String> = system.broken.iter().map(|(_, finding)| finding.to_string()).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    Arc::new(system)
}

pub(crate) fn run() -> Arc<Run> {
    let user: Map = [("id", Value::from("ada"))].into_iter().collect();
    Arc::new(Run {
        id: 7,
        id_text: "seven".into(),
        root: 7,
        system: "test".into(),
        user: Value::Object(user),
        roles: vec!["admin".into()],
        locale: "en".into(),
        timezone: "UTC".into(),
        in_request: false,
        signals: interpreter::Signals::new(Arc::new([7; 32]), "http://localhost:1".into()),
    })
}

pub(crate) fn start(workflow: &str, input: Value) -> Start {
    let vars = input.as_object().cloned().unwrap_or_default();
    Start { workflow: workflow.into(), element: None, input, vars, at_ms: 1_000 }
}

/// What a run did.
#[derive(Debug, PartialEq)]
pub(crate) struct Did {
    pub(crate) entries: Vec<Entry>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) end: End,
}

/// Works a machine to its end; `world` answers what it asks for, the oldest first.
pub(crate) fn finish(machine: Machine, world: impl FnMut(&Asked, u128) -> Result<Value, Failure>) -> Did {
    finish_in_turn(machine, |_| 0, world)
}

/// The same; `turn` says which of so many flights ends next.
pub(crate) fn finish_in_turn(
    mut machine: Machine,
    mut turn_of: impl FnMut(usize) -> usize,
    mut world: impl FnMut(&Asked, u128) -> Result<Value, Failure>,
) -> Did {
    let mut did = (Vec::new(), Vec::new());
    let mut at_ms = 1_000;
    let mut flights = Vec::new();
    loop {
        let turn = machine.advance(8);
        for output in turn.outputs {
            if let Output::Own { entry, .. } = &output {
                did.0.push(entry.clone());
            }
            did.1.push(output);
        }
        match turn.then {
            Then::More => {}
            Then::End(end) => return Did { entries: did.0, outputs: did.1, end: *end },
            Then::Await => {
                flights.extend(turn.flights);
                let flight = flights.remove(turn_of(flights.len()));
                at_ms = ended_at(&flight.asked, at_ms);
                let result = world(&flight.asked, flight.firing.0);
                did.0.extend(machine.outcome(flight.firing, flight.number, Outcome { at_ms, result }));
            }
        }
    }
}

/// When the world has done it, if it began at `at_ms`.
pub(crate) fn ended_at(asked: &Asked, at_ms: i64) -> i64 {
    match asked {
        Asked::Wait(Wait::Until(until_ms)) => at_ms.max(*until_ms),
        _ => at_ms + 10,
    }
}

/// Runs the first workflow on an input; calls are answered in order, then by null; time passes, runs end well.
pub(crate) fn check(files: &[String], input: &str, answers: &[Result<&str, &str>]) -> Did {
    let system = system(files);
    let first = system.workflows.values().find(|graph| graph.path.ends_with("/0.workflow.json")).unwrap();
    let start = start(&first.identifier, Value::from_json(input).unwrap());
    let mut answers: VecDeque<_> = answers.iter().collect();
    let machine = Machine::start(system.clone(), run(), start).unwrap();
    finish(machine, |asked, _| match asked {
        Asked::Wait(Wait::Until(_)) => Ok(Value::Null),
        _ => match answers.pop_front() {
            Some(Ok(json)) => Ok(Value::from_json(json).unwrap()),
            Some(Err(code)) => {
                Err(Failure { retryable: *code == "connect", ..Failure::new(code, "the provider failed") })
            }
            None => Ok(Value::Null),
        },
    })
}

/// The messages that a run logged, in order.
pub(crate) fn logged(did: &Did) -> Vec<String> {
    did.outputs
        .iter()
        .filter_map(|output| match output {
            Output::Live { live: interpreter::effect::Live::Log { message, .. }, .. } => {
                Some(message.to_text())
            }
            _ => None,
        })
        .collect()
}

/// One element's JSON.
pub(crate) fn element(name: &str, kind: &str, rest: &str) -> String {
    let rest = if rest.is_empty() { String::new() } else { format!(", {rest}") };
    format!(r#"{{"name": "{name}", "type": "{kind}"{rest}}}"#)
}

/// A workflow that starts at its first element.
pub(crate) fn file(identifier: &str, entry: &str, elements: &[String]) -> String {
    format!(r#"{{"identifier": "{identifier}", "entry": "{entry}", "elements": [{}]}}"#, elements.join(",\n"))
}

/// An element that logs a word and goes on to others.
pub(crate) fn log(name: &str, to: &str) -> String {
    let to = if to.is_empty() { String::new() } else { format!(r#", "to": {{"default": {to}}}"#) };
    element(name, "action/log", &format!(r#""options": {{"message": "{name}"}}{to}"#))
}
