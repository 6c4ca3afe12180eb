//! HF007: events that start nothing.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF007",
    title: "an event starts nothing",
    severity: Severity::Error,
    why: "An event names the element where its run starts, and what starts it.",
    bad: &[r#"
{ "identifier": "Hello", "events": [ { "identifier": "greeted", "type": "webhook" } ], "elements": [
  { "name": "greet", "type": "event/webhook" } ] }
"#],
    good: &[r#"
{ "identifier": "Hello", "events": [ { "identifier": "greet", "type": "webhook" } ], "elements": [
  { "name": "greet", "type": "event/webhook" } ] }
"#],
    fix: "Make `identifier` the name of the event's element, and `type` one that there is.",
    find: None,
};
