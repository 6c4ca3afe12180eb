//! JSON types of the file's own keys. What has another would be passed over in silence, and an edge with it.

use std::sync::Arc;

use recipe::Value;

use super::Source;
use crate::json::{Kind, Node};

/// What a key may be. null is a key left out; an empty list stands for an empty object and the other way round.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Text,
    Flag,
    List,
    Object,
}

/// A key, what it may be, and how to write it.
type Rule = (&'static str, Shape, &'static str);

const EDGES: &str = "write {\"output port\": {\"element\": [\"input port\"]}}";

pub(super) const OF_FILE: &[Rule] = &[
    ("identifier", Shape::Text, "write a name that no other workflow has"),
    ("title", Shape::Text, "write it as people should read it"),
    ("description", Shape::Text, "write it as people should read it"),
    ("async", Shape::Flag, "write true or false"),
    ("queue", Shape::Text, "write the queue's name"),
    ("elements", Shape::List, "write [{\"name\": .., \"type\": ..}]"),
    ("events", Shape::List, "write [{\"identifier\": .., \"type\": ..}]"),
    ("job", Shape::Object, "write {\"attempts\": 3}, or another of its keys"),
];

pub(super) const OF_ELEMENT: &[Rule] = &[
    ("options", Shape::Object, "write {\"option\": value}"),
    ("in", Shape::Object, "write {\"input port\": value}"),
    ("set", Shape::Object, "write {\"variable\": \"port:\"}"),
    ("to", Shape::Object, EDGES),
    ("retry", Shape::Object, "write {\"attempts\": 5}, or another of its keys"),
];

/// Reports every key that has another type than its rule says.
pub(super) fn check(source: &mut Source<'_>, node: &Node, element: Option<&Arc<str>>, rules: &[Rule]) {
    for (key, shape, help) in rules {
        if let Some(value) = node.get(key) {
            has(source, value, element, &format!("`{key}`"), *shape, help);
        }
    }
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
    let (fits, wanted) = match shape {
        Shape::Text => (value.text().is_some(), "a text"),
        // PHP writes true as 1.
        Shape::Flag => {
            (matches!(value.kind, Kind::Plain(Value::Bool(_) | Value::Int(0 | 1))), "true or false")
        }
        Shape::List => (matches!(value.kind, Kind::List(_)) || value.is_blank(), "a list"),
        Shape::Object => (matches!(value.kind, Kind::Object(_)) || value.is_blank(), "an object"),
    };
    if !fits {
        let says = format!("{what} must be {wanted}, and is {}", value.type_name());
        source.error("HF008", value.span.clone(), element, says, help);
    }
    fits
}
