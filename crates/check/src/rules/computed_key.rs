//! HF020: paths through a key that is only known at run time.

use recipe::{Path, Recipe, Segment};
use workflow::Severity;

use crate::{
    Rule,
    rule::{At, Found},
    view::View,
    walk,
};

pub(super) static RULE: Rule = Rule {
    code: "HF020",
    title: "a path goes through a computed key",
    severity: Severity::Warning,
    why: "Which relations of a record a run needs is found as its file loads. What lies behind a key that is only known at run time cannot be found, so it is null.",
    bad: &[r#"
{ "identifier": "Ship", "async": true, "events": [ { "identifier": "ship", "type": "webhook" } ], "elements": [
  { "name": "ship", "type": "event/webhook", "set": { "order": "default:order", "to": "default:to" }, "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "to ${$order[$to].zip}" } } ] }
"#],
    good: &[r#"
{ "identifier": "Ship", "async": true, "events": [ { "identifier": "ship", "type": "webhook" } ], "elements": [
  { "name": "ship", "type": "event/webhook", "set": { "order": "default:order", "to": "default:to" }, "to": { "default": { "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "to ${$to == 'sender' ? $order.sender.zip : $order.receiver.zip}" } } ] }
"#],
    fix: "Name the fields that it may be, and choose between them. An item of a list is first set to a variable of its own.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    for node in view.nodes() {
        walk::recipes(view.element(node), &mut |recipe: &Recipe, steps| {
            for path in recipe.paths().iter().filter(|path| goes_on_behind(path)) {
                let says = format!("`{path}` goes on behind a key that is only known at run time");
                let help = "name the fields that it may be, or set the part to a variable first";
                let at = At::inside(node, steps);
                let root = path.to_string();
                let root: String = root.chars().take_while(|c| !matches!(c, '.' | '[')).collect();
                found.say(at.words(&root), says, help);
            }
        });
    }
}

fn goes_on_behind(path: &Path) -> bool {
    let mut rest = path.segments.iter().skip_while(|segment| **segment != Segment::Computed).skip(1);
    rest.any(|segment| matches!(segment, Segment::Field(name) if &**name != "length"))
}
