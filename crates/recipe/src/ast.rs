//! The syntax tree.
//!
//! Operators of one level that stand in a row are one [`Kind::Chain`], so that a long sum is as flat as it looks; the
//! tree that people see ([`Node::to_json`]) has them as pairs.

mod tree;

use std::sync::Arc;

use crate::{Error, Value, functions::Function, lex::Span};

/// How many levels a recipe may nest (recipe.md, Limits).
pub(crate) const DEPTH_MAX: u16 = 256;

/// What a parser gives. Boxed, as are nodes: 256 levels of parsing must fit a small stack, unoptimised too.
pub(crate) type Parsed<T = Box<Node>> = Result<T, Box<Error>>;

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
    /// A call of what is no function, or a method of what stands before the dot; only in a tree for people.
    Unknown(Arc<str>, Option<Box<Node>>, Vec<Node>),
    Member(Box<Node>, Arc<str>),
    Index(Box<Node>, Box<Node>),
    Wildcard(Box<Node>),
    Unary(Unary, Box<Node>),
    Chain(Box<Node>, Vec<(Binary, Node)>),
    Choice(Box<Node>, Box<Node>, Box<Node>),
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

    /// Whether it gives true or false.
    pub(crate) fn tests(self) -> bool {
        use Binary::{Equal, Greater, GreaterEqual, Less, LessEqual, Unequal};
        matches!(self, Equal | Unequal | Less | LessEqual | Greater | GreaterEqual)
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
            Kind::Unknown(_, of, args) => of.as_deref().into_iter().chain(args).for_each(see),
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
            Kind::Index(of, index) => [of, index].into_iter().for_each(|node| see(node)),
            Kind::Chain(first, rest) => {
                see(first);
                rest.iter().for_each(|(_, node)| see(node));
            }
            Kind::Choice(condition, then, otherwise) => {
                [condition, then, otherwise].into_iter().for_each(|node| see(node));
            }
        }
    }
}

impl Node {
    /// A node above its children.
    ///
    /// # Errors
    /// The tree would be too high.
    pub(crate) fn new(kind: Kind, span: Span) -> Parsed {
        let mut height = 0;
        kind.children(&mut |child| height = child.height.max(height));
        if height >= DEPTH_MAX {
            return Err(too_deep(span));
        }
        Ok(Box::new(Node { kind, span, height: height + 1 }))
    }
}

#[cold]
pub(crate) fn too_deep(span: Span) -> Box<Error> {
    let error = Error::new(format!("the recipe nests deeper than {DEPTH_MAX} levels"), span.into());
    Box::new(error.with_help("split it: set a part to a variable first"))
}
