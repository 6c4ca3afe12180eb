//! The syntax tree.
//!
//! Operators of one level that stand in a row are one [`Kind::Chain`], so that a long sum is as flat as it looks; the
//! tree that people see ([`Node::to_value`]) has them as pairs.

use std::sync::Arc;

use crate::{Error, Map, Value, functions::Function, lex::Span};

/// How many levels a recipe may nest (recipe.md, Limits).
pub(crate) const DEPTH_MAX: u16 = 256;

pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// Levels below and with this one, at most [`DEPTH_MAX`]: what walks the tree needs no other guard.
    pub(crate) height: u16,
}

pub(crate) enum Kind {
    Literal(Value),
    Var(Arc<str>),
    Name(Arc<str>),
    This,
    List(Vec<Node>),
    Object(Vec<Entry>),
    /// `...e` in a list or an object.
    Spread(Box<Node>),
    /// `f"words {e} words"`.
    Template(Vec<Part>),
    Match(Box<Node>, Vec<Arm>),
    Lambda(Vec<Arc<str>>, Box<Node>),
    Call(&'static Function, Vec<Node>),
    /// The first argument stands before the dot.
    Method(&'static Function, Vec<Node>),
    Member(Box<Node>, Arc<str>),
    Index(Box<[Node; 2]>),
    Wildcard(Box<Node>),
    Unary(Unary, Box<Node>),
    Chain(Box<Node>, Vec<(Binary, Node)>),
    Choice(Box<[Node; 3]>),
}

pub(crate) enum Entry {
    Field(Arc<str>, Node),
    Computed(Node, Node),
    /// A node of kind [`Kind::Spread`].
    Spread(Node),
}

pub(crate) enum Part {
    Words(Arc<str>),
    Of(Node),
}

pub(crate) struct Arm {
    /// None: default.
    pub(crate) when: Option<Vec<Node>>,
    pub(crate) then: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Minus,
    Plus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    BitOr,
    BitXor,
    BitAnd,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    ShiftLeft,
    ShiftRight,
    Coalesce,
    Concat,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

/// Sign, operator and level: a higher level binds tighter. All but the last group from left to right.
pub(crate) const BINARY: &[(&str, Binary, u8)] = &[
    ("||", Binary::Or, 1),
    ("&&", Binary::And, 2),
    ("|", Binary::BitOr, 3),
    ("^", Binary::BitXor, 4),
    ("&", Binary::BitAnd, 5),
    ("==", Binary::Equal, 6),
    ("!=", Binary::Unequal, 6),
    ("<", Binary::Less, 7),
    ("<=", Binary::LessEqual, 7),
    (">", Binary::Greater, 7),
    (">=", Binary::GreaterEqual, 7),
    ("<<", Binary::ShiftLeft, 8),
    (">>", Binary::ShiftRight, 8),
    ("??", Binary::Coalesce, 9),
    ("#", Binary::Concat, 10),
    ("+", Binary::Add, 11),
    ("-", Binary::Subtract, 11),
    ("*", Binary::Multiply, 12),
    ("/", Binary::Divide, 12),
    ("%", Binary::Remainder, 12),
    ("**", Binary::Power, 13),
];

impl Binary {
    fn row(self) -> (&'static str, u8) {
        BINARY.iter().find(|row| row.1 == self).map_or(("", 0), |row| (row.0, row.2))
    }

    pub(crate) fn sign(self) -> &'static str {
        self.row().0
    }

    pub(crate) fn level(self) -> u8 {
        self.row().1
    }
}

impl Unary {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Unary::Not => "!",
            Unary::Minus => "-",
            Unary::Plus => "+",
        }
    }
}

impl Kind {
    /// Calls `see` with every node directly below.
    pub(crate) fn children<'n>(&'n self, see: &mut dyn FnMut(&'n Node)) {
        match self {
            Kind::Literal(_) | Kind::Var(_) | Kind::Name(_) | Kind::This => {}
            Kind::List(nodes) | Kind::Call(_, nodes) | Kind::Method(_, nodes) => nodes.iter().for_each(see),
            Kind::Template(parts) => parts.iter().for_each(|part| match part {
                Part::Words(_) => {}
                Part::Of(node) => see(node),
            }),
            Kind::Object(entries) => entries.iter().for_each(|entry| match entry {
                Entry::Field(_, value) => see(value),
                Entry::Computed(key, value) => {
                    see(key);
                    see(value);
                }
                Entry::Spread(of) => see(of),
            }),
            Kind::Spread(of)
            | Kind::Lambda(_, of)
            | Kind::Member(of, _)
            | Kind::Wildcard(of)
            | Kind::Unary(_, of) => see(of),
            Kind::Match(of, arms) => {
                see(of);
                for arm in arms {
                    arm.when.iter().flatten().for_each(&mut *see);
                    see(&arm.then);
                }
            }
            Kind::Index(both) => both.iter().for_each(see),
            Kind::Chain(first, rest) => {
                see(first);
                rest.iter().for_each(|(_, node)| see(node));
            }
            Kind::Choice(parts) => parts.iter().for_each(see),
        }
    }
}

