//! HF024: bars that stay short of their total.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    rc::Rc,
    sync::Arc,
};

use recipe::Value;
use workflow::Severity;

use crate::{
    Rule,
    flow::{Domain, Firing, Flow},
    rule::{At, Found},
    view::{Call, Node, View},
};

pub(super) static RULE: Rule = Rule {
    code: "HF024",
    title: "a bar never reaches its total",
    severity: Severity::Warning,
    why: "A run that ends well and leaves its bar at three of four looks as if it were stuck, or as if something had been left out.",
    bad: &[r#"
{ "identifier": "Export", "async": true, "events": [ { "identifier": "export", "type": "webhook" } ], "elements": [
  { "name": "export", "type": "event/webhook", "to": { "default": { "begin": ["default"] } } },
  { "name": "begin", "type": "cast/progress", "options": { "title": "Exporting", "total": 4, "progress": 1 }, "to": { "default": { "done": ["default"] } } },
  { "name": "done", "type": "cast/progress", "options": { "title": "Exporting", "total": 4, "progress": 3 } } ] }
"#],
    good: &[r#"
{ "identifier": "Export", "async": true, "events": [ { "identifier": "export", "type": "webhook" } ], "elements": [
  { "name": "export", "type": "event/webhook", "to": { "default": { "begin": ["default"] } } },
  { "name": "begin", "type": "cast/progress", "options": { "title": "Exporting", "total": 4, "progress": 1 }, "to": { "default": { "done": ["default"] } } },
  { "name": "done", "type": "cast/progress", "options": { "title": "Exporting", "total": 4, "progress": 4 } } ] }
"#],
    fix: "Set `progress` to the total at the end of each path that ends well, or end the bar by hand with `status`: `failed` where an error was taken. A bar that counts with `increment` or with numbers that are only known as it fires is not looked at.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    let bars = Bars::of(view);
    if bars.counted.is_empty() {
        return;
    }
    let flow = Flow::solve(view, bars);
    let mut short: Vec<(Node, Arc<str>)> = Vec::new();
    for file in view.files() {
        for begin in view.begins(file) {
            let left = flow.end(begin.node).unwrap_or_default();
            short.extend(
                left.iter()
                    .flat_map(|(process, is)| is.short.iter().map(move |node| (*node, process.clone()))),
            );
        }
    }
    short.sort();
    short.dedup();
    for (node, process) in short {
        let total = flow.domain().counted.get(&process).copied().unwrap_or_default();
        let says = format!(
            "a run can end well with the bar `{process}` as `{}` leaves it: short of {total}",
            view.name(node)
        );
        let help = format!("set `progress` to {total} before the end, or end the bar with `status`");
        found.say(At::element(node), says, help);
    }
}

/// Which bar it moves, if the file says it.
pub(super) fn process<'a>(view: &View<'a>, node: Node) -> Option<Arc<str>> {
    let graph = view.graph(node.file);
    match view.option(node, "process") {
        None => Some(graph.process.clone().unwrap_or_else(|| graph.identifier.clone())),
        Some(named) => Some(named.literal()?.to_text().into()),
    }
}

/// The bars whose every number the files say, each with its total.
struct Bars {
    counted: BTreeMap<Arc<str>, f64>,
    /// Bars of a file that a run of its own goes on with, by the element that starts it.
    handed: HashMap<Node, Vec<Arc<str>>>,
}

/// Where a bar may be, beside at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Is {
    /// The updates that may have been the last, and left it short.
    short: Vec<Node>,
    /// It may be untouched.
    untouched: bool,
}

impl Bars {
    fn of(view: &View<'_>) -> Bars {
        let mut counted: BTreeMap<Arc<str>, Option<f64>> = BTreeMap::new();
        let mut unknown = false;
        for node in view.nodes().filter(|node| view.type_name(*node) == "cast/progress") {
            let Some(process) = process(view, node) else {
                unknown = true;
                continue;
            };
            let total = number(view, node, "total");
            let is_plain = view.option(node, "increment").is_none()
                && ["total", "progress", "status"]
                    .iter()
                    .all(|name| view.option(node, name).is_none_or(|template| template.literal().is_some()));
            let known = counted.entry(process).or_insert(Some(f64::NAN));
            *known = match (*known, total) {
                _ if !is_plain => None,
                (Some(known), None) => Some(known),
                (Some(known), Some(total)) if known.is_nan() || known == total => Some(total),
                _ => None,
            };
        }
        let counted = counted.into_iter().filter_map(|(process, total)| {
            Some((process, total.filter(|total| !unknown && !total.is_nan() && *total > 0.0)?))
        });
        let counted: BTreeMap<Arc<str>, f64> = counted.collect();
        Bars { handed: handed(view, &counted), counted }
    }
}

