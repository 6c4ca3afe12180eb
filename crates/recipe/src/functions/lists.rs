//! Lists. Some of them take a text too, whose items are its characters.

use std::{collections::HashSet, mem};

use super::{Args, Function, row, text};
use crate::{
    Value,
    eval::{Got, Stop, Val},
};

pub(super) const FUNCTIONS: &[Function] = &[
    row(
        "count(list)",
        "How many items; a record or an object is one, null none.",
        &[("count([1, 2])", "2"), ("count(null)", "0"), ("count({a: 1})", "1")],
        |args| Ok(args.peek(0)?.len().into()),
    ),
    row(
        "first(list)",
        "The first item, null if there is none.",
        &[("first([1, 2])", "1"), ("[].first()", "null")],
        |args| at(args, 0),
    ),
    row("last(list)", "The last item, null if there is none.", &[("last([1, 2])", "2")], |args| at(args, -1)),
    row(
        "push(list, items...)",
        "The list with the items appended, each as one.",
        &[("push([1], 2, [3])", "[1,2,[3]]"), ("push(null, 1)", "[1]")],
        |args| {
            let mut list = items(args, 0)?;
            list.extend(args.values.drain(1..).map(Val::own));
            args.machine.list(list)
        },
    ),
    row(
        "concat(lists...)",
        "The lists one after the other; what is no list is an item of its own, null nothing. Only texts: one text.",
        &[("concat([1], [2, 3], null, 4)", "[1,2,3,4]"), ("'a'.concat('b')", "\"ab\"")],
        |args| {
            if args.values.iter().all(|value| matches!(**value, Value::Text(_))) {
                let mut words = String::new();
                for value in &args.values {
                    args.machine.add_words(value, &mut words)?;
                }
                return args.made(&words);
            }
            let mut all = Vec::new();
            for value in mem::take(&mut args.values) {
                match &*value {
                    Value::List(list) => {
                        args.machine.spend_bytes(mem::size_of_val(&**list))?;
                        all.extend_from_slice(list);
                    }
                    Value::Null => {}
                    _ => all.push(value.own()),
                }
            }
            args.machine.list(all)
        },
    ),
    row(
        "unique(list)",
        "Without items that were there before; records are the same by module and id.",
        &[("unique([1, 2, 1.0, '1'])", "[1,2,\"1\"]"), ("unique([{a: 1}, {a: 1}])", "[{\"a\":1}]")],
        |args| {
            let mut seen = HashSet::new();
            let mut kept = Vec::new();
            for item in args.items(0)? {
                // What the set takes beside the words.
                args.machine.spend_bytes(96)?;
                let mut same = String::new();
                match item.as_object().and_then(|map| map.record()) {
                    Some((module, id)) => {
                        args.machine.add_json(module, &mut same)?;
                        same.push(':');
                        args.machine.add_words(id, &mut same)?;
                    }
                    None => args.machine.add_json(&item, &mut same)?,
                }
                if seen.insert(same) {
                    kept.push(item.own());
                }
            }
            args.machine.list(kept)
        },
    ),
    row(
        "reverse(list)",
        "From its end to its start; a text too.",
        &[("reverse([1, 2])", "[2,1]"), ("reverse('abc')", "\"cba\"")],
        |args| match args.get(0) {
            Value::Text(_) => {
                args.making(0, 1)?;
                let words: String = args.words(0)?.chars().rev().collect();
                args.made(&words)
            }
            _ => {
                let mut list = items(args, 0)?;
                list.reverse();
                args.machine.list(list)
            }
        },
    ),
    row(
        "slice(list, start, end?)",
        "From a place up to before another; negative places count from the end. A text too.",
        &[
            ("slice([1, 2, 3], 1)", "[2,3]"),
            ("[1, 2, 3].slice(0, -1)", "[1,2]"),
            ("slice('abc', 1)", "\"bc\""),
        ],
        |args| {
            if let Value::Text(_) = args.get(0) {
                let part = text::slice(args)?;
                return args.made(&part);
            }
            let end = if args.given(2) { Some(args.int(2, 0)?) } else { None };
            let list = args.peek(0)?;
            let range = text::range(list.len(), args.int(1, 0)?, end);
            args.machine.spend_bytes(range.len() * size_of::<Value>())?;
            let list = args.peek(0)?;
            let part = list[range].to_vec();
            args.machine.list(part)
        },
    ),
    row(
        "sort(list)",
        "In order: null, booleans, numbers by value, texts by code point. Equal ones keep their order.",
        &[("sort([10, 9, null])", "[null,9,10]"), ("sort(['b', 'B', 'a'])", r#"["B","a","b"]"#)],
        |args| {
            let mut list = items(args, 0)?;
            args.machine.spend(sort_steps(list.iter()))?;
            list.sort_by(Value::sort_order);
            args.machine.list(list)
        },
    ),
    row(
        "flatten(list, levels?)",
        "With the items of lists in it in their place, so many levels deep (1 if left out).",
        &[("flatten([1, [2, [3]]])", "[1,2,[3]]"), ("flatten([1, [2, [3]]], 2)", "[1,2,3]")],
        |args| {
            let levels = args.int(1, 1)?.clamp(0, 128);
            let mut list = items(args, 0)?;
            for _ in 0..levels {
                if !list.iter().any(|item| matches!(item, Value::List(_))) {
                    break;
                }
                let mut flat = Vec::with_capacity(list.len());
                for item in list {
                    match item {
                        Value::List(inside) => {
                            args.machine.spend_bytes(mem::size_of_val(&*inside))?;
                            flat.extend_from_slice(&inside);
                        }
                        item => flat.push(item),
                    }
                }
                args.machine.spend(flat.len())?;
                list = flat;
            }
            args.machine.list(list)
        },
    ),
    row(
        "range(start, end?, step?)",
        "Whole numbers from `start` up to before `end`; with one argument from 0 up to before it.",
        &[
            ("range(3)", "[0,1,2]"),
            ("range(1, 7, 2)", "[1,3,5]"),
            ("range(3, 0, -1)", "[3,2,1]"),
            ("range(-1)", "[]"),
        ],
        range,
    ),
    row(
        "indexOf(list, item)",
        "The place of the first equal item (as `==`), of a text in a text; -1 if it is not there.",
        &[("indexOf([5, 6], '6')", "1"), ("indexOf('äbc', 'c')", "2"), ("[1].indexOf(2)", "-1")],
        |args| {
            if let Value::Text(words) = args.get(0) {
                let at = words.find(&*args.words(1)?).map(|at| words[..at].chars().count() as i64);
                return Ok(at.unwrap_or(-1).into());
            }
            find(args).map(|at| at.map_or(-1, |at| at as i64).into())
        },
    ),
    row(
        "contains(list, item)",
        "Whether an item is equal (as `==`), or a text is in a text.",
        &[("contains([1, 2], 2)", "true"), ("'abc'.contains('bc')", "true"), ("contains(null, 1)", "false")],
        contains,
    ),
    row("includes(list, item)", "The same as contains.", &[("[1, 2].includes(3)", "false")], contains),
];

/// The items, to be changed.
pub(super) fn items(args: &mut Args<'_, '_>, at: usize) -> Result<Vec<Value>, Stop> {
    Ok(args.items(at)?.map(Val::own).collect())
}

/// What comparing these may cost beyond a step an item: long texts, again and again.
pub(super) fn sort_steps<'v>(list: impl ExactSizeIterator<Item = &'v Value>) -> usize {
    let count = list.len();
    let longest = list.map(|item| item.as_str().map_or(0, str::len) >> 9).max().unwrap_or(0);
    longest.saturating_mul(count).saturating_mul(count.max(2).ilog2() as usize)
}

fn at<'a>(args: &mut Args<'_, 'a>, at: i64) -> Got<'a> {
    args.peek(0)?;
    let of = args.take(0);
    Ok(match &*of {
        Value::List(_) => of.part(|list| Value::nth(list.as_list()?, at)),
        _ => of,
    })
}

fn range<'a>(args: &mut Args<'_, 'a>) -> Got<'a> {
    let (start, end) = if args.given(1) { (args.int(0, 0)?, args.int(1, 0)?) } else { (0, args.int(0, 0)?) };
    let step = args.int(2, 1)?;
    let way =
        if step > 0 { i128::from(end) - i128::from(start) } else { i128::from(start) - i128::from(end) };
    if step == 0 {
        return Err(Stop::new("`range` takes a step other than 0"));
    }
    let stride = i128::from(step).abs();
    let count = usize::try_from((way + stride - 1) / stride).unwrap_or(if way > 0 { usize::MAX } else { 0 });
    args.machine.spend(count)?;
    let numbers = (0..count as i64).map(|turn| Value::Int(start.wrapping_add(turn.wrapping_mul(step))));
    args.machine.list(numbers.collect())
}

fn find(args: &mut Args<'_, '_>) -> Result<Option<usize>, Stop> {
    let wanted = args.take(1);
    for (at, item) in args.items(0)?.enumerate() {
        if args.machine.same(&item, &wanted)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn contains<'a>(args: &mut Args<'_, 'a>) -> Got<'a> {
    if let Value::Text(words) = args.get(0) {
        return Ok(words.contains(&*args.words(1)?).into());
    }
    find(args).map(|at| at.is_some().into())
}
