//! HF016: schedules that are never due.

use workflow::Severity;

use crate::Rule;

pub(super) static RULE: Rule = Rule {
    code: "HF016",
    title: "a schedule is never due",
    severity: Severity::Warning,
    why: "No month that it names has such a day: it never fires.",
    bad: &[r#"
{ "identifier": "Clean", "async": true, "events": [ { "identifier": "nightly", "type": "cron", "expression": "0 4 31 2 *" } ], "elements": [
  { "name": "nightly", "type": "event/cron", "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "cleaned" } } ] }
"#],
    good: &[r#"
{ "identifier": "Clean", "async": true, "events": [ { "identifier": "nightly", "type": "cron", "expression": "0 4 28 2 *" } ], "elements": [
  { "name": "nightly", "type": "event/cron", "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "cleaned" } } ] }
"#],
    fix: "Mend the day or the month.",
    find: None,
};
