//! What a run waits for without a worker: whether it has come, and what the store has to know to wake it.

use std::sync::Arc;

use interpreter::{
    Flight, Outcome,
    effect::{Asked, Wait},
};
use recipe::{Map, Value};
use store::{Await, Heard, Id, Run, Status, Write};

use crate::{Shared, modal};

/// A wait that is over.
pub(crate) struct Came {
    pub(crate) outcome: Outcome,
    /// What the store forgets with it.
    pub(crate) write: Option<Write>,
}

/// What wakes a run that waits for all of these.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    pub(crate) at_ms: Option<i64>,
    pub(crate) awaits: Vec<Await>,
    pub(crate) signals: Vec<Arc<str>>,
}

impl Wakes {
    /// Whether something else than time wakes it.
    pub(crate) fn listens(&self) -> bool {
        !(self.awaits.is_empty() && self.signals.is_empty())
    }
}

/// Looks whether one has come; `run` waits for it.
pub(crate) async fn look(shared: &Shared, run: Id, flight: &Flight) -> Result<Option<Came>, store::Error> {
    let Asked::Wait(wait) = &flight.asked else { return Ok(None) };
    let at_ms = shared.clock.now_ms();
    let came = |value: Value| Came { outcome: Outcome { at_ms, result: Ok(value) }, write: None };
    Ok(match wait {
        Wait::Until(until_ms) => (*until_ms <= at_ms).then(|| came(Value::Null)),
        Wait::Runs { runs, any, until_ms } => {
            let over = || until_ms.is_some_and(|until_ms| until_ms <= at_ms).then_some(Value::Null);
            ended(shared, runs, *any).await?.or_else(over).map(came)
        }
        Wait::Signal { name, until_ms, .. } => heard(shared, run, name.clone(), *until_ms).await?,
        Wait::Modal { until_ms } => heard(shared, run, modal::signal(flight.firing), Some(*until_ms)).await?,
    })
}

/// [body], or null if the time is over.
async fn heard(
    shared: &Shared,
    run: Id,
    name: Arc<str>,
    until_ms: Option<i64>,
) -> Result<Option<Came>, store::Error> {
    let at_ms = shared.clock.now_ms();
    let came = |value: Value, write| Came { outcome: Outcome { at_ms, result: Ok(value) }, write };
    Ok(match shared.store.heard(run, name.clone()).await? {
        Heard::Kept(body) => Some(came(Value::from(vec![body]), Some(Write::Signal(name)))),
        Heard::Never | Heard::Taken => {
            until_ms.filter(|until_ms| *until_ms <= at_ms).map(|_| came(Value::Null, None))
        }
    })
}

/// [{id, status, result or error}] in order of start, or of the first that ended; None while it is not over. A run that
/// is not there is over.
async fn ended(shared: &Shared, runs: &[u128], any: bool) -> Result<Option<Value>, store::Error> {
    let mut list = Vec::with_capacity(runs.len());
    let mut open = false;
    for id in runs {
        match shared.store.run(Id(*id)).await? {
            Some(run) if !run.status.ended() => open = true,
            found => list.push((found.as_ref().map_or(0, ended_at), shown(Id(*id), found.as_ref()))),
        }
        if open && !any {
            return Ok(None);
        }
    }
    if any {
        return Ok(list
            .into_iter()
            .min_by_key(|(at_ms, _)| *at_ms)
            .map(|(_, first)| Value::from(vec![first])));
    }
    Ok(Some(Value::from(list.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>())))
}

fn ended_at(run: &Run) -> i64 {
    run.end.as_ref().map_or(0, |end| end.ended_at_ms)
}

fn shown(id: Id, run: Option<&Run>) -> Value {
    let status = run.map_or(Status::Failed, |run| run.status);
    let mut map = Map::new();
    map.insert("id", Value::from(id.to_string()));
    map.insert("status", Value::from(status.word()));
    match run.and_then(|run| run.end.as_ref()) {
        Some(end) if status == Status::Succeeded => map.insert("result", end.result.clone()),
        Some(end) => map.insert("error", end.error.clone()),
        None => {
            let failure = interpreter::Failure::new("missing_workflow", "there is no such run any more");
            map.insert("error", failure.to_value())
        }
    };
    Value::Object(map)
}

/// What wakes a run that waits for all of these.
pub(crate) fn wakes(flights: &[Flight]) -> Wakes {
    let mut wakes = Wakes::default();
    for flight in flights {
        let Asked::Wait(wait) = &flight.asked else { continue };
        let mut at = |ms: i64| wakes.at_ms = Some(wakes.at_ms.map_or(ms, |known| known.min(ms)));
        match wait {
            Wait::Until(until_ms) => at(*until_ms),
            Wait::Runs { runs, any, until_ms } => {
                until_ms.iter().for_each(|until_ms| at(*until_ms));
                wakes.awaits.push(Await { runs: runs.iter().map(|id| Id(*id)).collect(), any: *any });
            }
            Wait::Signal { name, until_ms, .. } => {
                wakes.signals.push(name.clone());
                until_ms.iter().for_each(|until_ms| at(*until_ms));
            }
            Wait::Modal { until_ms } => {
                wakes.signals.push(modal::signal(flight.firing));
                at(*until_ms);
            }
        }
    }
    wakes
}
