//! op/addListItem

use recipe::{List, Map, Value};
use workflow::{Class, Declaration, Example, Json};

use super::lay;
use crate::{
    effect::Failure,
    element::{Step, Type, port},
    elements::{IN, OUT, literal, recipes, values},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "op/addListItem",
        doc: "Appends a new object to a list field of its input.",
        class: Class::Pure,
        options: &[
            literal("list", &[Json::Text], "The list field; a path is taken."),
            values("values", "Field to value of the new object."),
            recipes("recipes", "Field to expression of the new object; `this` is the input."),
        ],
        ins: IN,
        outs: OUT,
        outs_from: None,
        examples: &[Example {
            says: "a list that is not there yet is made",
            element: r#"{"options": {"list": "rows", "values": {"n": 1}, "recipes": {"m": "a + 1"}}}"#,
            input: r#"{"a": 1}"#,
            output: r#"{"default": {"a": 1, "rows": [{"n": 1, "m": 2}]}}"#,
        }],
    },
    |firing| {
        let mut output = firing.input();
        if output.is_null() {
            return Ok(Step::Emit(port("default", output)));
        }
        let this = output.clone();
        let mut item = Value::Object(Map::new());
        lay(firing, "values", &this, &mut item)?;
        lay(firing, "recipes", &this, &mut item)?;
        let path = firing.value("list")?.to_text();
        let mut list = match output.path(&path) {
            Value::Null => List::default(),
            Value::List(list) => list,
            _ => return Err(Failure::new("invalid", format!("the field `{path}` is no list"))),
        };
        list.make_mut().push(item);
        output.path_set(&path, Value::List(list));
        Ok(Step::Emit(port("default", output)))
    },
);
