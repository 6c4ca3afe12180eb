//! What makes a provider's data fit for users (check.md): their values come out without a mark.

use super::{Args, Function, objects, row};
use crate::{
    Value,
    eval::{Got, Val},
    number,
};

pub(super) const FUNCTIONS: &[Function] = &[
    row(
        "text(v, max)",
        "The value as a text of at most so many characters; what is longer is cut off.",
        &[("text('abcdef', 3)", "\"abc\""), ("text(null, 3)", "\"\""), ("text(12, 10)", "\"12\"")],
        |args| {
            let max = usize::try_from(args.int(1, 0)?).unwrap_or(0);
            let value = args.take(0);
            let mut words = String::new();
            args.machine.add_words(&value, &mut words)?;
            let end = words.char_indices().nth(max).map_or(words.len(), |(at, _)| at);
            args.machine.text(&words[..end], crate::Taint::Clean)
        },
    ),
    row(
        "number(v)",
        "The number that a value is: null of what is none.",
        &[("number('1.5')", "1.5"), ("number('x')", "null"), ("number(true)", "1"), ("number(null)", "null")],
        |args| {
            Ok(match args.get(0) {
                n @ (Value::Int(_) | Value::Float(_)) => n.clone().into(),
                Value::Bool(is) => i64::from(*is).into(),
                Value::Text(text) => number::parse(text).into(),
                _ => Val::NULL,
            })
        },
    ),
    row(
        "bool(v)",
        "true or false: false for what is falsy, and for the texts false, no and off.",
        &[("bool('yes')", "true"), ("bool('No')", "false"), ("bool('0')", "false"), ("bool([])", "false")],
        |args| {
            let no =
                |text: &str| ["false", "no", "off"].iter().any(|no| text.trim().eq_ignore_ascii_case(no));
            let value = args.get(0);
            Ok((value.truthy() && !value.as_str().is_some_and(no)).into())
        },
    ),
    row(
        "oneOf(v, list)",
        "The value if it is (as `==`) in the list, as it stands there; else null.",
        &[("oneOf('b', ['a', 'b'])", "\"b\""), ("oneOf('c', ['a', 'b'])", "null")],
        one_of,
    ),
    row(
        "pick(o, keys...)",
        "With only these fields; keys are texts or lists of texts. Of a list: each item.",
        &[("pick({a: 1, b: 2}, ['a', 'c'])", r#"{"a":1}"#), ("pick([{a: 1, b: 2}], 'b')", r#"[{"b":2}]"#)],
        |args| {
            let picked = objects::fields(args, true)?;
            if picked.tainted() {
                // All of it is copied.
                args.machine.spend_bytes(picked.approx_bytes().saturating_mul(2))?;
            }
            Ok(Val::Own(picked.untainted()))
        },
    ),
];

fn one_of<'a>(args: &mut Args<'_, 'a>) -> Got<'a> {
    let value = args.take(0);
    for item in args.items(1)? {
        if args.machine.same(&value, &item)? {
            args.machine.spend_bytes(item.approx_bytes())?;
            return Ok(Val::Own(item.untainted()));
        }
    }
    Ok(Val::NULL)
}
