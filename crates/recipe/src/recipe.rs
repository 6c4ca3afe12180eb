//! A compiled expression.

use std::{fmt, sync::Arc};

use crate::{
    Context, Error, Value,
    ast::Node,
    code::Program,
    compile,
    eval::Machine,
    parse,
    reads::{Path, Reads},
};

/// A compiled expression: immutable, cheap to clone, shared between threads.
#[derive(Clone)]
pub struct Recipe(Arc<Compiled>);

struct Compiled {
    text: Arc<str>,
    program: Program,
    /// Levels of nesting.
    height: usize,
    reads: Reads,
}

impl Recipe {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What was expected and where; an unknown function with the nearest known name.
    pub fn parse(text: &str) -> Result<Recipe, Error> {
        parse::parse(text).map(|tree| Recipe::compile(text, &tree, false)).map_err(|error| *error)
    }

    /// Compiles the expression at the start of `text`, which is ended by an unmatched `}`: what stands behind `${` in a
    /// template. Gives back the recipe and the place of the `}`. A bare name that is no field of `this` is a variable
    /// there.
    ///
    /// # Errors
    /// As [`Recipe::parse`]; a missing `}`.
    pub fn parse_embedded(text: &str) -> Result<(Recipe, usize), Error> {
        let (tree, end) = parse::parse_embedded(text).map_err(|error| *error)?;
        Ok((Recipe::compile(text.get(..end).unwrap_or(text), &tree, true), end))
    }

    fn compile(text: &str, tree: &Node, embedded: bool) -> Recipe {
        Recipe(Arc::new(Compiled {
            text: text.into(),
            program: compile::compile(tree, embedded),
            height: tree.height.into(),
            reads: Reads::of(tree),
        }))
    }

    /// Its value.
    ///
    /// # Errors
    /// Wrong types, an overflow, or a spent budget, with the place.
    pub fn eval(&self, context: &Context<'_>) -> Result<Value, Error> {
        let compiled = &*self.0;
        if compiled.height > context.limits.depth {
            let says = format!("the recipe nests deeper than {} levels", context.limits.depth);
            return Err(Error::new(says, 0..compiled.text.len()));
        }
        Machine::run(context, &compiled.program).map_err(|stop| stop.error(compiled.text.len()))
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The syntax tree (recipe.md, The tree): objects with a `kind`.
    pub fn ast(&self) -> Value {
        // The tree is only wanted for people, so it is not kept.
        parse::parse(&self.0.text).map_or(Value::Null, |tree| tree.to_value())
    }

    /// The names of the variables that it reads as `$name`, each once.
    pub fn variables(&self) -> Vec<Arc<str>> {
        self.0.reads.variables.clone()
    }

    /// The paths that it reads, each once; through a lambda too: `$order.rows.map(r => r.sum)` reads
    /// `$order.rows[*].sum`.
    pub fn paths(&self) -> Vec<Path> {
        self.0.reads.paths.clone()
    }

    /// Whether it asks for a secret with `env()`.
    pub fn uses_env(&self) -> bool {
        self.0.reads.env
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
