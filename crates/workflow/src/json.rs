//! JSON with places: every value and key knows its bytes in the file.

use std::ops::Range;

use jsonc_parser::{CollectOptions, ParseOptions, ast, common::Ranged, parse_to_ast};
use recipe::{List, Map, Value};

/// How deep a file may nest.
const DEPTH_MAX: usize = 128;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// null, a boolean, a number.
    Plain(Value),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) span: Range<usize>,
    pub(crate) text: String,
}

/// What is wrong with the text, and where.
pub(crate) struct Wrong {
    pub(crate) says: String,
    pub(crate) help: &'static str,
    pub(crate) span: Range<usize>,
}

/// Parses strict JSON. Nesting is looked at first, so that no text can overflow the stack.
pub(crate) fn parse(text: &str) -> Result<Node, Wrong> {
    shallow(text)?;
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict).map_err(|error| {
        let range = error.range();
        let says = error.kind().to_string();
        let mut chars = says.chars();
        let lower = chars.next().map(|first| first.to_lowercase().chain(chars).collect::<String>());
        Wrong {
            says: format!("this is no JSON: {}", lower.unwrap_or_default()),
            help: "mend the JSON at this place",
            span: range.start..range.end,
        }
    })?;
    printable(text)?;
    let help = "write a workflow: { \"elements\": [..] }";
    parsed.value.map(node).ok_or_else(|| Wrong { says: "the file is empty".into(), help, span: 0..0 })
}

/// The parser takes line breaks and other control characters inside strings, and JSON does not. It looks at text that
/// the parser took, so that every quotation mark is one.
fn printable(text: &str) -> Result<(), Wrong> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            0..0x20 if quoted => {
                let says = "this is no JSON: a control character in a string".into();
                let help = "end the string, or write a line break as \\n and a tab as \\t";
                return Err(Wrong { says, help, span: at..at + 1 });
            }
            _ => {}
        }
    }
    Ok(())
}

fn shallow(text: &str) -> Result<(), Wrong> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            let says = format!("the file nests deeper than {DEPTH_MAX}");
            return Err(Wrong { says, help: "nest less", span: at..at + 1 });
        }
    }
    Ok(())
}

fn node(value: ast::Value<'_>) -> Node {
    let range = value.range();
    let span = range.start..range.end;
    let kind = match value {
        ast::Value::StringLit(text) => Kind::Text(text.value.into_owned()),
        ast::Value::NumberLit(number) => Kind::Plain(Value::from_json(number.value).unwrap_or_default()),
        ast::Value::BooleanLit(bool) => Kind::Plain(Value::Bool(bool.value)),
        ast::Value::NullKeyword(_) => Kind::Plain(Value::Null),
        ast::Value::Array(array) => Kind::List(array.elements.into_iter().map(node).collect()),
        ast::Value::Object(object) => Kind::Object(
            object
                .properties
                .into_iter()
                .map(|property| {
                    let range = property.name.range();
                    let text = property.name.as_str().to_owned();
                    (Key { span: range.start..range.end, text }, node(property.value))
                })
                .collect(),
        ),
    };
    Node { span, kind }
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Plain(Value::Null))
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The fields; PHP writes an empty object as an empty list, so that is one too.
    pub(crate) fn fields(&self) -> &[(Key, Node)] {
        match &self.kind {
            Kind::Object(fields) => fields,
            _ => &[],
        }
    }

    /// The items; an empty object is an empty list.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// A field that is there and not null; of several with one name the last.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.fields()
            .iter()
            .rev()
            .find(|(name, _)| name.text == key)
            .map(|(_, node)| node)
            .filter(|n| !n.is_null())
    }

    pub(crate) fn value(&self) -> Value {
        match &self.kind {
            Kind::Plain(value) => value.clone(),
            Kind::Text(text) => Value::from(text.as_str()),
            Kind::List(items) => Value::List(items.iter().map(Node::value).collect::<List>()),
            Kind::Object(fields) => Value::Object(
                fields.iter().map(|(key, node)| (key.text.as_str(), node.value())).collect::<Map>(),
            ),
        }
    }

    /// What a person calls its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Plain(Value::Null) => "null",
            Kind::Plain(Value::Bool(_)) => "a boolean",
            Kind::Plain(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Object(_) => "an object",
        }
    }

    /// The bytes of the file that the given bytes of this string's text come from: escapes are longer than what they mean.
    pub(crate) fn inside(&self, file: &str, of_text: &Range<usize>) -> Range<usize> {
        let raw = file.get(self.span.clone()).unwrap_or_default();
        let (mut seen, mut start, mut end) = (0, None, None);
        let mut chars = raw.char_indices().skip(1).peekable();
        while let Some((at, char)) = chars.next() {
            if start.is_none() && seen >= of_text.start {
                start = Some(at);
            }
            if seen >= of_text.end {
                end = Some(at);
                break;
            }
            seen += match char {
                '\\' => match chars.next() {
                    Some((_, 'u')) => {
                        let hex: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                        let unit = u32::from_str_radix(&hex, 16).unwrap_or(0);
                        // Half of a pair means two of the four bytes.
                        char::from_u32(unit).map_or(2, char::len_utf8)
                    }
                    _ => 1,
                },
                plain => plain.len_utf8(),
            };
        }
        let start = self.span.start + start.unwrap_or(0);
        start..(self.span.start + end.unwrap_or(raw.len().saturating_sub(1))).max(start)
    }
}
