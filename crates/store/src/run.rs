//! Runs as the store sees them.

use std::sync::Arc;

use recipe::Value;
use serde::{Deserialize, Serialize};

use crate::{Checkpoint, Entries, Hash, Id, Unique};

/// durability.md, Statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Ready, or delayed, or blocked by a limit.
    Queued,
    /// A worker holds it.
    Running,
    /// It has parked: no worker, no memory.
    Waiting,
    /// It ended as it should.
    Succeeded,
    /// It ended after its last attempt.
    Failed,
    /// It was asked to end, and did.
    Cancelled,
}

impl Status {
    /// Whether the run is over.
    pub fn ended(self) -> bool {
        matches!(self, Status::Succeeded | Status::Failed | Status::Cancelled)
    }

    /// The word used in SQL, JSON and pages.
    pub fn word(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Waiting => "waiting",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }
}

/// A run as it is started; nothing of it changes later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewRun {
    /// Its id.
    pub id: Id,
    /// The tenant.
    pub system: Arc<str>,
    /// The workflow's identifier.
    pub workflow: Arc<str>,
    /// The version of the system that it is pinned to.
    pub version: Hash,
    /// The queue.
    pub queue: Arc<str>,
    /// Higher first, within its lane.
    pub priority: i32,
    /// The run that started it.
    pub parent: Option<Id>,
    /// The run that a person or a schedule started; its own id for that run itself.
    pub root: Id,
    /// Whether a person or a schedule started it, or a run inside a request did: what "my work" lists.
    pub direct: bool,
    /// The person it works for.
    pub user: Option<Arc<str>>,
    /// The user's object, roles and locale as they were at the start, and whatever else the engine wants to find again.
    pub context: Value,
    /// Where it starts: an event's identifier or an element's name; empty for the entry.
    pub entry: Arc<str>,
    /// Its input.
    pub input: Value,
    /// The run that this one tries again from the start.
    pub retry_of: Option<Id>,
    /// It is not begun before, milliseconds since 1970.
    pub not_before_ms: Option<i64>,
    /// Only one with that key.
    pub unique: Option<Unique>,
    /// Only so many with that key at once.
    pub limit: Option<Limit>,
    /// How long it stays after its end, milliseconds; None: 30 days, and 90 if it failed.
    pub keep_ms: Option<u64>,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
}

/// How long an ended run stays where its workflow does not say, milliseconds.
const KEEP_MS: u64 = 30 * 86_400_000;

/// The same of a failed one.
const KEEP_FAILED_MS: u64 = 90 * 86_400_000;

impl NewRun {
    /// When it may go, having ended so, milliseconds since 1970.
    pub fn expires_at_ms(&self, end: &End) -> i64 {
        let usual = if end.status == Status::Failed { KEEP_FAILED_MS } else { KEEP_MS };
        end.ended_at_ms.saturating_add_unsigned(self.keep_ms.unwrap_or(usual))
    }
}

/// So many runs of a workflow with that key are held at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Within the workflow.
    pub key: Arc<str>,
    /// How many.
    pub at_once: u32,
}

/// What came of a start that the store decides on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The run.
    pub id: Id,
    /// Where it stands.
    pub status: Status,
    /// It was there before.
    pub existing: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// One of the three ended ones.
    pub status: Status,
    /// When a worker first took it, milliseconds since 1970.
    pub started_at_ms: i64,
    /// How many attempts there were.
    pub attempts: u32,
    /// When it ended, milliseconds since 1970.
    pub ended_at_ms: i64,
    /// What it gave back.
    pub result: Value,
    /// The error value it failed with; null if it did not.
    pub error: Value,
    /// Effects for a browser, in the order of firing.
    pub effects: Vec<Value>,
    /// Failures that an error port or a flow/try took care of.
    pub handled: u32,
    /// When its end was asked for.
    pub cancel_at_ms: Option<i64>,
    /// What is added to the journal when the run is tried again from its failure.
    pub retry: Option<Entries>,
}

