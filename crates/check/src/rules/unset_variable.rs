//! HF018: variables that nothing sets.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use recipe::{Recipe, Root, Value};
use workflow::{Severity, Template, nearest};

use crate::{
    Rule,
    rule::{At, Found},
    view::{Call, View},
    walk,
};

pub(super) static RULE: Rule = Rule {
    code: "HF018",
    title: "a variable is never set",
    severity: Severity::Warning,
    why: "A variable that nothing sets is null: texts lack a word, conditions never hold. A variable is set by `set`, by the `input` of the action/run that runs the workflow, or by the workflow that shares its variables with it (`scope: false`).",
    bad: &[r#"
{ "identifier": "Greet", "events": [ { "identifier": "greet", "type": "webhook" } ], "elements": [
  { "name": "greet", "type": "event/webhook", "set": { "name": "default:name" }, "to": { "default": { "answer": ["default"] } } },
  { "name": "answer", "type": "action/response", "options": { "body": "hello $nmae" } } ] }
"#],
    good: &[r#"
{ "identifier": "Greet", "events": [ { "identifier": "greet", "type": "webhook" } ], "elements": [
  { "name": "greet", "type": "event/webhook", "set": { "name": "default:name" }, "to": { "default": { "answer": ["default"] } } },
  { "name": "answer", "type": "action/response", "options": { "body": "hello $name" } } ] }
"#],
    fix: "Mend the name, set the variable where its value is made, or give it in `input`. A dollar sign that is meant as such is written twice.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    let known = Known::of(view);
    for file in view.files() {
        // One that anything may be given to is taken at its word.
        let Some(set) = &known.set[file] else { continue };
        for node in view.nodes_of(file) {
            let mut said = HashSet::new();
            walk::recipes(view.element(node), &mut |recipe: &Recipe, steps| {
                for name in read(recipe) {
                    if set.contains(&name) || !said.insert(name.clone()) {
                        continue;
                    }
                    let help = match nearest(&name, set.iter().map(|name| &**name)) {
                        Some(near) => format!("did you mean `${near}`?"),
                        None => "set it, give it in `input`, or write `$$` for a dollar sign".to_owned(),
                    };
                    let words = format!("${name}");
                    let says = format!("nothing sets the variable `{words}`");
                    found.say(At::inside(node, steps).words(&words), says, help);
                }
            });
        }
    }
}

fn read(recipe: &Recipe) -> Vec<Arc<str>> {
    let paths = recipe.paths();
    let mut names: Vec<Arc<str>> = Vec::new();
    for path in paths {
        if let Root::Var(name) = path.root
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

type Names = BTreeSet<Arc<str>>;

/// The variables that may be set in each workflow; None: any.
struct Known {
    set: Vec<Option<Names>>,
}

impl Known {
    fn of(view: &View<'_>) -> Known {
        let set = leaked(view);
        let computed = view.files().any(|file| view.calls(file).iter().any(|call| call.computed));
        // One that can only be started by its name may be given anything.
        let is_given =
            |file: usize| view.graph(file).events.is_empty() && (computed || view.callers(file).is_empty());
        let mut set: Vec<Option<Names>> =
            set.into_iter().enumerate().map(|(file, set)| (!is_given(file)).then_some(set)).collect();
        let calls: Vec<&Call> = view.files().flat_map(|file| view.calls(file)).collect();
        while calls.iter().filter(|call| give(view, call, &mut set)).count() > 0 {}
        Known { set }
    }
}

/// What each workflow's elements set, and those of workflows that work with its variables.
fn leaked(view: &View<'_>) -> Vec<Names> {
    let own = |file| {
        let bindings = view.graph(file).elements.iter().flat_map(|element| &element.set);
        bindings.map(|binding| binding.variable.clone()).collect()
    };
    let mut set: Vec<Names> = view.files().map(own).collect();
    let shared = |call: &&Call| call.shares && !call.in_background;
    let calls: Vec<&Call> = view.files().flat_map(|file| view.calls(file)).filter(shared).collect();
    loop {
        let mut grown = false;
        for call in &calls {
            let Some(callee) = call.callee else { continue };
            let names = set[callee].clone();
            let caller = &mut set[call.from.file];
            let before = caller.len();
            caller.extend(names);
            grown |= caller.len() > before;
        }
        if !grown {
            return set;
        }
    }
}

/// Hands a call's variables to its callee; whether that was news.
fn give(view: &View<'_>, call: &Call, set: &mut [Option<Names>]) -> bool {
    let Some(callee) = call.callee else { return false };
    let mut given = given(view, call);
    if call.shares {
        given = both(given, set[call.from.file].clone());
    }
    add(&mut set[callee], given)
}

fn both(one: Option<Names>, other: Option<Names>) -> Option<Names> {
    let mut one = one?;
    one.extend(other?);
    Some(one)
}

fn add(to: &mut Option<Names>, names: Option<Names>) -> bool {
    match (to.as_mut(), names) {
        (None, _) => false,
        (Some(_), None) => {
            *to = None;
            true
        }
        (Some(set), Some(names)) => {
            let before = set.len();
            set.extend(names);
            set.len() > before
        }
    }
}

/// The names in a call's `input`; None: they are only known as it fires.
fn given(view: &View<'_>, call: &Call) -> Option<Names> {
    match view.option(call.from, "input") {
        None => Some(Names::new()),
        Some(Template::Literal(Value::Object(fields))) => {
            Some(fields.keys().map(|name| Arc::from(&**name)).collect())
        }
        Some(Template::Literal(_)) => Some(Names::new()),
        Some(Template::Object(fields)) => {
            fields.iter().map(|(key, _)| Some(key.literal()?.to_text().into())).collect()
        }
        Some(_) => None,
    }
}
