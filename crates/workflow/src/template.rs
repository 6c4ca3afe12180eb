//! Option values: JSON with recipes inside (workflow.md, Option values).

use std::{ops::Range, sync::Arc};

use recipe::{Context, List, Map, Recipe, Taint, Text, Value};

use crate::json::{Kind as JsonKind, Node};

/// A compiled option value.
#[derive(Debug, Clone)]
pub enum Template {
    /// As it stands.
    Literal(Value),
    /// Its value, with its type.
    Recipe(Recipe),
    /// What came in on that input port.
    Port(u8),
    /// Text with values in it.
    Text(Vec<Part>),
    /// A list with recipes inside.
    List(Vec<Template>),
    /// An object with recipes inside; a key may be a text with values in it.
    Object(Vec<(Template, Template)>),
}

/// A piece of a text.
#[derive(Debug, Clone)]
pub enum Part {
    /// As it stands.
    Literal(Arc<str>),
    /// The text of a value.
    Recipe(Recipe),
}

impl Template {
    /// Its value. `port` gives what came in on an input port.
    ///
    /// # Errors
    /// What a recipe in it stopped with.
    pub fn eval(&self, context: &Context<'_>, port: &dyn Fn(u8) -> Value) -> Result<Value, recipe::Error> {
        Ok(match self {
            Template::Literal(value) => value.clone(),
            Template::Recipe(recipe) => recipe.eval(context)?,
            Template::Port(index) => port(*index),
            Template::Text(parts) => text(parts, context)?,
            Template::List(items) => {
                let items: Result<List, _> = items.iter().map(|item| item.eval(context, port)).collect();
                Value::List(items?)
            }
            Template::Object(fields) => {
                let fields: Result<Map, _> = fields
                    .iter()
                    .map(|(key, value)| Ok((key.eval(context, port)?.to_text(), value.eval(context, port)?)))
                    .collect();
                Value::Object(fields?)
            }
        })
    }

    /// Its value, where no recipe is in it.
    pub fn literal(&self) -> Option<&Value> {
        match self {
            Template::Literal(value) => Some(value),
            _ => None,
        }
    }
}

fn text(parts: &[Part], context: &Context<'_>) -> Result<Value, recipe::Error> {
    let (mut joined, mut taint) = (String::new(), Taint::Clean);
    for part in parts {
        match part {
            Part::Literal(text) => joined.push_str(text),
            Part::Recipe(recipe) => {
                let value = recipe.eval(context)?;
                taint = taint | value.taint();
                joined.push_str(&value.to_text());
            }
        }
    }
    Ok(Value::Text(Text::new(joined).with_taint(taint)))
}

/// A recipe that does not compile, and the bytes of the file that it is about.
pub(crate) type Wrong = (Range<usize>, recipe::Error);

/// Compiles option values of one element.
pub(crate) struct Compiler<'a> {
    /// The file, for places.
    pub(crate) file: &'a str,
    /// Names of the element's input ports, for `:port`.
    pub(crate) ports: &'a [Arc<str>],
}