/// Where a run stands, without what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Where.
    pub status: Status,
    /// How many attempts have begun.
    pub attempts: u32,
    /// When a worker first took it, milliseconds since 1970.
    pub started_at_ms: Option<i64>,
    /// When it ended, milliseconds since 1970.
    pub ended_at_ms: Option<i64>,
}

impl Standing {
    /// Of one that nobody has worked.
    pub fn new(status: Status) -> Standing {
        Standing { status, attempts: 0, started_at_ms: None, ended_at_ms: None }
    }
}

/// A run as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What it was started with.
    pub start: Arc<NewRun>,
    /// Where it stands.
    pub status: Status,
    /// When a worker first took it, if known.
    pub started_at_ms: Option<i64>,
    /// How many attempts have begun.
    pub attempts: u32,
    /// When its end was asked for.
    pub cancel_at_ms: Option<i64>,
    /// When a parked one is woken at the latest, milliseconds since 1970.
    pub wake_at_ms: Option<i64>,
    /// The host whose turn a parked one waits for.
    pub host: Option<Arc<str>>,
    /// How many runs hold the places of the limit that blocks it.
    pub blocked_by: Option<u32>,
    /// How it ended.
    pub end: Option<Arc<End>>,
}

impl Run {
    /// Where it stands.
    pub fn stands(&self) -> Standing {
        Standing {
            status: self.status,
            attempts: self.attempts,
            started_at_ms: self.started_at_ms,
            ended_at_ms: self.end.as_ref().map(|end| end.ended_at_ms),
        }
    }
}

impl End {
    /// An end of which nothing else is to be said.
    pub fn new(status: Status, started_at_ms: i64, ended_at_ms: i64) -> End {
        End {
            status,
            started_at_ms,
            attempts: 1,
            ended_at_ms,
            result: Value::Null,
            error: Value::Null,
            effects: Vec::new(),
            handled: 0,
            cancel_at_ms: None,
            retry: None,
        }
    }

    /// Where a run stands that ended so.
    pub fn stands(&self) -> Standing {
        Standing {
            status: self.status,
            attempts: self.attempts,
            started_at_ms: Some(self.started_at_ms),
            ended_at_ms: Some(self.ended_at_ms),
        }
    }
}

/// A run that a worker has taken.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// What it was started with.
    pub start: Arc<NewRun>,
    /// Every later submission carries it.
    pub epoch: u64,
    /// Whether it has a journal to read: false for a run that nobody has worked yet.
    pub journal: bool,
    /// Its end was asked for before.
    pub cancelled: bool,
    /// Processes died while they held it, again and again, and nothing else the last time: it is to be given up.
    pub crash_loop: bool,
    /// How many attempts have failed before this one.
    pub attempts: u32,
    /// When a worker first took it, if one has.
    pub started_at_ms: Option<i64>,
    /// How long workers have held it, as far as the store was told, milliseconds.
    pub worked_ms: u64,
    /// How it parked last; None if somebody has worked it since.
    pub parked: Option<Parked>,
}

/// What is known of a run from its last park.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parked {
    /// The epoch under which it parked; 0 if it never has.
    pub epoch: u64,
    /// What its journal held, bytes.
    pub stored_bytes: u64,
}

/// A run that leaves its worker without having ended. What wakes it is a hint: it looks for itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Park {
    /// Waiting, or queued for an attempt that is delayed.
    pub status: Status,
    /// When it is woken at the latest, milliseconds since 1970.
    pub wake_at_ms: Option<i64>,
    /// Runs whose ends wake it.
    pub awaits: Vec<Await>,
    /// Signals that wake it.
    pub signals: Vec<Arc<str>>,
    /// When a worker first took it, milliseconds since 1970.
    pub started_at_ms: i64,
    /// How long workers have held it, milliseconds.
    pub worked_ms: u64,
    /// What its journal holds, bytes.
    pub stored_bytes: u64,
    /// An attempt has failed.
    pub failed: bool,
    /// The host whose turn it waits for.
    pub host: Option<Arc<str>>,
}

/// Runs that are waited for together.
#[derive(Debug, Clone, PartialEq)]
pub struct Await {
    /// Which.
    pub runs: Vec<Id>,
    /// The first end wakes; else the last one does.
    pub any: bool,
}

