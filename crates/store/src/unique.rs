//! Keys under which there is one run of a workflow, and whose a key is when another start comes for it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{NewRun, Status};

/// One run of a workflow with that key: a second start gives back the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unique {
    /// Within the workflow.
    pub key: Arc<str>,
    /// Only while nobody has begun the first; else while it has not ended.
    pub queued: bool,
    /// Holds so long from the start on, after the end too, milliseconds.
    pub for_ms: u64,
    /// A first one that is queued or waiting is cancelled.
    pub replace: bool,
}

/// Whose a key is.
pub(crate) enum Holder {
    /// Nobody's any more.
    Free,
    /// A run's that is cancelled for the new one.
    MakesWay,
    /// A run's, which stands so.
    Holds(Status),
}

impl Unique {
    /// Whose the key is that a run took, until then, when `new` comes for it. `status`: how that run stands, if it is there, and whether anybody
    /// has begun it.
    pub(crate) fn holder(&self, new: &NewRun, until_ms: i64, status: Option<(Status, bool)>) -> Holder {
        let (live, ready, begun) = match status {
            Some((status, begun)) if !status.ended() => (true, status != Status::Running, begun),
            _ => (false, false, true),
        };
        let stands = Holder::Holds(status.map_or(Status::Queued, |(status, _)| status));
        let holds = until_ms > new.created_at_ms || (live && !(self.queued && begun));
        match () {
            () if self.replace && ready => Holder::MakesWay,
            () if holds => stands,
            () => Holder::Free,
        }
    }
}
