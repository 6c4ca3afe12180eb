//! flow/try

use workflow::{Class, Declaration, Example, Port};

use crate::{
    element::{Again, Open, Step, Type, port},
    elements::IN,
    state::{Hold, Phase},
};

pub(in crate::elements) const TYPE: Type = Type::frame(
    &Declaration {
        name: "flow/try",
        doc: "Fires `try`; if something in it fails and no nearer port takes it, what is left of it is dropped and `catch` fires with the error value; then `next` either way.",
        class: Class::Pure,
        options: &[],
        ins: IN,
        outs: &[
            Port { name: "try", doc: "The input." },
            Port { name: "catch", doc: "The error value, after a failure." },
            Port { name: "next", doc: "The input, either way." },
        ],
        outs_from: None,
        examples: &[Example {
            says: "nothing fails",
            element: "{}",
            input: "1",
            output: r#"{"try": 1, "next": 1}"#,
        }],
    },
    |_| Ok(Step::Open(Open { hold: Hold::Try(Phase::New), vars: None, lay: None })),
    |firing, hold| {
        if *hold == Hold::Try(Phase::New) {
            *hold = Hold::Try(Phase::Trying);
            return Ok(Again::Inside(port("try", firing.input())));
        }
        Ok(Again::Close(port("next", firing.input())))
    },
);
