//! What is worked: the workflows of `torture`, and some whose ends people or time decide.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::kinds;
pub(crate) use crate::torture::load::SORRY;
use crate::torture::load::{self, call, each, tell, workflow};

/// Where the simulated provider lives.
pub(crate) const PROVIDER: &str = "http://provider.sim";

/// A kind of work: its workflow's identifier. More of them are in [`kinds`].
const KINDS: [&str; 16] = [
    "Loop",
    "Loop",
    "Family",
    "Waits",
    "Signals",
    "Parallel",
    "Retry",
    "Once",
    "Fails",
    "Fails",
    "Broken",
    "Postponed",
    "Mixed",
    "Alarm",
    "Tree",
    "Sets",
];

/// Workflows that only others start.
const CHILDREN: [&str; 6] = ["Child", "Single", "Part", "Late", "Branch", "Leaf"];

/// What people launch.
pub(crate) fn kinds() -> Vec<&'static str> {
    KINDS.into_iter().chain(kinds::ALL.iter().map(|kind| kind.name)).collect()
}

/// Whether only others start it.
pub(crate) fn is_child(workflow: &str) -> bool {
    let more = kinds::ALL.iter().flat_map(|kind| kind.children);
    CHILDREN.iter().chain(more).any(|name| *name == workflow)
}

/// Files of the one system, by path.
pub(crate) fn files() -> Vec<(String, std::sync::Arc<[u8]>)> {
    let own =
        [fails(), broken(), part(), postponed(), late(), mixed(), alarm(), tree(), branch(), leaf(), sets()];
    let more = kinds::ALL.iter().flat_map(|kind| (kind.workflows)());
    let all = load::workflows().into_iter().chain(own).chain(more);
    let mut files: Vec<_> = all
        .map(|workflow| {
            let name = workflow["identifier"].as_str().expect("a name").to_owned();
            let text = workflow.to_string().replace("PROVIDER", PROVIDER);
            (format!("workflows/{name}.workflow.json"), text.into_bytes().into())
        })
        .collect();
    files.sort();
    files
}

fn bar(name: &str, options: Value, to: &str) -> Value {
    let mut element = json!({ "name": name, "type": "cast/progress", "options": options });
    if !to.is_empty() {
        element["to"] = json!({ "default": { to: ["default"] } });
    }
    element
}

pub(crate) fn start(name: &str, of: &str, item: &str, to: &str) -> Value {
    let mut element = json!({ "name": name, "type": "action/run",
        "options": { "workflow": of, "async": true, "input": { "n": "$n", "i": item } } });
    if !to.is_empty() {
        element["to"] = json!({ "default": { to: ["default"] } });
    }
    element
}

/// Until all that were started have ended.
pub(crate) fn awaits(name: &str, to: &str) -> Value {
    let mut element = json!({ "name": name, "type": "flow/await" });
    if !to.is_empty() {
        element["to"] = json!({ "default": { to: ["default"] } });
    }
    element
}

pub(crate) fn wait(name: &str, span: &str, to: &str) -> Value {
    let mut element = json!({ "name": name, "type": "flow/wait", "options": { "for": span } });
    if !to.is_empty() {
        element["to"] = json!({ "default": { to: ["default"] } });
    }
    element
}

/// Fails until somebody has mended what it calls; then it is tried again by hand.
fn fails() -> Value {
    let elements = json!([
        bar("bar", json!({ "process": "fails", "title": "fails $n", "total": 2, "progress": 1 }), "before"),
        tell("before", "fails $n before", "call"),
        call("call", "/fails", "${0}", "more"),
        bar("more", json!({ "process": "fails", "increment": 1 }), "tell"),
        tell("tell", "fails $n", "")
    ]);
    workflow("Fails", "bar", elements)
}

