//! A function's arguments, read as the kinds of value that recipes know.

use std::{borrow::Cow, mem, slice};

use smallvec::SmallVec;

use crate::{
    List, Taint, Value,
    code::{Call, Lambda},
    eval::{Got, Machine, Stop, Val},
    number,
    operators::Number,
    value::NULL,
};

/// The arguments of a call under way.
pub(crate) struct Args<'m, 'a> {
    pub(crate) machine: &'m mut Machine<'a>,
    pub(crate) values: SmallVec<[Val<'a>; 3]>,
    pub(crate) call: &'a Call,
}

impl<'m, 'a> Args<'m, 'a> {
    /// An argument; null if it was left out.
    pub(crate) fn get(&self, at: usize) -> &Value {
        self.values.get(at).map_or(&NULL, |value| value)
    }

    /// Whether there is an argument that is not null.
    pub(crate) fn given(&self, at: usize) -> bool {
        !self.get(at).is_null()
    }

    /// An argument, taken out.
    pub(crate) fn take(&mut self, at: usize) -> Val<'a> {
        self.values.get_mut(at).map_or(Val::NULL, |value| mem::replace(value, Val::NULL))
    }

    /// The words of a text; null is empty, numbers and booleans as they print.
    pub(crate) fn words(&self, at: usize) -> Result<Cow<'_, str>, Stop> {
        match self.get(at) {
            Value::Text(text) => Ok(Cow::Borrowed(text)),
            Value::Null => Ok(Cow::Borrowed("")),
            value @ (Value::List(_) | Value::Object(_)) => Err(self.wrong("a text", value)),
            scalar => Ok(Cow::Owned(scalar.to_text())),
        }
    }

    /// What counts as a number in arithmetic.
    pub(crate) fn number(&self, at: usize) -> Result<Number, Stop> {
        self.number_of(self.get(at))
    }

    pub(crate) fn number_of(&self, value: &Value) -> Result<Number, Stop> {
        Number::of(value).ok_or_else(|| self.wrong("a number", value))
    }

    /// A whole number; `default` if it was left out or is null.
    pub(crate) fn int(&self, at: usize, default: i64) -> Result<i64, Stop> {
        if !self.given(at) {
            return Ok(default);
        }
        match self.number(at)? {
            Number::Int(n) => Ok(n),
            Number::Float(n) => number::whole(n).ok_or_else(|| {
                Stop::new(format!(
                    "`{}` takes a whole number, not one with a fraction",
                    self.call.function.name
                ))
            }),
        }
    }

    /// A list's items: null has none, an object is a list of one. Each is a step.
    pub(crate) fn items(&mut self, at: usize) -> Result<Items<'a>, Stop> {
        let items = match self.take(at) {
            Val::Ref(Value::List(list)) => Items::Ref(list.iter()),
            Val::Own(Value::List(list)) => Items::Own(list, 0),
            value => match &*value {
                Value::Null => Items::Ref([].iter()),
                Value::Object(_) => Items::One(Some(value)),
                other => return Err(self.wrong("a list", other)),
            },
        };
        self.machine.spend(items.len())?;
        Ok(items)
    }

    /// A list's items without a look at them all.
    pub(crate) fn peek(&self, at: usize) -> Result<&[Value], Stop> {
        match self.get(at) {
            Value::List(list) => Ok(list),
            Value::Null => Ok(&[]),
            value @ Value::Object(_) => Ok(slice::from_ref(value)),
            other => Err(self.wrong("a list", other)),
        }
    }

    /// What is to be done with each item.
    pub(crate) fn by(&self, at: usize) -> Result<By<'a>, Stop> {
        match (&self.call.lambda, self.get(at)) {
            (Some(lambda), _) => Ok(By::Lambda(lambda)),
            (None, Value::Text(path)) => Ok(By::Path(path.shared().clone())),
            (None, other) => Err(self.wrong("a lambda or the name of a field", other)),
        }
    }

    /// A text made from the arguments, with their mark.
    pub(crate) fn made(&mut self, words: &str) -> Got<'a> {
        let taint = self.taint();
        self.machine.text(words, taint)
    }

    /// Counts what will be made of a text before it is made: so many bytes for each of its own.
    pub(crate) fn making(&mut self, at: usize, times: usize) -> Result<(), Stop> {
        let bytes = self.get(at).as_str().map_or(0, str::len).saturating_mul(times);
        self.machine.spend_bytes(bytes)
    }

    /// The joined mark of all arguments.
    pub(crate) fn taint(&self) -> Taint {
        self.values.iter().fold(Taint::Clean, |so_far, value| so_far | value.taint())
    }

    /// An argument of the wrong type. Values are not named: they may be a provider's.
    pub(crate) fn wrong(&self, wants: &str, value: &Value) -> Stop {
        let function = self.call.function;
        Stop::new(format!("`{}` takes {wants}, not {}", function.name, value.type_name()))
            .with_help(format!("it is written `{}`", function.usage))
    }
}

/// A list's items, one after the other, borrowed where the list is.
pub(crate) enum Items<'a> {
    Ref(slice::Iter<'a, Value>),
    Own(List, usize),
    One(Option<Val<'a>>),
}

impl<'a> Iterator for Items<'a> {
    type Item = Val<'a>;

    fn next(&mut self) -> Option<Val<'a>> {
        match self {
            Items::Ref(items) => items.next().map(Val::Ref),
            Items::Own(list, at) => {
                let item = list.get(*at)?.clone();
                *at += 1;
                Some(Val::Own(item))
            }
            Items::One(one) => one.take(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self {
            Items::Ref(items) => items.len(),
            Items::Own(list, at) => list.len() - at,
            Items::One(one) => usize::from(one.is_some()),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for Items<'_> {}

/// A lambda, or the path of a field.
pub(crate) enum By<'a> {
    Lambda(&'a Lambda),
    Path(std::sync::Arc<str>),
}

impl<'a> By<'a> {
    /// Its value for an item at a place.
    pub(crate) fn of(&self, machine: &mut Machine<'a>, item: Val<'a>, at: usize) -> Got<'a> {
        match self {
            By::Lambda(lambda) => machine.apply(lambda, [item, Val::from(at)]),
            By::Path(path) => {
                machine.spend(1 + path.len() / 8)?;
                machine.part_at(&item, path)
            }
        }
    }
}

/// The character at a place, a negative one counted from the end.
pub(crate) fn char_at(text: &str, at: i64) -> Option<char> {
    match usize::try_from(at) {
        Ok(at) => text.chars().nth(at),
        Err(_) => text.chars().rev().nth(usize::try_from(at.unsigned_abs() - 1).ok()?),
    }
}
