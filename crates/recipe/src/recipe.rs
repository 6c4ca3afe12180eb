//! A compiled expression.

use std::{fmt, sync::Arc};

use crate::{
    Context, Error, Value,
    ast::Node,
    code::Code,
    compile::compile,
    eval::{Machine, Val},
    parse,
};

/// A compiled expression: immutable, cheap to clone, shared between threads.
#[derive(Clone)]
pub struct Recipe(Arc<Compiled>);

struct Compiled {
    text: Arc<str>,
    tree: Node,
    code: Code,
}

/// A path that a recipe reads, such as `$order.customer.zip`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// Where it starts.
    pub root: Root,
    /// What follows.
    pub segments: Vec<Segment>,
}

/// Where a path starts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Root {
    /// `this`.
    This,
    /// `$name`.
    Var(Arc<str>),
    /// A bare name: a field of `this` (in a template a variable if there is no such field).
    Name(Arc<str>),
}

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// `.name`, `["name"]`.
    Field(Arc<str>),
    /// `[0]`.
    Index(i64),
    /// `[*]`, or the items that a lambda goes over.
    Every,
    /// `[expression]`: known only at run time.
    Computed,
}

impl Recipe {
    fn of(text: &str, tree: Node, embedded: bool) -> Recipe {
        let code = compile(&tree, embedded);
        Recipe(Arc::new(Compiled { text: text.into(), tree, code }))
    }

    /// Compiles an expression.
    ///
    /// # Errors
    /// What was expected and where; an unknown function with the nearest known name.
    pub fn parse(text: &str) -> Result<Recipe, Error> {
        let tree = parse::parse(text)?;
        Ok(Recipe::of(text, tree, false))
    }

    /// Compiles the expression at the start of `text`, which is ended by an unmatched `}`: what stands behind `${` in a
    /// template. Gives back the recipe and the place of the `}`. A bare name that is no field of `this` is a variable
    /// there.
    ///
    /// # Errors
    /// As [`Recipe::parse`]; a missing `}`.
    pub fn parse_embedded(text: &str) -> Result<(Recipe, usize), Error> {
        let (tree, end) = parse::parse_embedded(text)?;
        Ok((Recipe::of(text.get(..end).unwrap_or(text), tree, true), end))
    }

    /// Its value.
    ///
    /// # Errors
    /// Wrong types, an overflow, or a spent budget, with the place.
    pub fn eval(&self, context: &Context<'_>) -> Result<Value, Error> {
        let mut machine = Machine::new(context);
        machine.eval(&self.0.code).map(Val::own).map_err(|stop| stop.error(self.0.text.len()))
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The syntax tree (recipe.md, The tree): objects with a `kind`.
    pub fn ast(&self) -> Value {
        self.0.tree.to_value()
    }

    /// The names of the variables that it reads as `$name`, each once.
    pub fn variables(&self) -> Vec<Arc<str>> {
        Vec::new()
    }

    /// The paths that it reads, each once.
    pub fn paths(&self) -> Vec<Path> {
        Vec::new()
    }

    /// Whether it asks for a secret with `env()`.
    pub fn uses_env(&self) -> bool {
        false
    }
}

impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipe({:?})", self.text())
    }
}

/// Equal when written alike.
impl PartialEq for Recipe {
    fn eq(&self, other: &Recipe) -> bool {
        self.text() == other.text()
    }
}
