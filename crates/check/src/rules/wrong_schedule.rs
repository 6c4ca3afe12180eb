//! HF015: schedules that cannot be read.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF015",
    title: "a schedule cannot be read",
    severity: Severity::Error,
    why: "A schedule needs a cron expression and, if it names one, a time zone that there is.",
    bad: &[r#"
{ "identifier": "Clean", "async": true, "events": [ { "identifier": "nightly", "type": "cron", "expression": "0 25 * * *" } ], "elements": [
  { "name": "nightly", "type": "event/cron", "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "cleaned" } } ] }
"#],
    good: &[r#"
{ "identifier": "Clean", "async": true, "events": [ { "identifier": "nightly", "type": "cron", "expression": "0 4 * * *" } ], "elements": [
  { "name": "nightly", "type": "event/cron", "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "cleaned" } } ] }
"#],
    fix: "Write minute, hour, day of month, month and day of week, `0 8 * * 1-5`, or `@daily` and its like; a zone as `Europe/Berlin`.",
    find: None,
};
