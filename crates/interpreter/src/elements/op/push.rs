//! op/push

use recipe::{List, Value};
use workflow::{Class, Declaration, Port};

use crate::{
    effect::Failure,
    element::{Step, Type, port},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "op/push",
        doc: "Appends one item to a list; a list is appended as one item.",
        class: Class::Pure,
        options: &[],
        ins: &[
            Port { name: "array", doc: "The list; null is an empty one." },
            Port { name: "item", doc: "What is appended." },
        ],
        outs: &[Port { name: "default", doc: "The longer list." }],
        outs_from: None,
        examples: &[],
    },
    |firing| {
        let mut list = match firing.named("array") {
            Value::Null => List::default(),
            Value::List(list) => list,
            _ => return Err(Failure::new("invalid", "op/push needs a list on its port `array`")),
        };
        list.make_mut().push(firing.named("item"));
        Ok(Step::Emit(port("default", Value::List(list))))
    },
);
