//! op/concat

use recipe::{List, Value};
use workflow::{Class, Declaration, Port};

use crate::{
    effect::Failure,
    element::{Firing, Step, Type, port},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "op/concat",
        doc: "Joins two lists; null is an empty one.",
        class: Class::Pure,
        options: &[],
        ins: &[Port { name: "a", doc: "The first list." }, Port { name: "b", doc: "What comes after it." }],
        outs: &[Port { name: "default", doc: "Both." }],
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let mut joined = list(firing, "a")?;
        let rest = list(firing, "b")?;
        joined.make_mut().extend(rest.iter().cloned());
        Ok(Step::Emit(port("default", Value::List(joined))))
    },
);

fn list(firing: &Firing<'_>, name: &str) -> Result<List, Failure> {
    match firing.named(name) {
        Value::Null => Ok(List::default()),
        Value::List(list) => Ok(list),
        _ => Err(Failure::new("invalid", format!("op/concat needs a list on its port `{name}`"))),
    }
}
