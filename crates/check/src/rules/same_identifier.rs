//! HF004: two workflows of one name.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF004",
    title: "two workflows have one identifier",
    severity: Severity::Error,
    why: "Starts name a workflow by its identifier. The one whose path comes first loads, the other does not.",
    bad: &[
        r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }
"#,
        r#"
{ "identifier": "Hello", "elements": [
  { "name": "greet", "type": "action/log", "options": { "message": "hello again" } } ] }
"#,
    ],
    good: &[
        r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }
"#,
        r#"
{ "identifier": "HelloAgain", "elements": [
  { "name": "greet", "type": "action/log", "options": { "message": "hello again" } } ] }
"#,
    ],
    fix: "Give each its own `identifier`; one that is left out is the file's name.",
    find: None,
};
