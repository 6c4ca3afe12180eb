//! op/strReplace

use recipe::{Text, Value};
use workflow::{Class, Declaration, Example, Port};

use crate::{
    element::{Step, Type, port},
    elements::{IN, value},
};

pub(in crate::elements) const TYPE: Type = Type::plain(
    &Declaration {
        name: "op/strReplace",
        doc: "Replaces every occurrence of a text in another.",
        class: Class::Pure,
        options: &[
            value("text", "Where; the input if left out."),
            value("search", "What is looked for; nothing is replaced where it is empty."),
            value("replace", "What stands in its place (empty)."),
        ],
        ins: IN,
        outs: &[Port { name: "default", doc: "The new text." }],
        outs_from: None,
        examples: &[Example {
            says: "all of them",
            element: r#"{"options": {"text": "a-b-c", "search": "-", "replace": "+"}}"#,
            input: "null",
            output: r#"{"default": "a+b+c"}"#,
        }],
    },
    |firing| {
        let text = if firing.given("text") { firing.value("text")? } else { firing.input() };
        if text.is_null() {
            return Ok(Step::Emit(port("default", Value::Null)));
        }
        let (search, replace) = (firing.value("search")?, firing.value("replace")?);
        let (haystack, needle) = (text.to_text(), search.to_text());
        let replaced =
            if needle.is_empty() { haystack } else { haystack.replace(&needle, &replace.to_text()) };
        let taint = text.taint() | replace.taint();
        Ok(Step::Emit(port("default", Value::Text(Text::new(replaced).with_taint(taint)))))
    },
);
