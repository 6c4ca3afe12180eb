//! Compact JSON.

use std::{fmt::Write, slice};

use super::{Name, Value, serial};
use crate::{Error, number};

impl Value {
    /// Reads JSON. Whole numbers beyond 64 bits become doubles; the last of several equal keys counts.
    ///
    /// # Errors
    /// What is no JSON, or nests 128 levels deep.
    pub fn from_json(text: &str) -> Result<Value, Error> {
        serial::from_json(text).map_err(|error| {
            let line_start: usize =
                text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            let mut at = (line_start + error.column().saturating_sub(1)).min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let says = error.to_string();
            let says = says.split(" at line ").next().unwrap_or_default();
            Error::new(format!("this is no JSON: {says}"), at..at)
        })
    }

    /// Writes compact JSON. Marks are lost, what is not finite is null.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        write(self, &mut out);
        out
    }
}

enum Open<'a> {
    List(slice::Iter<'a, Value>),
    Object(slice::Iter<'a, (Name, Value)>),
}

/// Appends compact JSON, without recursion.
pub(super) fn write(mut value: &Value, out: &mut String) {
    let mut open: Vec<Open<'_>> = Vec::new();
    loop {
        match value {
            Value::List(list) => {
                out.push('[');
                open.push(Open::List(list.iter()));
            }
            Value::Object(map) => {
                out.push('{');
                open.push(Open::Object(map.entries().iter()));
            }
            one => scalar(one, out),
        }
        value = loop {
            let Some(innermost) = open.last_mut() else { return };
            let first = out.ends_with(['[', '{']);
            let (next, end) = match innermost {
                Open::List(items) => (items.next().map(|value| (None, value)), ']'),
                Open::Object(entries) => (entries.next().map(|(key, value)| (Some(key), value)), '}'),
            };
            let Some((key, value)) = next else {
                out.push(end);
                open.pop();
                continue;
            };
            if !first {
                out.push(',');
            }
            if let Some(key) = key {
                string(key, out);
                out.push(':');
            }
            break value;
        };
    }
}

fn scalar(value: &Value, out: &mut String) {
    match value {
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(n) => number::write_whole(*n, out),
        Value::Float(n) => number::write(*n, out),
        Value::Text(text) => string(text, out),
        _ => out.push_str("null"),
    }
}

/// Appends a quoted text.
fn string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            8 => "\\b",
            12 => "\\f",
            0..32 => "",
            _ => continue,
        };
        out.push_str(&text[plain_from..at]);
        out.push_str(short);
        if short.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        }
        plain_from = at + 1;
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}
