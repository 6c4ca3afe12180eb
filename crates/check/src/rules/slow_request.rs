//! HF021: requests that stay open.

use workflow::Severity;

use crate::{
    Rule,
    rule::{At, Found},
    view::{By, Node, View},
};

pub(super) static RULE: Rule = Rule {
    code: "HF021",
    title: "a request stays open",
    severity: Severity::Warning,
    why: "A workflow that is not async runs inside the request that started it: while it waits, or a provider takes its time, the person looks at nothing, and after 30 s the request fails.",
    bad: &[r#"
{ "identifier": "Publish", "events": [ { "identifier": "publish", "type": "webhook" } ], "elements": [
  { "name": "publish", "type": "event/webhook", "to": { "default": { "call": ["default"] } } },
  { "name": "call", "type": "api/http", "options": { "method": "POST", "uri": "https://api.example.com/publish" },
    "to": { "default": { "answer": ["default"] }, "error": { "answer": ["default"] } } },
  { "name": "answer", "type": "action/response", "options": { "body": "done" } } ] }
"#],
    good: &[
        r#"
{ "identifier": "Publish", "events": [ { "identifier": "publish", "type": "webhook" } ], "elements": [
  { "name": "publish", "type": "event/webhook", "to": { "default": { "start": ["default"] } } },
  { "name": "start", "type": "action/run", "options": { "workflow": "PublishWorker", "async": true },
    "to": { "default": { "answer": ["default"] }, "error": { "answer": ["default"] } } },
  { "name": "answer", "type": "action/response", "options": { "body": "it has begun" } } ] }
"#,
        r#"
{ "identifier": "PublishWorker", "async": true, "elements": [
  { "name": "call", "type": "api/http", "options": { "method": "POST", "uri": "https://api.example.com/publish" },
    "to": { "default": { "tell": ["default"] }, "error": { "log": ["default"] } } },
  { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "Published" } } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "not published: ${code}" } } ] }
"#,
    ],
    fix: "Move it to an async workflow, start that with action/run, and answer at once. One without a person in front of it is made async itself.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    let slow: Vec<Option<Node>> = slow(view);
    for file in view.files() {
        let in_request = view.begins(file).into_iter().filter(|begin| !begin.in_background);
        // What all that run it start in the background should say so itself.
        let of_others = view.entry(file).filter(|_| is_worker(view, file)).map(|entry| (entry, true));
        let starts = in_request.map(|begin| (begin.node, matches!(begin.by, By::Name))).chain(of_others);
        let mut waits: Vec<(Node, bool)> = Vec::new();
        for (start, by_name) in starts {
            let within = view.reach(start).into_iter().filter(|node| holds_up(view, *node, &slow));
            waits.extend(within.map(|node| (node, by_name)));
        }
        waits.sort_unstable();
        waits.dedup_by_key(|(node, _)| *node);
        waits.into_iter().for_each(|(node, by_name)| say(view, found, (node, by_name), &slow));
    }
}

/// Only others start it, and always in the background, yet it is not async: started by its name it would hold up a request.
fn is_worker(view: &View<'_>, file: usize) -> bool {
    let begins = view.begins(file);
    !view.graph(file).is_async && !begins.is_empty() && begins.iter().all(|begin| matches!(begin.by, By::Run))
}

fn say(view: &View<'_>, found: &mut Found<'_>, (node, by_name): (Node, bool), slow: &[Option<Node>]) {
    let name = view.name(node);
    let does = match view.call(node).and_then(|call| call.callee) {
        Some(callee) => {
            let (workflow, inner) = (&view.graph(callee).identifier, slow[callee]);
            let inner = inner.map(|inner| format!(", where `{}` {}", view.name(inner), verb(view, inner)));
            format!("runs `{workflow}`{}", inner.unwrap_or_default())
        }
        None => verb(view, node).to_owned(),
    };
    let (says, help) = match by_name {
        true => (
            format!(
                "`{name}` {does}, and the workflow is not async: a request that starts it by its name stays open"
            ),
            "write `\"async\": true` into the file",
        ),
        false => (
            format!("`{name}` {does} while the request that started the workflow stays open"),
            "move it to an async workflow, start that with action/run, and answer at once",
        ),
    };
    found.say(At::element(node), says, help);
}

fn verb(view: &View<'_>, node: Node) -> &'static str {
    match view.type_name(node) {
        _ if view.is_outside(node) => "calls a provider",
        "action/run" => "runs a workflow that waits",
        _ => "waits",
    }
}

/// A person who is asked is waited for in no request: the run parks, and the answer is another one.
fn holds_up(view: &View<'_>, node: Node, slow: &[Option<Node>]) -> bool {
    let waits = matches!(view.type_name(node), "flow/wait" | "flow/await") || view.is_outside(node);
    let runs = view.call(node).filter(|call| !call.in_background).and_then(|call| call.callee);
    waits || runs.is_some_and(|callee| slow[callee].is_some())
}

/// An element of each workflow that would hold up who runs it.
fn slow(view: &View<'_>) -> Vec<Option<Node>> {
    let mut slow = vec![None; view.files().count()];
    loop {
        let mut grown = false;
        for file in view.files() {
            let Some(entry) = view.entry(file).filter(|_| slow[file].is_none()) else { continue };
            slow[file] = view.reach(entry).into_iter().find(|node| holds_up(view, *node, &slow));
            grown |= slow[file].is_some();
        }
        if !grown {
            return slow;
        }
    }
}
