//! HF009: options that there are not.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF009",
    title: "an element has no such option",
    severity: Severity::Warning,
    why: "An option that its element does not know has no effect.",
    bad: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "mesage": "hello" } } ] }
"#],
    good: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }
"#],
    fix: "Mend the name: the nearest one that there is, is shown. Remove what is meant for nothing.",
    find: None,
};
