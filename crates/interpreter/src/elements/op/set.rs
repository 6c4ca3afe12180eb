//! op/set

use recipe::{Map, Value};
use workflow::{Class, Declaration, Example};

use super::lay;
use crate::{
    effect::Failure,
    element::{Firing, Step, Type, port},
    elements::{IN, OUT, ignored, recipes, value, values},
};

/// What belongs to one record and is not copied to another.
const OWN_FIELDS: &[&str] = &["id", "module", "module_id", "client", "created_at", "updated_at"];

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "op/set",
        doc: "Sets fields of its input: first those of `copy`, then `values`, then `recipes`. A dotted or [i] path is taken. On a list: each item.",
        class: Class::Pure,
        options: &[
            value(
                "copy",
                "An object whose fields are laid over the input, but id, module, client and timestamps.",
            ),
            values("values", "Field to value."),
            recipes("recipes", "Field to expression; `this` is the input with copy and values."),
            ignored("process"),
        ],
        ins: IN,
        outs: OUT,
        outs_from: None,
        examples: &[
            Example {
                says: "recipes see what values set",
                element: r#"{"options": {"values": {"price": 5}, "recipes": {"total": "price * count"}}}"#,
                input: r#"{"count": 3}"#,
                output: r#"{"default": {"count": 3, "price": 5, "total": 15}}"#,
            },
            Example {
                says: "null becomes a new object, and a dotted path makes what it needs",
                element: r#"{"options": {"values": {"customer.zip": "10115"}}}"#,
                input: "null",
                output: r#"{"default": {"customer": {"zip": "10115"}}}"#,
            },
        ],
    },
    |firing| {
        let input = firing.input();
        let output = match &input {
            Value::List(list) => {
                let items: Result<Vec<_>, _> = list.iter().map(|item| set(firing, item)).collect();
                Value::from(items?)
            }
            one => set(firing, one)?,
        };
        Ok(Step::Emit(port("default", output)))
    },
);

fn set(firing: &Firing<'_>, input: &Value) -> Result<Value, Failure> {
    let mut output = match input {
        Value::Object(_) => input.clone(),
        _ => Value::Object(Map::new()),
    };
    if let (Some(template), Value::Object(map)) = (firing.template("copy"), &mut output) {
        let copy = firing.eval(template, input)?;
        for (key, value) in copy.as_object().into_iter().flat_map(Map::iter) {
            if !OWN_FIELDS.contains(&&**key) {
                map.insert(key.clone(), value.clone());
            }
        }
    }
    lay(firing, "values", input, &mut output)?;
    let this = output.clone();
    lay(firing, "recipes", &this, &mut output)?;
    Ok(output)
}
