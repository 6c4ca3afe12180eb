//! HF006: a workflow that starts nowhere.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF006",
    title: "nothing says where the workflow starts",
    severity: Severity::Error,
    why: "Without an event a workflow starts at `entry`, else at its only element that nothing leads to.",
    bad: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } },
  { "name": "leave", "type": "action/log", "options": { "message": "good-bye" } } ] }
"#],
    good: &[r#"
{ "identifier": "Hello", "entry": "say", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" }, "to": { "default": { "leave": ["default"] } } },
  { "name": "leave", "type": "action/log", "options": { "message": "good-bye" } } ] }
"#],
    fix: "Name the first element with `entry`, or add an event.",
    find: None,
};
