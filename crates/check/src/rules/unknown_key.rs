//! HF010: keys that nothing reads.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF010",
    title: "there is no such key",
    severity: Severity::Warning,
    why: "A key that nothing reads is kept, and has no effect.",
    bad: &[r#"
{ "identifier": "Hello", "asinc": true, "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }
"#],
    good: &[r#"
{ "identifier": "Hello", "async": true, "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }
"#],
    fix: "Mend the name, or remove the key.",
    find: None,
};
