//! What can be set for the engine.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use store::HostLimits;

use crate::{Clock, effects::http::Perform};

/// When what is in the project's folder becomes current by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Publishes {
    /// Whenever the folder has changed.
    #[default]
    Changes,
    /// Only what the database has no version of at all; else somebody deploys it.
    First,
    /// Never.
    Nothing,
}

/// hefe.toml's part of it is parsed in crate hefe.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The project's folder; None where versions come from the database alone.
    pub project: Option<PathBuf>,
    /// When what is in it is published.
    pub publishes: Publishes,
    /// Runs worked at once.
    pub runs_max: usize,
    /// How long effects and answers under way may take to finish when the process is asked to end, milliseconds.
    pub grace_ms: u64,
    /// How long a run inside a request may take, milliseconds.
    pub request_ms: u64,
    /// Between two writes of one progress item, milliseconds.
    pub progress_ms: u64,
    /// How many runs of a system may be queued before a start from outside is refused.
    pub queued_max: u64,
    /// How many runs of a system may be started from outside within a second.
    pub starts_per_s: u32,
    /// Hosts (or host:port) with private addresses that api/http may call.
    pub allow_private: Vec<String>,
    /// What hosts (or host:port) that api/http calls take, over all processes of the database.
    pub hosts: BTreeMap<String, HostLimits>,
    /// Who makes the calls of api/http; None: an HTTP client that knows `allow_private`.
    pub http: Option<Arc<dyn Perform>>,
    /// Scheme, host and path under which people reach the server; None: the address that it listens on.
    pub public_url: Option<String>,
    /// The path under which the server serves everything; empty: there is none.
    pub base_path: String,
    /// The source of time.
    pub clock: Clock,
    /// Where the ids of runs that requests start come from; None: the operating system. No two processes may share one.
    pub seed: Option<u128>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            project: None,
            publishes: Publishes::default(),
            runs_max: 16,
            grace_ms: 25_000,
            request_ms: 30_000,
            progress_ms: 100,
            queued_max: 1_000_000,
            starts_per_s: 50_000,
            allow_private: Vec::new(),
            hosts: BTreeMap::new(),
            http: None,
            public_url: None,
            base_path: String::new(),
            clock: Clock::default(),
            seed: None,
        }
    }
}
