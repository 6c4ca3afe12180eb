//! flow/each

use recipe::{List, Value};
use smallvec::smallvec;
use workflow::{Class, Declaration, Example, Json, Port};

use crate::{
    effect::Failure,
    element::{Again, Firing, Open, PortName, Ports, Step, Type, port},
    elements::{INPUT, literal, recipe},
    state::{Hold, Many},
};

/// Items that may be under way at once, whatever the file says.
const PARALLEL_MAX: i64 = 1_000;

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
    let collects_errors = firing.value("onError")?.as_str() == Some("collect");
    let collects = collects_errors || firing.given("collect");
    let parallel = firing.value("parallel")?.as_i64().unwrap_or(1);
    let hold = if parallel > 1 {
        let places = items.len().div_ceil(size(firing)?);
        Hold::Many(Box::new(Many {
            items,
            next: 0,
            running: 0,
            vars: firing.vars.clone(),
            collected: collects.then(|| vec![Value::Null; places]),
            collects_errors,
            failed: None,
        }))
    } else {
        let collected = collects.then(List::default);
        Hold::Each { items, next: 0, collected, collects_errors, failed: None }
    };
    Ok(Step::Open(Open { hold, vars: None, lay: None }))
}

/// How many items go through `each` together.
fn size(firing: &Firing<'_>) -> Result<usize, Failure> {
    Ok(firing.value("batch")?.as_i64().unwrap_or(1).max(1) as usize)
}

fn turn(firing: &mut Firing<'_>, hold: &mut Hold) -> Result<Again, Failure> {
    match hold {
        Hold::Each { .. } => one_by_one(firing, hold),
        Hold::Many(many) => side_by_side(firing, many),
        Hold::Item(item) => Ok(Again::Done(match firing.template("collect") {
            Some(template) => firing.eval(template, item)?,
            None => Value::Null,
        })),
        _ => Ok(Again::Close(smallvec![])),
    }
}

fn one_by_one(firing: &Firing<'_>, hold: &mut Hold) -> Result<Again, Failure> {
    let Hold::Each { items, next, collected, failed, .. } = hold else {
        return Ok(Again::Close(smallvec![]));
    };
    let batch = size(firing)?;
    if let (Some(list), true) = (collected.as_mut(), *next > 0) {
        let last = chunk(items, (*next as usize).saturating_sub(1) / batch * batch, batch);
        let given = match (failed.take(), firing.template("collect")) {
            (Some(error), _) => error,
            (None, Some(template)) => firing.eval(template, &last)?,
            (None, None) => Value::Null,
        };
        list.make_mut().push(given);
    }
    let at = *next as usize;
    if at >= items.len() {
        return Ok(Again::Close(next_port(firing, collected.take())));
    }
    *next = (at + batch).min(items.len()) as u64;
    Ok(Again::Inside(begin(items, at, batch)))
}

fn side_by_side(firing: &Firing<'_>, many: &mut Many) -> Result<Again, Failure> {
    let batch = size(firing)?;
    let parallel = firing.value("parallel")?.as_i64().unwrap_or(1).clamp(1, PARALLEL_MAX);
    let places = many.items.len().div_ceil(batch) as u64;
    let mut items = Vec::new();
    while many.running < parallel as u64 && many.next < places {
        items.push((many.next, begin(&many.items, many.next as usize * batch, batch)));
        many.next += 1;
        many.running += 1;
    }
    if items.is_empty() && many.running == 0 {
        return Ok(Again::Close(next_port(firing, many.list())));
    }
    Ok(Again::Fork(items))
}

/// What fires at the beginning of an iteration.
fn begin(items: &List, at: usize, batch: usize) -> Ports {
    smallvec![
        (PortName::Fixed("index"), Value::Int(at as i64)),
        (PortName::Fixed("total"), Value::Int(items.len() as i64)),
        (PortName::Fixed("each"), chunk(items, at, batch)),
    ]
}

fn next_port(firing: &Firing<'_>, collected: Option<List>) -> Ports {
    let carried = match collected {
        Some(list) => Value::List(list),
        None if firing.has("item") => firing.named("item"),
        None => firing.input(),
    };
    port("next", carried)
}

/// The item at `at`, or the list of `batch` items from there.
fn chunk(items: &List, at: usize, batch: usize) -> Value {
    if batch == 1 {
        return items.get(at).cloned().unwrap_or_default();
    }
    Value::from(items.iter().skip(at).take(batch).cloned().collect::<Vec<_>>())
}
