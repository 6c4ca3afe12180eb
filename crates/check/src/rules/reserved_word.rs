//! HF014: words that are the server's own.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF014",
    title: "a word is the server's own",
    severity: Severity::Error,
    why: "The server itself sends under the names progress, notification, toast and run: a message of that name could not be told from its own.",
    bad: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "tell", "type": "cast/event", "options": { "event": "progress", "data": "hello" } } ] }
"#],
    good: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "tell", "type": "cast/event", "options": { "event": "greeting", "data": "hello" } } ] }
"#],
    fix: "Take another word.",
    find: None,
};