/// A run's state under another version.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// That version.
    pub version: Hash,
    /// The state after all that is recorded.
    pub checkpoint: Checkpoint,
}

/// What came of a retry by hand from the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reopened {
    /// It is queued.
    Queued,
    /// It neither failed nor was cancelled.
    NotOver,
    /// There is no such run.
    Unknown,
}

/// How a signal of a run stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// None of that name was brought.
    Never,
    /// It is kept until the run takes it.
    Kept(Value),
    /// The run has taken it.
    Taken,
}

/// What came of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signalled {
    /// It is kept until the run takes it.
    Kept,
    /// One of that name is there already; that one stays.
    Double,
    /// 100 are kept for the run, which it has not taken.
    Full,
    /// The run has ended.
    Over,
    /// There is no such run.
    Unknown,
}

/// What came of asking a run to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It was queued or waiting, and has ended.
    Ended,
    /// A worker holds it; it ends at its next effect boundary.
    Asked,
    /// It was over already.
    Over,
    /// There is no such run.
    Unknown,
}

/// Which runs a page shows. Fields that are `None` do not narrow it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// The tenant.
    pub system: Option<Arc<str>>,
    /// A workflow's identifier.
    pub workflow: Option<String>,
    /// A status.
    pub status: Option<Status>,
    /// Only those that have not ended.
    pub live: bool,
    /// A queue.
    pub queue: Option<String>,
    /// A person.
    pub user: Option<String>,
    /// Part of an id or of a workflow's identifier.
    pub text: Option<String>,
    /// The code of the error that it ended with.
    pub code: Option<String>,
    /// The element that failed.
    pub element: Option<String>,
    /// Created then or later, milliseconds since 1970.
    pub after_ms: Option<i64>,
    /// Created earlier, milliseconds since 1970.
    pub before_ms: Option<i64>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// At most so many rows; 0 is 50.
    pub limit: usize,
}

/// One page and where the next begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// None after the last page.
    pub cursor: Option<String>,
}

/// Runs of one queue and one system that could be claimed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The queue's name.
    pub queue: Arc<str>,
    /// The tenant.
    pub system: Arc<str>,
    /// How many.
    pub ready: u64,
    /// The one that was started first.
    pub oldest: Id,
}

/// `hefe runs account`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    /// Every run that was ever accepted.
    pub accepted: u64,
    /// Ended as they should.
    pub succeeded: u64,
    /// Ended after their last attempt.
    pub failed: u64,
    /// Ended on request.
    pub cancelled: u64,
    /// Not taken yet.
    pub queued: u64,
    /// Held by a worker.
    pub running: u64,
    /// Parked.
    pub waiting: u64,
}

/// A line on a run's page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// debug, info, warning, error.
    pub level: Arc<str>,
    /// The element that wrote it.
    pub element: Arc<str>,
    /// A text for people, with its mark.
    pub message: Value,
    /// Whatever the element added.
    pub data: Value,
}

impl Filter {
    /// Whether what never changes of a run is as wanted.
    pub(crate) fn fits(&self, start: &NewRun) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        let holds = |text: &String| {
            start.workflow.contains(text.as_str()) || start.id.to_string().contains(text.as_str())
        };
        self.system.as_deref().is_none_or(|system| system == &*start.system)
            && same(&self.workflow, &start.workflow)
            && same(&self.queue, &start.queue)
            && (self.user.is_none() || self.user.as_deref() == start.user.as_deref())
            && self.text.as_ref().is_none_or(holds)
    }

    /// Whether it stands as wanted.
    pub(crate) fn stands_so(&self, run: &Run) -> bool {
        let error = run.end.as_ref().map(|end| &end.error);
        let says = |field: &str, wanted: &Option<String>| {
            wanted.is_none()
                || error.and_then(|error| error.get(field)).and_then(Value::as_str) == wanted.as_deref()
        };
        self.status.is_none_or(|wanted| wanted == run.status)
            && !(self.live && run.status.ended())
            && says("code", &self.code)
            && says("element", &self.element)
    }
}
