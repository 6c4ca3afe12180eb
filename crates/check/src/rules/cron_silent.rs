//! HF030: work of the clock that leaves no trace.

use workflow::{Severity, Step};

use crate::{
    Rule,
    flow::{Domain, Firing, Flow},
    rule::{At, Found},
    view::{By, Call, View},
};

pub(super) static RULE: Rule = Rule {
    code: "HF030",
    title: "a workflow of the clock logs no summary",
    severity: Severity::Warning,
    why: "Nobody watches what the clock starts. A line that says what it did, or that there was nothing to do, is all that operators have in the morning.",
    bad: &[r#"
{ "identifier": "Check", "async": true, "events": [ { "identifier": "hourly", "type": "cron", "expression": "0 * * * *" } ], "elements": [
  { "name": "hourly", "type": "event/cron", "to": { "default": { "look": ["default"] } } },
  { "name": "look", "type": "api/http", "options": { "uri": "https://api.example.com/health" }, "to": { "error": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "the provider is down" } } ] }
"#],
    good: &[r#"
{ "identifier": "Check", "async": true, "events": [ { "identifier": "hourly", "type": "cron", "expression": "0 * * * *" } ], "elements": [
  { "name": "hourly", "type": "event/cron", "to": { "default": { "look": ["default"] } } },
  { "name": "look", "type": "api/http", "options": { "uri": "https://api.example.com/health" },
    "to": { "default": { "good": ["default"] }, "error": { "log": ["default"] } } },
  { "name": "good", "type": "action/log", "options": { "message": "the provider is up" } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "the provider is down" } } ] }
"#],
    fix: "Add an action/log to the end of each path: how many of what, or that there was nothing to do.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    let crons: Vec<_> = view
        .files()
        .flat_map(|file| view.begins(file))
        .filter(|begin| matches!(begin.by, By::Event(event) if &*event.kind == "cron"))
        .collect();
    if crons.is_empty() {
        return;
    }
    let flow = Flow::solve(view, Silence);
    let mut silent: Vec<usize> = Vec::new();
    silent
        .extend(crons.iter().filter(|begin| flow.end(begin.node) == Some(true)).map(|begin| begin.node.file));
    silent.dedup();
    for file in silent {
        let says = format!(
            "a run of `{}` by the clock can end well without a line in the log",
            view.graph(file).identifier
        );
        let help = "add an action/log to the end of each path, also where there was nothing to do";
        found.say(At::file(file, &[Step::Key("identifier")]), says, help);
    }
}

/// Whether nothing may have been logged yet.
struct Silence;

impl Domain for Silence {
    type State = bool;
    type Value = ();

    fn begin(&self) -> bool {
        true
    }

    fn or(&self, one: &bool, other: &bool) -> bool {
        *one || *other
    }

    fn either(&self, (): &(), (): &()) {}

    fn fire(&self, at: &Firing<'_, Silence>, silent: &mut bool) {
        let says = |option: &str| at.view.literal(at.node, option).and_then(|value| value.as_str());
        let off = at.view.literal(at.node, "active").is_some_and(|active| !active.truthy());
        // Lines for debugging are not kept everywhere.
        if at.view.type_name(at.node) == "action/log" && says("level") != Some("debug") && !off {
            *silent = false;
        }
    }

    fn enter(&self, _: &Firing<'_, Silence>, _: &Call) -> Option<(bool, ())> {
        Some((true, ()))
    }

    fn after(&self, before: &bool, end: &bool, _: &Call) -> bool {
        *before && *end
    }
}
