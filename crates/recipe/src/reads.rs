//! What a recipe reads: variables, paths, secrets. Found in its tree without evaluating it.

use std::{collections::HashSet, fmt, sync::Arc};

use crate::{
    Value,
    ast::{Kind, Node},
    functions::Function,
};

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

/// As it would be written.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::This => f.write_str("this")?,
            Root::Var(name) => write!(f, "${name}")?,
            Root::Name(name) => f.write_str(name)?,
        }
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Field(name) => write!(f, ".{name}"),
            Segment::Index(index) => write!(f, "[{index}]"),
            Segment::Every => f.write_str("[*]"),
            Segment::Computed => f.write_str("[?]"),
        })
    }
}

/// Functions that give back items of their first argument.
const ITEMS: &[&str] = &["filter", "sort", "sortBy", "slice", "reverse", "unique"];

/// Functions that give back one item of their first argument.
const ITEM: &[&str] = &["first", "last", "find"];

#[derive(Default)]
pub(crate) struct Reads {
    pub(crate) variables: Vec<Arc<str>>,
    pub(crate) paths: Vec<Path>,
    pub(crate) env: bool,
    seen: HashSet<Path>,
    seen_variables: HashSet<Arc<str>>,
}

/// Parameters of the lambdas around, and what they stand for.
type Scope = Vec<(Arc<str>, Option<Path>)>;

impl Reads {
    pub(crate) fn of(tree: &Node) -> Reads {
        let mut reads = Reads::default();
        reads.see(tree, &mut Vec::new());
        (reads.seen, reads.seen_variables) = Default::default();
        reads
    }

    fn see(&mut self, node: &Node, scope: &mut Scope) {
        match &node.kind {
            Kind::Call(function, args) | Kind::Method(function, args) => self.see_call(function, args, scope),
            Kind::Var(_)
            | Kind::This
            | Kind::Name(_)
            | Kind::Member(..)
            | Kind::Index(..)
            | Kind::Wildcard(_) => match path(node, scope) {
                Some(path) => {
                    self.add(path);
                    self.see_inside(node, scope);
                }
                None => node.kind.children(&mut |child| self.see(child, scope)),
            },
            Kind::Lambda(params, body) => self.see_lambda(params, body, &|_| None, scope),
            kind => kind.children(&mut |child| self.see(child, scope)),
        }
    }

    /// What is read on the way along a path: computed keys, and the arguments of methods.
    fn see_inside(&mut self, node: &Node, scope: &mut Scope) {
        match &node.kind {
            Kind::Member(of, _) | Kind::Wildcard(of) => self.see_inside(of, scope),
            Kind::Index(of, index) => {
                self.see_inside(of, scope);
                self.see(index, scope);
            }
            Kind::Call(function, args) | Kind::Method(function, args) => self.see_call(function, args, scope),
            _ => {}
        }
    }

    fn see_call(&mut self, function: &Function, args: &[Node], scope: &mut Scope) {
        self.env |= function.name == "env";
        let item = args.first().and_then(|first| path(first, scope)).map(every);
        // The first parameter is the item, but for reduce, whose first one is what was made so far.
        let place = usize::from(function.name == "reduce");
        for arg in args {
            match &arg.kind {
                Kind::Lambda(params, body) => {
                    let bound = |at: usize| if at == place { item.clone() } else { None };
                    self.see_lambda(params, body, &bound, scope);
                }
                _ => self.see(arg, scope),
            }
        }
    }

    fn see_lambda(
        &mut self,
        params: &[Arc<str>],
        body: &Node,
        bound: &dyn Fn(usize) -> Option<Path>,
        scope: &mut Scope,
    ) {
        let outside = scope.len();
        scope.extend(params.iter().enumerate().map(|(at, name)| (name.clone(), bound(at))));
        self.see(body, scope);
        scope.truncate(outside);
    }

    fn add(&mut self, path: Path) {
        if !self.seen.insert(path.clone()) {
            return;
        }
        if let Root::Var(name) = &path.root
            && self.seen_variables.insert(name.clone())
        {
            self.variables.push(name.clone());
        }
        self.paths.push(path);
    }
}

fn every(mut path: Path) -> Path {
    path.segments.push(Segment::Every);
    path
}

/// The path that an expression is; None for anything else.
fn path(node: &Node, scope: &Scope) -> Option<Path> {
    let root = |root| Some(Path { root, segments: Vec::new() });
    let (of, segment) = match &node.kind {
        Kind::This => return root(Root::This),
        Kind::Var(name) => return root(Root::Var(name.clone())),
        Kind::Name(name) => {
            return match scope.iter().rev().find(|(param, _)| param == name) {
                Some((_, bound)) => bound.clone(),
                None => root(Root::Name(name.clone())),
            };
        }
        Kind::Member(of, name) => (&**of, Segment::Field(name.clone())),
        Kind::Wildcard(of) => (&**of, Segment::Every),
        Kind::Index(of, index) => {
            let segment = match &index.kind {
                Kind::Literal(Value::Int(index)) => Segment::Index(*index),
                Kind::Literal(Value::Text(key)) => Segment::Field(key.shared().clone()),
                _ => Segment::Computed,
            };
            (&**of, segment)
        }
        Kind::Call(function, args) | Kind::Method(function, args) => {
            let of = path(args.first()?, scope)?;
            return match function.name {
                name if ITEMS.contains(&name) => Some(of),
                name if ITEM.contains(&name) => Some(every(of)),
                _ => None,
            };
        }
        _ => return None,
    };
    let mut path = path(of, scope)?;
    path.segments.push(segment);
    Some(path)
}
