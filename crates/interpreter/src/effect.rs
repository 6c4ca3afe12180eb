//! What an element wants done, as plain data, sorted by what is promised for it (durability.md, What is promised).
//!
//! Nothing here does anything. The one place that knows both an effect and how it is performed is the engine's `effects`.

use std::sync::Arc;

use recipe::{Map, Value};
use serde::{Deserialize, Serialize};

use crate::FiringId;

/// A closed list by promise.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Inside the commit, exactly once. The interpreter knows its outcome and goes on at once.
    Own(Own),
    /// Before the commit, at least once, with a key that stays the same.
    Outside(Outside),
    /// Not recorded, silent while replaying.
    Live(Live),
    /// Recorded when it is over; until then the run may be a row and nothing else.
    Wait(Wait),
}

/// Writes on our own data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Own {
    /// A background run.
    Start(Start),
    /// A notification kept for the run's person until it is read.
    Notify {
        /// Its id: derived from the firing.
        id: u128,
        /// {title, message, link, actions}.
        body: Value,
    },
    /// A progress update that ends its item: never dropped, never twice.
    End(Progress),
}

/// A background run to be queued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Derived from the firing: a repetition starts the same run.
    pub id: u128,
    /// The workflow's identifier.
    pub workflow: Arc<str>,
    /// The queue, if the element or the workflow names one.
    pub queue: Option<Arc<str>>,
    /// Higher first.
    pub priority: i32,
    /// The entry element's default value.
    pub input: Value,
    /// The variables: the fields of `input`, over a copy of the caller's where it shares its scope.
    pub vars: Map,
    /// The run's time when it was started, milliseconds since 1970.
    pub at_ms: i64,
    /// It is not begun before, milliseconds since 1970.
    pub not_before_ms: Option<i64>,
    /// Only one at a time.
    pub unique: Option<Unique>,
    /// Only so many at a time.
    pub limit: Option<Limit>,
}

/// One run with that key; a second start gives back the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unique {
    /// The key, within the workflow.
    pub key: Arc<str>,
    /// Only while the first has not been begun; else while it has not ended.
    pub queued: bool,
    /// Counts from the start and holds after the end, milliseconds.
    pub for_ms: u64,
    /// A queued or waiting first one is cancelled.
    pub replace: bool,
}

/// So many runs with that key are worked at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// The key, within the workflow.
    pub key: Arc<str>,
    /// How many.
    pub at_once: u32,
}

impl Start {
    /// The id in the form of a UUID version 7: its time first, so that ids sort by age.
    pub fn id_text(&self) -> String {
        let n = self.id;
        let (a, b, c, d, e) =
            (n >> 96, n >> 80 & 0xffff, n >> 64 & 0xffff, n >> 48 & 0xffff, n & 0xffff_ffff_ffff);
        format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

/// The id that a text in that form names.
pub fn id_of(text: &str) -> Option<u128> {
    let dashes = [8, 13, 18, 23];
    let fits =
        text.len() == 36 && text.bytes().enumerate().all(|(at, byte)| dashes.contains(&at) == (byte == b'-'));
    fits.then(|| u128::from_str_radix(&text.replace('-', ""), 16).ok()).flatten()
}

/// An id that sorts by age, and within one millisecond by the lowest 24 bits of `place`; 50 bits of `rest` follow. All that a run
/// makes is of the time that its clock was recorded at: without a place 100,000 notifications of one loop
/// went to as many places of their table, and one cost twice as much as the first thousand did.
pub(crate) fn placed_id(ms: i64, place: u64, rest: u128) -> u128 {
    timed_id(ms, u128::from(place & 0xff_ffff) << 50 | rest & 0x3_ffff_ffff_ffff)
}

/// A 128-bit id that sorts by age: 48 bits of milliseconds, then 74 of `rest` (RFC 9562, version 7).
pub fn timed_id(ms: i64, rest: u128) -> u128 {
    let time = (ms.max(0) as u128 & 0xffff_ffff_ffff) << 80;
    time | 0x7 << 76 | (rest >> 62 & 0xfff) << 64 | 0x2 << 62 | rest & 0x3fff_ffff_ffff_ffff
}

/// Calls on others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outside {
    /// One HTTP request with its redirects.
    Http(Box<Http>),
}

/// What a branch waits for: its outcome is an entry, and the branch goes on from there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Asked {
    /// A call on others.
    Outside(Outside),
    /// A background run whose start the store decides on. Its outcome is {id, status, existing}.
    Start(Box<Start>),
    /// Time, runs, a signal.
    Wait(Wait),
}

/// What a run waits for without holding a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Wait {
    /// Until then, milliseconds since 1970. Its outcome is null.
    Until(i64),
    /// Until they have ended. Its outcome is a list of {id, status, result, error}, in order of start; with `any` the first
    /// that ended.
    Runs {
        /// Ids.
        runs: Vec<u128>,
        /// One is enough.
        any: bool,
        /// Or until then, milliseconds since 1970: its outcome is null.
        until_ms: Option<i64>,
    },
    /// Until somebody brings it, or until then. Its outcome is the list of the body alone, or null if the time was over.
    Signal {
        /// Its name within the run.
        name: Arc<str>,
        /// Milliseconds since 1970.
        until_ms: Option<i64>,
        /// What people are asked at the signal's address; null: nothing but the workflow's title.
        question: Value,
    },
    /// Until the run's person answers a modal, or until then. Its outcome is the list of {data} or {cancel: true} alone, or null
    /// if the time was over.
    Modal {
        /// Milliseconds since 1970.
        until_ms: i64,
    },
}

