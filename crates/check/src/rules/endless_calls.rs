//! HF034: workflows that run themselves without an end.

use std::collections::HashSet;

use workflow::{Severity, Step};

use crate::{
    Rule,
    rule::{At, Found},
    view::{Call, Node, View},
};

pub(super) static RULE: Rule = Rule {
    code: "HF034",
    title: "a workflow runs itself without an end",
    severity: Severity::Warning,
    why: "Where nothing is decided on the way from a workflow's entry to the action/run that runs it again, it does so for ever: at once until 256 calls stand in one another, in the background until the queue is full.",
    bad: &[r#"
{ "identifier": "Walk", "async": true, "elements": [
  { "name": "step", "type": "action/log", "options": { "message": "a step" }, "to": { "default": { "again": ["default"] } } },
  { "name": "again", "type": "action/run", "options": { "workflow": "Walk" }, "to": { "error": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "${code}" } } ] }
"#],
    good: &[r#"
{ "identifier": "Walk", "async": true, "elements": [
  { "name": "step", "type": "action/log", "options": { "message": "a step" }, "to": { "default": { "isFar": ["default"] } } },
  { "name": "isFar", "type": "flow/if", "options": { "condition": "this.left > 0" }, "to": { "default": { "again": ["default"] } } },
  { "name": "again", "type": "action/run", "options": { "workflow": "Walk", "input": { "left": "${left - 1}" } }, "to": { "error": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "${code}" } } ] }
"#],
    fix: "Decide before it runs itself again (flow/if, flow/switch, flow/empty), or run it once for each of a list (flow/each) that gets shorter.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    // The calls that each workflow makes in every case.
    let sure: Vec<Vec<Call>> = view.files().map(|file| sure(view, file)).collect();
    for file in view.files() {
        for call in &sure[file] {
            if leads_to(&sure, call, file) {
                let name = view.name(call.from);
                let itself = match call.callee == Some(file) {
                    true => "itself".to_owned(),
                    false => format!(
                        "`{}`, which runs it again",
                        call.callee.map_or("", |callee| &view.graph(callee).identifier)
                    ),
                };
                let says = format!("`{name}` runs {itself}, and nothing decides whether it should");
                let steps = [Step::Key("options"), Step::Key("workflow")];
                found.say(At::inside(call.from, &steps), says, "decide before it, so that it ends");
            }
        }
    }
}

fn leads_to(sure: &[Vec<Call>], call: &Call, file: usize) -> bool {
    let mut seen = HashSet::new();
    let mut open: Vec<usize> = call.callee.into_iter().collect();
    while let Some(at) = open.pop() {
        if at == file {
            return true;
        }
        if seen.insert(at) {
            open.extend(sure[at].iter().filter_map(|call| call.callee));
        }
    }
    false
}

/// The action/run that are come to from the entry without a decision.
fn sure(view: &View<'_>, file: usize) -> Vec<Call> {
    let mut seen = vec![false; view.graph(file).elements.len()];
    let mut open: Vec<Node> = view.entry(file).into_iter().collect();
    let mut found = Vec::new();
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut seen[node.element as usize], true) || decides(view, node) {
            continue;
        }
        found.extend(view.call(node).copied());
        open.extend(view.follows(node));
    }
    found
}

fn decides(view: &View<'_>, node: Node) -> bool {
    let decides = [
        "flow/if",
        "flow/empty",
        "flow/switch",
        "flow/each",
        "flow/while",
        "flow/await",
        "flow/stop",
        "action/validate",
        "action/modal",
    ];
    decides.contains(&view.type_name(node))
}
