//! op/recipe

use workflow::{Class, Declaration, Example, Port};

use crate::{
    element::{Step, Type, port},
    elements::{IN, recipe},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "op/recipe",
        doc: "Gives the value of an expression.",
        class: Class::Pure,
        options: &[recipe("recipe", "The expression; `this` is the input.")],
        ins: IN,
        outs: &[Port { name: "default", doc: "Its value." }],
        outs_from: None,
        examples: &[Example {
            says: "a bare name is a field of the input",
            element: r#"{"options": {"recipe": "a + 1"}}"#,
            input: r#"{"a": 2}"#,
            output: r#"{"default": 3}"#,
        }],
    },
    |firing| Ok(Step::Emit(port("default", firing.value("recipe")?))),
);
