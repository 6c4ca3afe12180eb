//! What comes in from a request, a command or a schedule, and what it gets back.

use std::sync::Arc;

use recipe::Value;
use store::{Id, Status};
use workflow::Diagnostic;

/// Who asks. In open mode everyone on the machine is `local` with the role admin.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// Stable id.
    pub id: Arc<str>,
    /// Roles in the system.
    pub roles: Vec<Arc<str>>,
    /// Language tag.
    pub locale: Arc<str>,
}

impl Person {
    /// The person of open mode.
    pub fn local() -> Person {
        Person { id: "local".into(), roles: vec!["admin".into()], locale: "en".into() }
    }
}

/// What is to be started.
#[derive(Debug, Clone, PartialEq)]
pub enum Door {
    /// The event of one of these types and this identifier.
    Event {
        /// webhook, on_click, on_change.
        kinds: &'static [&'static str],
        /// The event's identifier.
        identifier: String,
        /// The record type in the address, if any.
        module: Option<String>,
    },
    /// A workflow by its identifier, at its entry.
    Workflow(String),
}

/// A request to start something.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The tenant.
    pub system: String,
    /// What.
    pub door: Door,
    /// The body.
    pub input: Value,
    /// None: nobody signed in.
    pub person: Option<Person>,
}

/// What a call gets back.
#[derive(Debug, Clone, PartialEq)]
pub enum Started {
    /// It ran inside the request.
    Done(Answer),
    /// It works in the background.
    Queued {
        /// The run.
        run: Id,
        /// It was there before: the workflow's unique key is its.
        existing: bool,
    },
}

/// What a request is answered with: the end of its run, or what it asks the person.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The run.
    pub run: Id,
    /// succeeded or failed; waiting, if a modal is among its effects.
    pub status: Status,
    /// From action/response: status, headers and body, already withheld where they hold a provider's words.
    pub response: Option<Response>,
    /// Effects for the browser, in the order of firing, that no earlier answer had.
    pub effects: Vec<Value>,
    /// The error value of a failed run.
    pub error: Value,
    /// It failed because a request waits no longer.
    pub too_late: bool,
}

/// What action/response asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// HTTP headers, with their marks.
    pub headers: Vec<(String, Value)>,
    /// The body, sent as JSON.
    pub body: Value,
}

/// Why nothing was started.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// No such system.
    UnknownSystem,
    /// No such event or workflow.
    Unknown,
    /// Its file did not load.
    Broken(Box<Diagnostic>),
    /// It needs a person, or one with another role.
    Forbidden,
    /// A key of the workflow's `job` could not be evaluated on this input.
    BadKey,
    /// The input is over a limit.
    TooLarge,
    /// The system has started or queued too many.
    TooMany {
        /// In words.
        says: String,
        /// When to try again, seconds.
        after_s: u32,
    },
    /// The store could not take it.
    Store(store::Error),
}
