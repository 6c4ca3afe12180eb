//! HF026: failures that vanish.

use workflow::{Class, Severity, Source, Step};

use crate::{
    Rule,
    rule::{At, Found},
    view::{CALLS_MAX, Node, View},
};

pub(super) static RULE: Rule = Rule {
    code: "HF026",
    title: "a failure goes nowhere",
    severity: Severity::Warning,
    why: "Providers fail. Where the error port leads nowhere the run just ends as failed, with nothing logged, cleaned up or said; where it is bound and not connected the run does not even fail: what should have followed is left out in silence.",
    bad: &[r#"
{ "identifier": "Order", "async": true, "events": [ { "identifier": "order", "type": "webhook" } ], "elements": [
  { "name": "order", "type": "event/webhook", "to": { "default": { "send": ["default"] } } },
  { "name": "send", "type": "api/http", "options": { "method": "POST", "uri": "https://api.example.com/orders" },
    "to": { "default": { "tell": ["default"] } } },
  { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "Ordered" } } } ] }
"#],
    good: &[r#"
{ "identifier": "Order", "async": true, "events": [ { "identifier": "order", "type": "webhook" } ], "elements": [
  { "name": "order", "type": "event/webhook", "to": { "default": { "send": ["default"] } } },
  { "name": "send", "type": "api/http", "options": { "method": "POST", "uri": "https://api.example.com/orders" },
    "to": { "default": { "tell": ["default"] }, "error": { "log": ["default"] } } },
  { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "Ordered" } } },
  { "name": "log", "type": "action/log", "options": { "level": "error", "message": "not ordered: ${code}" } } ] }
"#],
    fix: "Connect `error` to a log, a clean-up or a neutral notification, or put the element into a flow/try. A system that hears of its failed runs (an event of type failed) needs no error port for a run that may fail as a whole. Effects on data of ours are infos.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    let tries: Vec<Vec<bool>> = view.files().map(|file| tried(view, file)).collect();
    let heard = heard(view);
    for file in view.files() {
        let tried = &tries[file];
        let heard = heard[file] || is_taken(view, file, (&tries, &heard), &mut Vec::new());
        for node in view.nodes_of(file).filter(|node| view.is_reached(*node)) {
            let element = view.element(node);
            let Some(port) = element.out("error").filter(|port| element.outs[usize::from(*port)].is_empty())
            else {
                continue;
            };
            let bound = element.set.iter().find(|binding| binding.from == Source::Out(port));
            let name = view.name(node);
            let (says, help) = match bound {
                Some(binding) => (
                    format!(
                        "a failure of `{name}` is kept in `${}` and goes nowhere: the run goes on without what should have followed",
                        binding.variable
                    ),
                    "connect `error` to what is to be done then, or remove the binding",
                ),
                None if heard || tried[node.element as usize] => continue,
                None => (
                    format!("a failure of `{name}` goes nowhere"),
                    "connect `error` to a log, a clean-up or a neutral notification, or put it into a flow/try",
                ),
            };
            let steps = match bound {
                Some(binding) => vec![Step::Key("set"), Step::Key(&binding.variable)],
                None => vec![Step::Key("name")],
            };
            let at = At::inside(node, &steps);
            match view.kind(node).class {
                Class::Outside => found.say(at, says, help),
                Class::Own | Class::Read => found.note(at, says, help),
                Class::Pure | Class::Live | Class::Wait => {}
            }
        }
    }
}

/// The elements that only a flow/try leads to.
fn tried(view: &View<'_>, file: usize) -> Vec<bool> {
    let count = view.graph(file).elements.len();
    let mut inside = vec![false; count];
    for node in view.nodes_of(file).filter(|node| view.type_name(*node) == "flow/try") {
        let element = view.element(node);
        let targets = element.out("try").map(|port| &element.outs[usize::from(port)]);
        for target in targets.into_iter().flatten() {
            let reached = view.reach(Node { element: target.element, ..node });
            reached.into_iter().for_each(|node| inside[node.element as usize] = true);
        }
    }
    // What is also led to from outside may fail there.
    let mut outside = vec![false; count];
    let mut open: Vec<Node> =
        view.graph(file).events.iter().map(|event| Node { file, element: event.element }).collect();
    open.extend(view.entry(file));
    while let Some(node) = open.pop() {
        if std::mem::replace(&mut outside[node.element as usize], true) {
            continue;
        }
        let element = view.element(node);
        let shut = element.out("try").filter(|_| view.type_name(node) == "flow/try").map(usize::from);
        let ways = element.outs.iter().enumerate().filter(|(port, _)| Some(*port) != shut);
        open.extend(
            ways.flat_map(|(_, targets)| targets).map(|target| Node { element: target.element, file }),
        );
    }
    inside.iter().zip(outside).map(|(inside, outside)| *inside && !outside).collect()
}

/// Whether it is only run at once by others, and each of them takes its failures.
fn is_taken(view: &View<'_>, file: usize, by: (&[Vec<bool>], &[bool]), passed: &mut Vec<usize>) -> bool {
    if !view.begins(file).is_empty() || passed.contains(&file) {
        return false;
    }
    if passed.len() >= CALLS_MAX {
        return true;
    }
    passed.push(file);
    view.callers(file).iter().all(|call| {
        let (from, element) = (call.from, view.element(call.from));
        let connected = element.out("error").is_some_and(|port| !element.outs[usize::from(port)].is_empty());
        connected
            || by.0[from.file][from.element as usize]
            || by.1[from.file]
            || is_taken(view, from.file, by, passed)
    })
}

/// Whether another workflow starts when a run of this one has failed.
fn heard(view: &View<'_>) -> Vec<bool> {
    let failed = view.files().flat_map(|file| {
        let events = view.graph(file).events.iter().filter(|event| &*event.kind == "failed");
        events.map(move |event| (file, event.workflow.as_deref()))
    });
    let failed: Vec<(usize, Option<&str>)> = failed.collect();
    let hears = |file: usize, (by, of): &(usize, Option<&str>)| {
        *by != file && of.is_none_or(|of| of == &*view.graph(file).identifier)
    };
    view.files().map(|file| failed.iter().any(|event| hears(file, event))).collect()
}
