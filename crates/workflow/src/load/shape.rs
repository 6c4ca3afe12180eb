//! What the file's own keys may be. What has another type would be passed over in silence, and an edge with it; what stands
//! under `job` and `retry` is read when a run needs it, too late to say that it means nothing.

use std::sync::Arc;

use recipe::Value;

use super::{Source, file::unknown_keys, help_or, words};
use crate::{
    json::{Kind, Node},
    units::{duration_ms, size_bytes},
};

/// What a key may be. null is a key left out; an empty list stands for an empty object and the other way round.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Any,
    Text,
    Flag,
    List,
    Object,
    /// A whole number from one to the other.
    Whole(i64, i64),
    Span,
    Size,
    Word(&'static [&'static str]),
    /// A failure's code, its status or a class of statuses.
    Failure,
    /// One of those, or a list.
    Failures,
    /// An object with these keys.
    Keys(&'static [Rule]),
}

/// A key, what it may be, and how to write it.
pub(super) type Rule = (&'static str, Shape, &'static str);

const EDGES: &str = "write {\"output port\": {\"element\": [\"input port\"]}}";
const SPAN: &str = "write a number with ms, s, m, h or d, such as \"90s\" or \"10m\"";
const ATTEMPTS: &str = "write how many tries there are in all, such as 3";
const KEY: &str = "write an expression";

pub(super) const OF_FILE: &[Rule] = &[
    ("identifier", Shape::Text, "write a name that no other workflow has"),
    ("title", Shape::Text, "write it as people should read it"),
    ("description", Shape::Text, "write it as people should read it"),
    ("async", Shape::Flag, "write true or false"),
    ("queue", Shape::Text, "write the queue's name"),
    ("elements", Shape::List, "write [{\"name\": .., \"type\": ..}]"),
    ("events", Shape::List, "write [{\"identifier\": .., \"type\": ..}]"),
    ("job", Shape::Keys(OF_JOB), "write {\"attempts\": 3}, or another of its keys"),
];

/// durability.md, Per workflow.
const OF_JOB: &[Rule] = &[
    ("attempts", Shape::Whole(1, 1_000), ATTEMPTS),
    ("backoff", Shape::Keys(OF_BACKOFF), "write {\"base\": \"2s\"}, or another of its keys"),
    ("timeout", Shape::Span, SPAN),
    ("maxDuration", Shape::Span, SPAN),
    ("priority", Shape::Whole(i32::MIN as i64, i32::MAX as i64), "write a number; higher goes first"),
    ("unique", Shape::Keys(OF_UNIQUE), "write {\"key\": \"$order.id\"}, and what else it needs"),
    ("concurrency", Shape::Keys(OF_CONCURRENCY), "write {\"key\": \"$order.id\", \"limit\": 1}"),
    ("keep", Shape::Span, SPAN),
    ("maxStored", Shape::Size, "write a number with B, kB, MB, GB, KiB, MiB or GiB, such as \"64MiB\""),
    ("allow", Shape::List, "write the codes of findings, such as [\"HF012\"]"),
];

const OF_BACKOFF: &[Rule] = &[
    ("kind", Shape::Word(&["exponential", "fixed"]), "leave it out to wait twice as long each time"),
    ("base", Shape::Span, SPAN),
    ("max", Shape::Span, SPAN),
    ("jitter", Shape::Flag, "write true or false"),
];

const OF_UNIQUE: &[Rule] = &[
    ("key", Shape::Any, KEY),
    ("while", Shape::Word(&["queued", "active"]), "leave it out for `active`: until the run has ended"),
    ("for", Shape::Span, SPAN),
    ("then", Shape::Word(&["skip", "replace"]), "leave it out to skip the second start"),
];

const OF_CONCURRENCY: &[Rule] = &[
    ("key", Shape::Any, KEY),
    ("limit", Shape::Whole(1, 1_000_000), "write how many runs with one key are worked at once"),
];

pub(super) const OF_ELEMENT: &[Rule] = &[
    ("options", Shape::Object, "write {\"option\": value}"),
    ("in", Shape::Object, "write {\"input port\": value}"),
    ("set", Shape::Object, "write {\"variable\": \"port:\"}"),
    ("to", Shape::Object, EDGES),
    ("retry", Shape::Keys(OF_RETRY), "write {\"attempts\": 5}, or another of its keys"),
];

const OF_RETRY: &[Rule] = &[
    ("attempts", Shape::Whole(1, 1_000_000), ATTEMPTS),
    ("base", Shape::Span, SPAN),
    ("max", Shape::Span, SPAN),
    ("on", Shape::Failures, "write what is tried again, such as [\"timeout\", 429, \"5xx\"]"),
];

/// What a failure may be called (workflow.md, Errors).
const CODES: &[&str] = &[
    "recipe",
    "http_status",
    "timeout",
    "connect",
    "address_refused",
    "too_large",
    "bad_answer",
    "redirects",
    "stopped",
    "missing_workflow",
    "unknown_module",
    "invalid",
    "input_too_large",
    "state_too_large",
    "too_deep",
    "max_steps",
    "crash_loop",
    "replay_mismatch",
    "bad_key",
];

