//! op/merge

use recipe::{Map, Value};
use workflow::{Class, Declaration, Port};

use crate::{
    effect::Failure,
    element::{Firing, Step, Type, port},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "op/merge",
        doc: "Lays the fields of one object over another; null is an empty one.",
        class: Class::Pure,
        options: &[],
        ins: &[
            Port { name: "a", doc: "The object below." },
            Port { name: "b", doc: "The object laid over it." },
        ],
        outs: &[Port { name: "default", doc: "Both." }],
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let mut merged = object(firing, "a")?;
        for (key, value) in object(firing, "b")?.iter() {
            merged.insert(key.clone(), value.clone());
        }
        Ok(Step::Emit(port("default", Value::Object(merged))))
    },
);

fn object(firing: &Firing<'_>, name: &str) -> Result<Map, Failure> {
    match firing.named(name) {
        Value::Null => Ok(Map::new()),
        Value::Object(map) => Ok(map),
        _ => Err(Failure::new("invalid", format!("op/merge needs an object on its port `{name}`"))),
    }
}
