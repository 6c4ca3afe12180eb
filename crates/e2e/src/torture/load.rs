//! The load: a workflow a kind of work, and what each must have done at its end, exactly once.

use serde_json::{Value, json};
use testkit::{project::Project, provider::Provider};

/// A kind of work: its workflow's identifier, and how often people launch it.
pub(crate) const KINDS: [(&str, u64); 10] = [
    ("Loop", 4),
    ("Family", 3),
    ("Waits", 3),
    ("Signals", 3),
    ("Parallel", 3),
    ("Retry", 3),
    ("Once", 2),
    ("Later", 2),
    ("Mended", 2),
    ("Doomed", 2),
];

/// Calls of a loop. What they bring outweighs a state, so that one is written in the middle.
const LOOP: u64 = 14;
/// Children of a family.
const CHILDREN: u64 = 5;
/// Entries before a wait: at its park a state is written.
const ENTRIES: u64 = 35;
/// How far the bar of a run that is cancelled has come.
const DOOMED: u64 = 3;
/// Items of a parallel loop.
const PARALLEL: u64 = 8;

/// Writes the workflows, and lets them call the provider.
pub(crate) fn write(project: &Project, provider: &Provider) {
    write_as(workflows(), project, provider);
}

/// The same workflows, each with an element more, that an older hefe does not know.
pub(crate) fn write_newer(project: &Project, provider: &Provider) {
    let mut workflows = workflows();
    for workflow in &mut workflows {
        let elements = workflow["elements"].as_array_mut().expect("its elements");
        elements.push(json!({ "name": "newer", "type": "action/log", "options": { "message": "never" } }));
    }
    write_as(workflows, project, provider);
}

fn write_as(workflows: [Value; 16], project: &Project, provider: &Provider) {
    for workflow in workflows {
        // Each call goes to the one provider.
        let text = workflow.to_string().replace("PROVIDER", &provider.url(""));
        project.workflow("main", workflow["identifier"].as_str().expect("a name"), text);
    }
    project.settings(format!("[hosts.\"{}\"]\nallow_private = true\n", provider.host()));
}

/// One a file. `PROVIDER` stands for the address of the one provider.
pub(crate) fn workflows() -> [Value; 16] {
    [
        launcher(),
        looping(),
        family(),
        child(),
        waits(),
        signals(),
        parallel(),
        retry(),
        once(),
        single(),
        later(),
        delayed(),
        mended(),
        doomed(),
        endless(),
        sorry(),
    ]
}

pub(crate) fn call(name: &str, path: &str, item: &str, to: &str) -> Value {
    let mut element = json!({ "name": name, "type": "api/http",
        "options": { "uri": format!("PROVIDER{path}"), "query": { "n": "$n", "i": item }, "timeout": "10s" } });
    if !to.is_empty() {
        element["to"] = json!({ "default": { to: ["default"] } });
    }
    element
}

pub(crate) fn tell(name: &str, message: &str, to: &str) -> Value {
    let mut element = json!({ "name": name, "type": "action/notify", "options": { "notification": { "message": message } } });
    if !to.is_empty() {
        element["to"] = json!({ "default": { to: ["default"] } });
    }
    element
}

pub(crate) fn each(items: u64, turn: &str, next: &str) -> Value {
    json!({ "name": "each", "type": "flow/each", "in": { "default": format!("range(0, {items})") },
        "to": { "each": { turn: ["default"] }, "next": { next: ["default"] } } })
}

pub(crate) fn workflow(identifier: &str, entry: &str, elements: Value) -> Value {
    json!({ "identifier": identifier, "async": true, "entry": entry, "elements": elements })
}

/// Starts a run of that kind and tells its person, in one transaction.
fn launcher() -> Value {
    json!({ "identifier": "Launch", "events": [{ "identifier": "launch", "type": "webhook" }], "elements": [
        { "name": "launch", "type": "event/webhook", "set": { "n": "default:n" }, "to": { "default": { "start": ["default"] } } },
        { "name": "start", "type": "action/run", "options": { "workflow": "${kind}", "async": true, "input": { "n": "$n" } },
          "to": { "default": { "told": ["default"] } } },
        tell("told", "launched $n", "answer"),
        { "name": "answer", "type": "action/response", "options": { "body": { "started": "${id}" } } }
    ] })
}

fn looping() -> Value {
    let bar =
        |name: &str, options: Value| json!({ "name": name, "type": "cast/progress", "options": options });
    let mut first =
        bar("first", json!({ "process": "loop", "title": "loop $n", "total": LOOP, "progress": 0 }));
    first["to"] = json!({ "default": { "each": ["default"] } });
    let mut last = bar("last", json!({ "process": "loop", "progress": LOOP, "status": "succeeded" }));
    last["to"] = json!({ "default": { "tell": ["default"] } });
    let elements = json!([
        first,
        each(LOOP, "call", "last"),
        call("call", "/loop", "${this}", "more"),
        bar("more", json!({ "process": "loop", "increment": 1 })),
        last,
        tell("tell", "loop $n", "")
    ]);
    workflow("Loop", "first", elements)
}

