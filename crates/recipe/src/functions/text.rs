//! Texts.

use super::{Args, Function};
use crate::{
    Taint, Text, Value,
    eval::{Got, Val},
    number,
};

const fn plain(
    name: &'static str,
    usage: &'static str,
    takes: (u8, u8),
    run: for<'a, 'm> fn(&mut Args<'a, 'm>) -> Got<'a>,
) -> Function {
    Function { name, takes, lambda: None, usage, run }
}

pub(super) const FUNCTIONS: &[Function] = &[
    plain("string", "string(value)", (1, 1), |args| with(args, |text| text.to_owned())),
    plain("upper", "upper(text)", (1, 1), |args| with(args, |text| text.to_uppercase())),
    plain("lower", "lower(text)", (1, 1), |args| with(args, |text| text.to_lowercase())),
    plain("trim", "trim(text)", (1, 1), |args| with(args, |text| text.trim().to_owned())),
    plain("length", "length(value)", (1, 1), |args| {
        Ok(match &*args.at(0) {
            Value::List(list) => list.len().into(),
            Value::Object(map) => map.len().into(),
            other => other.to_text().chars().count().into(),
        })
    }),
    plain("startsWith", "startsWith(text, start)", (2, 2), |args| {
        Ok(args.at(0).to_text().starts_with(&args.at(1).to_text()).into())
    }),
    plain("endsWith", "endsWith(text, end)", (2, 2), |args| {
        Ok(args.at(0).to_text().ends_with(&args.at(1).to_text()).into())
    }),
    plain("contains", "contains(value, part)", (2, 2), |args| match &*args.at(0) {
        Value::List(list) => {
            let wanted = args.at(1);
            Ok(list.iter().any(|item| item.loose_eq(&wanted)).into())
        }
        other => Ok(other.to_text().contains(&args.at(1).to_text()).into()),
    }),
    plain("replace", "replace(text, search, with)", (3, 3), |args| {
        let (text, search, by) = (args.at(0), args.at(1).to_text(), args.at(2));
        let (haystack, put) = (text.to_text(), by.to_text());
        let hits = if search.is_empty() { 0 } else { haystack.matches(&search).count() };
        args.machine.spend_bytes(haystack.len() + hits.saturating_mul(put.len()))?;
        let replaced = if hits == 0 { haystack } else { haystack.replace(&search, &put) };
        args.machine.text(&replaced, text.taint() | by.taint())
    }),
    plain("split", "split(text, separator)", (2, 2), |args| {
        let (text, separator) = (args.at(0), args.at(1).to_text());
        let whole = text.to_text();
        args.machine.spend(whole.len())?;
        let parts: Vec<&str> =
            if separator.is_empty() { vec![&whole] } else { whole.split(&separator).collect() };
        let taint = text.taint();
        let parts = parts.into_iter().map(|part| Value::Text(Text::new(part).with_taint(taint))).collect();
        args.machine.list(parts)
    }),
    plain("join", "join(list, separator)", (1, 2), |args| {
        let separator = args.at(1);
        let mut taint = separator.taint();
        let words: Vec<String> = args
            .items(0)
            .iter()
            .map(|item| {
                taint = taint | item.taint();
                item.to_text()
            })
            .collect();
        args.machine.text(&words.join(&separator.to_text()), taint)
    }),
    plain("substring", "substring(text, start, end)", (2, 3), |args| {
        let (text, start) = (args.at(0), args.at(1).as_i64().unwrap_or(0).max(0) as usize);
        let end = args.at(2).as_i64().map_or(usize::MAX, |end| end.max(0) as usize);
        let part: String = text.to_text().chars().skip(start).take(end.saturating_sub(start)).collect();
        args.machine.text(&part, text.taint())
    }),
    plain("text", "text(value, max)", (1, 2), |args| {
        let max = args.at(1).as_i64().map_or(usize::MAX, |max| max.max(0) as usize);
        let cut: String = args.at(0).to_text().chars().take(max).collect();
        args.machine.text(&cut, Taint::Clean)
    }),
    plain("number", "number(value)", (1, 1), |args| {
        Ok(match &*args.at(0) {
            n @ (Value::Int(_) | Value::Float(_)) => Val::Own(n.clone()),
            Value::Text(text) => number::parse(text).map_or(Val::NULL, Val::Own),
            _ => Val::NULL,
        })
    }),
];

fn with<'a>(args: &mut Args<'a, '_>, make: fn(&str) -> String) -> Got<'a> {
    let value = args.at(0);
    let made = make(&value.to_text());
    args.machine.text(&made, value.taint())
}
