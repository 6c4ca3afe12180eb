//! Option values: JSON with recipes inside (workflow.md, Option values).

use std::sync::Arc;

use recipe::{Context, List, Map, Recipe, Value};

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
