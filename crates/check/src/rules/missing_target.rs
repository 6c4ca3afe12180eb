//! HF013: edges that lead to nothing.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF013",
    title: "an edge leads to no element",
    severity: Severity::Error,
    why: "What leaves on such an edge would be lost.",
    bad: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" }, "to": { "default": { "leave": ["default"] } } } ] }
"#],
    good: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" }, "to": { "default": { "leave": ["default"] } } },
  { "name": "leave", "type": "action/log", "options": { "message": "good-bye" } } ] }
"#],
    fix: "Add the element, mend its name, or remove the edge.",
    find: None,
};
