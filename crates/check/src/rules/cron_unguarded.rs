//! HF029: work of the clock that a second run does a second time.

use workflow::{Class, Severity};

use crate::{
    Rule,
    rule::{At, Found},
    view::{By, CALLS_MAX, Node, View},
};

pub(super) static RULE: Rule = Rule {
    code: "HF029",
    title: "a workflow of the clock does its work twice if it runs twice",
    severity: Severity::Warning,
    why: "A run by the clock is tried again after a failure, run by hand, and caught up after an outage. One that looks first whether there is anything to do, or has a key of its own, changes nothing the second time.",
    bad: &[r#"
{ "identifier": "Invoice", "async": true, "events": [ { "identifier": "monthly", "type": "cron", "expression": "0 4 1 * *" } ], "elements": [
  { "name": "monthly", "type": "event/cron", "to": { "default": { "send": ["default"] } } },
  { "name": "send", "type": "api/http", "options": { "method": "POST", "uri": "https://api.example.com/invoices" },
    "to": { "default": { "log": ["default"] }, "error": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "invoices are made" } } ] }
"#],
    good: &[r#"
{ "identifier": "Invoice", "async": true, "job": { "unique": { "key": "dateFormat(scheduled_at, 'Y-m')", "for": "30d" } },
  "events": [ { "identifier": "monthly", "type": "cron", "expression": "0 4 1 * *" } ], "elements": [
  { "name": "monthly", "type": "event/cron", "to": { "default": { "send": ["default"] } } },
  { "name": "send", "type": "api/http", "options": { "method": "POST", "uri": "https://api.example.com/invoices" },
    "to": { "default": { "log": ["default"] }, "error": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "invoices are made" } } ] }
"#],
    fix: "Give the workflow `job.unique`, or decide (flow/if, flow/empty, flow/switch, flow/each over what is still to do) before the first effect that changes something. A GET changes nothing; an action/run with `unique` has a key.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    for file in view.files().filter(|file| view.graph(*file).unique.is_none()) {
        let mut said: Vec<Node> = Vec::new();
        for begin in view.begins(file) {
            if matches!(begin.by, By::Event(event) if &*event.kind == "cron") {
                said.extend(unguarded(view, begin.node, &mut vec![file]));
            }
        }
        said.sort_unstable();
        said.dedup();
        for node in said.into_iter().take(1) {
            let says = format!(
                "`{}` changes something in every run by the clock, whether or not an earlier one has done so",
                view.name(node)
            );
            let help = "give the workflow `job.unique`, or look first whether there is anything to do";
            found.say(At::element(node), says, help);
        }
    }
}

/// What changes something on a way from there on which nothing is decided.
fn unguarded(view: &View<'_>, from: Node, passed: &mut Vec<usize>) -> Vec<Node> {
    let mut seen = vec![false; view.graph(from.file).elements.len()];
    let mut open = vec![from];
    let mut found = Vec::new();
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut seen[node.element as usize], true) || decides(view, node) {
            continue;
        }
        if changes(view, node, passed) {
            found.push(node);
        }
        open.extend(view.follows(node));
    }
    found
}

fn decides(view: &View<'_>, node: Node) -> bool {
    let looks = ["flow/if", "flow/empty", "flow/switch", "flow/each", "flow/while", "action/validate"];
    looks.contains(&view.type_name(node))
}

fn changes(view: &View<'_>, node: Node, passed: &mut Vec<usize>) -> bool {
    match view.type_name(node) {
        "api/http" => !reads(view, node),
        "action/run" => {
            let Some(call) = view.call(node) else { return false };
            let Some(callee) = call.callee else { return true };
            if call.in_background {
                return view.option(node, "unique").is_none() && view.graph(callee).unique.is_none();
            }
            if passed.contains(&callee) || passed.len() >= CALLS_MAX {
                return false;
            }
            passed.push(callee);
            view.entry(callee).is_some_and(|entry| !unguarded(view, entry, passed).is_empty())
        }
        // Without a person nobody is told.
        "action/notify" => false,
        _ => matches!(view.kind(node).class, Class::Outside | Class::Own),
    }
}

/// Whether it only asks.
fn reads(view: &View<'_>, node: Node) -> bool {
    let method = view.literal(node, "method").map(|method| method.to_text().to_uppercase());
    method.is_none_or(|method| matches!(&*method, "" | "GET" | "HEAD" | "OPTIONS"))
}
