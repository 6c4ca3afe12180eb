//! Questions about types, and answers of validation rules.

use super::{Function, row};
use crate::{Map, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    row("isNull(v)", "Whether it is null.", &[("isNull(null)", "true"), ("isNull(0)", "false")], |args| {
        Ok(args.get(0).is_null().into())
    }),
    row(
        "isEmpty(v)",
        "Whether it is null, \"\", [] or {}; 0 and false are not empty.",
        &[("isEmpty('')", "true"), ("isEmpty([])", "true"), ("isEmpty(0)", "false")],
        |args| {
            Ok(match args.get(0) {
                Value::Null => true,
                Value::Text(text) => text.is_empty(),
                Value::List(list) => list.is_empty(),
                Value::Object(map) => map.is_empty(),
                _ => false,
            }
            .into())
        },
    ),
    row(
        "isString(v)",
        "Whether it is a text.",
        &[("isString('1')", "true"), ("isString(1)", "false")],
        |args| Ok(matches!(args.get(0), Value::Text(_)).into()),
    ),
    row(
        "isNumber(v)",
        "Whether it is a number; a numeric text is none.",
        &[("isNumber(1.5)", "true"), ("isNumber('1')", "false")],
        |args| Ok(matches!(args.get(0), Value::Int(_) | Value::Float(_)).into()),
    ),
    row("isList(v)", "Whether it is a list.", &[("isList([])", "true"), ("isList({})", "false")], |args| {
        Ok(matches!(args.get(0), Value::List(_)).into())
    }),
    row(
        "isObject(v)",
        "Whether it is an object or a record.",
        &[("isObject({})", "true"), ("isObject(null)", "false")],
        |args| Ok(matches!(args.get(0), Value::Object(_)).into()),
    ),
    row(
        "invalid(message)",
        "The answer of a validation rule that something is wrong, and why.",
        &[("invalid('too late')", r#"{"valid":false,"message":"too late"}"#)],
        |args| {
            let message = args.take(0).own();
            args.machine.object(Map::from_iter([("valid", false.into()), ("message", message)]))
        },
    ),
    row("valid()", "The answer of a validation rule that all is well.", &[("valid()", "true")], |_| {
        Ok(true.into())
    }),
];
