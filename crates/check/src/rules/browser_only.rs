//! HF022: runs in the background that turn to a browser.

use workflow::Severity;

use crate::{
    Rule,
    rule::{At, Found},
    view::{Node, View},
};

pub(super) static RULE: Rule = Rule {
    code: "HF022",
    title: "a run in the background turns to a browser",
    severity: Severity::Warning,
    why: "Nobody waits for a run in the background: there is no browser that could be sent somewhere, shown a toast, or asked; a status goes to nobody.",
    bad: &[r#"
{ "identifier": "Import", "async": true, "events": [ { "identifier": "import", "type": "webhook" } ], "elements": [
  { "name": "import", "type": "event/webhook", "to": { "default": { "tell": ["default"] } } },
  { "name": "tell", "type": "action/notify", "options": { "toast": { "message": "imported" } } } ] }
"#],
    good: &[r#"
{ "identifier": "Import", "async": true, "events": [ { "identifier": "import", "type": "webhook" } ], "elements": [
  { "name": "import", "type": "event/webhook", "to": { "default": { "tell": ["default"] } } },
  { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "Imported" } } } ] }
"#],
    fix: "Tell the person with a kept notification (action/notify) or a bar (cast/progress); what the browser is to do belongs into the workflow that answers it.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    let turns = turns(view);
    for file in view.files() {
        let mut said: Vec<Node> = Vec::new();
        for begin in view.begins(file).iter().filter(|begin| begin.in_background) {
            said.extend(view.reach(begin.node));
        }
        said.sort_unstable();
        said.dedup();
        for node in said {
            if let Some(does) = does(view, node) {
                let says = format!(
                    "`{}` {does}, and nobody is there: the run works in the background",
                    view.name(node)
                );
                found.say(At::element(node), says, "tell the person with a kept notification, or with a bar");
            } else if let Some(inner) = callee(view, node).and_then(|callee| turns[callee]) {
                let workflow = &view.graph(inner.file).identifier;
                let says = format!(
                    "`{}` leads to `{}` of `{workflow}`, which {}, and nobody is there: the run works in the background",
                    view.name(node),
                    view.name(inner),
                    does(view, inner).unwrap_or_default()
                );
                found.say(
                    At::element(node),
                    says,
                    "leave to the workflow that answers what the browser is to do",
                );
            }
        }
    }
}

/// What it does with a browser.
fn does(view: &View<'_>, node: Node) -> Option<&'static str> {
    let given = |option: &str| view.option(node, option).is_some();
    Some(match view.type_name(node) {
        "action/redirect" => "sends the browser elsewhere",
        "action/modal" => "asks in the browser",
        "action/set" => "sets fields in the browser",
        "action/refresh" => "refreshes the browser's view",
        "action/viewFile" => "shows a file in the browser",
        "action/downloadFile" => "sends a file to the browser",
        "action/notify" if given("toast") => "shows a toast",
        "action/response" if given("status") || given("headers") => "answers with a status or headers",
        _ => return None,
    })
}

fn callee(view: &View<'_>, node: Node) -> Option<usize> {
    view.call(node).filter(|call| !call.in_background).and_then(|call| call.callee)
}

/// An element of each workflow that turns to a browser, or one of the workflows that it runs does.
fn turns(view: &View<'_>) -> Vec<Option<Node>> {
    let mut turns: Vec<Option<Node>> = vec![None; view.files().count()];
    loop {
        let mut grown = false;
        for file in view.files() {
            let Some(entry) = view.entry(file).filter(|_| turns[file].is_none()) else { continue };
            let within = |node: Node| match does(view, node) {
                // What a callee answers with is its caller's to use.
                Some(_) if view.type_name(node) == "action/response" => None,
                Some(_) => Some(node),
                None => callee(view, node).and_then(|callee| turns[callee]),
            };
            turns[file] = view.reach(entry).into_iter().find_map(within);
            grown |= turns[file].is_some();
        }
        if !grown {
            return turns;
        }
    }
}