fn family() -> Value {
    let elements = json!([
        { "name": "bar", "type": "cast/progress", "options": { "process": "family", "title": "family $n", "total": CHILDREN },
          "to": { "default": { "each": ["default"] } } },
        each(CHILDREN, "start", "await"),
        { "name": "start", "type": "action/run", "options": { "workflow": "Child", "async": true, "input": { "n": "$n", "i": "${this}" } } },
        { "name": "await", "type": "flow/await", "to": { "default": { "tell": ["default"] } } },
        tell("tell", "family $n", "")
    ]);
    workflow("Family", "bar", elements)
}

fn child() -> Value {
    let elements = json!([
        call("call", "/child", "$i", "more"),
        { "name": "more", "type": "cast/progress", "options": { "process": "family", "increment": 1 }, "to": { "default": { "tell": ["default"] } } },
        tell("tell", "child $n $i", "")
    ]);
    let mut child = workflow("Child", "call", elements);
    child["job"] = json!({ "concurrency": { "key": "n", "limit": 2 } });
    child
}

fn waits() -> Value {
    let wait = |name: &str, span: &str, to: &str| json!({ "name": name, "type": "flow/wait", "options": { "for": span }, "to": { "default": { to: ["default"] } } });
    let elements = json!([
        each(ENTRIES, "note", "long"),
        tell("note", "waits $n ${this}", ""),
        wait("long", "1200ms", "first"),
        call("first", "/waits", "${0}", "short"),
        wait("short", "60ms", "second"),
        call("second", "/waits", "${1}", "tell"),
        tell("tell", "waits $n", "")
    ]);
    workflow("Waits", "each", elements)
}

fn signals() -> Value {
    let elements = json!([
        call("before", "/signals", "${0}", "await"),
        { "name": "await", "type": "flow/await", "options": { "signal": "go" }, "to": { "default": { "keep": ["default"] } } },
        { "name": "keep", "type": "op/set", "options": { "values": {} }, "in": { "default": "this" }, "set": { "word": ":default.word" },
          "to": { "default": { "after": ["default"] } } },
        call("after", "/signals", "${1}", "tell"),
        tell("tell", "signals $n $word", "")
    ]);
    workflow("Signals", "before", elements)
}

fn parallel() -> Value {
    let mut side = each(PARALLEL, "call", "last");
    side["options"] = json!({ "parallel": 4, "collect": "this * 10" });
    side["set"] = json!({ "list": "next:" });
    let elements = json!([
        side,
        call("call", "/parallel", "${this}", "note"),
        tell("note", "parallel $n ${this.i}", ""),
        call("last", "/parallel", &format!("${{{PARALLEL}}}"), "tell"),
        tell("tell", "parallel $n", "answer"),
        { "name": "answer", "type": "action/response", "options": { "body": { "list": "$list" } } }
    ]);
    workflow("Parallel", "each", elements)
}

fn retry() -> Value {
    let mut flaky = call("flaky", "/flaky", "${0}", "shaky");
    flaky["retry"] = json!({ "attempts": 4, "base": "20ms", "max": "50ms" });
    let elements = json!([flaky, call("shaky", "/shaky", "${1}", "tell"), tell("tell", "retry $n", "")]);
    let mut workflow = workflow("Retry", "flaky", elements);
    workflow["job"] = json!({ "attempts": 5, "backoff": { "base": "150ms", "max": "300ms" } });
    workflow
}

/// Starts one workflow again and again under one key: there is one run of it.
fn once() -> Value {
    let elements = json!([
        each(3, "start", "await"),
        { "name": "start", "type": "action/run", "options": { "workflow": "Single", "async": true, "input": { "n": "$n" } } },
        { "name": "await", "type": "flow/await", "to": { "default": { "tell": ["default"] } } },
        tell("tell", "once $n", "")
    ]);
    workflow("Once", "each", elements)
}

fn single() -> Value {
    let elements = json!([call("call", "/once", "${0}", "tell"), tell("tell", "single $n", "")]);
    let mut single = workflow("Single", "call", elements);
    single["job"] = json!({ "unique": { "key": "n", "for": "1h" } });
    single
}

/// Starts a run that is put off, and awaits it.
fn later() -> Value {
    let elements = json!([
        { "name": "start", "type": "action/run", "options": { "workflow": "Delayed", "async": true, "delay": "250ms", "input": { "n": "$n" } },
          "to": { "default": { "await": ["default"] } } },
        { "name": "await", "type": "flow/await", "to": { "default": { "tell": ["default"] } } },
        tell("tell", "later $n", "")
    ]);
    workflow("Later", "start", elements)
}

fn delayed() -> Value {
    workflow(
        "Delayed",
        "call",
        json!([call("call", "/later", "${0}", "tell"), tell("tell", "delayed $n", "")]),
    )
}

/// Fails the first time, and is tried again by hand.
fn mended() -> Value {
    let elements = json!([
        call("before", "/mended", "${0}", "broken"),
        call("broken", "/broken", "${1}", "tell"),
        tell("tell", "mended $n", "")
    ]);
    workflow("Mended", "before", elements)
}