impl Compiler<'_> {
    /// A value option.
    pub(crate) fn value(&self, node: &Node) -> Result<Template, Wrong> {
        match &node.kind {
            JsonKind::Plain(value) => Ok(Template::Literal(value.clone())),
            JsonKind::Text(text) => self.text(node, text),
            JsonKind::List(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.value(item)).collect();
                items.map(list)
            }
            JsonKind::Object(fields) => {
                if let [(key, recipe)] = fields.as_slice()
                    && key.text == ".recipe"
                {
                    return self.recipe(recipe);
                }
                self.object(node, |value| self.value(value))
            }
        }
    }

    /// A recipe option: a string is an expression, and so is every string inside a list or an object.
    pub(crate) fn recipe(&self, node: &Node) -> Result<Template, Wrong> {
        match &node.kind {
            JsonKind::Plain(value) => Ok(Template::Literal(value.clone())),
            JsonKind::Text(text) => self.expression(node, text, 0).map(Template::Recipe),
            JsonKind::List(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.recipe(item)).collect();
                items.map(list)
            }
            JsonKind::Object(_) => self.object(node, |value| self.recipe(value)),
        }
    }

    fn object(
        &self,
        node: &Node,
        compile: impl Fn(&Node) -> Result<Template, Wrong>,
    ) -> Result<Template, Wrong> {
        let mut fields = Vec::new();
        for (key, value) in node.fields() {
            let at = Node { span: key.span.clone(), kind: JsonKind::Text(key.text.clone()) };
            // Only `${...}` is looked for in a key: `$name` in it is a name.
            let name = if key.text.contains("${") {
                self.text(&at, &key.text)?
            } else {
                Template::Literal(Value::from(key.text.as_str()))
            };
            fields.push((name, compile(value)?));
        }
        let plain: Option<Map> = fields
            .iter()
            .map(|(key, value)| Some((key.literal()?.to_text(), value.literal()?.clone())))
            .collect();
        Ok(plain.map_or(Template::Object(fields), |map| Template::Literal(Value::Object(map))))
    }

    fn text(&self, node: &Node, text: &str) -> Result<Template, Wrong> {
        if let Some(name) = text.strip_prefix(':')
            && let Some(port) = self.ports.iter().position(|port| &**port == name)
        {
            return Ok(Template::Port(port as u8));
        }
        if !text.contains('$') {
            return Ok(Template::Literal(Value::from(text)));
        }
        // A string that begins with `$` and a name is a recipe as a whole, if it is one; `$name and more` is text.
        if text.strip_prefix('$').is_some_and(begins_name) && !text.contains("${") {
            match Recipe::parse(text) {
                Ok(recipe) => return Ok(Template::Recipe(recipe)),
                Err(error) if looks_like_recipe(text) => {
                    return Err((node.inside(self.file, &error.span), error));
                }
                Err(_) => {}
            }
        }
        let mut parts = self.parts(node, text)?;
        Ok(match (parts.len(), parts.pop()) {
            (1, Some(Part::Recipe(recipe))) => Template::Recipe(recipe),
            (1, Some(Part::Literal(text))) => Template::Literal(Value::from(&*text)),
            (_, Some(last)) => {
                parts.push(last);
                Template::Text(parts)
            }
            (_, None) => Template::Literal(Value::from("")),
        })
    }

    fn parts(&self, node: &Node, text: &str) -> Result<Vec<Part>, Wrong> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find('$') {
            plain.push_str(&text[at..at + found]);
            at += found + 1;
            let rest = &text[at..];
            if let Some(after) = rest.strip_prefix('$') {
                plain.push('$');
                at = text.len() - after.len();
                continue;
            }
            let (recipe, length) = if let Some(inner) = rest.strip_prefix('{') {
                let parsed = Recipe::parse_embedded(inner);
                let (recipe, end) = parsed.map_err(|error| self.wrong(node, at + 1, error))?;
                (recipe, end + 2)
            } else {
                let length = path_length(rest);
                if length == 0 {
                    plain.push('$');
                    continue;
                }
                let path = &text[at - 1..at + length];
                (Recipe::parse(path).map_err(|error| self.wrong(node, at - 1, error))?, length)
            };
            if !plain.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut plain).into()));
            }
            parts.push(Part::Recipe(recipe));
            at += length;
        }
        plain.push_str(&text[at..]);
        if !plain.is_empty() {
            parts.push(Part::Literal(plain.into()));
        }
        Ok(parts)
    }

    fn expression(&self, node: &Node, text: &str, at: usize) -> Result<Recipe, Wrong> {
        Recipe::parse(text).map_err(|error| self.wrong(node, at, error))
    }

    fn wrong(&self, node: &Node, at: usize, error: recipe::Error) -> Wrong {
        let span = error.span.start + at..error.span.end + at;
        (node.inside(self.file, &span), error)
    }
}

fn list(items: Vec<Template>) -> Template {
    let plain: Option<List> = items.iter().map(|item| item.literal().cloned()).collect();
    plain.map_or(Template::List(items), |list| Template::Literal(Value::List(list)))
}

fn begins_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// `name.path.to`: a path goes on only when a letter or _ follows the dot.
fn path_length(text: &str) -> usize {
    if !begins_name(text) {
        return 0;
    }
    let word =
        |text: &str| text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let mut length = word(text);
    while let Some(after) = text[length..].strip_prefix('.').filter(|after| begins_name(after)) {
        length += 1 + word(after);
    }
    length
}

/// After its leading path, an expression goes on with an operator or a bracket; a text goes on with words.
fn looks_like_recipe(text: &str) -> bool {
    let rest = text[1 + path_length(&text[1..])..].trim_start();
    rest.is_empty() || rest.starts_with(|c: char| "+-*/%=<>!&|?[(#^".contains(c))
}
