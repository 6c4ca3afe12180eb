//! HF003: elements without a name, and two of one.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF003",
    title: "an element has no name of its own",
    severity: Severity::Error,
    why: "Edges, events and journals name elements: each needs a name that no other of its file has.",
    bad: &[r#"
{ "identifier": "Hello", "entry": "say", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } },
  { "name": "say", "type": "action/log", "options": { "message": "good-bye" } } ] }
"#],
    good: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" }, "to": { "default": { "leave": ["default"] } } },
  { "name": "leave", "type": "action/log", "options": { "message": "good-bye" } } ] }
"#],
    fix: "Give each element a name of its own.",
    find: None,
};
