//! The workflows that are worked, and their inputs.

use recipe::Value;

use crate::inside::Workflow;

/// No effect.
const NOTHING: &str = r#"{
  "identifier": "Nothing", "async": true,
  "elements": [{ "name": "done", "type": "op/set", "options": { "recipes": { "seen": "$order.id" } } }]
}"#;

/// One recorded effect: a notification that is kept.
const ONE: &str = r#"{
  "identifier": "One", "async": true,
  "elements": [{ "name": "tell", "type": "action/notify", "options": { "notification": "done" } }]
}"#;

/// Four recorded effects, one after another.
const FOUR: &str = r#"{
  "identifier": "Four", "async": true,
  "elements": [
    { "name": "one", "type": "action/notify", "options": { "notification": "one" }, "to": { "default": { "two": ["default"] } } },
    { "name": "two", "type": "action/notify", "options": { "notification": "two" }, "to": { "default": { "three": ["default"] } } },
    { "name": "three", "type": "action/notify", "options": { "notification": "three" }, "to": { "default": { "four": ["default"] } } },
    { "name": "four", "type": "action/notify", "options": { "notification": "four" } }
  ]
}"#;

/// Starts so many others.
const STARTS: &str = r#"{
  "identifier": "Starts", "async": true,
  "elements": [
    { "name": "items", "type": "op/recipe", "options": { "recipe": "range(this)" }, "to": { "default": { "each": ["default"] } } },
    { "name": "each", "type": "flow/each", "to": { "each": { "start": ["default"] } } },
    { "name": "start", "type": "action/run", "options": { "workflow": "Nothing", "async": true, "input": { "order": { "id": "${this}" } } } }
  ]
}"#;

/// So many effects in a loop; then a signal is waited for, so that the run has to be resumed.
const LOOP: &str = r#"{
  "identifier": "Loop", "async": true,
  "elements": [
    { "name": "turn", "type": "flow/while", "options": { "condition": "true", "max": TURNS }, "to": { "each": { "tell": ["default"] }, "next": { "go": ["default"] } } },
    { "name": "tell", "type": "action/notify", "options": { "notification": "turn" } },
    { "name": "go", "type": "flow/await", "options": { "signal": "go" } }
  ]
}"#;

/// The same with a wait instead of the effect. Its clock goes on by hours: no attempt takes too long.
const PARKS: &str = r#"{
  "identifier": "Parks", "async": true, "job": { "timeout": "100000000d" },
  "elements": [
    { "name": "turn", "type": "flow/while", "options": { "condition": "true", "max": TURNS }, "to": { "each": { "wait": ["default"] }, "next": { "go": ["default"] } } },
    { "name": "wait", "type": "flow/wait", "options": { "for": "2s" } },
    { "name": "go", "type": "flow/await", "options": { "signal": "go" } }
  ]
}"#;

/// Says that it runs, as soon as it does.
const SAYS: &str = r#"{
  "identifier": "Says", "async": true,
  "elements": [{ "name": "says", "type": "action/log", "options": { "message": "it runs" } }]
}"#;

/// A sync launcher, as applications write them.
const LAUNCH: &str = r#"{
  "identifier": "Launch",
  "elements": [{ "name": "start", "type": "action/run", "options": { "workflow": "Says", "async": true, "input": { "order": 7 } } }]
}"#;

/// No effect, in a lane of its own.
const SMALL: &str = r#"{
  "identifier": "Small", "async": true, "queue": "small",
  "elements": [{ "name": "done", "type": "op/set", "options": { "recipes": { "seen": "$order.id" } } }]
}"#;

/// The launcher, into that lane.
const LAUNCH_SMALL: &str = r#"{
  "identifier": "LaunchSmall",
  "elements": [{ "name": "start", "type": "action/run", "options": { "workflow": "Says", "async": true, "queue": "small", "input": { "order": 7 } } }]
}"#;

pub(crate) fn all() -> Vec<Workflow> {
    [
        ("nothing", NOTHING),
        ("one", ONE),
        ("four", FOUR),
        ("starts", STARTS),
        ("says", SAYS),
        ("launch", LAUNCH),
        ("small", SMALL),
        ("launch_small", LAUNCH_SMALL),
    ]
    .into_iter()
    .map(|(name, text)| Workflow(name, text.to_owned()))
    .collect()
}

/// Those two with so many turns.
pub(crate) fn turns(turns: usize) -> Vec<Workflow> {
    [("loop", LOOP), ("parks", PARKS)]
        .into_iter()
        .map(|(name, text)| Workflow(name, text.replace("TURNS", &turns.to_string())))
        .collect()
}

/// An order of about so many bytes.
pub(crate) fn input(bytes: usize) -> Value {
    let mut order = recipe::Map::new();
    order.insert("id", Value::Int(7));
    order.insert("note", Value::from("x".repeat(bytes.saturating_sub(24))));
    let mut input = recipe::Map::new();
    input.insert("order", Value::Object(order));
    Value::Object(input)
}
