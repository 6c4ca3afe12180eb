//! What the server has told others, read from what it sent: from then on no power cut may take it back.

use std::collections::BTreeMap;

use serde_json::Value;
use store::Id;

use super::trace::Call;

/// One thing that others know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Promise {
    /// The run was started; the second time it was tried again.
    Started(Id),
    /// The run's end was asked for.
    Cancelled(Id),
    /// The run has got its signal.
    Signalled(Id),
    /// (path, launch, item): a call that depends on all before it.
    Called(String, u64, u64),
    /// So many runs were accepted, so many have succeeded.
    Counted(u64, u64),
    /// The item's state of that number was shown.
    Shown(Id, u64),
}

/// What one call on the kernel tells others.
pub(crate) fn promises(call: &Call) -> Vec<Promise> {
    let text = String::from_utf8_lossy(&call.bytes);
    if text.starts_with("HTTP/1.1 2") && !text.contains("text/event-stream") {
        let body = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
        return body.iter().filter_map(answered).collect();
    }
    if let Some(asked) = text.strip_prefix("GET /") {
        return called(asked.split(' ').next().unwrap_or_default()).into_iter().collect();
    }
    text.lines().filter_map(|line| shown(&serde_json::from_str(line.strip_prefix("data:")?).ok()?)).collect()
}

fn answered(body: &Value) -> Option<Promise> {
    let id = |field: &str| body[field].as_str().and_then(|id| id.parse().ok());
    match (id("run"), id("started"), body["accepted"].as_u64()) {
        (Some(run), ..) if body["signal"].is_string() => Some(Promise::Signalled(run)),
        (Some(run), ..) if body["status"].is_string() => Some(Promise::Cancelled(run)),
        (Some(run), ..) | (None, Some(run), _) => Some(Promise::Started(run)),
        (None, None, Some(accepted)) => {
            Some(Promise::Counted(accepted, body["succeeded"].as_u64().unwrap_or(0)))
        }
        (None, None, None) => None,
    }
}

/// `loop?n=1&i=2`
fn called(asked: &str) -> Option<Promise> {
    let (path, query) = asked.split_once('?')?;
    let query: BTreeMap<&str, &str> = query.split('&').filter_map(|part| part.split_once('=')).collect();
    let number = |name: &str| query.get(name)?.parse().ok();
    Some(Promise::Called(format!("/{path}"), number("n")?, number("i")?))
}

fn shown(item: &Value) -> Option<Promise> {
    Some(Promise::Shown(item["id"].as_str()?.parse().ok()?, item["seq"].as_u64()?))
}
