//! The border: what a value may say to whom.
//!
//! A provider's words are marked ([`Value::tainted`]). They are kept for operators in the journal; everywhere else a
//! neutral text stands in their place (check.md). Views hold [`Shown`], never a [`Value`], so nothing passes by accident.

use recipe::{List, Map, Value};
use serde::{Serialize, Serializer};

/// What stands in the place of a provider's words.
const WITHHELD: &str = "[withheld]";

/// The same value, every marked text replaced by a neutral one. Numbers and truth values hold no words and stay.
pub fn withhold(value: &Value) -> Value {
    // Most values hold nothing of a provider: those are shared, not copied.
    if value.tainted() { replaced(value) } else { value.clone() }
}

fn replaced(value: &Value) -> Value {
    match value {
        Value::Text(_) if value.tainted() => Value::from(WITHHELD),
        Value::List(list) => Value::List(list.iter().map(replaced).collect::<List>()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), replaced(value))).collect::<Map>())
        }
        other => other.clone(),
    }
}

/// A value as anyone may see it.
#[derive(Debug, Clone)]
pub(crate) struct Shown(Value);

impl Shown {
    pub(crate) fn of(value: &Value) -> Shown {
        Shown(withhold(value))
    }

    pub(crate) fn null() -> Shown {
        Shown(Value::Null)
    }

    /// A field of an object, null if it is not there.
    pub(crate) fn field(value: &Value, name: &str) -> Shown {
        value.get(name).map_or_else(Shown::null, Shown::of)
    }

    /// A field of it, null if it is not there.
    pub(crate) fn at(&self, name: &str) -> Shown {
        Shown(self.0.get(name).cloned().unwrap_or_default())
    }

    /// Whether it is that text.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.0.as_str() == Some(text)
    }

    pub(crate) fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// The text; other values as compact JSON, null as nothing.
    pub(crate) fn words(&self) -> String {
        self.0.to_text()
    }

    /// JSON with line breaks, at most about `max` bytes of it.
    pub(crate) fn pretty(&self, max: usize) -> String {
        let mut text = serde_json::to_string_pretty(&self.0).unwrap_or_default();
        if text.len() > max {
            let end = (0..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let left = text.len() - end;
            text.truncate(end);
            text.push_str(&format!("\n… {left} bytes more"));
        }
        text
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

/// A value as it is, for operators: the journal only.
pub(crate) struct Raw<'a>(pub(crate) &'a Value);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}
