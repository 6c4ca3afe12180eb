//! The two equalities and the orders of values (recipe.md, Values).

use std::cmp::Ordering;

use super::{Map, Value};
use crate::number;

/// Strict: no text equals a number, no number a boolean. Numbers are equal by value, whole or not: both print the same.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => {
                number::compare(*a, *b) == Ordering::Equal
            }
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl Value {
    /// The operator `==`: a numeric text equals its number, null equals 0 and "", records are equal by module and id.
    pub fn loose_eq(&self, other: &Value) -> bool {
        let mut unlimited = u64::MAX;
        self.same(other, &mut unlimited).unwrap_or(false)
    }

    /// [`Value::loose_eq`] within a budget of items looked at; None once it is spent.
    pub(crate) fn same(&self, other: &Value, budget: &mut u64) -> Option<bool> {
        Some(match (self, other) {
            (Value::List(a), Value::List(b)) => {
                if a.len() != b.len() {
                    return Some(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    *budget = budget.checked_sub(1)?;
                    if !a.same(b, budget)? {
                        return Some(false);
                    }
                }
                true
            }
            (Value::Object(a), Value::Object(b)) => return same_objects(a, b, budget),
            (Value::Text(a), Value::Text(b)) => {
                *budget = budget.checked_sub(a.len() as u64 >> 9)?;
                a == b
            }
            _ => self.same_scalar(other),
        })
    }

    fn same_scalar(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Text(text)) | (Value::Text(text), Value::Null) => text.is_empty(),
            (Value::Null, Value::Int(n)) | (Value::Int(n), Value::Null) => *n == 0,
            (Value::Null, Value::Float(n)) | (Value::Float(n), Value::Null) => *n == 0.0,
            (Value::Text(text), n @ (Value::Int(_) | Value::Float(_)))
            | (n @ (Value::Int(_) | Value::Float(_)), Value::Text(text)) => {
                number::parse(text).is_some_and(|parsed| parsed == *n)
            }
            _ => self == other,
        }
    }

    /// The order of `sort`: null, booleans, numbers by value, texts by code point, then lists and objects, which keep
    /// the order they had.
    pub(crate) fn sort_order(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Int(a), Value::Float(b)) => number::compare(*a, *b),
            (Value::Float(a), Value::Int(b)) => number::compare(*b, *a).reverse(),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).unwrap_or_else(|| a.total_cmp(b)),
            (Value::Text(a), Value::Text(b)) => (**a).cmp(&**b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) | Value::Float(_) => 2,
            Value::Text(_) => 3,
            Value::List(_) | Value::Object(_) => 4,
        }
    }
}

impl Map {
    /// A record's module and id; None for an object that is no record.
    pub(crate) fn record(&self) -> Option<(&Value, &Value)> {
        Some((self.get("module")?, self.get("id")?))
    }
}

fn same_objects(a: &Map, b: &Map, budget: &mut u64) -> Option<bool> {
    if a.ptr_eq(b) {
        return Some(true);
    }
    if let (Some((module_a, id_a)), Some((module_b, id_b))) = (a.record(), b.record()) {
        return Some(module_a.same(module_b, budget)? && id_a.same(id_b, budget)?);
    }
    if a.len() != b.len() {
        return Some(false);
    }
    for (key, value) in a.iter() {
        *budget = budget.checked_sub(1 + (key.len() as u64 >> 9))?;
        match b.get(key) {
            Some(theirs) if value.same(theirs, budget)? => {}
            _ => return Some(false),
        }
    }
    Some(true)
}
