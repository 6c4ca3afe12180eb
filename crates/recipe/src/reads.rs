//! What a recipe reads: variables, paths, secrets. Found in its tree without evaluating it.

use std::{collections::HashSet, fmt, sync::Arc};

use crate::{
    Value,
    ast::{Binary, Kind, Node},
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

/// An expression that may be at more places than this is not followed: what it is made of is read as a whole.
const PLACES_MAX: usize = 16;

/// Where a value lies: what `$order.rows`, `rows[*].sum` or `a ?? b.c` is, of which the last may lie at two places.
#[derive(Clone, PartialEq)]
struct Place {
    path: Path,
    /// The value is a list of what lies at the path, as `rows[*].sum` is; else it lies there itself.
    list: bool,
}

impl Place {
    fn of(root: Root) -> Places {
        vec![Place { path: Path { root, segments: Vec::new() }, list: false }]
    }

    /// An item of it.
    fn item(mut self) -> Place {
        if !self.list {
            self.path.segments.push(Segment::Every);
        }
        Place { list: false, ..self }
    }

    fn at(mut self, segment: Segment) -> Place {
        self.list |= segment == Segment::Every;
        self.path.segments.push(segment);
        self
    }
}

/// None of them: it lies nowhere, but is made.
type Places = Vec<Place>;

#[derive(Default)]
pub(crate) struct Reads {
    pub(crate) variables: Vec<Arc<str>>,
    pub(crate) paths: Vec<Path>,
    pub(crate) env: bool,
    seen: HashSet<Path>,
    seen_variables: HashSet<Arc<str>>,
}

/// Parameters of the lambdas around, and what they stand for.
type Scope = Vec<(Arc<str>, Places)>;

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
            | Kind::Wildcard(_) => {
                let places = places(node, scope);
                if places.is_empty() {
                    return node.kind.children(&mut |child| self.see(child, scope));
                }
                places.into_iter().for_each(|place| self.add(place.path));
                self.see_inside(node, scope);
            }
            Kind::Lambda(params, body) => self.see_lambda(params, body, &|_| Places::new(), scope),
            kind => kind.children(&mut |child| self.see(child, scope)),
        }
    }

    /// What is read on the way to a place: computed keys, conditions, and the arguments of methods.
    fn see_inside(&mut self, node: &Node, scope: &mut Scope) {
        match &node.kind {
            Kind::Member(of, _) | Kind::Wildcard(of) => self.see_inside(of, scope),
            Kind::Index(of, index) => {
                self.see_inside(of, scope);
                self.see(index, scope);
            }
            Kind::Call(function, args) | Kind::Method(function, args) => self.see_call(function, args, scope),
            Kind::Var(_) | Kind::This | Kind::Name(_) => {}
            Kind::Choice(condition, then, otherwise) => {
                self.see(condition, scope);
                [then, otherwise].into_iter().for_each(|node| self.see_inside(node, scope));
            }
            Kind::Chain(first, rest) if chooses(rest) => {
                self.see_inside(first, scope);
                rest.iter().for_each(|(_, node)| self.see_inside(node, scope));
            }
            Kind::Match(of, arms) => {
                self.see(of, scope);
                for arm in arms {
                    arm.when.iter().flatten().for_each(|node| self.see(node, scope));
                    self.see_inside(&arm.then, scope);
                }
            }
            kind => kind.children(&mut |child| self.see(child, scope)),
        }
    }

    fn see_call(&mut self, function: &Function, args: &[Node], scope: &mut Scope) {
        self.env |= function.name == "env";
        let items = items(args, scope);
        for arg in args {
            match &arg.kind {
                Kind::Lambda(params, body) => {
                    self.see_lambda(params, body, &|at| bound(function, &items, at), scope);
                }
                _ => self.see(arg, scope),
            }
        }
    }

    fn see_lambda(
        &mut self,
        params: &[Arc<str>],
        body: &Node,
        bound: &dyn Fn(usize) -> Places,
        scope: &mut Scope,
    ) {
        inside(params, bound, scope, |scope| self.see(body, scope));
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

/// Whether a row of operators gives back one of its operands.
fn chooses(rest: &[(Binary, Node)]) -> bool {
    rest.iter().all(|(op, _)| matches!(op, Binary::And | Binary::Or | Binary::Coalesce))
}

/// Does something with a lambda's parameters in scope.
fn inside<T>(
    params: &[Arc<str>],
    bound: &dyn Fn(usize) -> Places,
    scope: &mut Scope,
    go: impl FnOnce(&mut Scope) -> T,
) -> T {
    let outside = scope.len();
    scope.extend(params.iter().enumerate().map(|(at, name)| (name.clone(), bound(at))));
    let done = go(scope);
    scope.truncate(outside);
    done
}

/// The items of a call's first argument.
fn items(args: &[Node], scope: &mut Scope) -> Places {
    args.first().map_or_else(Places::new, |first| places(first, scope).into_iter().map(Place::item).collect())
}

/// What a lambda's parameter stands for: the first is the item, but for reduce, whose first one is what was made so far.
fn bound(function: &Function, items: &Places, at: usize) -> Places {
    if at == usize::from(function.name == "reduce") { items.clone() } else { Places::new() }
}

/// Where an expression's value may lie.
fn places(node: &Node, scope: &mut Scope) -> Places {
    let (of, segment) = match &node.kind {
        Kind::This => return Place::of(Root::This),
        Kind::Var(name) => return Place::of(Root::Var(name.clone())),
        Kind::Name(name) => {
            return match scope.iter().rev().find(|(param, _)| param == name) {
                Some((_, bound)) => bound.clone(),
                None => Place::of(Root::Name(name.clone())),
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
            return places_of_call(function, args, scope);
        }
        Kind::Choice(_, then, otherwise) => return any([&**then, otherwise], scope),
        Kind::Chain(first, rest) if chooses(rest) => {
            return any(std::iter::once(&**first).chain(rest.iter().map(|(_, node)| node)), scope);
        }
        Kind::Match(_, arms) => return any(arms.iter().map(|arm| &arm.then), scope),
        _ => return Places::new(),
    };
    places(of, scope).into_iter().map(|place| place.at(segment.clone())).collect()
}

fn places_of_call(function: &Function, args: &[Node], scope: &mut Scope) -> Places {
    let list = |places: Places| places.into_iter().map(|place| Place { list: true, ..place }).collect();
    match (function.name, args) {
        (name, [of, ..]) if ITEMS.contains(&name) => places(of, scope),
        (name, _) if ITEM.contains(&name) => items(args, scope),
        ("flatten", [_]) => list(items(args, scope).into_iter().map(Place::item).collect()),
        (name @ ("map" | "flatMap"), [_, by]) => {
            let Kind::Lambda(params, body) = &by.kind else { return Places::new() };
            let items = items(args, scope);
            let made = inside(params, &|at| bound(function, &items, at), scope, |scope| places(body, scope));
            list(if name == "map" { made } else { made.into_iter().map(Place::item).collect() })
        }
        _ => Places::new(),
    }
}

/// All places of several expressions, of which a value may be either.
fn any<'n>(nodes: impl IntoIterator<Item = &'n Node>, scope: &mut Scope) -> Places {
    let mut all = Places::new();
    for node in nodes {
        for place in places(node, scope) {
            if !all.contains(&place) {
                all.push(place);
            }
        }
        if all.len() > PLACES_MAX {
            return Places::new();
        }
    }
    all
}
