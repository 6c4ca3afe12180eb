//! Queues of systems: what is in them, and which of them stand still.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Id;

/// A queue of one system of which nothing is claimed until it is resumed; what runs goes on, and what comes queues up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The queue's name.
    pub queue: Arc<str>,
    /// The tenant.
    pub system: Arc<str>,
    /// Who has paused it.
    pub by: Arc<str>,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

/// A queue of one system, as a process knows it without reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub queue: Arc<str>,
    /// Runs that could be claimed, were it not paused.
    pub ready: u64,
    /// The one of them that was started first.
    pub oldest: Option<Id>,
    /// Runs of it that are worked.
    pub running: u64,
    /// Who has paused it.
    pub paused: Option<Pause>,
}
