//! What operators do with values (recipe.md, Values).

use std::cmp::Ordering;

use crate::{Value, ast::Binary, eval::Stop, number};

/// A number to calculate with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    /// The number that a value counts as in arithmetic: null 0, booleans 0 and 1, a numeric text its number.
    pub(crate) fn of(value: &Value) -> Option<Number> {
        match value {
            Value::Null => Some(Number::Int(0)),
            Value::Bool(is) => Some(Number::Int((*is).into())),
            Value::Int(n) => Some(Number::Int(*n)),
            Value::Float(n) => Some(Number::Float(*n)),
            Value::Text(text) => match number::parse(text)? {
                Value::Int(n) => Some(Number::Int(n)),
                Value::Float(n) => Some(Number::Float(n)),
                _ => None,
            },
            Value::List(_) | Value::Object(_) => None,
        }
    }

    pub(crate) fn float(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(n) => n,
        }
    }

    /// Exact, also between whole numbers and doubles.
    pub(crate) fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            (Number::Int(a), Number::Float(b)) => number::compare(a, b),
            (Number::Float(a), Number::Int(b)) => number::compare(b, a).reverse(),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b).unwrap_or_else(|| a.total_cmp(&b)),
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        match number {
            Number::Int(n) => Value::Int(n),
            Number::Float(n) => Value::from(n),
        }
    }
}

/// Two numbers with an operator that needs nothing else, which is most of what recipes calculate; None for the rest.
#[inline]
pub(crate) fn quick(op: Binary, left: &Value, right: &Value) -> Option<Value> {
    if let (Value::Int(a), Value::Int(b)) = (left, right) {
        return match op {
            Binary::Add => a.checked_add(*b).map(Value::Int),
            Binary::Subtract => a.checked_sub(*b).map(Value::Int),
            Binary::Multiply => a.checked_mul(*b).map(Value::Int),
            _ => ordered(op, a.cmp(b)).map(Value::Bool),
        };
    }
    let (a, b) = as_doubles(left, right)?;
    match op {
        Binary::Add => finite(a + b),
        Binary::Subtract => finite(a - b),
        Binary::Multiply => finite(a * b),
        _ => ordered(op, a.partial_cmp(&b)?).map(Value::Bool),
    }
}

/// The double; None for one that is too large, which is for [`apply`] to say.
#[inline]
fn finite(n: f64) -> Option<Value> {
    n.is_finite().then_some(Value::Float(n))
}

/// A relation or an equality of two numbers, an equality of two short texts; None for the rest.
#[inline]
pub(crate) fn quick_test(op: Binary, left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => ordered(op, a.cmp(b)),
        (Value::Text(a), Value::Text(b)) if a.len() < 512 => match op {
            Binary::Equal => Some(a == b),
            Binary::Unequal => Some(a != b),
            _ => None,
        },
        _ => {
            let (a, b) = as_doubles(left, right)?;
            ordered(op, a.partial_cmp(&b)?)
        }
    }
}

#[inline]
fn ordered(op: Binary, order: Ordering) -> Option<bool> {
    Some(match op {
        Binary::Less => order.is_lt(),
        Binary::LessEqual => order.is_le(),
        Binary::Greater => order.is_gt(),
        Binary::GreaterEqual => order.is_ge(),
        Binary::Equal => order.is_eq(),
        Binary::Unequal => order.is_ne(),
        _ => return None,
    })
}

/// Two numbers, one of them with a fraction, if both are exact as doubles.
#[inline]
fn as_doubles(left: &Value, right: &Value) -> Option<(f64, f64)> {
    let exact = |n: i64| (n.unsigned_abs() <= 1 << 53).then_some(n as f64);
    match (left, right) {
        (Value::Float(a), Value::Float(b)) => Some((*a, *b)),
        (Value::Float(a), Value::Int(b)) => Some((*a, exact(*b)?)),
        (Value::Int(a), Value::Float(b)) => Some((exact(*a)?, *b)),
        _ => None,
    }
}

/// An operator between two values; `+` that joins and `==` are the evaluator's.
pub(crate) fn apply(op: Binary, left: &Value, right: &Value) -> Result<Value, Stop> {
    match op {
        Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => {
            let Some(order) = relation(left, right) else {
                // Null is 0, and beside a text that is no number it is neither before nor behind.
                return match (left, right) {
                    (Value::Null, Value::Text(_)) | (Value::Text(_), Value::Null) => Ok(Value::Bool(false)),
                    _ => Err(wrong(op, left, right)),
                };
            };
            Ok(Value::Bool(match op {
                Binary::Less => order.is_lt(),
                Binary::LessEqual => order.is_le(),
                Binary::Greater => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
        Binary::BitAnd | Binary::BitOr | Binary::BitXor | Binary::ShiftLeft | Binary::ShiftRight => {
            bits(op, left, right)
        }
        _ => {
            let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) else {
                return Err(wrong(op, left, right));
            };
            arithmetic(op, a, b, op.sign())
        }
    }
}

/// Whether `+` joins: either side is a text that is no number, or both are texts.
pub(crate) fn joins(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Text(_), Value::Text(_)) => true,
        (Value::Text(text), _) | (_, Value::Text(text)) => number::parse(text).is_none(),
        _ => false,
    }
}

/// Two texts by code point, everything else as numbers.
fn relation(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => Some((**a).cmp(&**b)),
        _ => Some(Number::of(left)?.compare(Number::of(right)?)),
    }
}

