//! flow/if

use workflow::{Class, Declaration, Example, Port};

use crate::{
    element::{Step, Type, port},
    elements::{IN, recipe},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "flow/if",
        doc: "Passes its input on to `default` when the condition is truthy, to `else` when not.",
        class: Class::Pure,
        options: &[recipe("condition", "When truthy, `default` fires.")],
        ins: IN,
        outs: &[
            Port { name: "default", doc: "The input, when truthy." },
            Port { name: "else", doc: "The input, when not." },
        ],
        outs_from: None,
        examples: &[
            Example {
                says: "a bare name is a field of the input",
                element: r#"{"options": {"condition": "count > 3"}}"#,
                input: r#"{"count": 5}"#,
                output: r#"{"default": {"count": 5}}"#,
            },
            Example {
                says: "what is not there is null, and null is not greater",
                element: r#"{"options": {"condition": "count > 3"}}"#,
                input: "null",
                output: r#"{"else": null}"#,
            },
        ],
    },
    |firing| {
        let name = if firing.value("condition")?.truthy() { "default" } else { "else" };
        Ok(Step::Emit(port(name, firing.input())))
    },
);
