//! Parts of a value by a path such as `a.b[0].c`.

use super::{List, Map, Name, Value};

/// A place behind a list's end is filled up to with nulls, but no further than this.
const LIST_MAX: usize = 100_000;

/// A part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part<'a> {
    Key(&'a str),
    Index(i64),
    Every,
}

/// Splits at dots and brackets; a bracket that holds neither a number nor `*` is a key (quotes are taken off).
fn parts(path: &str) -> impl Iterator<Item = Part<'_>> {
    path.split('.').flat_map(|piece| {
        let (key, mut rest) = piece.split_at(piece.find('[').unwrap_or(piece.len()));
        let brackets = std::iter::from_fn(move || {
            let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
            rest = after;
            Some(match inside.parse() {
                Ok(index) => Part::Index(index),
                Err(_) if inside == "*" => Part::Every,
                Err(_) => Part::Key(inside.trim_matches(['"', '\''])),
            })
        });
        (!key.is_empty()).then_some(Part::Key(key)).into_iter().chain(brackets)
    })
}

impl Value {
    /// The part at a path: null where there is none, an empty path is the whole. A number is a key of an object and a
    /// place in a list (a negative one counts from its end), `[*]` goes over a list and gives one flat list.
    pub fn path(&self, path: &str) -> Value {
        let parts: Vec<_> = parts(path).collect();
        follow(self, &parts)
    }

    /// Whether there is something at a path, be it null.
    pub(crate) fn has_path(&self, path: &str) -> bool {
        let mut here = Some(self);
        for part in parts(path) {
            here = here.and_then(|value| part_of(value, &part));
        }
        here.is_some()
    }

    /// Sets the part at a path. What is missing on the way is made: an object for a key, a list for an index; what
    /// stands in the way and is neither is replaced. `[*]` sets every item of a list.
    pub fn path_set(&mut self, path: &str, value: Value) {
        let parts: Vec<_> = parts(path).take(super::DEPTH).collect();
        set(self, &parts, value);
    }

    /// The item at a place, a negative one counted from the end.
    pub(crate) fn nth(list: &[Value], index: i64) -> Option<&Value> {
        list.get(place(list.len(), index)?)
    }
}

fn place(len: usize, index: i64) -> Option<usize> {
    usize::try_from(if index < 0 { index.checked_add(len as i64)? } else { index }).ok()
}

fn part_of<'a>(value: &'a Value, part: &Part<'_>) -> Option<&'a Value> {
    match (value, part) {
        (Value::Object(map), Part::Key(key)) => map.get(key),
        (Value::Object(map), Part::Index(index)) => map.get(&index.to_string()),
        (Value::List(list), Part::Index(index)) => Value::nth(list, *index),
        (Value::List(list), Part::Key(key)) => Value::nth(list, key.parse().ok()?),
        _ => None,
    }
}

fn follow(value: &Value, parts: &[Part<'_>]) -> Value {
    let mut here = value;
    for (at, part) in parts.iter().enumerate() {
        if *part == Part::Every {
            let rest = &parts[at + 1..];
            let items = match here {
                Value::List(list) => &**list,
                Value::Null => &[],
                one => std::slice::from_ref(one),
            };
            let nested = rest.contains(&Part::Every);
            let found = items.iter().map(|item| follow(item, rest));
            return if nested {
                found.flat_map(|list| list.as_list().cloned().unwrap_or_default().to_vec()).collect::<List>()
            } else {
                found.collect()
            }
            .into();
        }
        match part_of(here, part) {
            Some(next) => here = next,
            None if parts[at..].contains(&Part::Every) => return List::new().into(),
            None => return Value::Null,
        }
    }
    here.clone()
}

fn set(into: &mut Value, parts: &[Part<'_>], value: Value) {
    let Some((part, rest)) = parts.split_first() else {
        *into = value;
        return;
    };
    let index = match (part, &*into) {
        (Part::Every, _) => {
            if let Value::List(list) = into {
                list.make_mut().iter_mut().for_each(|item| set(item, rest, value.clone()));
            }
            return;
        }
        (Part::Key(key), Value::List(_)) => key.parse().ok(),
        (Part::Key(_), _) => None,
        (Part::Index(_), Value::Object(_)) => None,
        (Part::Index(index), _) => Some(*index),
    };
    match index {
        Some(index) => set_item(into, index, rest, value),
        None => {
            let key: Name = match part {
                Part::Key(key) => Name::new(key),
                Part::Index(index) => index.to_string().into(),
                Part::Every => return,
            };
            set_field(into, key, rest, value);
        }
    }
}

fn set_field(into: &mut Value, key: Name, rest: &[Part<'_>], value: Value) {
    if !matches!(into, Value::Object(_)) {
        *into = Value::Object(Map::new());
    }
    let Value::Object(map) = into else { return };
    let mut field = map.get(&key).cloned().unwrap_or_default();
    if map.contains(&key) {
        // Let go of it, so that a field nobody else has is changed where it is.
        map.insert(key.clone(), Value::Null);
    }
    set(&mut field, rest, value);
    map.insert(key, field);
}

fn set_item(into: &mut Value, index: i64, rest: &[Part<'_>], value: Value) {
    if !matches!(into, Value::List(_)) {
        *into = Value::List(List::new());
    }
    let Value::List(list) = into else { return };
    let Some(at) = place(list.len(), index).filter(|at| *at < LIST_MAX.max(list.len())) else { return };
    let mut items = list.make_mut();
    if items.len() <= at {
        items.resize(at + 1, Value::Null);
    }
    set(&mut items[at], rest, value);
}
