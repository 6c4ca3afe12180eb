//! HF032: loops that nothing ends.

use recipe::Recipe;
use workflow::{Element, Severity, Source, Template};

use crate::{
    Rule,
    rule::{At, Found},
    rules::cycle_not_last::cycles,
    view::{Node, View},
    walk,
};

pub(super) static RULE: Rule = Rule {
    code: "HF032",
    title: "a loop has no bound",
    severity: Severity::Warning,
    why: "A loop that only ends when a provider says so goes on for ever when the provider never does. A count or a time ends it whatever others do.",
    bad: &[r#"
{ "identifier": "Fetch", "async": true, "events": [ { "identifier": "fetch", "type": "webhook" } ], "elements": [
  { "name": "fetch", "type": "event/webhook", "to": { "default": { "look": ["default"] } } },
  { "name": "look", "type": "api/http", "options": { "uri": "https://api.example.com/batch" },
    "to": { "default": { "isReady": ["default"] }, "error": { "log": ["default"] } } },
  { "name": "isReady", "type": "flow/if", "options": { "condition": "state == 'ready'" },
    "to": { "default": { "log": ["default"] }, "else": { "pause": ["default"] } } },
  { "name": "pause", "type": "flow/wait", "options": { "for": "10s" }, "to": { "default": { "look": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "over" } } ] }
"#],
    good: &[r#"
{ "identifier": "Fetch", "async": true, "events": [ { "identifier": "fetch", "type": "webhook" } ], "elements": [
  { "name": "fetch", "type": "event/webhook", "to": { "default": { "look": ["default"] } } },
  { "name": "look", "type": "api/http", "options": { "uri": "https://api.example.com/batch" },
    "to": { "default": { "isReady": ["default"] }, "error": { "log": ["default"] } } },
  { "name": "isReady", "type": "flow/if", "options": { "condition": "state == 'ready'" },
    "to": { "default": { "log": ["default"] }, "else": { "count": ["default"] } } },
  { "name": "count", "type": "op/recipe", "options": { "recipe": "$looks + 1" }, "set": { "looks": "default:" },
    "to": { "default": { "isEnough": ["default"] } } },
  { "name": "isEnough", "type": "flow/if", "options": { "condition": "$looks >= 100" },
    "to": { "default": { "log": ["default"] }, "else": { "pause": ["default"] } } },
  { "name": "pause", "type": "flow/wait", "options": { "for": "10s" }, "to": { "default": { "look": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "over" } } ] }
"#],
    fix: "Count the turns in a variable and leave the loop over so many (`$turns >= 100`), or leave it after a time (`now() > $until`); give flow/while `max`.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    for file in view.files() {
        for node in view.nodes_of(file).filter(|node| view.type_name(*node) == "flow/while") {
            if view.option(node, "max").is_none() && !turns_are_counted(view, node) {
                let says = format!("nothing bounds the turns of `{}`", view.name(node));
                found.say(At::element(node), says, "give it `max`, or count its turns in the condition");
            }
        }
        for cycle in cycles(view, file) {
            if !cycle.iter().any(|node| leaves_by_count(view, *node, &cycle)) {
                let node = cycle[0];
                let says = match cycle.len() {
                    1 => format!("`{}` leads to itself, and nothing bounds how often", view.name(node)),
                    _ => format!(
                        "what follows from `{}` leads back to it, and nothing bounds how often",
                        view.name(node)
                    ),
                };
                let help = "count the turns and leave over so many, or leave after a time";
                found.say(At::element(node), says, help);
            }
        }
    }
}

/// Its condition compares what its body sets, or the time.
fn turns_are_counted(view: &View<'_>, node: Node) -> bool {
    let element = view.element(node);
    let targets = element.out("each").map(|port| &element.outs[usize::from(port)]);
    let body: Vec<Node> = targets
        .into_iter()
        .flatten()
        .flat_map(|target| view.reach(Node { element: target.element, ..node }))
        .chain([node])
        .collect();
    condition(element).is_some_and(|condition| counts(view, condition, &body))
}

/// A condition in it compares what is set in it, or the time, and one of its ways leads out.
fn leaves_by_count(view: &View<'_>, node: Node, cycle: &[Node]) -> bool {
    let element = view.element(node);
    match view.type_name(node) {
        "flow/if" => {
            let leaves = element.outs.iter().any(|targets| {
                targets
                    .iter()
                    .all(|target| cycle.binary_search(&Node { element: target.element, ..node }).is_err())
            });
            leaves && condition(element).is_some_and(|condition| counts(view, condition, cycle))
        }
        // A wait with an end, and a person who is asked, hold it up for as long as they like.
        "action/modal" => true,
        _ => false,
    }
}

fn condition(element: &Element) -> Option<&Recipe> {
    match element.options.get("condition")? {
        Template::Recipe(recipe) => Some(recipe),
        _ => None,
    }
}

fn counts(view: &View<'_>, condition: &Recipe, within: &[Node]) -> bool {
    if !condition.compares_order() {
        return false;
    }
    if condition.calls("now") || condition.calls("timestamp") {
        return true;
    }
    let variables = condition.variables();
    within.iter().any(|node| {
        let element = view.element(*node);
        let set = element.set.iter().any(|binding| {
            variables.contains(&binding.variable)
                && !matches!((binding.from, ends(view, *node)), (Source::Out(_), true))
        });
        // A count may also lie in a field of what goes round.
        set || variables.is_empty() && changes_value(view, *node)
    })
}

/// What comes from a provider is no count.
fn ends(view: &View<'_>, node: Node) -> bool {
    view.is_outside(node)
}

fn changes_value(view: &View<'_>, node: Node) -> bool {
    let mut reads = false;
    walk::recipes(view.element(node), &mut |_, _| reads = true);
    reads && view.type_name(node).starts_with("op/")
}
