//! flow/await

use recipe::{List, Value};
use smallvec::smallvec;
use workflow::{Class, Declaration, Json, Port, duration_ms};

use crate::{
    effect::{Asked, Failure, Wait, id_of},
    element::{Again, Firing, PortName, Ports, Step, Type, port},
    elements::{IN, literal, value},
};

pub(in crate::elements) const TYPE: Type = Type {
    declaration: &Declaration {
        name: "flow/await",
        doc: "Waits for background runs, or for a signal; the run holds no worker meanwhile.",
        class: Class::Wait,
        options: &[
            value(
                "runs",
                "Their ids, or what action/run gave; the ones this branch started and has not awaited if left out.",
            ),
            literal("mode", &[Json::Text], "`all` (default) or `any`: one is enough."),
            value("signal", "The name of a signal to wait for instead."),
            value("timeout", "How long to wait at the longest: 10m, 2h, 1d."),
            value(
                "question",
                "What people are asked at the signal's address; the workflow's title if left out.",
            ),
            literal(
                "answers",
                &[Json::List],
                "The answers to choose from there: texts; `Confirm` alone if left out.",
            ),
        ],
        ins: IN,
        outs: &[
            Port {
                name: "default",
                doc: "[{id, status, result or error}] in order of start (mode any: the first that ended), or the signal's body.",
            },
            Port {
                name: "timeout",
                doc: "The input, when it did not come in time. The runs go on; name them in `runs` to wait for them again.",
            },
            Port { name: "error", doc: "The error value, if one of the runs failed." },
        ],
        outs_from: None,
        examples: &[],
    },
    step,
    finish,
    turn: |_, _| Ok(Again::Close(smallvec![])),
};

fn step(firing: &mut Firing<'_>) -> Result<Step, Failure> {
    let until_ms = until_ms(firing)?;
    let signal = firing.value("signal")?;
    if !signal.is_null() {
        let question = firing.value("question")?;
        return Ok(Step::Ask(Asked::Wait(Wait::Signal {
            name: signal.to_text().into(),
            until_ms,
            question,
        })));
    }
    let runs = if firing.given("runs") {
        named(&firing.value("runs")?)?
    } else {
        firing.left.awaited = true;
        (firing.started)()
    };
    if runs.is_empty() {
        return Ok(Step::Emit(port("default", Value::List(List::default()))));
    }
    let any = firing.value("mode")?.as_str() == Some("any");
    Ok(Step::Ask(Asked::Wait(Wait::Runs { runs, any, until_ms })))
}

fn until_ms(firing: &mut Firing<'_>) -> Result<Option<i64>, Failure> {
    let span = firing.value("timeout")?;
    if span.is_null() {
        return Ok(None);
    }
    let ms = duration_ms(&span.to_text()).ok_or_else(|| {
        Failure::new("invalid", "`timeout` of flow/await is a number with s, m, h or d, such as 2h")
    })?;
    Ok(Some(firing.facts.now_ms.saturating_add_unsigned(ms)))
}

/// Ids, or objects that have one.
fn named(runs: &Value) -> Result<Vec<u128>, Failure> {
    let id = |value: &Value| {
        let text = value.get("id").unwrap_or(value).to_text();
        id_of(&text).ok_or_else(|| {
            Failure::new("invalid", "`runs` of flow/await are ids of runs, or what action/run gave")
        })
    };
    match runs {
        Value::Null => Ok(Vec::new()),
        Value::List(list) => list.iter().map(id).collect(),
        single => Ok(vec![id(single)?]),
    }
}

fn finish(firing: &mut Firing<'_>, came: Value) -> Result<Ports, Failure> {
    let Some(ended) = came.as_list() else {
        return Ok(smallvec![(PortName::Fixed("timeout"), firing.input())]);
    };
    if firing.given("signal") {
        return Ok(port("default", ended.first().cloned().unwrap_or_default()));
    }
    let any = firing.value("mode")?.as_str() == Some("any");
    let failed = |run: &&Value| run.get("status").and_then(Value::as_str) != Some("succeeded");
    match ended.iter().find(failed) {
        Some(run) if !any => {
            let error = run.get("error").cloned().unwrap_or_default();
            let code = error.get("code").map_or_else(|| "stopped".into(), Value::to_text);
            let says = error
                .get("message")
                .map_or_else(|| "a run that was awaited did not succeed".to_owned(), Value::to_text);
            Err(Failure::new(&code, says))
        }
        _ if any => Ok(port("default", ended.first().cloned().unwrap_or_default())),
        _ => Ok(port("default", came)),
    }
}
