//! What a syntax tree is compiled to: names resolved, constants folded, keys that remember where they were found.

use std::sync::{Arc, atomic::AtomicU32};

use crate::{
    Name, Value,
    ast::{Binary, Unary},
    functions::Function,
    lex::Span,
};

/// The name of a field or a variable, and where it was the last time.
pub(crate) struct Key {
    pub(crate) name: Name,
    pub(crate) near: AtomicU32,
}

impl Key {
    pub(crate) fn new(name: &Arc<str>) -> Key {
        Key { name: name.clone().into(), near: AtomicU32::new(0) }
    }
}

/// A compiled recipe.
pub(crate) struct Program {
    pub(crate) code: Code,
    /// The variables that it reads; paths name them by their places here.
    pub(crate) vars: Box<[Key]>,
    /// How many parameters of lambdas there are at the same time.
    pub(crate) slots: u32,
}

/// What a path begins with.
pub(crate) enum Base {
    This,
    Var(u32),
    /// A field of `this`, or else a variable: a bare name inside a template.
    FieldOrVar(Box<Key>, Box<Key>),
    /// A parameter of a lambda around it, by its place.
    Slot(u32),
}

pub(crate) enum Code {
    Const(Value),
    /// A base and the fields behind it.
    Path(Base, Box<[Key]>),
    Member(Box<(Code, Key)>),
    Index(Box<(Code, Code)>),
    Project(Box<Project>),
    Not(Box<Code>),
    Sign(Unary, Box<Code>, Span),
    /// One operator of arithmetic, bits, relation or equality.
    Pair(Box<Pair>),
    /// Several of one level, from left to right.
    Row(Box<(Code, Box<[Operand]>)>),
    And(Box<[Code]>),
    Or(Box<[Code]>),
    Coalesce(Box<[Code]>),
    /// `#` and templates.
    Join(Box<[Code]>),
    Choice(Box<[Code; 3]>),
    Match(Box<(Code, Box<[Arm]>)>),
    List(Box<[Item]>),
    Object(Box<[Field]>),
    Call(Box<Call>),
    /// A lambda where there is nothing to call it.
    Lambda(Span),
}

pub(crate) struct Pair {
    pub(crate) op: Binary,
    pub(crate) left: Code,
    pub(crate) right: Code,
    pub(crate) span: Span,
}

pub(crate) struct Operand {
    pub(crate) op: Binary,
    pub(crate) code: Code,
    pub(crate) span: Span,
}

/// A path with `[*]` in it.
pub(crate) struct Project {
    pub(crate) base: Code,
    pub(crate) parts: Box<[Part]>,
    pub(crate) span: Span,
}

pub(crate) enum Part {
    Every,
    Key(Key),
    Index(Code),
}

pub(crate) struct Arm {
    /// None: default.
    pub(crate) when: Option<Box<[Code]>>,
    pub(crate) then: Code,
}

pub(crate) struct Item {
    pub(crate) spread: bool,
    pub(crate) code: Code,
}

pub(crate) enum Field {
    Named(Name, Code),
    Computed(Code, Code),
    Spread(Code),
}

pub(crate) struct Call {
    pub(crate) function: &'static Function,
    pub(crate) args: Box<[Code]>,
    pub(crate) lambda: Option<Lambda>,
    /// The function goes over the items of its first argument one after the other, and that is a list made with `[*]`:
    /// what follows the `[*]`. The list is not made.
    pub(crate) each: Option<Each>,
    pub(crate) span: Span,
}

pub(crate) struct Each {
    pub(crate) keys: Box<[Key]>,
    pub(crate) span: Span,
}

pub(crate) struct Lambda {
    /// The place of its first parameter.
    pub(crate) base: u32,
    pub(crate) params: u32,
    pub(crate) body: Code,
    /// Evaluation steps of one call.
    pub(crate) steps: u32,
}
