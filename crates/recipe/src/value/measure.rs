//! What a container knows of all that is in it, kept up as it is built, so that nobody has to walk it.

use super::{DEPTH_HARD, Taint, Value};

/// Of a value and everything in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measure {
    /// Levels: 0 for what holds nothing, 1 for an empty list.
    pub(super) height: u16,
    /// The joined mark of all texts.
    pub(super) taint: Taint,
    /// Bytes; shared parts count each time, so the true number can be beyond any memory.
    pub(super) bytes: usize,
}

impl Measure {
    /// A container that holds nothing yet.
    pub(super) const EMPTY: Measure =
        Measure { height: 1, taint: Taint::Clean, bytes: size_of::<Value>() + 48 };

    pub(super) fn of(value: &Value) -> Measure {
        let scalar = |taint, bytes| Measure { height: 0, taint, bytes: size_of::<Value>() + bytes };
        match value {
            Value::Text(text) => scalar(text.taint(), text.len() + 16),
            Value::List(list) => list.measure(),
            Value::Object(map) => map.measure(),
            _ => scalar(Taint::Clean, 0),
        }
    }

    /// A container's measure once it holds this too, under a key of so many bytes.
    pub(super) fn with(self, inside: Measure, key: usize) -> Measure {
        Measure {
            height: self.height.max(inside.height + 1),
            taint: self.taint | inside.taint,
            bytes: self.bytes.saturating_add(inside.bytes).saturating_add(key),
        }
    }

    /// A container's measure once this is taken from it; None if that has to be found out anew.
    pub(super) fn without(self, inside: Measure, key: usize) -> Option<Measure> {
        let holds =
            inside.height + 1 == self.height || inside.taint != Taint::Clean || self.bytes == usize::MAX;
        (!holds).then(|| Measure { bytes: self.bytes - inside.bytes - key, ..self })
    }
}

/// Makes null of what would make a container too high.
#[inline]
pub(super) fn cut(value: &mut Value) -> Measure {
    if let Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) = value {
        return Measure { height: 0, taint: Taint::Clean, bytes: size_of::<Value>() };
    }
    let measure = Measure::of(value);
    if measure.height < DEPTH_HARD {
        return measure;
    }
    *value = Value::Null;
    Measure::of(value)
}
