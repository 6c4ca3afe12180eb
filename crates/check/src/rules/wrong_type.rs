//! HF008: values of the wrong JSON type.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF008",
    title: "a value has the wrong JSON type",
    severity: Severity::Error,
    why: "An option or key of another type than it takes would be passed over in silence.",
    bad: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "level": 3, "message": "hello" } } ] }
"#],
    good: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "level": "error", "message": "hello" } } ] }
"#],
    fix: "Write a value of the type that is named; `hefe schema` has the types for editors.",
    find: None,
};
