//! op/selector

use recipe::{List, Value};
use workflow::{Class, Declaration, Example, Json, Port};

use crate::{
    effect::Failure,
    element::{Firing, Step, Type, port},
    elements::{INPUT, literal, value},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "op/selector",
        doc: "Gives what a field path names, always as a list: a list as it is, null as an empty one. Without a selector, the input in a list.",
        class: Class::Pure,
        options: &[
            value("selector", "The field path; a list on the way is gone through."),
            literal("first", &[Json::Bool], "Give the first one, or null, instead of the list."),
        ],
        ins: &[INPUT, Port { name: "selector", doc: "Stands for the option where it is given." }],
        outs: &[Port { name: "default", doc: "The list, or its first." }],
        outs_from: None,
        examples: &[
            Example {
                says: "a single value becomes a list of one",
                element: r#"{"options": {"selector": "customer.name"}}"#,
                input: r#"{"customer": {"name": "Ada"}}"#,
                output: r#"{"default": ["Ada"]}"#,
            },
            Example {
                says: "the first of a list",
                element: r#"{"options": {"selector": "rows", "first": true}}"#,
                input: r#"{"rows": [1, 2]}"#,
                output: r#"{"default": 1}"#,
            },
        ],
    },
    |firing| {
        let list = select(firing)?;
        let output = if firing.value("first")?.truthy() {
            list.first().cloned().unwrap_or_default()
        } else {
            Value::List(list)
        };
        Ok(Step::Emit(port("default", output)))
    },
);

fn select(firing: &Firing<'_>) -> Result<List, Failure> {
    let selector =
        if firing.has("selector") { firing.named("selector") } else { firing.value("selector")? };
    let input = firing.input();
    Ok(match selector.as_str() {
        None | Some("") => List::from(vec![input]),
        Some(path) => path.split('.').fold(list(input), |list_so_far, segment| {
            list_so_far.iter().flat_map(|item| list(item.path(segment)).to_vec()).collect()
        }),
    })
}

/// A list as it is, null as an empty one, anything else as a list of one.
fn list(value: Value) -> List {
    match value {
        Value::Null => List::default(),
        Value::List(list) => list,
        one => List::from(vec![one]),
    }
}
