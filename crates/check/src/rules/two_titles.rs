//! HF025: bars with two titles.

use std::collections::HashMap;

use workflow::{Severity, Step};

use crate::{
    Rule,
    rule::{At, Found},
    rules::unfinished::process,
    view::{Node, View},
};

pub(super) static RULE: Rule = Rule {
    code: "HF025",
    title: "one bar has two titles",
    severity: Severity::Warning,
    why: "Updates of one `process` are one bar: under two titles it seems to be two, of which one is stuck.",
    bad: &[r#"
{ "identifier": "Export", "async": true, "events": [ { "identifier": "export", "type": "webhook" } ], "elements": [
  { "name": "export", "type": "event/webhook", "to": { "default": { "begin": ["default"] } } },
  { "name": "begin", "type": "cast/progress", "options": { "process": "export", "title": "Exporting orders", "total": 1, "progress": 0 },
    "to": { "default": { "done": ["default"] } } },
  { "name": "done", "type": "cast/progress", "options": { "process": "export", "title": "Export of orders", "progress": 1 } } ] }
"#],
    good: &[r#"
{ "identifier": "Export", "async": true, "events": [ { "identifier": "export", "type": "webhook" } ], "elements": [
  { "name": "export", "type": "event/webhook", "to": { "default": { "begin": ["default"] } } },
  { "name": "begin", "type": "cast/progress", "options": { "process": "export", "title": "Exporting orders", "total": 1, "progress": 0 },
    "to": { "default": { "done": ["default"] } } },
  { "name": "done", "type": "cast/progress", "options": { "process": "export", "title": "Exporting orders", "progress": 1 } } ] }
"#],
    fix: "Give both the same title, leave it out of the later ones (the bar keeps it), or give them two names as `process`.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    const TITLE: &[Step<'static>] = &[Step::Key("options"), Step::Key("title")];
    for file in view.files() {
        let mut first: HashMap<String, (Node, String)> = HashMap::new();
        for node in view.nodes_of(file).filter(|node| view.type_name(*node) == "cast/progress") {
            let Some(process) = process(view, node) else { continue };
            let Some(title) = view.literal(node, "title").map(|title| title.to_text()) else { continue };
            let (one, known) = first.entry(process.to_string()).or_insert_with(|| (node, title.clone()));
            if *known != title {
                let says = format!(
                    "the bar `{process}` is called `{title}` here, and `{known}` in `{}`",
                    view.name(*one)
                );
                found.say(
                    At::inside(node, TITLE),
                    says,
                    "give both one title, or leave it out here: the bar keeps it",
                );
            }
        }
    }
}
