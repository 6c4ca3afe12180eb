//! A compiled expression.

use std::{fmt, sync::Arc};

use crate::{
    Context, Error, Mark, Value,
    ast::{Binary, Kind, Node},
    code::Program,
    compile,
    eval::Machine,
    follow::Around,
    parse,
    reads::{Path, Reads, Root},
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
    /// It stood in a template: a bare name that is no field of `this` is a variable.
    embedded: bool,
}

impl Recipe {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What was expected and where; an unknown function with the nearest known name.
    pub fn parse(text: &str) -> Result<Recipe, Error> {
        on_enough_stack(|| {
            let tree = parse::parse(text).map_err(|error| *error)?;
            Ok(Recipe::compile(text, &tree, false))
        })
    }

    /// Compiles the expression at the start of `text`, which is ended by an unmatched `}`: what stands behind `${` in a
    /// template. Gives back the recipe and the place of the `}`. A bare name that is no field of `this` is a variable
    /// there.
    ///
    /// # Errors
    /// As [`Recipe::parse`]; a missing `}`.
    pub fn parse_embedded(text: &str) -> Result<(Recipe, usize), Error> {
        on_enough_stack(|| {
            let (tree, end) = parse::parse_embedded(text).map_err(|error| *error)?;
            Ok((Recipe::compile(text.get(..end).unwrap_or(text), &tree, true), end))
        })
    }

    fn compile(text: &str, tree: &Node, embedded: bool) -> Recipe {
        Recipe(Arc::new(Compiled {
            text: text.into(),
            program: compile::compile(tree, embedded),
            height: tree.height.into(),
            reads: Reads::of(tree),
            embedded,
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
        let run = || Machine::run(context, &compiled.program).map_err(|stop| stop.error(compiled.text.len()));
        if compiled.height > FLAT { on_enough_stack(run) } else { run() }
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The syntax tree (recipe.md, The tree) as JSON: objects with a `kind`.
    pub fn ast(&self) -> String {
        // The tree is only wanted for people, so it is not kept.
        on_enough_stack(|| {
            parse::parse(&self.0.text).map_or_else(|_| "null".to_owned(), |tree| tree.to_json())
        })
    }

    /// The syntax tree of an expression, be it one that would not compile: functions and methods may have any name and
    /// any arguments.
    ///
    /// # Errors
    /// What was expected and where.
    pub fn tree(text: &str) -> Result<String, Error> {
        on_enough_stack(|| parse::parse_any(text).map(|tree| tree.to_json()).map_err(|error| *error))
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

    /// What of its value may hold a provider's words, if `this` and the variables do: as much as it could be, known without
    /// evaluating.
    pub fn mark(&self, this: &Mark, variable: &dyn Fn(&str) -> Mark) -> Mark {
        let Compiled { text, reads, embedded, .. } = &*self.0;
        let reaches = |path: &Path| match &path.root {
            Root::This => !this.is_clean(),
            Root::Name(name) => !this.is_clean() || *embedded && !variable(name).is_clean(),
            Root::Var(name) => !variable(name).is_clean(),
        };
        if !reads.paths.iter().any(reaches) {
            return Mark::Clean;
        }
        on_enough_stack(|| {
            // Most recipes never meet such words, so the tree is not kept for those that do.
            let Ok(tree) = parse::parse(text) else { return this.whole() };
            Around { this, variable, embedded: *embedded, scope: Vec::new() }.mark(&tree)
        })
    }

    /// Whether it compares by order (`<`, `>=`, ..): what counts does.
    pub fn compares_order(&self) -> bool {
        on_enough_stack(|| parse::parse(&self.0.text).is_ok_and(|tree| orders(&tree)))
    }

    /// Whether it calls the function of that name.
    pub fn calls(&self, name: &str) -> bool {
        self.0.text.contains(name)
            && on_enough_stack(|| parse::parse(&self.0.text).is_ok_and(|tree| calls(&tree, name)))
    }

    /// Whether it asks for a secret with `env()`.
    pub fn uses_env(&self) -> bool {
        self.0.reads.env
    }
}

fn orders(node: &Node) -> bool {
    use Binary::{Greater, GreaterEqual, Less, LessEqual};
    let here = match &node.kind {
        Kind::Chain(_, rest) => {
            rest.iter().any(|(op, _)| matches!(op, Greater | GreaterEqual | Less | LessEqual))
        }
        _ => false,
    };
    let mut found = here;
    node.kind.children(&mut |child| found = found || orders(child));
    found
}

fn calls(node: &Node, name: &str) -> bool {
    let mut found =
        matches!(&node.kind, Kind::Call(function, _) | Kind::Method(function, _) if function.name == name);
    node.kind.children(&mut |child| found = found || calls(child, name));
    found
}

/// What so many levels take is on any stack.
const FLAT: usize = 8;

/// What the deepest recipe takes; unoptimised code takes about three times as much.
const STACK: usize = if cfg!(debug_assertions) { 2 << 20 } else { 512 << 10 };

/// Goes on to a stack of its own where the thread's is too small for the deepest recipe.
fn on_enough_stack<T>(run: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(STACK, 2 * STACK, run)
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
