//! Checks, and what validating recipes give.

use super::{Args, Function};
use crate::{
    Map, Value,
    eval::{Got, Val},
};

const fn check(
    name: &'static str,
    usage: &'static str,
    run: for<'a, 'm> fn(&mut Args<'a, 'm>) -> Got<'a>,
) -> Function {
    Function { name, takes: (1, 1), lambda: None, usage, run }
}

pub(super) const FUNCTIONS: &[Function] = &[
    check("isNull", "isNull(value)", |args| Ok(args.at(0).is_null().into())),
    check("isEmpty", "isEmpty(value)", |args| {
        let empty = match &*args.at(0) {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            Value::List(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        Ok(empty.into())
    }),
    check("isString", "isString(value)", |args| Ok(matches!(&*args.at(0), Value::Text(_)).into())),
    check("isNumber", "isNumber(value)", |args| {
        Ok(matches!(&*args.at(0), Value::Int(_) | Value::Float(_)).into())
    }),
    check("isList", "isList(value)", |args| Ok(matches!(&*args.at(0), Value::List(_)).into())),
    check("isObject", "isObject(value)", |args| Ok(matches!(&*args.at(0), Value::Object(_)).into())),
    Function {
        name: "invalid",
        takes: (0, 1),
        lambda: None,
        usage: "invalid(message)",
        run: |args| {
            let map: Map = [("invalid", args.at(0).own())].into_iter().collect();
            Ok(Val::Own(Value::Object(map)))
        },
    },
    Function { name: "valid", takes: (0, 0), lambda: None, usage: "valid()", run: |_| Ok(true.into()) },
];
