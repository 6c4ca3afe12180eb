//! HF012: ports that there are not.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF012",
    title: "an element has no such port",
    severity: Severity::Error,
    why: "An edge or a binding at a port that its element does not have would never carry anything.",
    bad: &[r#"
{ "identifier": "Hello", "entry": "ask", "elements": [
  { "name": "ask", "type": "flow/if", "options": { "condition": "this" }, "to": { "then": { "say": ["default"] } } },
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }
"#],
    good: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "ask", "type": "flow/if", "options": { "condition": "this" }, "to": { "default": { "say": ["default"] } } },
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }
"#],
    fix: "Write one of the ports that are listed. A binding is \"port:\" for what leaves, \":port\" for what comes in.",
    find: None,
};
