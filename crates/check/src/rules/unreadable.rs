//! HF001: a file that is no workflow.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF001",
    title: "a file is no workflow",
    severity: Severity::Error,
    why: "What is no JSON, no UTF-8 or over 10 MiB cannot be read: nothing in it runs.",
    bad: &[r#"
{ "identifier": "Hello", "elements": [ ], }
"#],
    good: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }
"#],
    fix: "Mend the text at the place that is shown. JSON has neither comments nor commas before a closing bracket.",
    find: None,
};
