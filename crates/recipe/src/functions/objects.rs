//! Objects.

use std::{collections::HashSet, mem};

use super::{Args, Function, row};
use crate::{
    Map, Text, Value,
    eval::{Machine, Stop, Val, object_bytes},
    value::{Fields, NULL},
};

pub(super) const FUNCTIONS: &[Function] = &[
    row(
        "keys(o)",
        "Its keys, in their order.",
        &[("keys({b: 1, a: 2})", r#"["b","a"]"#), ("keys(null)", "[]")],
        |args| {
            // A key has no mark of its own: it counts as coming from where the values come from.
            let (map, taint) = (object(args, 0)?, args.taint());
            let bytes = map.keys().map(|key| key.len() + 40).sum();
            args.machine.spend_bytes(bytes)?;
            let keys = map.keys().map(|key| Value::Text(Text::new(key.clone()).with_taint(taint)));
            let keys = keys.collect();
            args.machine.list(keys)
        },
    ),
    row(
        "values(o)",
        "Its values, in the order of their keys.",
        &[("values({b: 1, a: 2})", "[1,2]")],
        |args| {
            let values = match args.get(0) {
                Value::List(list) => list.to_vec(),
                _ => object(args, 0)?.values().cloned().collect(),
            };
            args.machine.list(values)
        },
    ),
    row(
        "merge(objects...)",
        "One object with the fields of all; later ones win. Null has none.",
        &[("merge({a: 1, b: 1}, null, {b: 2})", r#"{"a":1,"b":2}"#)],
        |args| {
            let mut merged = object(args, 0)?;
            for at in 1..args.values.len() {
                let more = object(args, at)?;
                args.machine.spend_bytes(more.len() * 40)?;
                merged.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            args.machine.object(merged)
        },
    ),
    row(
        "omit(o, keys...)",
        "Without these fields; keys are texts or lists of texts. Of a list: each item.",
        &[("omit({a: 1, b: 2}, 'a')", r#"{"b":2}"#), ("omit([{a: 1, b: 2}], ['a'])", r#"[{"b":2}]"#)],
        |args| fields(args, false).map(Val::Own),
    ),
    row(
        "has(o, path)",
        "Whether there is a field, be it null; a path is taken.",
        &[("has({a: {b: null}}, 'a.b')", "true"), ("has({a: 1}, 'b')", "false")],
        |args| {
            let path = args.words(1)?;
            short(&path)?;
            Ok(args.get(0).has_path(&path).into())
        },
    ),
    row(
        "get(o, path, default?)",
        "The part at a path; the default if that is null.",
        &[("get({a: [{b: 1}]}, 'a[0].b')", "1"), ("get({}, 'a.b', 'none')", "\"none\"")],
        |args| {
            let path = args.words(1)?;
            short(&path)?;
            let path = path.into_owned();
            let of = args.take(0);
            let found = args.machine.part_at(&of, &path)?;
            if found.is_null() { Ok(args.take(2)) } else { Ok(found) }
        },
    ),
    row(
        "anonymize(x)",
        "Without `id`, also in the rows of its lists; of a list, each item.",
        &[("anonymize({id: 1, a: 2, rows: [{id: 3, b: 4}]})", r#"{"a":2,"rows":[{"b":4}]}"#)],
        |args| {
            let value = args.take(0);
            anonymous(args.machine, &value).map(Val::Own)
        },
    ),
];

/// A path is split anew at every use: a long one is a mistake.
fn short(path: &str) -> Result<(), Stop> {
    match path.len() {
        0..=1024 => Ok(()),
        _ => Err(Stop::new("the path is longer than 1024 bytes")),
    }
}

/// An object; null is an empty one.
fn object(args: &Args<'_, '_>, at: usize) -> Result<Map, Stop> {
    match args.get(at) {
        Value::Object(map) => Ok(map.clone()),
        Value::Null => Ok(Map::new()),
        other => Err(args.wrong("an object", other)),
    }
}

/// The first argument with only the fields that the others name, or without them; of a list, each item.
pub(super) fn fields(args: &mut Args<'_, '_>, keep: bool) -> Result<Value, Stop> {
    let mut names: Vec<Text> = Vec::new();
    for at in 1..args.values.len() {
        match args.take(at).own() {
            Value::Text(name) => names.push(name),
            Value::List(list) => {
                let texts: Option<Vec<_>> = list.iter().map(|name| name.as_str().map(Text::from)).collect();
                let Some(texts) = texts else {
                    let other = list.iter().find(|name| name.as_str().is_none()).unwrap_or(&NULL);
                    let found = other.type_name();
                    return Err(args.wrong_says(&format!("the names of fields, and {found} is none")));
                };
                names.extend(texts);
            }
            Value::Null => {}
            other => return Err(args.wrong("the names of fields", &other)),
        }
    }
    let of = args.take(0);
    let count = of.as_list().map_or(1, |list| list.len());
    args.machine.spend(if keep { count.saturating_mul(names.len() + 1) } else { count + names.len() })?;
    let left_out: HashSet<&str> = names.iter().map(|name| &**name).collect();
    let done = match &*of {
        Value::List(list) => {
            args.machine.spend_bytes(mem::size_of_val(&**list))?;
            let mut all = Vec::with_capacity(list.len());
            for one in list {
                match named(args.machine, one, &names, &left_out, keep)? {
                    Some(value) => all.push(value),
                    None => return Err(args.wrong("an object or a list of them", one)),
                }
            }
            Some(Value::from(all))
        }
        one => named(args.machine, one, &names, &left_out, keep)?,
    };
    done.ok_or_else(|| args.wrong("an object or a list of them", &of))
}

/// An object's fields of these names, or without them; None for what is no object.
fn named(
    machine: &mut Machine<'_>,
    of: &Value,
    names: &[Text],
    left_out: &HashSet<&str>,
    keep: bool,
) -> Result<Option<Value>, Stop> {
    let map = match of {
        Value::Object(map) => map,
        Value::Null => return Ok(Some(Value::Null)),
        _ => return Ok(None),
    };
    let most = if keep { map.len().min(names.len()) } else { map.len() };
    machine.spend_bytes(object_bytes(most))?;
    let mut fields = Fields::with_capacity(most);
    if keep {
        for name in names {
            if let Some(value) = map.get(name) {
                fields.put(name.shared().clone().into(), value.clone());
            }
        }
    } else {
        for (key, value) in map.iter().filter(|(key, _)| !left_out.contains(&***key)) {
            fields.push(key.clone(), value.clone());
        }
    }
    Ok(Some(Value::Object(fields.into())))
}

fn anonymous(machine: &mut Machine<'_>, value: &Value) -> Result<Value, Stop> {
    match value {
        Value::List(list) => {
            machine.spend_bytes(mem::size_of_val(&**list).saturating_add(40))?;
            let mut all = Vec::with_capacity(list.len());
            for one in list {
                all.push(anonymous(machine, one)?);
            }
            Ok(Value::from(all))
        }
        Value::Object(map) => {
            machine.spend_bytes(object_bytes(map.len()))?;
            let mut fields = Fields::with_capacity(map.len());
            for (key, value) in map.iter().filter(|(key, _)| &***key != "id") {
                let value = match value {
                    Value::List(_) => anonymous(machine, value)?,
                    other => other.clone(),
                };
                fields.push(key.clone(), value);
            }
            Ok(Value::Object(fields.into()))
        }
        other => Ok(other.clone()),
    }
}
