//! A function's arguments, read as the kinds of value that recipes know.

use std::{borrow::Cow, mem, slice};

use smallvec::SmallVec;

use crate::{
    List, Taint, Value,
    code::{Call, Key, Lambda},
    eval::{Got, Machine, Stop, Val, fields, no_list},
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
        let each = if at == 0 { self.call.each.as_ref() } else { None };
        let source = match self.take(at) {
            Val::Ref(Value::List(list)) => Source::Ref(list.iter()),
            Val::Own(Value::List(list)) => Source::Own(list, 0),
            value => match (&*value, each) {
                (Value::Null, _) => Source::Ref([].iter()),
                (Value::Object(_), _) => Source::One(Some(value)),
                (other, None) => return Err(self.wrong("a list", other)),
                (other, Some(each)) => return Err(no_list(other).at(each.span)),
            },
        };
        let items = Items { source, keys: each.map_or(&[], |each| &each.keys) };
        if let Some(each) = each {
            // As if the list had been made: a step for each field of each item.
            self.machine.spend(1 + items.len().saturating_mul(1 + each.keys.len()))?;
        }
        self.machine.spend(items.len())?;
        Ok(items)
    }

    /// The items of the only argument if that is a list, else all arguments.
    pub(crate) fn items_or_all(&mut self) -> Result<Items<'a>, Stop> {
        match self.get(0) {
            _ if self.call.each.is_some() && self.values.len() == 1 => self.items(0),
            Value::List(_) if self.values.len() == 1 => self.items(0),
            _ => Ok(Items { source: Source::All(mem::take(&mut self.values).into_iter()), keys: &[] }),
        }
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

    /// What the function takes, where that says all.
    pub(crate) fn wrong_says(&self, takes: &str) -> Stop {
        let function = self.call.function;
        Stop::new(format!("`{}` takes {takes}", function.name))
            .with_help(format!("it is written `{}`", function.usage))
    }

    /// An argument of the wrong type. Values are not named: they may be a provider's.
    pub(crate) fn wrong(&self, wants: &str, value: &Value) -> Stop {
        let function = self.call.function;
        Stop::new(format!("`{}` takes {wants}, not {}", function.name, value.type_name()))
            .with_help(format!("it is written `{}`", function.usage))
    }
}

/// A list's items, or a field of each, one after the other, borrowed where the list is.
pub(crate) struct Items<'a> {
    source: Source<'a>,
    keys: &'a [Key],
}

enum Source<'a> {
    Ref(slice::Iter<'a, Value>),
    Own(List, usize),
    One(Option<Val<'a>>),
    All(smallvec::IntoIter<[Val<'a>; 3]>),
}

impl<'a> Items<'a> {
    /// Does something with each item and its place until that is false. Faster than the iterator where the list is
    /// borrowed, as nearly every one is: an item stays a pointer.
    #[inline(always)]
    pub(crate) fn each(self, mut go: impl FnMut(usize, Val<'a>) -> Result<bool, Stop>) -> Result<(), Stop> {
        if let Source::Ref(items) = self.source {
            for (at, item) in items.enumerate() {
                let item =
                    if self.keys.is_empty() { Val::Ref(item) } else { part(Val::Ref(item), self.keys) };
                if !go(at, item)? {
                    break;
                }
            }
            return Ok(());
        }
        for (at, item) in self.enumerate() {
            if !go(at, item)? {
                break;
            }
        }
        Ok(())
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Val<'a>;

    #[inline]
    fn next(&mut self) -> Option<Val<'a>> {
        let item = match &mut self.source {
            Source::Ref(items) => Val::Ref(items.next()?),
            Source::Own(list, at) => {
                let item = list.get(*at)?;
                *at += 1;
                // Only what is taken of it is copied.
                return Some(match self.keys {
                    [] => Val::Own(item.clone()),
                    keys => part(Val::Ref(item), keys).owned(),
                });
            }
            Source::One(one) => one.take()?,
            Source::All(all) => all.next()?,
        };
        Some(part(item, self.keys))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.source {
            Source::Ref(items) => items.len(),
            Source::Own(list, at) => list.len() - at,
            Source::One(one) => usize::from(one.is_some()),
            Source::All(all) => all.len(),
        };
        (left, Some(left))
    }
}

/// What lies at the end of these fields. The texts of a list are no longer than the list, so lengths are not counted.
#[inline(always)]
fn part<'a>(item: Val<'a>, keys: &[Key]) -> Val<'a> {
    if keys.is_empty() {
        return item;
    }
    let mut unlimited = u64::MAX;
    fields(item, keys, &mut unlimited)
}

impl ExactSizeIterator for Items<'_> {}

/// A lambda, or the path of a field.
pub(crate) enum By<'a> {
    Lambda(&'a Lambda),
    Path(std::sync::Arc<str>),
}

impl<'a> By<'a> {
    /// Its value for an item at a place.
    #[inline(always)]
    pub(crate) fn of(&self, machine: &mut Machine<'a>, item: Val<'a>, at: usize) -> Got<'a> {
        match self {
            By::Lambda(lambda) => machine.apply(lambda, item, at),
            By::Path(path) => {
                machine.spend(1 + path.len() / 8)?;
                machine.part_at(&item, path)
            }
        }
    }

    /// Whether its value for an item at a place holds.
    #[inline(always)]
    pub(crate) fn holds(&self, machine: &mut Machine<'a>, item: Val<'a>, at: usize) -> Result<bool, Stop> {
        match self {
            By::Lambda(lambda) => machine.apply_test(lambda, item, at),
            By::Path(_) => Ok(self.of(machine, item, at)?.truthy()),
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
