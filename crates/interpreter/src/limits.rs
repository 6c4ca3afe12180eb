//! What a workflow's `job` says of its starts: unique keys and limits, evaluated once (durability.md, Per workflow).

use std::sync::Arc;

use recipe::{Context, Limits, Map, NoFacts, Value};
use workflow::{Graph, Template, duration_ms};

use crate::effect::{Failure, Limit, Unique};

/// Both, for a run that is started with that input; `key` stands for the one in the file.
pub fn limits(
    graph: &Graph,
    input: &Value,
    vars: &Map,
    key: Option<&Value>,
) -> Result<(Option<Unique>, Option<Limit>), Failure> {
    let job = &graph.settings;
    let setting = |of: &str, name: &str| job.get(of).and_then(|of| of.get(name)).cloned().unwrap_or_default();
    let unique = match key {
        Some(key) => text(key),
        None => evaluated(graph.unique.as_ref(), input, vars)?,
    };
    let unique = unique.map(|key| Unique {
        key,
        queued: setting("unique", "while").as_str() == Some("queued"),
        for_ms: duration_ms(&setting("unique", "for").to_text()).unwrap_or(0),
        replace: setting("unique", "then").as_str() == Some("replace"),
    });
    let at_once = setting("concurrency", "limit").as_i64().unwrap_or(1).clamp(1, 1_000_000) as u32;
    let limit = evaluated(graph.concurrency.as_ref(), input, vars)?.map(|key| Limit { key, at_once });
    Ok((unique, limit))
}

/// Null: no key. An error fails the start.
fn evaluated(key: Option<&Template>, input: &Value, vars: &Map) -> Result<Option<Arc<str>>, Failure> {
    let Some(key) = key else { return Ok(None) };
    let context = Context { this: input, vars, facts: &NoFacts, limits: Limits::default() };
    let value = key.eval(&context, &|_| Value::Null).map_err(|error| Failure {
        detail: Value::from(error.to_string()),
        ..Failure::new("bad_key", "a key in the workflow's `job` could not be evaluated")
    })?;
    Ok(text(&value))
}

fn text(key: &Value) -> Option<Arc<str>> {
    (!key.is_null()).then(|| key.to_text().into())
}
