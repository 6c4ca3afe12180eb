//! HF011: names of what is not there.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF011",
    title: "a name leads to nothing",
    severity: Severity::Warning,
    why: "A workflow, a failure's code or a finding's code that there is not: it may come later, and until then it fails or has no effect.",
    bad: &[
        r#"
{ "identifier": "Hello", "elements": [
  { "name": "run", "type": "action/run", "options": { "workflow": "Gret" }, "to": { "error": { "log": ["default"] } } },
  { "name": "log", "type": "action/log" } ] }
"#,
        r#"
{ "identifier": "Greet", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }
"#,
    ],
    good: &[
        r#"
{ "identifier": "Hello", "elements": [
  { "name": "run", "type": "action/run", "options": { "workflow": "Greet" }, "to": { "error": { "log": ["default"] } } },
  { "name": "log", "type": "action/log" } ] }
"#,
        r#"
{ "identifier": "Greet", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }
"#,
    ],
    fix: "Mend the name, or add what it names.",
    find: None,
};
