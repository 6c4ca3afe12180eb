//! flow/each

use recipe::{List, Value};
use smallvec::smallvec;
use workflow::{Class, Declaration, Example, Json, Port};

use crate::{
    effect::Failure,
    element::{Again, Firing, Open, PortName, Step, Type, port},
    elements::{INPUT, literal, recipe},
    state::Hold,
};

pub(in crate::elements) const TYPE: Type = Type::frame(
    &Declaration {
        name: "flow/each",
        doc: "Sends each item of a list through `each`, one after another, then fires `next` once. One object is a list of one, null has no items.",
        class: Class::Pure,
        options: &[
            literal("parallel", &[Json::Number], "How many items are under way at once (1)."),
            literal("batch", &[Json::Number], "How many items go through `each` together, as a list (1)."),
            recipe(
                "collect",
                "Evaluated at the end of each iteration: `next` carries the list of what it gave.",
            ),
            literal(
                "onError",
                &[Json::Text],
                "`fail` (default) or `collect`: put error values into the list.",
            ),
        ],
        ins: &[INPUT, Port { name: "item", doc: "The list; stands for `default` where it is given." }],
        outs: &[
            Port { name: "index", doc: "Counts from 0; in batches the first item's. Fires before `each`." },
            Port { name: "total", doc: "How many items there are. Fires before `each`." },
            Port { name: "each", doc: "An item, or a list of `batch` items." },
            Port { name: "next", doc: "Once, after the last: the input, with `collect` its list." },
        ],
        outs_from: None,
        examples: &[
            Example { says: "no items: only next", element: "{}", input: "[]", output: r#"{"next": []}"# },
            Example {
                says: "collect makes a list of what each iteration gave",
                element: r#"{"options": {"collect": "this * 2"}}"#,
                input: "[1, 2]",
                output: r#"{"index": 1, "total": 2, "each": 2, "next": [2, 4]}"#,
            },
        ],
    },
    open,
    turn,
);

fn list(firing: &Firing<'_>) -> Result<List, Failure> {
    let input = if firing.has("item") { firing.named("item") } else { firing.input() };
    match input {
        Value::Null => Ok(List::default()),
        Value::List(list) => Ok(list),
        object @ Value::Object(_) => Ok(List::from(vec![object])),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {
            Err(Failure::new("invalid", "flow/each needs a list, and got a text, a number or a boolean"))
        }
    }
}

fn open(firing: &mut Firing<'_>) -> Result<Step, Failure> {
    let items = list(firing)?;
    let collected = firing.given("collect").then(List::default);
    Ok(Step::Open(Open { hold: Hold::Each { items, next: 0, collected }, vars: None, lay: None }))
}

fn turn(firing: &mut Firing<'_>, hold: &mut Hold) -> Result<Again, Failure> {
    let Hold::Each { items, next, collected } = hold else { return Ok(Again::Close(smallvec![])) };
    let batch = firing.value("batch")?.as_i64().unwrap_or(1).max(1) as usize;
    let total = items.len();
    if let (Some(list), Some(template), true) = (collected.as_mut(), firing.template("collect"), *next > 0) {
        let last = chunk(items, (*next as usize).saturating_sub(1) / batch * batch, batch);
        let given = firing.eval(template, &last)?;
        list.make_mut().push(given);
    }
    let at = *next as usize;
    if at >= total {
        let carried = match collected.take() {
            Some(list) => Value::List(list),
            None if firing.has("item") => firing.named("item"),
            None => firing.input(),
        };
        return Ok(Again::Close(port("next", carried)));
    }
    *next = (at + batch).min(total) as u64;
    Ok(Again::Inside(smallvec![
        (PortName::Fixed("index"), Value::Int(at as i64)),
        (PortName::Fixed("total"), Value::Int(total as i64)),
        (PortName::Fixed("each"), chunk(items, at, batch)),
    ]))
}

/// The item at `at`, or the list of `batch` items from there.
fn chunk(items: &List, at: usize, batch: usize) -> Value {
    if batch == 1 {
        return items.get(at).cloned().unwrap_or_default();
    }
    Value::from(items.iter().skip(at).take(batch).cloned().collect::<Vec<_>>())
}
