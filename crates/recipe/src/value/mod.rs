//! Values: JSON whose parts are shared and immutable, with numbers that know whether they are whole.
//!
//! A clone copies at most a pointer. Size, mark and nesting are measured as values are built, so asking for them costs
//! nothing; nesting ends at [`DEPTH_HARD`], so nothing that walks a value can overflow a stack.

mod apart;
mod convert;
mod equal;
mod json;
mod list;
mod map;
mod measure;
mod path;
mod serial;
mod text;

use std::fmt;

pub use apart::{Blob, Missing, apart, joined};
pub(crate) use json::write_text;
pub use list::{List, ListMut};
pub(crate) use map::Fields;
pub use map::{Map, Name};
pub use text::{Taint, Text};

/// How deep values may nest for recipes and JSON; both refuse what is deeper.
pub(crate) const DEPTH: usize = 128;

/// How deep a value can be at all: what would be deeper is null. Above [`DEPTH`], so that what is built around a value
/// has room, and what walks it fits a small stack.
pub(crate) const DEPTH_HARD: u16 = 256;

/// A value.
#[derive(Clone, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// true or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number; never NaN or infinite when made by a recipe or read from JSON.
    Float(f64),
    /// A text.
    Text(Text),
    /// A list.
    List(List),
    /// An object; its keys keep their order.
    Object(Map),
}

pub(crate) static NULL: Value = Value::Null;

impl Value {
    /// What people call its type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether a condition holds: all but null, false, 0, "", "0", [] and {}.
    pub fn truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(is) => *is,
            Value::Int(n) => *n != 0,
            Value::Float(n) => *n != 0.0,
            Value::Text(text) => !matches!(&**text, "" | "0"),
            Value::List(list) => !list.is_empty(),
            Value::Object(map) => !map.is_empty(),
        }
    }

    /// An object's field; None for a missing one and for anything that is no object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(is) => Some(*is),
            _ => None,
        }
    }

    /// The number, if it is one without a fraction and within 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Float(n) => crate::number::whole(*n),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Float(n) => Some(*n),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The object, if it is one.
    pub fn as_object(&self) -> Option<&Map> {
        match self {
            Value::Object(map) => Some(map),
            _ => None,
        }
    }

    /// How it reads inside a text: null is empty, lists and objects are compact JSON.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let _ = self.join_to(&mut out, usize::MAX);
        out
    }

    /// The same as a text that keeps the mark; null stays null.
    #[must_use]
    pub fn as_text(&self) -> Value {
        match self {
            Value::Null | Value::Text(_) => self.clone(),
            other => Value::from(other.to_text()).tainted_with(other.taint()),
        }
    }

    /// How deep it nests: 0 for what holds nothing, 1 for an empty list.
    pub fn depth(&self) -> usize {
        usize::from(measure::Measure::of(self).height)
    }

    /// Whether any text in it came from outside.
    pub fn tainted(&self) -> bool {
        self.taint() != Taint::Clean
    }

    /// The joined mark of all texts in it.
    pub fn taint(&self) -> Taint {
        measure::Measure::of(self).taint
    }

    /// The same value, the mark added to all its texts.
    #[must_use]
    pub fn tainted_with(&self, taint: Taint) -> Value {
        if taint == Taint::Clean { self.clone() } else { self.marked(&|was| was | taint) }
    }

    /// The same value without any mark.
    #[must_use]
    pub fn untainted(&self) -> Value {
        if self.tainted() { self.marked(&|_| Taint::Clean) } else { self.clone() }
    }

    fn marked(&self, mark: &dyn Fn(Taint) -> Taint) -> Value {
        match self {
            Value::Text(text) => Value::Text(text.clone().with_taint(mark(text.taint()))),
            Value::List(list) => Value::List(list.iter().map(|item| item.marked(mark)).collect()),
            Value::Object(map) => {
                Value::Object(map.iter().map(|(key, value)| (key.clone(), value.marked(mark))).collect())
            }
            other => other.clone(),
        }
    }

    /// About how many bytes it takes, everything in it included; shared parts count each time.
    pub fn approx_bytes(&self) -> usize {
        measure::Measure::of(self).bytes
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Drops values without recursion, however deep they nest.
fn unravel(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::List(list) => list.take_apart(&mut values),
            Value::Object(map) => map.take_apart(&mut values),
            _ => {}
        }
    }
}

const _: () = assert!(size_of::<Value>() <= 24);
