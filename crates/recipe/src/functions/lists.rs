//! Lists and objects.

use super::{Args, Function};
use crate::{
    Map, Value,
    eval::{Got, Val},
};

const fn plain(
    name: &'static str,
    usage: &'static str,
    takes: (u8, u8),
    run: for<'a, 'm> fn(&mut Args<'a, 'm>) -> Got<'a>,
) -> Function {
    Function { name, takes, lambda: None, usage, run }
}

const fn mapped(
    name: &'static str,
    usage: &'static str,
    run: for<'a, 'm> fn(&mut Args<'a, 'm>) -> Got<'a>,
) -> Function {
    Function { name, takes: (2, 2), lambda: Some(1), usage, run }
}

pub(super) const FUNCTIONS: &[Function] = &[
    plain("count", "count(list)", (1, 1), |args| Ok(args.items(0).len().into())),
    plain("first", "first(list)", (1, 1), |args| {
        Ok(Val::Own(args.items(0).first().cloned().unwrap_or_default()))
    }),
    plain("last", "last(list)", (1, 1), |args| {
        Ok(Val::Own(args.items(0).last().cloned().unwrap_or_default()))
    }),
    plain("concat", "concat(a, b)", (1, 250), |args| {
        let all: Vec<Value> = (0..args.values.len()).flat_map(|index| args.items(index)).collect();
        args.machine.list(all)
    }),
    plain("reverse", "reverse(list)", (1, 1), |args| {
        let items = args.items(0).into_iter().rev().collect();
        args.machine.list(items)
    }),
    plain("range", "range(from, to, step)", (1, 3), |args| {
        let number = |index: usize| args.at(index).as_i64();
        let (from, to) = match number(1) {
            Some(to) => (number(0).unwrap_or(0), to),
            None => (0, number(0).unwrap_or(0)),
        };
        let step = number(2).unwrap_or(1);
        let mut items = Vec::new();
        let mut at = from;
        while step != 0 && (if step > 0 { at < to } else { at > to }) {
            args.machine.spend(1)?;
            items.push(Value::Int(at));
            let Some(next) = at.checked_add(step) else { break };
            at = next;
        }
        args.machine.list(items)
    }),
    plain("keys", "keys(object)", (1, 1), |args| {
        let keys = args.at(0).as_object().map(|map| map.keys().map(|key| Value::from(key.clone())).collect());
        args.machine.list(keys.unwrap_or_default())
    }),
    plain("values", "values(object)", (1, 1), |args| {
        let values = args.at(0).as_object().map(|map| map.values().cloned().collect());
        args.machine.list(values.unwrap_or_default())
    }),
    plain("has", "has(object, key)", (2, 2), |args| {
        let key = args.at(1).to_text();
        Ok(args.at(0).get(&key).is_some().into())
    }),
    plain("get", "get(object, path, default)", (2, 3), |args| {
        let found = args.at(0).path(&args.at(1).to_text());
        Ok(if found.is_null() { args.at(2) } else { Val::Own(found) })
    }),
    plain("merge", "merge(a, b)", (1, 250), |args| {
        let mut all = Map::new();
        for value in &args.values {
            all.extend(
                value.as_object().into_iter().flat_map(|map| map.iter().map(|(k, v)| (k.clone(), v.clone()))),
            );
        }
        args.machine.object(all)
    }),
    plain("pick", "pick(object, keys)", (2, 250), |args| {
        let keys: Vec<String> =
            (1..args.values.len()).flat_map(|at| args.items(at)).map(|key| key.to_text()).collect();
        let picked: Map = args
            .at(0)
            .as_object()
            .into_iter()
            .flat_map(Map::iter)
            .filter(|(key, _)| keys.iter().any(|wanted| **wanted == ***key))
            .map(|(key, value)| (key.clone(), value.untainted()))
            .collect();
        args.machine.object(picked)
    }),
    mapped("map", "list.map(item => value)", |args| {
        let given = each(args)?;
        args.machine.list(given.into_iter().map(|(_, given)| given).collect())
    }),
    mapped("filter", "list.filter(item => condition)", |args| {
        let kept =
            each(args)?.into_iter().filter(|(_, given)| given.truthy()).map(|(item, _)| item).collect();
        args.machine.list(kept)
    }),
    mapped("find", "list.find(item => condition)", |args| {
        let found = each(args)?.into_iter().find(|(_, given)| given.truthy());
        Ok(Val::Own(found.map(|(item, _)| item).unwrap_or_default()))
    }),
    mapped("some", "list.some(item => condition)", |args| {
        Ok(each(args)?.iter().any(|(_, given)| given.truthy()).into())
    }),
    mapped("every", "list.every(item => condition)", |args| {
        Ok(each(args)?.iter().all(|(_, given)| given.truthy()).into())
    }),
];

/// Each item with what the lambda gives for it and its index.
fn each(args: &mut Args<'_, '_>) -> Result<Vec<(Value, Value)>, crate::eval::Stop> {
    let Some(lambda) = args.lambda() else { return Err(args.wrong(1, "a lambda")) };
    let items = args.items(0);
    let mut given = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let made = args.machine.apply(lambda, [Val::Own(item.clone()), index.into()])?.own();
        given.push((item, made));
    }
    Ok(given)
}
