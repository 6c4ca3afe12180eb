//! What is recorded for tests/journals: small workflows that between them have every kind of entry, and everything that a
//! checkpoint's state may hold. The world answers each element the same, time after time.

use std::{collections::HashMap, fs, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use interpreter::{
    Checkpoint, End, Entry, Failure, Machine, Outcome, Output, Then,
    effect::{Asked, Wait},
    journal,
};
use recipe::Value;
use serde_json::json;

use super::{run_of, told};
use crate::{ended_at, start, system};

/// Checkpoints that are kept of one run.
const CHECKPOINTS_MAX: usize = 12;

/// {workflows, input, answers by element: values, or {"!": code}}.
const ALL: &str = include_str!("runs.json");

/// Files of those names are in the folder of each format.
pub(super) const NAMES: [&str; 14] = [
    "own",
    "outside",
    "retried",
    "again",
    "waits",
    "parallel",
    "parallel_fails",
    "tries",
    "callees",
    "batches",
    "large",
    "bars",
    "failed",
    "modals",
];

pub(super) struct Recorded {
    pub(super) entries: Vec<Entry>,
    pub(super) checkpoints: Vec<(usize, Checkpoint)>,
    pub(super) end: End,
}

/// The files that are missing in a folder.
pub(super) fn write(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for name in NAMES {
        let path = folder.join(format!("{name}.json"));
        if path.exists() {
            continue;
        }
        let (described, recorded) = (described(name), record(name));
        // Three entries a chunk, as a run submits a few at a time.
        let chunks: Vec<String> = recorded
            .entries
            .chunks(3)
            .map(|entries| BASE64_STANDARD.encode(journal::encode(entries)))
            .collect();
        let checkpoints: Vec<_> = recorded
            .checkpoints
            .iter()
            .map(|(at, Checkpoint { bytes, blobs })| {
                let blobs: Vec<_> = blobs.iter().map(|blob| BASE64_STANDARD.encode(&blob.bytes)).collect();
                json!({ "at": at, "bytes": BASE64_STANDARD.encode(bytes), "blobs": blobs })
            })
            .collect();
        let file = json!({
            "request": described["request"], "workflows": described["workflows"], "input": described["input"],
            "end": told(&recorded.end),
            "entries": chunks, "checkpoints": checkpoints,
        });
        fs::write(path, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
    }
}

fn described(name: &str) -> serde_json::Value {
    let all: serde_json::Value = serde_json::from_str(ALL).unwrap();
    let run = all[name].clone();
    assert!(run.is_object(), "no run `{name}`");
    run
}

/// The answer to an element, the n-th of those it has; of a provider's, the body.
fn answer(described: &serde_json::Value, element: &str, n: usize, asked: &Asked) -> Result<Value, Failure> {
    let mut answer = described["answers"][element].clone();
    if let Some(list) = answer.as_array() {
        answer = list[n.min(list.len() - 1)].clone();
    }
    if answer == "large" {
        answer = "0123456789abcdef".repeat(320).into();
    }
    if let Some(code) = answer["!"].as_str() {
        return Err(Failure { retryable: code == "connect", ..Failure::new(code, "it failed") });
    }
    if let Asked::Outside(_) = asked {
        answer = json!({ "status": 200, "headers": { "content-type": "application/json" }, "body": answer });
    }
    Ok(Value::from_json(&answer.to_string()).unwrap())
}

/// Works one to its end. What has begun last ends first; a failure that another attempt may mend gets one.
pub(super) fn record(name: &str) -> Recorded {
    let described = described(name);
    let files: Vec<String> =
        described["workflows"].as_array().unwrap().iter().map(ToString::to_string).collect();
    let run = || run_of(&described);
    let begin = || start("w", Value::from_json(&described["input"].to_string()).unwrap());
    let mut machine = Machine::start(system(&files), run(), begin()).unwrap();
    let (mut entries, mut checkpoints, mut flights) = (Vec::<Entry>::new(), Vec::new(), Vec::new());
    let (mut asked, mut at_ms) = (HashMap::<String, usize>::new(), 1_000);
    let end = loop {
        let turn = machine.advance(1);
        entries.extend(turn.outputs.into_iter().filter_map(|output| match output {
            Output::Own { entry, .. } => Some(entry),
            Output::Live { .. } => None,
        }));
        flights.extend(turn.flights);
        if machine.entries() == entries.len() as u64 && !machine.failing() {
            checkpoints.push((entries.len(), machine.checkpoint()));
        }
        match turn.then {
            Then::More => {}
            Then::End(end) => match end.failure.as_ref().filter(|failure| failure.retryable) {
                Some(failure) => {
                    entries.extend(Entry::again(failure, at_ms));
                    flights.clear();
                    machine = Machine::resume(system(&files), run(), begin(), None, entries.clone()).unwrap();
                }
                None => break *end,
            },
            Then::Await => {
                let flight = flights.pop().unwrap();
                at_ms = ended_at(&flight.asked, at_ms);
                let n = asked.entry(flight.element.to_string()).or_default();
                let result = match &flight.asked {
                    Asked::Wait(Wait::Until(_)) => Ok(Value::Null),
                    _ => answer(&described, &flight.element, std::mem::replace(n, *n + 1), &flight.asked),
                };
                entries.extend(machine.outcome(flight.firing, flight.number, Outcome { at_ms, result }));
            }
        }
    };
    checkpoints.dedup_by(|a, b| a.1 == b.1);
    let step = checkpoints.len().div_ceil(CHECKPOINTS_MAX);
    let checkpoints = checkpoints.into_iter().step_by(step).collect();
    Recorded { entries, checkpoints, end }
}
