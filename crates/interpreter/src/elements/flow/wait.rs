//! flow/wait

use recipe::Value;
use smallvec::smallvec;
use workflow::{Class, Declaration, Port, duration_ms};

use crate::{
    effect::{Asked, Failure, Wait},
    element::{Again, Firing, Step, Type, port},
    elements::{IN, value},
};

pub(in crate::elements) const TYPE: Type = Type {
    declaration: &Declaration {
        name: "flow/wait",
        doc: "Ends its branch for now; the run holds no worker while it waits. Passes its input on when the time has come.",
        class: Class::Wait,
        options: &[
            value("for", "A duration: 5s, 10m, 2h, 1d."),
            value("until", "A date; one that has passed does not wait."),
        ],
        ins: IN,
        outs: &[Port { name: "default", doc: "The input, when the time has come." }],
        outs_from: None,
        examples: &[],
    },
    step: |firing| Ok(Step::Ask(Asked::Wait(Wait::Until(until(firing)?)))),
    finish: |firing, _| Ok(port("default", firing.input())),
    turn: |_, _| Ok(Again::Close(smallvec![])),
};

fn until(firing: &Firing<'_>) -> Result<i64, Failure> {
    let invalid = |says: &str| Failure::new("invalid", says);
    match (firing.value("for")?, firing.value("until")?) {
        (Value::Null, Value::Null) => Err(invalid("flow/wait needs `for` or `until`")),
        (Value::Null, date) => recipe::instant_ms(&date, &firing.run.timezone)
            .ok_or_else(|| invalid("`until` of flow/wait is no date")),
        (span, _) => duration_ms(&span.to_text())
            .map(|ms| firing.facts.now_ms.saturating_add_unsigned(ms))
            .ok_or_else(|| invalid("`for` of flow/wait is a number with ms, s, m, h or d, such as 10m")),
    }
}
