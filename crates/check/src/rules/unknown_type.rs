//! HF002: an element of no type that there is.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF002",
    title: "there is no element type of that name",
    severity: Severity::Error,
    why: "An element without a type that there is does nothing.",
    bad: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/lgo" } ] }
"#],
    good: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }
"#],
    fix: "Write one of the types that `hefe schema` lists.",
    find: None,
};