/// Reports every key that is something else than its rule says.
pub(super) fn check(source: &mut Source<'_>, node: &Node, element: Option<&Arc<str>>, rules: &[Rule]) {
    within(source, node, element, rules, "");
}

/// The same for an object at a path: `job.backoff.`
fn within(source: &mut Source<'_>, node: &Node, element: Option<&Arc<str>>, rules: &[Rule], path: &str) {
    for (key, shape, help) in rules {
        let Some(value) = node.get(key) else { continue };
        if !has(source, value, element, &format!("`{path}{key}`"), *shape, help) {
            continue;
        }
        match shape {
            Shape::Keys(rules) => {
                let known: Vec<&str> = rules.iter().map(|(key, ..)| *key).collect();
                unknown_keys(source, value, element, &known, &format!("`{path}{key}` has no key"));
                within(source, value, element, rules, &format!("{path}{key}."));
            }
            Shape::Failures => failures(source, value, element, &format!("`{path}{key}`"), help),
            _ => {}
        }
    }
}

/// A code that no failure has is tried again never.
fn failures(source: &mut Source<'_>, value: &Node, element: Option<&Arc<str>>, what: &str, help: &str) {
    let one = std::slice::from_ref(value);
    for item in if matches!(value.kind, Kind::List(_)) { value.items() } else { one } {
        let known = |text: &&str| is_status(text) || CODES.contains(text);
        if has(source, item, element, what, Shape::Failure, help)
            && let Some(text) = item.text().filter(|text| !known(text))
        {
            let nearest = words::nearest(text, CODES.iter().copied());
            let says = format!("no failure has the code `{text}`");
            source.warn("HF011", item.span.clone(), element, says, &help_or(nearest, help));
        }
    }
}

/// `429`, `5xx`.
fn is_status(text: &str) -> bool {
    let class =
        text.strip_suffix("xx").map(|class| class.parse().is_ok_and(|class: u16| (1..=5).contains(&class)));
    class.unwrap_or_else(|| text.parse().is_ok_and(|status: u16| (100..=599).contains(&status)))
}

/// Whether what an output port leads to is an object.
pub(super) fn targets(source: &mut Source<'_>, node: &Node, element: &Arc<str>, port: &str) -> bool {
    node.is_null()
        || has(source, node, Some(element), &format!("what `{port}` leads to"), Shape::Object, EDGES)
}

/// Whether the input ports of a target are a list of names.
pub(super) fn ports(source: &mut Source<'_>, node: &Node, element: &Arc<str>, target: &str) -> bool {
    let what = format!("the list of ports of `{target}`");
    has(source, node, Some(element), &what, Shape::List, EDGES)
        && node.items().iter().all(|port| {
            has(source, port, Some(element), &format!("a port of `{target}`"), Shape::Text, EDGES)
        })
}

fn has(
    source: &mut Source<'_>,
    value: &Node,
    element: Option<&Arc<str>>,
    what: &str,
    shape: Shape,
    help: &str,
) -> bool {
    let fits = shape.takes(value);
    if !fits {
        let says = format!("{what} must be {}, and is {}", shape.words(), shape.found(value));
        source.error("HF008", value.span.clone(), element, says, help);
    }
    fits
}

impl Shape {
    fn takes(self, value: &Node) -> bool {
        match self {
            Shape::Text => value.text().is_some(),
            // PHP writes true as 1.
            Shape::Flag => matches!(value.kind, Kind::Plain(Value::Bool(_) | Value::Int(0 | 1))),
            Shape::List => matches!(value.kind, Kind::List(_)) || value.is_blank(),
            Shape::Object | Shape::Keys(_) => matches!(value.kind, Kind::Object(_)) || value.is_blank(),
            Shape::Whole(least, most) => {
                value.value().as_i64().is_some_and(|number| (least..=most).contains(&number))
            }
            Shape::Span => value.text().and_then(duration_ms).is_some(),
            Shape::Size => size_bytes(&value.value()).is_some(),
            Shape::Word(known) => value.text().is_some_and(|text| known.contains(&text)),
            // A text that nobody knows is a mistake, and no reason not to load.
            Shape::Failure => value.text().is_some() || Shape::Whole(100, 599).takes(value),
            Shape::Any | Shape::Failures => true,
        }
    }

    fn words(self) -> String {
        let plain = match self {
            Shape::Text => "a text",
            Shape::Flag => "true or false",
            Shape::List => "a list",
            Shape::Object | Shape::Keys(_) => "an object",
            Shape::Span => "a duration",
            Shape::Size => "a size",
            Shape::Any | Shape::Failures => "anything",
            Shape::Failure => "a code, a status or a class of statuses",
            Shape::Whole(least, most) => return format!("a whole number from {least} to {most}"),
            Shape::Word(known) => {
                let known: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
                return known.join(" or ");
            }
        };
        plain.to_owned()
    }

    /// What stands there instead: where its type may be right, the value itself.
    fn found(self, value: &Node) -> String {
        let typed = matches!(self, Shape::Text | Shape::Flag | Shape::List | Shape::Object | Shape::Keys(_));
        match &value.kind {
            Kind::Plain(_) | Kind::Text(_) if !typed => {
                let shown: String = value.value().to_text().chars().take(40).collect();
                format!("`{shown}`")
            }
            _ => value.type_name().to_owned(),
        }
    }
}