/// An HTTP request as plain data; nothing below the engine knows an HTTP library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Http {
    /// GET, POST, ... in upper case.
    pub method: String,
    /// Absolute, with its query.
    pub url: String,
    /// Names as written; a name may come twice.
    pub headers: Vec<(String, String)>,
    /// Content type and text.
    pub body: Option<(String, String)>,
    /// The whole exchange with redirects, milliseconds.
    pub timeout_ms: u64,
    /// The largest answer that is read, bytes.
    pub bytes_max: u64,
    /// How the answer's body becomes a value.
    pub response: ResponseType,
    /// Which statuses are no failure.
    pub expect: Vec<Expect>,
}

/// How an answer's body becomes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResponseType {
    /// Parsed; what is no JSON is `bad_answer`. An empty body is null.
    Json,
    /// As it stands.
    Text,
    /// By content type: {content_type, base64} unless it is text.
    File,
}

/// A status or a class of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expect {
    /// Exactly this one.
    Status(u16),
    /// 2 is 200 to 299.
    Class(u16),
}

impl Expect {
    /// Whether `status` is among them.
    pub fn met(self, status: u16) -> bool {
        match self {
            Expect::Status(expected) => expected == status,
            Expect::Class(class) => status / 100 == class,
        }
    }
}

/// What is shown while it happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Live {
    /// An update of a progress item.
    Progress(Progress),
    /// {type, message, description, duration}, for the browser that asked.
    Toast(Value),
    /// One message under a name of the file's own.
    Message(Message),
    /// A line in the log and on the run's page.
    Log {
        /// debug, info, warning, error.
        level: Arc<str>,
        /// A text for people, with its mark.
        message: Value,
        /// Whatever else.
        data: Value,
    },
}

/// What those hear who listen just then.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its name.
    pub event: Arc<str>,
    /// What it says.
    pub data: Value,
    /// To whom.
    pub to: To,
}

/// Who hears a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// Everyone signed in to the system.
    Everyone,
    /// The person the run works for; nobody, if there is none.
    Person,
    /// Those who listen to that channel.
    Channel(Arc<str>),
}

/// What one run says of one item: all of it, so that the newest update stands for the ones before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Progress {
    /// The item's name within the tree of runs.
    pub process: Arc<str>,
    /// How many updates the run has made of it, this one included.
    pub updates: u64,
    /// A text with its mark; null: as before.
    pub title: Value,
    /// None: as before.
    pub total: Option<f64>,
    /// How many times the run has set it, and the last value.
    pub set: Option<(u64, f64)>,
    /// The run's increments before then.
    pub before: f64,
    /// Those since.
    pub subtotal: f64,
    /// Null: as before.
    pub status_message: Value,
    /// running, succeeded, failed, cancelled: what this update says, not those before.
    pub status: Option<String>,
    /// Only for the person who started the root run.
    pub private: bool,
    /// Null: as before.
    pub link: Value,
}

/// What the world answered to an effect, and when (milliseconds since 1970): `now()` reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// A value, or why there is none.
    pub result: Result<Value, Failure>,
}

/// An error value (workflow.md, Errors). `message` holds nothing of a provider's words; what helps debugging is in `detail`, for operators.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// recipe, http_status, timeout, ...
    pub code: Arc<str>,
    /// Neutral, fit for anyone.
    pub message: Box<str>,
    /// Whether another attempt may help.
    pub retryable: bool,
    /// The provider asked to be left alone for so long, milliseconds.
    pub after_ms: Option<u32>,
    /// The effect whose outcome it is: what another attempt tries again.
    pub effect: Option<Box<(FiringId, u8)>>,
    /// The provider's status, where there was one.
    pub status: Option<u16>,
    /// For operators only: kept in the journal, never in the value.
    pub detail: Value,
    /// The element that failed.
    pub element: Arc<str>,
    /// Messages by field, for `invalid`.
    pub errors: Option<Value>,
}

impl Progress {
    /// Whether the run has ended it by hand.
    pub fn over(&self) -> bool {
        self.status.as_deref().is_some_and(|status| status != "running")
    }
}

impl Failure {
    /// A failure that no repetition mends.
    pub fn new(code: &str, message: impl Into<String>) -> Failure {
        Failure {
            code: code.into(),
            message: message.into().into(),
            retryable: false,
            after_ms: None,
            effect: None,
            status: None,
            detail: Value::Null,
            element: "".into(),
            errors: None,
        }
    }

    /// The error value that ports, bindings and people get.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("code", Value::from(&*self.code));
        map.insert("message", Value::from(&*self.message));
        map.insert("element", Value::from(&*self.element));
        map.insert("retryable", Value::Bool(self.retryable));
        if let Some(status) = self.status {
            map.insert("status", Value::Int(i64::from(status)));
        }
        if let Some(errors) = &self.errors {
            map.insert("errors", errors.clone());
        }
        Value::Object(map)
    }
}
