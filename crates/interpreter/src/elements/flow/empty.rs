//! flow/empty

use recipe::Value;
use workflow::{Class, Declaration, Example, Port};

use crate::{
    element::{Step, Type, port},
    elements::{IN, value},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "flow/empty",
        doc: "Passes its input on to `default` when a value is null, \"\", [] or {}, to `else` when not. 0 and false are not empty.",
        class: Class::Pure,
        options: &[value("value", "What is looked at; the input if left out.")],
        ins: IN,
        outs: &[
            Port { name: "default", doc: "The input, when empty." },
            Port { name: "else", doc: "The input, when not." },
        ],
        outs_from: None,
        examples: &[
            Example {
                says: "an empty list is empty",
                element: r#"{"options": {"value": "$"}, "in": {"default": "[]"}}"#,
                input: "1",
                output: r#"{"else": []}"#,
            },
            Example { says: "zero is not", element: "{}", input: "0", output: r#"{"else": 0}"# },
        ],
    },
    |firing| {
        let looked_at = if firing.given("value") { firing.value("value")? } else { firing.input() };
        let empty = match &looked_at {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            Value::List(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
        };
        Ok(Step::Emit(port(if empty { "default" } else { "else" }, firing.input())))
    },
);