impl Node {
    /// A node above its children.
    ///
    /// # Errors
    /// The tree would be too high.
    pub(crate) fn new(kind: Kind, span: Span) -> Result<Node, Error> {
        let mut height = 0;
        kind.children(&mut |child| height = child.height.max(height));
        if height >= DEPTH_MAX {
            return Err(too_deep(span));
        }
        Ok(Node { kind, span, height: height + 1 })
    }

    /// The tree as people see it (recipe.md, The tree).
    pub(crate) fn to_value(&self) -> Value {
        let list = |nodes: &[Node]| Value::List(nodes.iter().map(Node::to_value).collect());
        let node = |kind: &str, fields: &[(&str, Value)]| {
            let mut map = Map::new();
            map.insert("kind", kind.into());
            map.extend(fields.iter().map(|(key, value)| (*key, value.clone())));
            Value::Object(map)
        };
        match &self.kind {
            Kind::Literal(value) => node("literal", &[("value", value.clone())]),
            Kind::Var(name) => node("var", &[("name", name.clone().into())]),
            Kind::Name(name) => node("name", &[("name", name.clone().into())]),
            Kind::This => node("this", &[]),
            Kind::List(items) => node("list", &[("items", list(items))]),
            Kind::Object(entries) => {
                node("object", &[("entries", Value::List(entries.iter().map(Entry::to_value).collect()))])
            }
            Kind::Spread(of) => node("spread", &[("of", of.to_value())]),
            Kind::Template(parts) => {
                let part = |part: &Part| match part {
                    Part::Words(words) => words.clone().into(),
                    Part::Of(node) => node.to_value(),
                };
                node("template", &[("parts", Value::List(parts.iter().map(part).collect()))])
            }
            Kind::Match(of, arms) => {
                let arm = |arm: &Arm| {
                    let when = arm.when.as_ref().map_or(Value::Null, |when| list(when));
                    Value::Object(Map::from_iter([("when", when), ("then", arm.then.to_value())]))
                };
                let arms = Value::List(arms.iter().map(arm).collect());
                node("match", &[("of", of.to_value()), ("arms", arms)])
            }
            Kind::Lambda(params, body) => {
                let params = Value::List(params.iter().map(|name| name.clone().into()).collect());
                node("lambda", &[("params", params), ("body", body.to_value())])
            }
            Kind::Call(function, args) => {
                node("call", &[("name", function.name.into()), ("args", list(args))])
            }
            Kind::Method(function, args) => {
                let of = args.first().map_or(Value::Null, Node::to_value);
                let args = list(args.get(1..).unwrap_or_default());
                node("method", &[("of", of), ("name", function.name.into()), ("args", args)])
            }
            Kind::Member(of, name) => node("member", &[("of", of.to_value()), ("name", name.clone().into())]),
            Kind::Index(both) => node("index", &[("of", both[0].to_value()), ("index", both[1].to_value())]),
            Kind::Wildcard(of) => node("wildcard", &[("of", of.to_value())]),
            Kind::Unary(op, of) => node("unary", &[("op", op.sign().into()), ("of", of.to_value())]),
            Kind::Chain(first, rest) => rest.iter().fold(first.to_value(), |left, (op, right)| {
                node("binary", &[("op", op.sign().into()), ("left", left), ("right", right.to_value())])
            }),
            Kind::Choice(parts) => {
                let [condition, then, otherwise] = &**parts;
                node(
                    "choice",
                    &[
                        ("if", condition.to_value()),
                        ("then", then.to_value()),
                        ("else", otherwise.to_value()),
                    ],
                )
            }
        }
    }
}

impl Entry {
    fn to_value(&self) -> Value {
        let entry =
            |key: Value, value: &Node| Map::from_iter([("key", key), ("value", value.to_value())]).into();
        match self {
            Entry::Field(key, value) => entry(key.clone().into(), value),
            Entry::Computed(key, value) => entry(key.to_value(), value),
            Entry::Spread(of) => of.to_value(),
        }
    }
}

pub(crate) fn too_deep(span: Span) -> Error {
    Error::new(format!("the recipe nests deeper than {DEPTH_MAX} levels"), span.into())
        .with_help("split it: set a part to a variable first")
}
