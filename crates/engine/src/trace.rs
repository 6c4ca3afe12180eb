//! What a run's page shows: its journal, and every firing replayed from it. Nothing extra is stored.

use std::sync::Arc;

use interpreter::{Fired, Then, journal::Entry};
use recipe::{Map, Value};
use store::Run;

use crate::{Shared, context};

/// Firings that a page is given at the most.
const FIRINGS_MAX: usize = 20_000;

/// What a page's replay may take, milliseconds: what it has shown until then is shown.
const REPLAY_MS_MAX: i64 = 2_000;

/// A run's journal and what it did.
#[derive(Debug, Default)]
pub struct Trace {
    /// For operators: {at, element, firing, effect, kind, outcome or error, detail}.
    pub entries: Vec<Value>,
    /// Every element that fired, in order, as far as the kept entries tell.
    pub firings: Vec<Firing>,
    /// Entries that are no longer kept.
    pub gone: u64,
}

/// One firing.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    /// The workflow it stands in.
    pub workflow: Arc<str>,
    /// Its element.
    pub element: Arc<str>,
    /// The element's index in that workflow.
    pub index: u32,
    /// What came in, by port.
    pub inputs: Vec<(Arc<str>, Value)>,
    /// What left, by port.
    pub outputs: Vec<(Arc<str>, Value)>,
    /// The error value, if it failed.
    pub failure: Option<Value>,
    /// How many frames enclose it.
    pub depth: u32,
    /// Variables after its bindings.
    pub vars: Map,
}

pub(crate) async fn trace(shared: &Shared, run: &Run) -> Result<Trace, store::Error> {
    let (checkpoint, chunks) = match shared.store.trace(run.start.id).await {
        // The rest of the run can be shown.
        Err(store::Error::Corrupt(_)) => return Ok(Trace::default()),
        kept => kept?,
    };
    let gone = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.at);
    let entries = context::decode(&chunks, gone).unwrap_or_default();
    let shown = entries.iter().map(entry).collect();
    let Some(published) = shared.systems.at(run.start.version).await? else {
        return Ok(Trace { entries: shown, firings: Vec::new(), gone });
    };
    let nothing_fired = run.status == store::Status::Queued && entries.is_empty();
    if nothing_fired {
        return Ok(Trace { entries: shown, firings: Vec::new(), gone });
    }
    let Ok(mut machine) = context::machine(shared, &published.system, &run.start, (checkpoint, chunks))
    else {
        return Ok(Trace { entries: shown, firings: Vec::new(), gone });
    };
    machine.watch();
    let mut fired = Vec::new();
    // What is not in the journal is not known: the replay ends at the first call whose outcome is not recorded.
    let until_ms = shared.clock.now_ms() + REPLAY_MS_MAX;
    while fired.len() < FIRINGS_MAX && shared.clock.now_ms() < until_ms {
        let then = machine.advance(256).then;
        fired.append(&mut machine.fired());
        if !matches!(then, Then::More) {
            break;
        }
        // Who asked may have gone, and others are served by the same threads.
        tokio::task::yield_now().await;
    }
    fired.truncate(FIRINGS_MAX);
    let firings = fired.into_iter().map(|fired| firing(&published.system, fired)).collect();
    Ok(Trace { entries: shown, firings, gone })
}

fn firing(system: &workflow::System, fired: Fired) -> Firing {
    let graph = system.workflows.get(&*fired.workflow);
    let element = graph.and_then(|graph| graph.elements.get(fired.element as usize));
    Firing {
        element: element.map_or_else(|| "".into(), |element| element.name.clone()),
        workflow: fired.workflow,
        index: fired.element,
        inputs: fired.inputs,
        outputs: fired.outputs,
        failure: fired.failure,
        depth: fired.depth,
        vars: fired.vars,
    }
}

fn entry(entry: &Entry) -> Value {
    let mut map = Map::new();
    map.insert("at_ms", Value::Int(entry.outcome.at_ms));
    map.insert("element", Value::from(&*entry.element));
    map.insert("kind", Value::from(&*entry.kind));
    map.insert("firing", Value::from(entry.firing.to_string()));
    map.insert("effect", Value::Int(i64::from(entry.number)));
    match &entry.outcome.result {
        Ok(value) => {
            map.insert("outcome", value.clone());
        }
        Err(failure) => {
            map.insert("error", failure.to_value());
            map.insert("detail", failure.detail.clone());
        }
    }
    Value::Object(map)
}
