//! flow/while

use smallvec::smallvec;
use workflow::{Class, Declaration, Example, Json, Port};

use crate::{
    element::{Again, Open, Step, Type, port},
    elements::{IN, literal, recipe},
    state::Hold,
};

pub(in crate::elements) const TYPE: Type = Type::frame(
    &Declaration {
        name: "flow/while",
        doc: "Fires `each` as long as the condition is truthy, at most `max` times, then `next`; both carry the input.",
        class: Class::Pure,
        options: &[
            recipe("condition", "Looked at before each turn."),
            literal("max", &[Json::Number], "At most so many turns."),
        ],
        ins: IN,
        outs: &[
            Port { name: "each", doc: "The input, once a turn." },
            Port { name: "next", doc: "The input, after the last turn." },
        ],
        outs_from: None,
        examples: &[Example {
            says: "a condition that never holds",
            element: r#"{"options": {"condition": "n > 3"}}"#,
            input: r#"{"n": 1}"#,
            output: r#"{"next": {"n": 1}}"#,
        }],
    },
    |_| Ok(Step::Open(Open { hold: Hold::While { turns: 0 }, vars: None, lay: None })),
    |firing, hold| {
        let Hold::While { turns } = hold else { return Ok(Again::Close(smallvec![])) };
        let max = firing.value("max")?.as_i64().map_or(u64::MAX, |max| max.max(0) as u64);
        if *turns < max && firing.value("condition")?.truthy() {
            *turns += 1;
            return Ok(Again::Inside(port("each", firing.input())));
        }
        Ok(Again::Close(port("next", firing.input())))
    },
);
