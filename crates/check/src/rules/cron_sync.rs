//! HF028: work of the clock that is not async.

use workflow::{Severity, Step};

use crate::{
    Rule,
    rule::{At, Found},
    view::View,
};

pub(super) static RULE: Rule = Rule {
    code: "HF028",
    title: "a workflow of the clock is not async",
    severity: Severity::Warning,
    why: "Nobody waits for what the clock starts. Without `async` it is still written as if somebody did: started by hand, or by another workflow, it holds up a request.",
    bad: &[r#"
{ "identifier": "Clean", "events": [ { "identifier": "nightly", "type": "cron", "expression": "0 4 * * *" } ], "elements": [
  { "name": "nightly", "type": "event/cron", "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "cleaned" } } ] }
"#],
    good: &[r#"
{ "identifier": "Clean", "async": true, "events": [ { "identifier": "nightly", "type": "cron", "expression": "0 4 * * *" } ], "elements": [
  { "name": "nightly", "type": "event/cron", "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "cleaned" } } ] }
"#],
    fix: "Write `\"async\": true` into the file.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    for file in view.files() {
        let graph = view.graph(file);
        let cron = graph.events.iter().find(|event| &*event.kind == "cron");
        let Some(event) = cron.filter(|event| !graph.is_async && event.is_async != Some(true)) else {
            continue;
        };
        let says =
            format!("the clock starts `{}` (`{}`), and it is not async", graph.identifier, event.identifier);
        let steps = [Step::Key(if view.says(file, "async") { "async" } else { "identifier" })];
        found.say(At::file(file, &steps), says, "write `\"async\": true`");
    }
}
