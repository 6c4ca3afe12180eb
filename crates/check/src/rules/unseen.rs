//! HF023: work that nobody sees.

use workflow::{Class, Severity, Step};

use crate::{
    Rule,
    rule::{At, Found},
    view::{CALLS_MAX, Node, View},
};

pub(super) static RULE: Rule = Rule {
    code: "HF023",
    title: "nobody sees the work",
    severity: Severity::Warning,
    why: "Somebody started it, and then hears nothing: neither how far it is, nor that it is over.",
    bad: &[r#"
{ "identifier": "Sync", "async": true, "events": [ { "identifier": "sync", "type": "webhook" } ], "elements": [
  { "name": "sync", "type": "event/webhook", "to": { "default": { "try": ["default"] } } },
  { "name": "try", "type": "flow/try", "to": { "try": { "first": ["default"] }, "catch": { "log": ["default"] } } },
  { "name": "first", "type": "api/http", "options": { "uri": "https://api.example.com/1" }, "to": { "default": { "second": ["default"] } } },
  { "name": "second", "type": "api/http", "options": { "uri": "https://api.example.com/2" }, "to": { "default": { "third": ["default"] } } },
  { "name": "third", "type": "api/http", "options": { "uri": "https://api.example.com/3" }, "to": { "default": { "fourth": ["default"] } } },
  { "name": "fourth", "type": "api/http", "options": { "uri": "https://api.example.com/4" } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "${code}" } } ] }
"#],
    good: &[r#"
{ "identifier": "Sync", "async": true, "events": [ { "identifier": "sync", "type": "webhook" } ], "elements": [
  { "name": "sync", "type": "event/webhook", "to": { "default": { "try": ["default"] } } },
  { "name": "try", "type": "flow/try", "to": { "try": { "first": ["default"] }, "catch": { "log": ["default"] } } },
  { "name": "first", "type": "api/http", "options": { "uri": "https://api.example.com/1" }, "to": { "default": { "second": ["default"] } } },
  { "name": "second", "type": "api/http", "options": { "uri": "https://api.example.com/2" }, "to": { "default": { "third": ["default"] } } },
  { "name": "third", "type": "api/http", "options": { "uri": "https://api.example.com/3" }, "to": { "default": { "fourth": ["default"] } } },
  { "name": "fourth", "type": "api/http", "options": { "uri": "https://api.example.com/4" }, "to": { "default": { "tell": ["default"] } } },
  { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "All is in step" } } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "${code}" } } ] }
"#],
    fix: "Show a bar with cast/progress, or tell the person at the end with action/notify. What the clock starts has nobody who would look, and needs neither.",
    find: Some(find),
};

/// So many effects are a few.
const FEW: usize = 3;

fn find(view: &View<'_>, found: &mut Found<'_>) {
    for file in view.files() {
        let begins = view.begins(file);
        let mut seen: Vec<Node> = begins
            .iter()
            .filter(|begin| begin.in_background && begin.by.is_personal())
            .flat_map(|begin| view.reach(begin.node))
            .collect();
        seen.sort_unstable();
        seen.dedup();
        let effects = seen.iter().filter(|node| is_effect(view, **node)).count();
        if effects <= FEW || seen.iter().any(|node| shows(view, *node, &mut vec![file])) {
            continue;
        }
        let says =
            format!("nobody sees the work of {effects} effects: there is neither a bar nor a notification");
        let help = "show a bar with cast/progress, or tell the person at the end with action/notify";
        let steps = [Step::Key("identifier")];
        found.say(At::file(file, &steps), says, help);
    }
}

fn is_effect(view: &View<'_>, node: Node) -> bool {
    matches!(view.kind(node).class, Class::Outside | Class::Own | Class::Wait | Class::Read)
}

/// Whether it shows something, or a workflow does that it runs.
fn shows(view: &View<'_>, node: Node, passed: &mut Vec<usize>) -> bool {
    match view.type_name(node) {
        "cast/progress" => true,
        "action/notify" => view.option(node, "notification").is_some(),
        "action/run" => {
            let callee =
                view.call(node).and_then(|call| call.callee).filter(|callee| !passed.contains(callee));
            let Some(entry) = callee.and_then(|callee| view.entry(callee)) else { return false };
            if passed.len() >= CALLS_MAX {
                return true;
            }
            passed.push(entry.file);
            view.reach(entry).into_iter().any(|node| shows(view, node, passed))
        }
        _ => false,
    }
}
