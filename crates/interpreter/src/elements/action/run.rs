//! action/run

use recipe::{Map, Value};
use workflow::{Class, Declaration, Json, Port, duration_ms};

use crate::{
    effect::{Asked, Failure, Own, Start},
    element::{Again, Firing, Open, Step, Type, port},
    elements::{IN, literal, value},
    state::Hold,
};

/// What a started run may be given, bytes.
const INPUT_BYTES_MAX: usize = 16 << 20;

pub(in crate::elements) const TYPE: Type = Type {
    declaration: &Declaration {
        name: "action/run",
        doc: "Runs another workflow: at once inside this run, or as a run of its own in the background.",
        class: Class::Own,
        options: &[
            value("workflow", "The workflow's identifier."),
            literal("async", &[Json::Bool], "In the background; what the called workflow says if left out."),
            literal(
                "scope",
                &[Json::Bool],
                "true (default): the called workflow sees only `input`; false: it works with the variables that are there (async: with a copy).",
            ),
            value(
                "input",
                "Name to value: variables, and the value on the default port of the called workflow's entry.",
            ),
            literal("queue", &[Json::Text], "The queue; what the called workflow says if left out."),
            value("priority", "Higher first."),
            value("delay", "How long it stays queued before it may be begun: 5s, 10m, 2h, 1d."),
            value("unique", "A key that stands for `job.unique.key` of the called workflow."),
        ],
        ins: IN,
        outs: &[
            Port {
                name: "default",
                doc: "The called workflow's result, or {id, workflow, status} of the run that was started.",
            },
            Port { name: "error", doc: "The error value." },
        ],
        outs_from: None,
        examples: &[],
    },
    step,
    // What the store decided on a unique start.
    finish: |_, started| Ok(port("default", started)),
    turn: |_, hold| {
        let Hold::Callee { result, enter, .. } = hold else { return Ok(Again::Close(Default::default())) };
        Ok(match enter.take() {
            Some((workflow, input)) => Again::Enter(workflow, input),
            None => Again::Close(port("default", std::mem::take(result))),
        })
    },
};

fn step(firing: &mut Firing<'_>) -> Result<Step, Failure> {
    let called = firing.value("workflow")?;
    let name = called.as_str().unwrap_or_default();
    let Some(callee) = firing.system.workflows.get(name).cloned() else {
        return Err(missing(&called));
    };
    let workflow = callee.identifier.clone();
    let (is_async, queue) = (callee.is_async, callee.queue.clone());
    let usual = callee.settings.get("priority").and_then(Value::as_i64).unwrap_or(0);
    let input = firing.value("input")?;
    let fresh = firing.value("scope")? != Value::Bool(false);
    let given = input.as_object().cloned().unwrap_or_default();
    let vars = if fresh { given } else { over(firing.vars, &given) };
    let is_async = match firing.value("async")? {
        Value::Bool(says) => says,
        _ => is_async,
    };
    if is_async {
        let queue = firing.value("queue")?.as_str().map(Into::into).or(queue);
        let priority = firing.value("priority")?.as_i64().unwrap_or(usual);
        let key = firing.value("unique")?;
        let given = (!key.is_null()).then_some(&key);
        let (unique, limit) = crate::limits(&callee, &input, &vars, given)?;
        let not_before_ms = delay(firing)?;
        return start(
            firing,
            Start {
                not_before_ms,
                unique,
                limit,
                id: firing.new_id("run"),
                workflow,
                queue,
                priority: priority.clamp(i32::MIN.into(), i32::MAX.into()) as i32,
                input,
                vars,
                at_ms: firing.facts.now_ms,
            },
        );
    }
    let hold = Hold::Callee { result: Value::Null, answered: false, enter: Some((workflow, input)) };
    if fresh {
        return Ok(Step::Open(Open { hold, vars: Some(vars), lay: None }));
    }
    // In the caller's own scope: what `input` names is set there, and the callee's changes stay.
    let lay = (!vars.ptr_eq(firing.vars)).then_some(vars);
    Ok(Step::Open(Open { hold, vars: None, lay }))
}

fn start(firing: &mut Firing<'_>, start: Start) -> Result<Step, Failure> {
    let bytes = start.input.approx_bytes() + Value::Object(start.vars.clone()).approx_bytes();
    if bytes > INPUT_BYTES_MAX {
        let says = format!("the input of a run in the background is over {} MiB", INPUT_BYTES_MAX >> 20);
        return Err(Failure::new("input_too_large", says));
    }
    let started: Map = [
        ("id", Value::from(start.id_text())),
        ("workflow", Value::from(&*start.workflow)),
        ("status", Value::from("queued")),
    ]
    .into_iter()
    .collect();
    if start.unique.is_some() {
        return Ok(Step::Ask(Asked::Start(Box::new(start))));
    }
    firing.left.own.push(Own::Start(start));
    Ok(Step::Emit(port("default", Value::Object(started))))
}

/// Until when a start is put off.
fn delay(firing: &Firing<'_>) -> Result<Option<i64>, Failure> {
    let span = firing.value("delay")?;
    if span.is_null() {
        return Ok(None);
    }
    let ms = duration_ms(&span.to_text()).ok_or_else(|| {
        Failure::new("invalid", "`delay` of action/run is a number with ms, s, m, h or d, such as 10m")
    })?;
    Ok(Some(firing.facts.now_ms.saturating_add_unsigned(ms)))
}

/// A name that came from a provider is for operators only.
fn missing(name: &Value) -> Failure {
    let says = match name.tainted() {
        true => "there is no workflow of the name that a provider gave".to_owned(),
        false => format!("there is no workflow `{}`", name.to_text()),
    };
    Failure { detail: name.clone(), ..Failure::new("missing_workflow", says) }
}

/// The variables with `given` laid over them.
fn over(vars: &Map, given: &Map) -> Map {
    let mut all = vars.clone();
    for (name, value) in given.iter() {
        all.insert(name.clone(), value.clone());
    }
    all
}
