//! Workflows that start when a run of their system has failed for good (workflow.md, Events). They start in the very transaction that ends
//! that run: each once for each such end, whoever dies.
//!
//! A run knows which workflows failures have started on the way to it, and hands that on to those that it starts: none of them
//! starts a second time on one way, and no way is longer than a failure of a workflow that a failure has started.

use recipe::{Map, Value};
use store::{End, Log, NewRun, Status, Write};
use workflow::Graph;

use crate::{Published, Shared, context, request, request::Begins};

/// The type of such an event.
pub(crate) const FAILED: &str = "failed";

/// Workflows that are started one after another's failure: with more, a few that all fail would be thousands of runs.
const WAY_MAX: usize = 2;

/// What is written with the end of a run; nothing where it did not fail.
pub(crate) fn starts(shared: &Shared, new: &NewRun, end: &End) -> Vec<Write> {
    let current = shared.systems.current(&new.system).filter(|_| end.status == Status::Failed);
    let Some(published) = current else { return Vec::new() };
    let way = context::after(&new.context);
    if way.len() >= WAY_MAX {
        return Vec::new();
    }
    let been = |graph: &Graph| {
        graph.identifier == new.workflow
            || way.iter().any(|before| before.as_str() == Some(&*graph.identifier))
    };
    let mut starts = Vec::new();
    for (graph, at) in &published.of_failures {
        let narrowed = graph.events.get(*at).and_then(|event| event.workflow.as_ref());
        if been(graph) || narrowed.is_some_and(|only| *only != new.workflow) {
            continue;
        }
        starts.push(start(shared, &published, (graph, *at), Failed { new, end }));
    }
    starts
}

struct Failed<'a> {
    new: &'a NewRun,
    end: &'a End,
}

fn start(shared: &Shared, published: &Published, (graph, at): (&Graph, usize), failed: Failed<'_>) -> Write {
    let Failed { new, end } = failed;
    let begins = Begins {
        published,
        graph,
        event: graph.events.get(at),
        input: payload(new, end),
        person: None,
        in_background: true,
    };
    match request::new_run(shared, begins, end.ended_at_ms) {
        Ok(start) => {
            let mut way = context::after(&new.context);
            way.push(Value::from(&*graph.identifier));
            Write::Start(NewRun { context: context::with_after(&start.context, way), ..start })
        }
        Err(_) => {
            let says = format!(
                "`{}` was not told of the failure: a key of its `job` could not be evaluated",
                graph.identifier
            );
            Write::Log(Log {
                at_ms: end.ended_at_ms,
                level: "error".into(),
                element: "".into(),
                message: Value::from(&*says),
                data: Value::Null,
            })
        }
    }
}

fn payload(new: &NewRun, end: &End) -> Value {
    let fields = [
        ("run", Value::from(new.id.to_string())),
        ("workflow", Value::from(&*new.workflow)),
        ("error", end.error.clone()),
        ("user", new.context.get("user").cloned().unwrap_or_default()),
    ];
    Value::Object(fields.into_iter().collect::<Map>())
}