fn number(view: &View<'_>, node: Node, option: &str) -> Option<f64> {
    let value = view.literal(node, option)?;
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Bars that are not named are untouched.
type State = Rc<BTreeMap<Arc<str>, Is>>;

impl Domain for Bars {
    type State = State;
    type Value = ();

    fn begin(&self) -> State {
        State::default()
    }

    fn or(&self, one: &State, other: &State) -> State {
        if one == other {
            return one.clone();
        }
        let untouched = Is { short: Vec::new(), untouched: true };
        let names = one.keys().chain(other.keys());
        let is = |state: &State, process| state.get(process).cloned().unwrap_or_else(|| untouched.clone());
        names
            .map(|process| (process.clone(), either(&is(one, process), &is(other, process))))
            .collect::<BTreeMap<_, _>>()
            .into()
    }

    fn either(&self, (): &(), (): &()) {}

    fn fire(&self, at: &Firing<'_, Bars>, state: &mut State) {
        let (view, node) = (at.view, at.node);
        match view.type_name(node) {
            "cast/progress" => {
                let Some(process) = process(view, node) else { return };
                let Some(total) = self.counted.get(&process) else { return };
                let status = view.literal(node, "status").and_then(Value::as_str);
                let over = status.is_some_and(|status| !status.is_empty() && status != "running");
                let full = number(view, node, "progress").is_some_and(|progress| progress >= *total);
                // An update of other words leaves the bar where it is.
                if over || full || view.option(node, "progress").is_some() {
                    let short = if over || full { Vec::new() } else { vec![node] };
                    Rc::make_mut(state).insert(process, Is { short, untouched: false });
                }
            }
            "action/run" => {
                if let Some(handed) = self.handed.get(&node) {
                    Rc::make_mut(state).extend(handed.iter().map(|process| (process.clone(), Is::default())));
                }
            }
            _ => {}
        }
    }

    fn enter(&self, _: &Firing<'_, Bars>, _: &Call) -> Option<(State, ())> {
        Some((self.begin(), ()))
    }

    fn after(&self, before: &State, end: &State, _: &Call) -> State {
        let mut after = BTreeMap::clone(before);
        for (process, is) in end.iter() {
            let touched = Is { untouched: false, ..is.clone() };
            let is = match (is.untouched, before.get(process)) {
                (false, _) => touched,
                (true, Some(was)) => either(&touched, was),
                (true, None) => is.clone(),
            };
            after.insert(process.clone(), is);
        }
        after.into()
    }
}

fn either(one: &Is, other: &Is) -> Is {
    let mut short = [one.short.as_slice(), &other.short].concat();
    short.sort_unstable();
    short.dedup();
    Is { short, untouched: one.untouched || other.untouched }
}

/// What each action/run hands to a run of its own: bars that both files move.
fn handed(view: &View<'_>, counted: &BTreeMap<Arc<str>, f64>) -> HashMap<Node, Vec<Arc<str>>> {
    let mut by_bar: BTreeMap<Arc<str>, BTreeSet<usize>> = BTreeMap::new();
    for node in view.nodes().filter(|node| view.type_name(*node) == "cast/progress") {
        if let Some(process) = process(view, node).filter(|process| counted.contains_key(process)) {
            by_bar.entry(process).or_default().insert(node.file);
        }
    }
    let mut handed: HashMap<Node, Vec<Arc<str>>> = HashMap::new();
    for (process, files) in by_bar.iter().filter(|(_, files)| files.len() > 1) {
        for call in files.iter().flat_map(|file| view.calls(*file)).filter(|call| call.in_background) {
            if call.callee.is_some_and(|callee| comes_to(view, callee, files)) {
                handed.entry(call.from).or_default().push(process.clone());
            }
        }
    }
    handed
}

/// Whether a workflow is one of those, or runs one of them.
fn comes_to(view: &View<'_>, from: usize, files: &BTreeSet<usize>) -> bool {
    let (mut seen, mut open) = (HashSet::from([from]), vec![from]);
    while let Some(file) = open.pop() {
        if files.contains(&file) {
            return true;
        }
        let callees = view.calls(file).iter().filter_map(|call| call.callee);
        open.extend(callees.filter(|callee| seen.insert(*callee)));
    }
    false
}
