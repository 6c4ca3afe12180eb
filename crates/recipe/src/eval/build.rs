//! What makes new values: rows of operators, texts, lists, objects, match, projections.

use std::{mem, sync::Arc};

use super::{Code, Got, Machine, Map, Part, Project, Span, Stop, Taint, Unary, Val, Value, field, item};
use crate::{
    code::{Arm, Field, Item, Operand},
    operators,
    value::MapMut,
};

impl<'a> Machine<'a> {
    pub(super) fn sign(&mut self, op: Unary, of: &'a Code, span: Span) -> Got<'a> {
        let of = self.eval(of)?;
        let done = if op == Unary::Minus { operators::negate(&of) } else { operators::plus(&of) };
        done.map(Val::Own).map_err(|stop| stop.at(span))
    }

    pub(super) fn row(&mut self, first: &'a Code, rest: &'a [Operand]) -> Got<'a> {
        let mut left = self.eval(first)?;
        for Operand { op, code, span } in rest {
            let right = self.eval(code)?;
            left = self.operate(*op, &left, &right).map_err(|stop| stop.at(*span))?;
        }
        Ok(left)
    }

    pub(super) fn join(&mut self, codes: &'a [Code]) -> Got<'a> {
        let mut words = mem::take(&mut self.scratch);
        let mut taint = Taint::Clean;
        for code in codes {
            let value = self.eval(code)?;
            taint = taint | self.add_words(&value, &mut words)?;
        }
        self.finish(words, taint)
    }

    pub(super) fn join_two(&mut self, left: &Value, right: &Value) -> Got<'a> {
        let mut words = mem::take(&mut self.scratch);
        let taint = self.add_words(left, &mut words)? | self.add_words(right, &mut words)?;
        self.finish(words, taint)
    }

    fn finish(&mut self, mut words: String, taint: Taint) -> Got<'a> {
        let text = self.text(&words, taint);
        words.clear();
        self.scratch = words;
        text
    }

    /// Joins a value to a text, within the budget.
    pub(crate) fn add_words(&mut self, value: &Value, words: &mut String) -> Result<Taint, Stop> {
        let before = words.len();
        let done = value.join_to(words, before.saturating_add(self.bytes_left));
        self.spend_bytes(if done.is_ok() { words.len() - before } else { usize::MAX })?;
        Ok(value.taint())
    }

    /// Joins a value's JSON to a text, within the budget.
    pub(crate) fn add_json(&mut self, value: &Value, words: &mut String) -> Result<(), Stop> {
        let before = words.len();
        let done = value.json_to(words, before.saturating_add(self.bytes_left));
        self.spend_bytes(if done.is_ok() { words.len() - before } else { usize::MAX })
    }

    /// The part at a path; the list that one with `[*]` makes is counted.
    pub(crate) fn part_at(&mut self, of: &Value, path: &str) -> Got<'a> {
        let found = of.path(path);
        if let Value::List(list) = &found
            && path.contains('*')
        {
            self.spend(list.len())?;
            self.spend_bytes(mem::size_of_val(&**list))?;
        }
        Ok(Val::Own(found))
    }

    pub(super) fn matching(&mut self, of: &'a Code, arms: &'a [Arm]) -> Got<'a> {
        let of = self.eval(of)?;
        let mut default = None;
        for arm in arms {
            let Some(when) = &arm.when else {
                default = Some(&arm.then);
                continue;
            };
            for code in when {
                let case = self.eval(code)?;
                if self.same(&of, &case)? {
                    return self.eval(&arm.then);
                }
            }
        }
        default.map_or(Ok(Val::NULL), |then| self.eval(then))
    }

    pub(super) fn make_list(&mut self, items: &'a [Item]) -> Got<'a> {
        let mut list = Vec::with_capacity(items.len());
        for Item { spread, code } in items {
            let value = self.eval(code)?;
            if *spread {
                let more = spread_items(&value)?;
                self.spend_bytes(mem::size_of_val(more))?;
                list.extend_from_slice(more);
            } else {
                list.push(value.own());
            }
        }
        self.list(list)
    }

    pub(super) fn make_object(&mut self, fields: &'a [Field]) -> Got<'a> {
        let mut map = Map::with_capacity(fields.len());
        let mut open = map.change();
        for field in fields {
            match field {
                Field::Named(key, code) => open.put(key.clone(), self.eval(code)?.own()),
                Field::Computed(key, code) => {
                    let key = self.eval(key)?;
                    let key = self.key(&key)?;
                    open.put(key, self.eval(code)?.own());
                }
                Field::Spread(code) => {
                    let value = self.eval(code)?;
                    self.lay(&mut open, &value)?;
                }
            }
        }
        drop(open);
        self.object(map)
    }

    fn key(&mut self, of: &Value) -> Result<Arc<str>, Stop> {
        if let Value::Text(text) = of {
            return Ok(text.shared().clone());
        }
        let mut key = String::new();
        self.add_words(of, &mut key)?;
        Ok(key.into())
    }

    /// Lays an object's fields over another's, without a record's module.
    fn lay(&mut self, onto: &mut MapMut<'_>, value: &Value) -> Result<(), Stop> {
        let map = match value {
            Value::Null => return Ok(()),
            Value::Object(map) => map,
            other => {
                let says = format!("`...` in an object takes an object, not {}", other.type_name());
                return Err(Stop::new(says));
            }
        };
        self.spend_bytes(map.len() * 40)?;
        let is_record = map.record().is_some();
        let mut long = 0;
        for (key, value) in map.iter().filter(|(key, _)| !(is_record && &***key == "module")) {
            long += key.len() >> 9;
            onto.put(key.clone(), value.clone());
        }
        self.spend(long)
    }

    pub(super) fn project(&mut self, project: &'a Project) -> Got<'a> {
        let mut found = vec![self.eval(&project.base)?];
        for part in &project.parts {
            self.spend(found.len())?;
            match part {
                Part::Every => found = self.every(found, project.span)?,
                Part::Key(key) => found = found.into_iter().map(|of| field(of, key)).collect(),
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
                    other => {
                        let says = format!("`[*]` goes over a list, not over {}", other.type_name());
                        return Err(Stop::new(says).at(span));
                    }
                },
            }
        }
        Ok(items)
    }
}

fn spread_items(value: &Value) -> Result<&[Value], Stop> {
    match value {
        Value::List(list) => Ok(list),
        Value::Null => Ok(&[]),
        Value::Object(_) => Ok(std::slice::from_ref(value)),
        other => Err(Stop::new(format!("`...` in a list takes a list, not {}", other.type_name()))),
    }
}