/// Starts three and does not look after them; the second fails, and is tried again by hand while the others may live.
fn broken() -> Value {
    let elements = json!([
        bar("bar", json!({ "process": "broken", "title": "broken $n", "total": 3 }), "each"),
        each(3, "start", "tell"),
        start("start", "Part", "${this}", ""),
        tell("tell", "broken $n", "")
    ]);
    workflow("Broken", "bar", elements)
}

fn part() -> Value {
    let elements = json!([
        call("call", "/part", "$i", "more"),
        bar("more", json!({ "process": "broken", "increment": 1 }), "tell"),
        tell("tell", "part $n $i", "")
    ]);
    workflow("Part", "call", elements)
}

/// What it starts is put off; it waits for it with others asleep.
fn postponed() -> Value {
    let mut start = start("start", "Late", "${0}", "await");
    start["options"]["delay"] = json!("5s");
    let elements = json!([
        start,
        { "name": "await", "type": "flow/await", "to": { "default": { "call": ["default"] } } },
        call("call", "/later", "${0}", "tell"),
        tell("tell", "postponed $n", "")
    ]);
    workflow("Postponed", "start", elements)
}

fn late() -> Value {
    workflow("Late", "nap", json!([wait("nap", "1500ms", "tell"), tell("tell", "late $n", "")]))
}

/// Items side by side, of which every second one fails for good.
fn mixed() -> Value {
    let mut side = each(6, "call", "tell");
    side["options"] = json!({ "parallel": 3, "onError": "collect", "collect": "this" });
    let elements = json!([
        side,
        call("call", "/mixed", "${this}", "nap"),
        wait("nap", "30ms", "note"),
        tell("note", "mixed $n ${this.i}", ""),
        tell("tell", "mixed $n", "")
    ]);
    let mut mixed = workflow("Mixed", "each", elements);
    mixed["job"] = json!({ "priority": 3 });
    mixed
}

/// Somebody says so, or time does.
fn alarm() -> Value {
    let elements = json!([
        { "name": "await", "type": "flow/await", "options": { "signal": "go", "timeout": "3s" },
          "to": { "default": { "early": ["default"] }, "timeout": { "late": ["default"] } } },
        tell("early", "alarm $n", ""),
        tell("late", "alarm $n", "")
    ]);
    workflow("Alarm", "await", elements)
}

/// Two that start two each, under one bar.
fn tree() -> Value {
    let elements = json!([
        bar("bar", json!({ "process": "tree", "title": "tree $n", "total": 4 }), "each"),
        each(2, "start", "await"),
        start("start", "Branch", "${this}", ""),
        { "name": "await", "type": "flow/await", "to": { "default": { "tell": ["default"] } } },
        tell("tell", "tree $n", "")
    ]);
    workflow("Tree", "bar", elements)
}

fn branch() -> Value {
    let elements = json!([
        each(2, "start", "await"),
        start("start", "Leaf", "${i * 2 + this}", ""),
        { "name": "await", "type": "flow/await", "to": { "default": { "tell": ["default"] } } },
        tell("tell", "branch $n $i", "")
    ]);
    workflow("Branch", "each", elements)
}

fn leaf() -> Value {
    let elements = json!([
        call("call", "/leaf", "$i", "more"),
        bar("more", json!({ "process": "tree", "increment": 1 }), "tell"),
        tell("tell", "leaf $n $i", "")
    ]);
    workflow("Leaf", "call", elements)
}

/// Two bars that are set again and again; one is ended by hand, the other by the run's end.
fn sets() -> Value {
    let elements = json!([
        each(5, "one", "last"),
        bar("one", json!({ "process": "one", "total": 5, "progress": "${this}" }), "two"),
        bar("two", json!({ "process": "two", "total": 5, "increment": 1 }), "nap"),
        wait("nap", "40ms", "call"),
        call("call", "/sets", "${this}", ""),
        bar("last", json!({ "process": "one", "progress": 5, "status": "succeeded" }), "tell"),
        tell("tell", "sets $n", "")
    ]);
    workflow("Sets", "each", elements)
}

