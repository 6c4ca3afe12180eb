//! Ways into values: fields, places, wildcards.

use super::{Got, Machine, Val, steps_of};
use crate::{
    Value,
    code::{Base, Code, Key, Part, Project},
    eval::Stop,
    lex::Span,
    value::NULL,
};

impl<'a> Machine<'a> {
    /// What a path leads to if it lies in the input, as nearly every one does; None if it has to be made or copied.
    #[inline]
    pub(super) fn reach(&self, base: &'a Base, keys: &'a [Key]) -> Option<&'a Value> {
        let from = match base {
            Base::Var(at) => self.vars.get(*at as usize)?,
            Base::Slot(at) => match self.slots.get(*at as usize)? {
                Val::Ref(value) => value,
                Val::Own(_) => return None,
            },
            Base::This => self.context.this,
            Base::FieldOrVar(field, var) => self.field_or_var(field, var),
        };
        along(from, keys)
    }

    fn field_or_var(&self, field: &Key, var: &Key) -> &'a Value {
        let of_this = match self.context.this {
            Value::Object(map) => map.get_near(&field.name, &field.near),
            _ => None,
        };
        of_this.or_else(|| self.context.vars.get_near(&var.name, &var.near)).unwrap_or(&NULL)
    }

    /// What [`Machine::reach`] leaves: parts of what a lambda was given to keep, and lengths.
    #[inline(never)]
    pub(super) fn make_path(&mut self, base: &'a Base, keys: &'a [Key]) -> Val<'a> {
        match base {
            Base::Slot(at) => match self.slots.get(*at as usize) {
                Some(value) => match along(value, keys) {
                    Some(part) => part.clone().into(),
                    None => length(value, keys, &mut self.steps_left),
                },
                None => Val::NULL,
            },
            base => match self.reach(base, &[]) {
                Some(from) => length(from, keys, &mut self.steps_left),
                None => Val::NULL,
            },
        }
    }

    pub(super) fn field(&mut self, of: Val<'a>, key: &Key) -> Val<'a> {
        fields(of, std::slice::from_ref(key), &mut self.steps_left)
    }

    pub(super) fn index(&mut self, of: &'a Code, index: &'a Code) -> Got<'a> {
        let of = self.eval(of)?;
        let index = self.eval(index)?;
        item(self, of, &index)
    }

    pub(super) fn project(&mut self, project: &'a Project) -> Got<'a> {
        let mut found = vec![self.eval(&project.base)?];
        for part in &project.parts {
            self.spend(found.len())?;
            match part {
                Part::Every => found = self.every(found, project.span)?,
                Part::Key(key) => found = found.into_iter().map(|of| self.field(of, key)).collect(),
                Part::Index(code) => {
                    let index = self.eval(code)?;
                    let items: Result<_, Stop> = found.into_iter().map(|of| item(self, of, &index)).collect();
                    found = items?;
                }
            }
        }
        self.list(found.into_iter().map(Val::own).collect())
    }

    fn every(&mut self, found: Vec<Val<'a>>, span: Span) -> Result<Vec<Val<'a>>, Stop> {
        let mut items = Vec::new();
        for of in found {
            match of {
                Val::Ref(Value::List(list)) => {
                    self.spend(list.len())?;
                    items.extend(list.iter().map(Val::Ref));
                }
                Val::Own(Value::List(list)) => {
                    self.spend(list.len())?;
                    items.extend(list.iter().cloned().map(Val::Own));
                }
                of => match &*of {
                    Value::Null => {}
                    Value::Object(_) => items.push(of),
                    other => return Err(no_list(other).at(span)),
                },
            }
        }
        Ok(items)
    }
}

/// What `[*]` cannot go over.
pub(crate) fn no_list(value: &Value) -> Stop {
    Stop::new(format!("`[*]` goes over a list, not over {}", value.type_name()))
}

/// What lies at the end of these fields, null where there is none; None if it is a length.
#[inline]
fn along<'v>(from: &'v Value, keys: &[Key]) -> Option<&'v Value> {
    let mut here = from;
    for key in keys {
        here = match here {
            Value::Object(map) => map.get_near(&key.name, &key.near).unwrap_or(&NULL),
            Value::List(_) | Value::Text(_) if key.name == "length" => return None,
            _ => return Some(&NULL),
        };
    }
    Some(here)
}

/// The length that ends these fields; there is nothing behind it. A text's is counted character by character, and what
/// is too much is said where steps are spent next.
fn length(from: &Value, keys: &[Key], steps_left: &mut u64) -> Val<'static> {
    let mut here = from;
    for (at, key) in keys.iter().enumerate() {
        here = match here {
            Value::Object(map) => map.get_near(&key.name, &key.near).unwrap_or(&NULL),
            Value::List(list) if at + 1 == keys.len() => return list.len().into(),
            Value::Text(text) if at + 1 == keys.len() => {
                *steps_left = steps_left.saturating_sub(steps_of(here) as u64);
                return text.chars().count().into();
            }
            _ => return Val::NULL,
        };
    }
    Val::NULL
}

/// What lies at the end of these fields, borrowed if the value is.
#[inline]
pub(crate) fn fields<'a>(of: Val<'a>, keys: &[Key], steps_left: &mut u64) -> Val<'a> {
    match &of {
        Val::Ref(value) => along(value, keys).map_or_else(|| length(value, keys, steps_left), Val::Ref),
        Val::Own(value) => match along(value, keys) {
            Some(part) => part.clone().into(),
            None => length(value, keys, steps_left),
        },
    }
}

/// `of[index]`: a place in a list or a text, a field of an object.
fn item<'a>(machine: &mut Machine<'a>, of: Val<'a>, index: &Value) -> Got<'a> {
    match (&*of, index) {
        (Value::List(_), index) if index.as_i64().is_some() => {
            let at = index.as_i64().unwrap_or_default();
            Ok(of.part(|list| Value::nth(list.as_list()?, at)))
        }
        (Value::Object(_), Value::Text(key)) => {
            machine.spend(key.len() >> 9)?;
            Ok(of.part(|map| map.get(key)))
        }
        (Value::Object(_), Value::Null) => Ok(Val::NULL),
        (Value::Object(_), other) => {
            let mut key = String::new();
            machine.add_words(other, &mut key)?;
            Ok(of.part(|map| map.get(&key)))
        }
        (Value::Text(text), index) if index.as_i64().is_some() => {
            machine.spend(text.len() >> 6)?;
            match crate::functions::char_at(text, index.as_i64().unwrap_or_default()) {
                Some(found) => machine.text(found.encode_utf8(&mut [0; 4]), text.taint()),
                None => Ok(Val::NULL),
            }
        }
        (Value::List(_) | Value::Text(_), Value::Text(key)) => match crate::number::parse(key) {
            Some(Value::Int(at)) => item(machine, of, &Value::Int(at)),
            _ => Ok(machine.field(of, &Key::new(key.shared()))),
        },
        _ => Ok(Val::NULL),
    }
}
