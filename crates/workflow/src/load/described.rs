//! The keys that loading knows, as a schema has them.

use serde_json::{Value, json};

use super::{
    element, file,
    shape::{self, Rule, Shape},
};

/// A key of a file.
pub(crate) struct Described {
    pub(crate) key: &'static str,
    /// How to write it.
    pub(crate) doc: &'static str,
    pub(crate) schema: Value,
    /// The keys in it.
    pub(crate) inside: Vec<Described>,
}

/// Those of a workflow.
pub(crate) fn file_keys() -> Vec<Described> {
    keys(file::KEYS, shape::OF_FILE)
}

/// Those of an element.
pub(crate) fn element_keys() -> Vec<Described> {
    keys(element::KEYS, shape::OF_ELEMENT)
}

/// Those of an event.
pub(crate) fn event_keys() -> Vec<Described> {
    keys(file::EVENT_KEYS, &[])
}

fn keys(known: &[&'static str], rules: &[Rule]) -> Vec<Described> {
    let plain = |key: &'static str| Described { key, doc: "", schema: json!({}), inside: Vec::new() };
    let ruled = |key: &'static str| rules.iter().find(|(name, ..)| *name == key).map(of);
    known.iter().map(|key| ruled(key).unwrap_or_else(|| plain(key))).collect()
}

fn of((key, shape, doc): &Rule) -> Described {
    let inside = match shape {
        Shape::Keys(rules) => rules.iter().map(of).collect(),
        _ => Vec::new(),
    };
    Described { key, doc, schema: shape.schema(), inside }
}

impl Shape {
    fn schema(self) -> Value {
        match self {
            Shape::Any => json!({}),
            Shape::Text => json!({ "type": ["string", "null"] }),
            Shape::Flag => json!({ "enum": [true, false, 0, 1, null] }),
            Shape::List => json!({ "type": ["array", "object", "null"] }),
            Shape::Object | Shape::Keys(_) => json!({ "type": ["object", "array", "null"] }),
            Shape::Whole(least, most) => {
                json!({ "type": ["integer", "null"], "minimum": least, "maximum": most })
            }
            Shape::Span => {
                json!({ "type": ["string", "null"], "pattern": "^\\s*[0-9]+(\\.[0-9]+)?\\s*(ms|s|m|h|d)\\s*$" })
            }
            Shape::Size => json!({ "type": ["string", "integer", "null"] }),
            Shape::Word(known) => {
                let words = known.iter().map(|word| json!(word)).chain([Value::Null]);
                json!({ "enum": words.collect::<Vec<_>>() })
            }
            Shape::Failure => json!({ "type": ["string", "integer"] }),
            Shape::Failures => json!({ "type": ["string", "integer", "array", "null"] }),
        }
    }
}