/// What a launch comes to if nobody cancels it.
pub(crate) struct Expected {
    /// How often each notification is there.
    pub(crate) notes: BTreeMap<String, u64>,
    /// (path, item) of calls.
    pub(crate) calls: Vec<(&'static str, u64)>,
    /// Each call depends on the one before it, and the run itself makes them.
    pub(crate) in_order: bool,
    /// Runs that it and its children start.
    pub(crate) children: u64,
    /// There may be fewer of them, as starts give back one that is there.
    pub(crate) fewer: bool,
    /// Each call is made under one key, however often it is repeated.
    pub(crate) one_key: bool,
    /// A code that it may end with.
    pub(crate) may_fail: Option<&'static str>,
    /// How long the attempt after so many failed ones waits, milliseconds.
    pub(crate) backoff_ms: Option<fn(u32) -> u64>,
    /// What its journal may hold, bytes.
    pub(crate) stored_max: Option<u64>,
    /// Bars and how far they come.
    pub(crate) bars: Vec<(&'static str, u64)>,
    pub(crate) result: Value,
}

impl Expected {
    /// Tells this, each once.
    pub(crate) fn tells(notes: impl IntoIterator<Item = String>) -> Expected {
        Expected {
            notes: notes.into_iter().map(|note| (note, 1)).collect(),
            calls: Vec::new(),
            in_order: true,
            children: 0,
            fewer: false,
            one_key: true,
            may_fail: None,
            backoff_ms: None,
            stored_max: None,
            bars: Vec::new(),
            result: Value::Null,
        }
    }
}

/// What launch `n` of that kind comes to.
pub(crate) fn expected(kind: &str, n: u64) -> Expected {
    if let Some(kind) = kinds::find(kind) {
        return (kind.expected)(n);
    }
    let own = format!("{} {n}", kind.to_lowercase());
    let calls = |path: &'static str, count: u64| (0..count).map(|i| (path, i)).collect::<Vec<_>>();
    let parts =
        |name: &str, count: u64| -> Vec<String> { (0..count).map(|i| format!("{name} {n} {i}")).collect() };
    let (mut notes, mut one) = (vec![own.clone()], Expected::tells([]));
    match kind {
        "Fails" => {
            notes.push(format!("{own} before"));
            one.calls = calls("/fails", 1);
            one.bars = vec![("fails", 2)];
        }
        "Broken" => {
            notes.extend(parts("part", 3));
            one = Expected {
                calls: calls("/part", 3),
                in_order: false,
                children: 3,
                bars: vec![("broken", 3)],
                ..one
            };
        }
        "Postponed" => {
            notes.push(format!("late {n}"));
            one = Expected { calls: calls("/later", 1), children: 1, ..one };
        }
        "Mixed" => {
            notes.extend((0..3).map(|i| format!("mixed {n} {}", 2 * i)));
            one = Expected { calls: calls("/mixed", 6), in_order: false, ..one };
        }
        "Alarm" => {}
        "Tree" => {
            notes.extend(parts("branch", 2));
            notes.extend(parts("leaf", 4));
            one = Expected {
                calls: calls("/leaf", 4),
                in_order: false,
                children: 6,
                bars: vec![("tree", 4)],
                ..one
            };
        }
        "Sets" => {
            one = Expected {
                calls: calls("/sets", 5),
                in_order: true,
                bars: vec![("one", 5), ("two", 5)],
                ..one
            };
        }
        _ => {
            let known = load::expected(kind, n);
            notes = known.notes;
            one.calls = known.calls;
            one.in_order = known.in_order;
            one.children = known.children;
            one.bars = known.bar.into_iter().map(|(process, reached, _)| (process, reached)).collect();
            one.result = known.result;
        }
    }
    for note in notes {
        *one.notes.entry(note).or_default() += 1;
    }
    one
}

/// The word that a person signals.
pub(crate) fn word(n: u64) -> String {
    load::word(n)
}
