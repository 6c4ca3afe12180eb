//! op/get

use workflow::{Class, Declaration, Example, Json, Port};

use crate::{
    element::{Step, Type, port},
    elements::{IN, literal, value},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "op/get",
        doc: "Gives a part of its input.",
        class: Class::Pure,
        options: &[
            literal("path", &[Json::Text], "Fields and indices: `order.items[0].price`."),
            value("default", "What is given where there is nothing."),
        ],
        ins: IN,
        outs: &[Port { name: "default", doc: "That part, or the default." }],
        outs_from: None,
        examples: &[Example {
            says: "a path into lists and objects",
            element: r#"{"options": {"path": "items[1].price", "default": 0}}"#,
            input: r#"{"items": [{"price": 1}, {"price": 2}]}"#,
            output: r#"{"default": 2}"#,
        }],
    },
    |firing| {
        let path = firing.value("path")?;
        let part = firing.input().path(path.as_str().unwrap_or_default());
        let part = if part.is_null() { firing.value("default")? } else { part };
        Ok(Step::Emit(port("default", part)))
    },
);
