//! Compact JSON.

use std::{
    fmt::{self, Write},
    slice,
};

use super::{Name, Value, serial};
use crate::{Error, number};

impl Value {
    /// Reads JSON. Whole numbers beyond 64 bits become doubles; the last of several equal keys counts.
    ///
    /// # Errors
    /// What is no JSON, or nests deeper than 128 levels.
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
        self.to_string()
    }

    /// How it reads inside a text, at the end of another text; an error once that is longer than `most` bytes.
    pub(crate) fn join_to(&self, out: &mut String, most: usize) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Text(text) => Bounded { out, most }.write_str(text),
            Value::Int(n) => number::write_whole(*n, &mut Bounded { out, most }),
            other => write(other, &mut Bounded { out, most }),
        }
    }

    /// Compact JSON at the end of another text; an error once that is longer than `most` bytes.
    pub(crate) fn json_to(&self, out: &mut String, most: usize) -> fmt::Result {
        write(self, &mut Bounded { out, most })
    }
}

/// Compact JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self, f)
    }
}

/// A text that may not grow beyond so many bytes.
struct Bounded<'o> {
    out: &'o mut String,
    most: usize,
}

impl Write for Bounded<'_> {
    fn write_str(&mut self, words: &str) -> fmt::Result {
        if words.len() > self.most.saturating_sub(self.out.len()) {
            return Err(fmt::Error);
        }
        self.out.push_str(words);
        Ok(())
    }
}

enum Open<'a> {
    List(slice::Iter<'a, Value>),
    Object(slice::Iter<'a, (Name, Value)>),
}

/// Writes compact JSON, without recursion.
fn write(mut value: &Value, out: &mut impl Write) -> fmt::Result {
    let mut open: Vec<Open<'_>> = Vec::new();
    loop {
        let mut first = true;
        match value {
            Value::List(list) => {
                out.write_char('[')?;
                open.push(Open::List(list.iter()));
            }
            Value::Object(map) => {
                out.write_char('{')?;
                open.push(Open::Object(map.entries().iter()));
            }
            one => {
                scalar(one, out)?;
                first = false;
            }
        }
        value = loop {
            let Some(innermost) = open.last_mut() else { return Ok(()) };
            let (next, end) = match innermost {
                Open::List(items) => (items.next().map(|value| (None, value)), ']'),
                Open::Object(entries) => (entries.next().map(|(key, value)| (Some(key), value)), '}'),
            };
            let Some((key, value)) = next else {
                out.write_char(end)?;
                open.pop();
                first = false;
                continue;
            };
            if !first {
                out.write_char(',')?;
            }
            if let Some(key) = key {
                write_text(key, out)?;
                out.write_char(':')?;
            }
            break value;
        };
    }
}

fn scalar(value: &Value, out: &mut impl Write) -> fmt::Result {
    match value {
        Value::Bool(is) => out.write_str(if *is { "true" } else { "false" }),
        Value::Int(n) => number::write_whole(*n, out),
        Value::Float(n) => number::write(*n, out),
        Value::Text(text) => write_text(text, out),
        _ => out.write_str("null"),
    }
}

/// Writes a text in quotes.
pub(crate) fn write_text(text: &str, out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
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
        out.write_str(&text[plain_from..at])?;
        out.write_str(short)?;
        if short.is_empty() {
            write!(out, "\\u{byte:04x}")?;
        }
        plain_from = at + 1;
    }
    out.write_str(&text[plain_from..])?;
    out.write_char('"')
}
