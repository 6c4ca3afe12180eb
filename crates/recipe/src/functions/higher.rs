//! Lists with a lambda for each item. It gets the item and its place; instead of it the name or the path of a field
//! may stand.

use super::{Args, Function, lists, row};
use crate::{
    List, Map, Value,
    eval::{Stop, Val},
    functions::args::By,
};

pub(super) const FUNCTIONS: &[Function] = &[
    row(
        "map(list, f)",
        "What the lambda gives for each item.",
        &[
            ("[1, 2].map(n => n * 2)", "[2,4]"),
            ("['a', 'b'].map((x, i) => x # i)", r#"["a0","b1"]"#),
            ("[{a: 1}].map('a')", "[1]"),
        ],
        |args| {
            let (items, by) = both(args)?;
            let mut mapped = Vec::with_capacity(items.len());
            items.each(|at, item| {
                mapped.push(by.of(args.machine, item, at)?.own());
                Ok(true)
            })?;
            args.machine.list(mapped)
        },
    )
    .with_lambda(),
    row(
        "flatMap(list, f)",
        "What the lambda gives for each item; the items of lists in their place.",
        &[("[1, 2].flatMap(n => [n, n])", "[1,1,2,2]")],
        |args| {
            let (items, by) = both(args)?;
            let mut mapped = Vec::with_capacity(items.len());
            items.each(|at, item| {
                match by.of(args.machine, item, at)?.own() {
                    Value::List(list) => {
                        args.machine.spend_bytes(size_of_val(&*list))?;
                        mapped.extend_from_slice(&list);
                    }
                    one => mapped.push(one),
                }
                Ok(true)
            })?;
            args.machine.list(mapped)
        },
    )
    .with_lambda(),
    row(
        "filter(list, f)",
        "The items for which the lambda holds.",
        &[("[1, 2, 3].filter(n => n > 1)", "[2,3]"), ("[{ok: true, n: 1}, {n: 2}].filter('ok')", r#"[{"ok":true,"n":1}]"#)],
        |args| {
            let (items, by) = both(args)?;
            let mut kept = Vec::new();
            items.each(|at, item| {
                if by.holds(args.machine, item.share(), at)? {
                    kept.push(item.own());
                }
                Ok(true)
            })?;
            args.machine.list(kept)
        },
    )
    .with_lambda(),
    row(
        "reduce(list, f, start?)",
        "One value from all items: the lambda gets what was made so far, the item and its place. Without a start the first item is it.",
        &[("[1, 2, 3].reduce((sum, n) => sum + n, 0)", "6"), ("['a', 'b'].reduce((s, x) => s # x)", "\"ab\""), ("[].reduce((a, b) => a)", "null")],
        |args| {
            let has_start = args.values.len() > 2;
            let start = args.take(2);
            let (mut items, by) = both(args)?;
            let By::Lambda(lambda) = by else {
                let wrong = Value::from("");
                return Err(args.wrong("a lambda", &wrong));
            };
            let mut so_far = if has_start { start } else { items.next().unwrap_or(Val::NULL) };
            for (at, item) in items.enumerate() {
                let at = at + usize::from(!has_start);
                so_far = args.machine.apply_to(lambda, so_far, item, at).map_err(|stop| {
                    stop.help_with_size(
                        "a list that grows in reduce is copied at every item: use map, filter or join",
                    )
                })?;
            }
            Ok(so_far)
        },
    )
    .with_lambda(),
    row(
        "find(list, f)",
        "The first item for which the lambda holds, else null.",
        &[("[1, 2, 3].find(n => n > 1)", "2"), ("[1].find(n => n > 1)", "null")],
        |args| Ok(first(args, true)?.unwrap_or(Val::NULL)),
    )
    .with_lambda(),
    row(
        "some(list, f)",
        "Whether the lambda holds for an item.",
        &[("[1, 2].some(n => n > 1)", "true"), ("[].some(n => true)", "false")],
        |args| first(args, true).map(|found| found.is_some().into()),
    )
    .with_lambda(),
    row(
        "every(list, f)",
        "Whether the lambda holds for each item.",
        &[("[1, 2].every(n => n > 1)", "false"), ("[].every(n => false)", "true")],
        |args| first(args, false).map(|found| found.is_none().into()),
    )
    .with_lambda(),
    row(
        "sortBy(list, f)",
        "In the order (as sort) of what the lambda gives for each item. Equal ones keep their order.",
        &[
            ("[{n: 2}, {n: 1}].sortBy(x => x.n)", r#"[{"n":1},{"n":2}]"#),
            ("sortBy([{n: 2}, {n: 1}], 'n')", r#"[{"n":1},{"n":2}]"#),
        ],
        |args| {
            let (items, by) = both(args)?;
            let mut keyed = Vec::with_capacity(items.len());
            items.each(|at, item| {
                keyed.push((by.of(args.machine, item.share(), at)?, item));
                Ok(true)
            })?;
            args.machine.spend(lists::sort_steps(keyed.iter().map(|(key, _)| &**key)))?;
            keyed.sort_by(|(a, _), (b, _)| a.sort_order(b));
            args.machine.list(keyed.into_iter().map(|(_, item)| item.own()).collect())
        },
    )
    .with_lambda(),
    row(
        "groupBy(list, f)",
        "An object of lists: the items under the text of what the lambda gives for them.",
        &[("groupBy([1, 2, 3], n => n % 2 == 0 ? 'even' : 'odd')", r#"{"odd":[1,3],"even":[2]}"#)],
        |args| {
            let (items, by) = both(args)?;
            let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
            let mut places = std::collections::HashMap::new();
            for (at, item) in items.enumerate() {
                let mut key = String::new();
                let of = by.of(args.machine, item.share(), at)?;
                args.machine.add_words(&of, &mut key)?;
                // What a group takes beside its items.
                args.machine.spend_bytes(key.len() + 200)?;
                let place = *places.entry(key.clone()).or_insert(groups.len());
                if place == groups.len() {
                    groups.push((key, Vec::new()));
                }
                groups[place].1.push(item.own());
            }
            let groups = groups.into_iter().map(|(key, items)| (key, Value::List(List::from(items))));
            args.machine.object(groups.collect::<Map>())
        },
    )
    .with_lambda(),
];

type Both<'a> = (super::args::Items<'a>, By<'a>);

fn both<'a>(args: &mut Args<'_, 'a>) -> Result<Both<'a>, Stop> {
    let by = args.by(1)?;
    Ok((args.items(0)?, by))
}

/// The first item whose condition is so.
fn first<'a>(args: &mut Args<'_, 'a>, holds: bool) -> Result<Option<Val<'a>>, Stop> {
    let (items, by) = both(args)?;
    let mut found = None;
    items.each(|at, item| {
        if by.holds(args.machine, item.share(), at)? == holds {
            found = Some(item);
        }
        Ok(found.is_none())
    })?;
    Ok(found)
}
