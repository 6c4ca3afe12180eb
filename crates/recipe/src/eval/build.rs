//! What makes new values: rows of operators, texts, lists, objects, match, projections.

use std::mem;

use super::{Got, Machine, Stop, Val};
use crate::{
    Name, Taint, Value,
    ast::Unary,
    code::{Arm, Code, Field, Item, Operand},
    lex::Span,
    operators,
    value::Fields,
};

impl<'a> Machine<'a> {
    pub(super) fn sign(&mut self, op: Unary, of: &'a Code, span: Span) -> Got<'a> {
        let of = self.eval(of)?;
        let done = if op == Unary::Minus { operators::negate(&of) } else { operators::plus(&of) };
        done.map(Val::Own).map_err(|stop| stop.at(span))
    }

    pub(super) fn row(&mut self, first: &'a Code, rest: &'a [Operand]) -> Got<'a> {
        let Some((second, rest)) = rest.split_first() else { return self.eval(first) };
        let mut left = self.with(first, |machine, left| machine.operand(left, second))?;
        for operand in rest {
            left = self.operand(&left, operand)?;
        }
        Ok(left)
    }

    fn operand(&mut self, left: &Value, right: &'a Operand) -> Got<'a> {
        self.with(&right.code, |machine, value| machine.operate(right.op, left, value))
            .map_err(|stop| stop.at(right.span))
    }

    pub(super) fn join(&mut self, codes: &'a [Code]) -> Got<'a> {
        let mut words = self.take_scratch();
        let mut taint = Taint::Clean;
        for code in codes {
            taint = taint | self.with(code, |machine, value| machine.add_words(value, &mut words))?;
        }
        self.finish(words, taint)
    }

    pub(super) fn join_two(&mut self, left: &Value, right: &Value) -> Got<'a> {
        let mut words = self.take_scratch();
        let taint = self.add_words(left, &mut words)? | self.add_words(right, &mut words)?;
        self.finish(words, taint)
    }

    /// With room for what most texts need, so that it does not grow in steps.
    fn take_scratch(&mut self) -> String {
        let mut words = mem::take(&mut self.scratch);
        words.reserve(128);
        words
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
        self.with(of, |machine, of| machine.arm(of, arms))
    }

    fn arm(&mut self, of: &Value, arms: &'a [Arm]) -> Got<'a> {
        let mut default = None;
        for arm in arms {
            let Some(when) = &arm.when else {
                default = Some(&arm.then);
                continue;
            };
            for code in when {
                if self.with(code, |machine, case| machine.same(of, case))? {
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
        let spreads = fields.iter().any(|field| matches!(field, Field::Spread(_)));
        let mut map = Fields::with_capacity(if spreads { 0 } else { fields.len() });
        for field in fields {
            match field {
                Field::Named(key, code) => map.put(key.clone(), self.eval(code)?.own()),
                Field::Computed(key, code) => {
                    let key = self.eval(key)?;
                    let key = self.key(&key)?;
                    map.put(key, self.eval(code)?.own());
                }
                Field::Spread(code) => {
                    self.with(code, |machine, value| machine.lay(&mut map, value, fields.len()))?;
                }
            }
        }
        self.object(map.into())
    }

    fn key(&mut self, of: &Value) -> Result<Name, Stop> {
        if let Value::Text(text) = of {
            return Ok(text.shared().clone().into());
        }
        let mut key = String::new();
        self.add_words(of, &mut key)?;
        Ok(key.into())
    }

    /// Lays an object's fields over another's, without a record's module. About so many more are to come.
    fn lay(&mut self, onto: &mut Fields, value: &Value, more: usize) -> Result<(), Stop> {
        let map = match value {
            Value::Null => return Ok(()),
            Value::Object(map) => map,
            other => {
                let says = format!("`...` in an object takes an object, not {}", other.type_name());
                return Err(Stop::new(says));
            }
        };
        self.spend_bytes(map.len() * 40)?;
        onto.reserve(map.len() + more);
        let is_record = map.record().is_some();
        let put = if onto.is_empty() { Fields::push } else { Fields::put };
        let mut long = 0;
        for (key, value) in map.iter().filter(|(key, _)| !(is_record && *key == "module")) {
            long += key.len() >> 9;
            put(onto, key.clone(), value.clone());
        }
        self.spend(long)
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
