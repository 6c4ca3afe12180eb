//! op/pick

use recipe::{List, Map, Value};
use workflow::{Class, Declaration, Example, Json, Port};

use crate::{
    element::{Step, Type, port},
    elements::{IN, literal},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "op/pick",
        doc: "Takes only the named fields of its input, checked and converted: the way to clean what a provider sent. What is missing or cannot be converted is null.",
        class: Class::Pure,
        options: &[literal(
            "schema",
            &[Json::Object],
            "Field to type: text, number, int, bool, date, list, object, or an object of fields.",
        )],
        ins: IN,
        outs: &[Port { name: "default", doc: "The clean object; of a list, each item's." }],
        outs_from: None,
        examples: &[Example {
            says: "only what is named, in its type",
            element: r#"{"options": {"schema": {"id": "int", "name": "text", "at": {"zip": "text"}}}}"#,
            input: r#"{"id": "7", "name": "Ada", "secret": "x", "at": {"zip": 10115, "street": "y"}}"#,
            output: r#"{"default": {"id": 7, "name": "Ada", "at": {"zip": "10115"}}}"#,
        }],
    },
    |firing| {
        let schema = firing.value("schema")?;
        let picked = match firing.input() {
            Value::Null => Value::Null,
            Value::List(list) => Value::List(list.iter().map(|item| pick(item, &schema)).collect::<List>()),
            one => pick(&one, &schema),
        };
        Ok(Step::Emit(port("default", picked)))
    },
);

fn pick(value: &Value, schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, kind)| {
                let field = value.get(name).unwrap_or(&Value::Null);
                (name.clone(), convert(field, kind))
            })
            .collect::<Map>()
            .into(),
        _ => Value::Null,
    }
}

fn convert(value: &Value, kind: &Value) -> Value {
    if matches!(kind, Value::Object(_)) {
        return match value {
            Value::Object(_) => pick(value, kind),
            Value::List(list) => Value::List(list.iter().map(|item| pick(item, kind)).collect::<List>()),
            _ => Value::Null,
        };
    }
    let converted = match (kind.as_str().unwrap_or_default(), value) {
        ("text", Value::Text(_)) => value.clone(),
        ("text", Value::Int(_) | Value::Float(_) | Value::Bool(_)) => Value::from(value.to_text()),
        ("number", _) => number(value),
        ("int", _) => match number(value) {
            Value::Float(n) if n.fract() == 0.0 && n.abs() < 9.0e18 => Value::Int(n as i64),
            Value::Int(n) => Value::Int(n),
            _ => Value::Null,
        },
        ("bool", Value::Bool(_)) => value.clone(),
        ("bool", Value::Int(n @ (0 | 1))) => Value::Bool(*n == 1),
        ("bool", Value::Text(text)) => match &**text {
            "true" | "1" | "yes" | "on" => Value::Bool(true),
            "false" | "0" | "no" | "off" => Value::Bool(false),
            _ => Value::Null,
        },
        ("date", Value::Text(text)) if is_date(text) => value.clone(),
        ("list", Value::List(_)) | ("object", Value::Object(_)) => value.clone(),
        _ => Value::Null,
    };
    // A named text has been looked at by the author; a whole list or object has not, so it keeps its mark.
    match (&converted, kind.as_str()) {
        (_, Some("list" | "object")) => converted,
        _ => converted.untainted(),
    }
}

fn number(value: &Value) -> Value {
    match value {
        Value::Int(_) | Value::Float(_) => value.clone(),
        Value::Text(text) => {
            let text = text.trim();
            match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(n), _) => Value::Int(n),
                (_, Ok(n)) if n.is_finite() => Value::Float(n),
                _ => Value::Null,
            }
        }
        _ => Value::Null,
    }
}

/// `YYYY-MM-DD`, alone or before a time.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shape = bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(at, b)| match at {
            4 | 7 => *b == b'-',
            _ => b.is_ascii_digit(),
        });
    let two = |at: usize| (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0');
    shape
        && (1..=12).contains(&two(5))
        && (1..=31).contains(&two(8))
        && bytes.get(10).is_none_or(|b| matches!(b, b'T' | b't' | b' '))
        && bytes.len() <= 40
        && bytes[10..].iter().all(|b| b.is_ascii_alphanumeric() || b" :.+-/[]_".contains(b))
}