/// Every failure starts it.
pub(crate) const SORRY: &str = "Sorry";

fn sorry() -> Value {
    json!({ "identifier": SORRY, "elements": [
        { "name": "broke", "type": "event/failed", "to": { "default": { "nap": ["default"] } } },
        { "name": "nap", "type": "flow/wait", "options": { "for": "20ms" }, "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/response", "options": { "body": "${run}" } }
    ], "events": [{ "identifier": "broke", "type": "failed" }] })
}

/// Waits for a run that does not end by itself, until both are cancelled.
fn doomed() -> Value {
    let elements = json!([
        { "name": "bar", "type": "cast/progress", "options": { "process": "doomed", "title": "doomed $n", "total": 10, "progress": DOOMED },
          "to": { "default": { "start": ["default"] } } },
        { "name": "start", "type": "action/run", "options": { "workflow": "Endless", "async": true, "input": { "n": "$n" } },
          "to": { "default": { "await": ["default"] } } },
        { "name": "await", "type": "flow/await", "to": { "default": { "tell": ["default"] } } },
        tell("tell", "never $n", "")
    ]);
    workflow("Doomed", "bar", elements)
}

fn endless() -> Value {
    let elements = json!([
        { "name": "await", "type": "flow/await", "options": { "signal": "never" }, "to": { "default": { "tell": ["default"] } } },
        tell("tell", "never $n", "")
    ]);
    workflow("Endless", "await", elements)
}

/// What people do to runs of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Signal,
    Cancel,
    Retry,
}

impl Deed {
    pub(crate) fn of(kind: &str) -> Option<Deed> {
        match kind {
            "Signals" => Some(Deed::Signal),
            "Doomed" => Some(Deed::Cancel),
            "Mended" => Some(Deed::Retry),
            _ => None,
        }
    }
}

/// What a launch of that kind comes to.
pub(crate) struct Expected {
    pub(crate) status: &'static str,
    /// Messages of notifications; each is there once.
    pub(crate) notes: Vec<String>,
    /// (path, item) of calls, in the order in which they depend on each other; None: they depend on none of the others.
    pub(crate) calls: Vec<(&'static str, u64)>,
    pub(crate) in_order: bool,
    /// Runs that it starts; one that is cancelled may not have come so far.
    pub(crate) children: u64,
    /// The bar, how far it comes, and its total.
    pub(crate) bar: Option<(&'static str, u64, u64)>,
    pub(crate) result: Value,
}

/// The word that a person signals.
pub(crate) fn word(n: u64) -> String {
    format!("word-{}", n * 7)
}

/// What launch `n` of that kind comes to.
pub(crate) fn expected(kind: &str, n: u64) -> Expected {
    let own = format!("{} {n}", kind.to_lowercase());
    let items = |count: u64| (0..count).map(|i| format!("{own} {i}"));
    let calls = |path: &'static str, count: u64| {
        (0..count).map(move |i| (path, i)).collect::<Vec<(&'static str, u64)>>()
    };
    let one = Expected {
        status: "succeeded",
        notes: vec![own.clone()],
        calls: Vec::new(),
        in_order: true,
        children: 0,
        bar: None,
        result: Value::Null,
    };
    match kind {
        "Loop" => Expected { calls: calls("/loop", LOOP), bar: Some(("loop", LOOP, LOOP)), ..one },
        "Family" => Expected {
            notes: one.notes.into_iter().chain((0..CHILDREN).map(|i| format!("child {n} {i}"))).collect(),
            calls: calls("/child", CHILDREN),
            in_order: false,
            children: CHILDREN,
            bar: Some(("family", CHILDREN, CHILDREN)),
            ..one
        },
        "Waits" => Expected {
            notes: one.notes.into_iter().chain(items(ENTRIES)).collect(),
            calls: calls("/waits", 2),
            ..one
        },
        "Signals" => {
            Expected { notes: vec![format!("{own} {}", word(n))], calls: calls("/signals", 2), ..one }
        }
        "Parallel" => Expected {
            notes: one.notes.into_iter().chain(items(PARALLEL)).collect(),
            calls: calls("/parallel", PARALLEL + 1),
            in_order: false,
            result: json!({ "list": (0..PARALLEL).map(|i| i * 10).collect::<Vec<u64>>() }),
            ..one
        },
        "Once" => Expected {
            notes: one.notes.into_iter().chain([format!("single {n}")]).collect(),
            calls: calls("/once", 1),
            children: 1,
            ..one
        },
        "Later" => Expected {
            notes: one.notes.into_iter().chain([format!("delayed {n}")]).collect(),
            calls: calls("/later", 1),
            children: 1,
            ..one
        },
        "Mended" => Expected { calls: vec![("/mended", 0), ("/broken", 1)], ..one },
        "Doomed" => Expected {
            status: "cancelled",
            notes: Vec::new(),
            children: 1,
            bar: Some(("doomed", DOOMED, 10)),
            ..one
        },
        _ => Expected { calls: vec![("/flaky", 0), ("/shaky", 1)], ..one },
    }
}
