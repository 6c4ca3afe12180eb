//! HF031: schedules that fall into the hour that the clocks skip.

use workflow::{Severity, Step};

use crate::{
    Rule,
    rule::{At, Found},
    view::View,
};

pub(super) static RULE: Rule = Rule {
    code: "HF031",
    title: "a schedule falls into a gap of daylight saving",
    severity: Severity::Info,
    why: "Where clocks are set forward an hour is skipped. What is due in it fires once, at the end of the gap, on that day later than the schedule says.",
    bad: &[r#"
{ "identifier": "Clean", "async": true, "events": [ { "identifier": "nightly", "type": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin" } ], "elements": [
  { "name": "nightly", "type": "event/cron", "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "cleaned" } } ] }
"#],
    good: &[r#"
{ "identifier": "Clean", "async": true, "events": [ { "identifier": "nightly", "type": "cron", "expression": "30 4 * * *", "timezone": "Europe/Berlin" } ], "elements": [
  { "name": "nightly", "type": "event/cron", "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "cleaned" } } ] }
"#],
    fix: "Take an hour that each day has, if it matters. Nothing is lost: what falls into the gap fires at its end.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    for file in view.files() {
        for (at, event) in view.graph(file).events.iter().enumerate() {
            let Some(schedule) = &event.schedule else { continue };
            let Some(gap) = schedule.cron.gap() else { continue };
            let says = format!(
                "where clocks are set forward in {} there is no {gap}: on that day it fires at the end of the gap",
                schedule.timezone
            );
            let steps = [Step::Key("events"), Step::At(at), Step::Key("expression")];
            found.say(At::file(file, &steps), says, "take an hour that each day has, if it matters");
        }
    }
}
