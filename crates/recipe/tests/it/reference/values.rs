//! The table "Values" of recipe.md, once more.

use serde_json::Value as Json;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Val>),
    Object(Vec<(String, Val)>),
}

use Val::{Bool, Float, Int, List, Null, Object, Text};

pub(crate) type Got = Result<Val, ()>;

impl Val {
    pub(crate) fn read(json: &Json) -> Val {
        match json {
            Json::Null => Null,
            Json::Bool(is) => Bool(*is),
            Json::Number(n) => n.as_i64().map_or_else(|| Float(n.as_f64().unwrap()), Int),
            Json::String(text) => Text(text.clone()),
            Json::Array(items) => List(items.iter().map(Val::read).collect()),
            Json::Object(fields) => Object(fields.iter().map(|(k, v)| (k.clone(), Val::read(v))).collect()),
        }
    }

    pub(crate) fn json(&self) -> String {
        match self {
            Null => "null".to_owned(),
            Bool(is) => is.to_string(),
            Int(n) => n.to_string(),
            Float(n) => recipe::Value::Float(*n).to_json(),
            Text(text) => Json::from(text.as_str()).to_string(),
            List(items) => format!("[{}]", items.iter().map(Val::json).collect::<Vec<_>>().join(",")),
            Object(fields) => {
                let field = |(k, v): &(String, Val)| format!("{}:{}", Json::from(k.as_str()), v.json());
                format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(","))
            }
        }
    }

    pub(crate) fn words(&self) -> String {
        match self {
            Null => String::new(),
            Text(text) => text.clone(),
            other => other.json(),
        }
    }

    pub(crate) fn truthy(&self) -> bool {
        match self {
            Null | Bool(false) | Int(0) => false,
            Float(n) => *n != 0.0,
            Text(text) => !text.is_empty() && text != "0",
            List(items) => !items.is_empty(),
            Object(fields) => !fields.is_empty(),
            _ => true,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Val> {
        let Object(fields) = self else { return None };
        fields.iter().find(|(has, _)| has == key).map(|(_, value)| value)
    }

    pub(crate) fn number(&self) -> Option<Val> {
        match self {
            Null => Some(Int(0)),
            Bool(is) => Some(Int(i64::from(*is))),
            Int(_) | Float(_) => Some(self.clone()),
            Text(text) => numeric(text),
            _ => None,
        }
    }
}

pub(crate) fn numeric(text: &str) -> Option<Val> {
    let text = text.trim();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['-', '+']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if ![whole, fraction, exponent].into_iter().all(digits) {
        return None;
    }
    match text.parse() {
        Ok(n) => Some(Int(n)),
        Err(_) => text.parse().ok().filter(|n: &f64| n.is_finite()).map(Float),
    }
}

pub(crate) fn float(n: &Val) -> f64 {
    match n {
        Int(n) => *n as f64,
        Float(n) => *n,
        other => panic!("{other:?} is no number"),
    }
}

fn finite(n: f64) -> Got {
    if n.is_finite() { Ok(Float(n)) } else { Err(()) }
}

/// Exact: a whole number has more digits than a double.
fn compare(a: &Val, b: &Val) -> std::cmp::Ordering {
    let parts = |n: &Val| match n {
        Int(n) => (i128::from(*n), 0.0),
        Float(n) => (n.floor() as i128, n - n.floor()),
        other => panic!("{other:?} is no number"),
    };
    let (a, b) = (parts(a), parts(b));
    a.0.cmp(&b.0).then(a.1.partial_cmp(&b.1).unwrap())
}

pub(crate) fn same(a: &Val, b: &Val) -> bool {
    match (a, b) {
        (Null, Null) => true,
        (Null, n @ (Int(_) | Float(_))) | (n @ (Int(_) | Float(_)), Null) => float(n) == 0.0,
        (Bool(a), Bool(b)) => a == b,
        (Text(a), Text(b)) => a == b,
        (Int(_) | Float(_), Int(_) | Float(_)) => compare(a, b).is_eq(),
        (Text(text), n @ (Int(_) | Float(_))) | (n @ (Int(_) | Float(_)), Text(text)) => {
            numeric(text).is_some_and(|text| compare(&text, n).is_eq())
        }
        (List(a), List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Object(fields), Object(others)) => match (record(a), record(b)) {
            (Some(a), Some(b)) => same(a.0, b.0) && same(a.1, b.1),
            _ => {
                let known = |(k, v): &(String, Val)| b.get(k).is_some_and(|theirs| same(v, theirs));
                fields.len() == others.len() && fields.iter().all(known)
            }
        },
        _ => false,
    }
}

pub(crate) fn record(value: &Val) -> Option<(&Val, &Val)> {
    Some((value.get("module")?, value.get("id")?))
}

/// A list's items; null has none, an object is a list of one.
pub(crate) fn items(value: Val) -> Result<Vec<Val>, ()> {
    match value {
        List(items) => Ok(items),
        Null => Ok(Vec::new()),
        Object(_) => Ok(vec![value]),
        _ => Err(()),
    }
}

pub(crate) fn put(object: &mut Vec<(String, Val)>, key: String, value: Val) {
    match object.iter_mut().find(|(has, _)| *has == key) {
        Some(known) => known.1 = value,
        None => object.push((key, value)),
    }
}

pub(crate) fn field(of: &Val, name: &str) -> Val {
    match of {
        Object(_) => of.get(name).cloned().unwrap_or(Null),
        List(items) if name == "length" => Int(items.len() as i64),
        Text(text) if name == "length" => Int(text.chars().count() as i64),
        _ => Null,
    }
}

pub(crate) fn item(of: &Val, index: &Val) -> Val {
    let items: Vec<Val> = match of {
        Object(_) if *index == Null => return Null,
        Object(_) => return of.get(&index.words()).cloned().unwrap_or(Null),
        List(items) => items.clone(),
        Text(text) => text.chars().map(|c| Text(c.to_string())).collect(),
        _ => return Null,
    };
    let at = match index {
        Int(at) => *at,
        Float(at) if at.fract() == 0.0 => *at as i64,
        Text(text) => match numeric(text) {
            Some(Int(at)) => at,
            _ => return field(of, text),
        },
        _ => return Null,
    };
    let at = if at < 0 { at + items.len() as i64 } else { at };
    usize::try_from(at).ok().and_then(|at| items.get(at)).cloned().unwrap_or(Null)
}

pub(crate) fn relation(op: &str, left: &Val, right: &Val) -> Got {
    let order = match (left, right) {
        (Text(a), Text(b)) => a.cmp(b),
        _ => match (left.number(), right.number(), left, right) {
            (Some(a), Some(b), ..) => compare(&a, &b),
            (.., Null, Text(_)) | (.., Text(_), Null) => return Ok(Bool(false)),
            _ => return Err(()),
        },
    };
    Ok(Bool(match op {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }))
}

pub(crate) fn bits(op: &str, left: &Val, right: &Val) -> Got {
    let whole = |value: &Val| match value.number() {
        Some(Int(n)) => Ok(n),
        Some(Float(n)) if n.fract() == 0.0 && (-2_f64.powi(63)..2_f64.powi(63)).contains(&n) => Ok(n as i64),
        _ => Err(()),
    };
    let (a, b) = (whole(left)?, whole(right)?);
    let places = || u32::try_from(b).ok().filter(|places| *places < 64).ok_or(());
    Ok(Int(match op {
        "&" => a & b,
        "|" => a | b,
        "^" => a ^ b,
        "<<" => ((i128::from(a)) << places()?) as i64,
        _ => a >> places()?,
    }))
}

pub(crate) fn arithmetic(op: &str, left: &Val, right: &Val) -> Got {
    let (a, b) = match (left, right) {
        (Int(a), Int(b)) => (i128::from(*a), i128::from(*b)),
        _ => return doubles(op, float(left), float(right)),
    };
    let exact = match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" | "%" if b == 0 => return Ok(Null),
        "/" if a % b == 0 => a / b,
        "/" => return finite(a as f64 / b as f64),
        "%" => a % b,
        _ if b < 0 => return doubles("**", a as f64, b as f64),
        // Beyond 64 times only these three do not overflow.
        _ => match a {
            0 if b > 0 => 0,
            1 => 1,
            -1 => 1 - 2 * (b % 2),
            _ => a.checked_pow(u32::try_from(b).map_err(|_| ())?).ok_or(())?,
        },
    };
    i64::try_from(exact).map(Int).map_err(|_| ())
}

fn doubles(op: &str, a: f64, b: f64) -> Got {
    if b == 0.0 && matches!(op, "/" | "%") || op == "**" && a == 0.0 && b < 0.0 {
        return Ok(Null);
    }
    finite(match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a % b,
        _ => a.powf(b),
    })
}