/// Errors name what was called so.
pub(crate) fn arithmetic(op: Binary, left: Number, right: Number, name: &str) -> Result<Value, Stop> {
    let (Number::Int(a), Number::Int(b)) = (left, right) else {
        return doubles(op, left.float(), right.float(), name);
    };
    let done = match op {
        Binary::Add => a.checked_add(b),
        Binary::Subtract => a.checked_sub(b),
        Binary::Multiply => a.checked_mul(b),
        Binary::Divide | Binary::Remainder if b == 0 => return Ok(Value::Null),
        Binary::Divide if b == -1 => a.checked_neg(),
        Binary::Divide if a % b == 0 => Some(a / b),
        Binary::Divide => return Ok((a as f64 / b as f64).into()),
        Binary::Remainder => Some(a.wrapping_rem(b)),
        _ => match u32::try_from(b) {
            Ok(exponent) => a.checked_pow(exponent),
            Err(_) if b < 0 => return doubles(op, a as f64, b as f64, name),
            Err(_) => matches!(a, -1..=1).then(|| if a == -1 && b % 2 == 0 { 1 } else { a }),
        },
    };
    done.map(Value::Int).ok_or_else(|| overflow(name))
}

/// IEEE doubles; a division by zero is null.
fn doubles(op: Binary, a: f64, b: f64, name: &str) -> Result<Value, Stop> {
    let done = match op {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide | Binary::Remainder if b == 0.0 => return Ok(Value::Null),
        Binary::Divide => a / b,
        Binary::Remainder => a % b,
        // One through a power of zero.
        _ if a == 0.0 && b < 0.0 => return Ok(Value::Null),
        _ => a.powf(b),
    };
    if done.is_nan() {
        return Err(Stop::new(format!("`{name}` has no real result for a negative number and such a power")));
    }
    finite(done).ok_or_else(|| too_large(name))
}

pub(crate) fn negate(value: &Value) -> Result<Value, Stop> {
    match Number::of(value) {
        Some(Number::Int(n)) => n.checked_neg().map(Value::Int).ok_or_else(|| overflow("-")),
        Some(Number::Float(n)) => Ok(Value::Float(-n)),
        None => Err(wrong_one("-", value)),
    }
}

pub(crate) fn plus(value: &Value) -> Result<Value, Stop> {
    Number::of(value).map(Value::from).ok_or_else(|| wrong_one("+", value))
}

fn bits(op: Binary, left: &Value, right: &Value) -> Result<Value, Stop> {
    let whole = |value: &Value| match Number::of(value)? {
        Number::Int(n) => Some(n),
        Number::Float(n) => number::whole(n),
    };
    let (Some(a), Some(b)) = (whole(left), whole(right)) else {
        let name = |value: &Value| {
            if Number::of(value).is_some() && whole(value).is_none() {
                "one with a fraction"
            } else {
                value.type_name()
            }
        };
        let (sign, a, b) = (op.sign(), name(left), name(right));
        return Err(Stop::new(format!("`{sign}` takes whole numbers, not {a} and {b}")));
    };
    Ok(Value::Int(match op {
        Binary::BitAnd => a & b,
        Binary::BitOr => a | b,
        Binary::BitXor => a ^ b,
        _ => {
            if !(0..64).contains(&b) {
                return Err(Stop::new(format!("`{}` shifts by 0 to 63 places, not by {b}", op.sign())));
            }
            if op == Binary::ShiftLeft { a << b } else { a >> b }
        }
    }))
}

pub(crate) fn overflow(sign: &str) -> Stop {
    Stop::new(format!("`{sign}` overflows: the result is no whole number of 64 bits"))
        .with_help("write one of the numbers with a decimal point to calculate with doubles")
}

pub(crate) fn too_large(name: &str) -> Stop {
    Stop::new(format!("`{name}` overflows: the result is too large for a double"))
}

fn wrong(op: Binary, left: &Value, right: &Value) -> Stop {
    let (sign, a, b) = (op.sign(), left.type_name(), right.type_name());
    let help = match (left, right) {
        (Value::Text(_), _) | (_, Value::Text(_)) => "`number(x)` makes a text a number, or null",
        _ => "take a part of it, or `count(x)`",
    };
    Stop::new(format!("`{sign}` cannot take {a} and {b}")).with_help(help)
}

fn wrong_one(sign: &str, value: &Value) -> Stop {
    Stop::new(format!("`{sign}` cannot take {}", value.type_name()))
}
