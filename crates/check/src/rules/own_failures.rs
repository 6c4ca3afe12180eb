//! HF017: a workflow that waits for its own failures.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF017",
    title: "a workflow waits for its own failures",
    severity: Severity::Warning,
    why: "A workflow is not started by its own failures, so that nothing goes round: this event starts nothing.",
    bad: &[r#"
{ "identifier": "Tell", "events": [ { "identifier": "broke", "type": "failed", "workflow": "Tell" } ], "elements": [
  { "name": "broke", "type": "event/failed", "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "${workflow} failed: ${run}" } } ] }
"#],
    good: &[r#"
{ "identifier": "Tell", "events": [ { "identifier": "broke", "type": "failed" } ], "elements": [
  { "name": "broke", "type": "event/failed", "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "${workflow} failed: ${run}" } } ] }
"#],
    fix: "Name another workflow, or leave `workflow` out: then it hears of all others.",
    find: None,
};
