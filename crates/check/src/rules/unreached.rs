//! HF019: elements that nothing leads to.

use workflow::Severity;

use crate::{
    Rule,
    rule::{At, Found},
    view::{Node, View},
};

pub(super) static RULE: Rule = Rule {
    code: "HF019",
    title: "nothing leads to an element",
    severity: Severity::Warning,
    why: "An element that no edge leads to from where the workflow starts never fires: an edge is missing, or the element is left over.",
    bad: &[r#"
{ "identifier": "Hello", "entry": "say", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } },
  { "name": "leave", "type": "action/log", "options": { "message": "good-bye" } } ] }
"#],
    good: &[r#"
{ "identifier": "Hello", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" }, "to": { "default": { "leave": ["default"] } } },
  { "name": "leave", "type": "action/log", "options": { "message": "good-bye" } } ] }
"#],
    fix: "Add the edge that is missing, or remove the element. An event element needs an event of its name in `events`.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    for file in view.files() {
        let lost: Vec<Node> = view.nodes_of(file).filter(|node| !view.is_reached(*node)).collect();
        let mut led_to = vec![false; view.graph(file).elements.len()];
        for node in &lost {
            let others = view.follows(*node).filter(|next| next != node);
            others.for_each(|next| led_to[next.element as usize] = true);
        }
        // What follows from one that is said is lost with it; of what goes round, the first stands for all.
        let mut said = vec![false; led_to.len()];
        let heads = lost.iter().filter(|node| !led_to[node.element as usize]);
        for node in heads.chain(&lost) {
            if said[node.element as usize] {
                continue;
            }
            let with_it = view.reach(*node);
            with_it.iter().for_each(|node| said[node.element as usize] = true);
            let more = with_it.iter().filter(|node| !view.is_reached(**node)).count() - 1;
            say(view, found, *node, more);
        }
    }
}

fn say(view: &View<'_>, found: &mut Found<'_>, node: Node, more: usize) {
    let name = view.name(node);
    let says = match more {
        0 => format!("nothing leads to `{name}`"),
        1 => format!("nothing leads to `{name}`, nor to one more element behind it"),
        more => format!("nothing leads to `{name}`, nor to {more} more elements behind it"),
    };
    let help = match view.type_name(node).strip_prefix("event/") {
        Some(kind) => {
            format!(
                "add {{\"identifier\": \"{name}\", \"type\": \"{kind}\"}} to `events`, or remove the element"
            )
        }
        None => "add an edge to it, or remove it".to_owned(),
    };
    found.say(At::element(node), says, help);
}
