//! Values on their way through an evaluation, and why it ends early.

use crate::{Error, Value, lex::Span, value::NULL};

/// A value that is borrowed where it can be.
pub(crate) enum Val<'a> {
    Ref(&'a Value),
    Own(Value),
}

impl<'a> Val<'a> {
    pub(crate) const NULL: Val<'static> = Val::Ref(&NULL);

    #[inline]
    pub(crate) fn own(self) -> Value {
        match self {
            Val::Ref(value) => value.clone(),
            // Numbers one word at a time: a copy of all three waits for what was only just written, a fifth of a map.
            Val::Own(Value::Int(n)) => Value::Int(n),
            Val::Own(Value::Float(n)) => Value::Float(n),
            Val::Own(value) => value,
        }
    }

    /// The same without taking it away.
    pub(crate) fn share(&self) -> Val<'a> {
        match self {
            Val::Ref(value) => Val::Ref(value),
            Val::Own(value) => Val::Own(value.clone()),
        }
    }

    /// The same, borrowed from nothing.
    pub(crate) fn owned<'b>(self) -> Val<'b> {
        Val::Own(self.own())
    }

    /// A part of it, borrowed if it is.
    pub(crate) fn part(&self, part: impl for<'v> Fn(&'v Value) -> Option<&'v Value>) -> Val<'a> {
        match self {
            Val::Ref(value) => part(value).map_or(Val::NULL, Val::Ref),
            Val::Own(value) => part(value).map_or(Val::NULL, |part| Val::Own(part.clone())),
        }
    }
}

impl std::ops::Deref for Val<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Val::Ref(value) => value,
            Val::Own(value) => value,
        }
    }
}

impl<T: Into<Value>> From<T> for Val<'_> {
    fn from(value: T) -> Self {
        Val::Own(value.into())
    }
}

/// Why an evaluation ended early. Boxed: it is rare, and results are handed on at every step.
pub(crate) struct Stop(Box<Error>, bool);

/// The place that is not known yet.
const NOWHERE: std::ops::Range<usize> = usize::MAX..usize::MAX;

impl Stop {
    /// An error whose place the operator or call around it knows.
    #[cold]
    pub(crate) fn new(says: impl Into<String>) -> Stop {
        Stop(Box::new(Error::new(says, NOWHERE)), false)
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Stop {
        self.0.help = Some(help.into());
        self
    }

    /// It ended because the budget of bytes was spent.
    pub(crate) fn for_size(self) -> Stop {
        Stop(self.0, true)
    }

    /// The same with this help if it was for size.
    #[cold]
    pub(crate) fn help_with_size(self, help: &str) -> Stop {
        if self.1 && self.0.help.is_none() { self.with_help(help) } else { self }
    }

    /// The error at this place if it has none yet.
    #[cold]
    pub(crate) fn at(mut self, span: Span) -> Stop {
        if self.0.span == NOWHERE {
            self.0.span = span.into();
        }
        self
    }

    /// The error, in a recipe of so many bytes.
    pub(crate) fn error(self, bytes: usize) -> Error {
        let mut error = *self.0;
        if error.span == NOWHERE {
            error.span = 0..bytes;
        }
        error
    }
}

pub(crate) type Got<'a> = Result<Val<'a>, Stop>;
