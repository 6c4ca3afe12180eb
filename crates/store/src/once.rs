//! What is done once, however often it is asked for: requests that carry an `Idempotency-Key` (delivery.md).

use std::sync::Arc;

use recipe::Value;
use serde::{Deserialize, Serialize};

use crate::{Action, Cancelled, Hash, Id, Moved, NewRun, Reopened, Signalled, Started, sabotage::Sabotage};

/// How long an answer is kept, milliseconds.
pub const KEPT_MS: i64 = 24 * 3_600_000;

/// What tells a request from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Of its scope (system, person, route) and of the name that the client gave it.
    pub name: Hash,
    /// Of what it asks for: two requests of one name must not differ in it.
    pub body: Hash,
    /// When it came, milliseconds since 1970.
    pub at_ms: i64,
}

/// What is done under a key, in one transaction with the answer.
#[derive(Debug)]
pub enum Deed {
    /// The key is taken for that run, which is worked inside the request: the answer comes with its end ([`crate::Write::Keep`]).
    Take(Id),
    /// A background run is queued, or the one that holds its unique key is given back; [`Reopened::NotOver`] if it is to try again
    /// one that neither failed nor was cancelled.
    Start(Box<NewRun>),
    /// A run goes on from where it failed.
    Reopen {
        /// Which.
        run: Id,
        /// Under another version.
        moved: Option<Moved>,
        /// Milliseconds since 1970.
        at_ms: i64,
    },
    /// A run gets a signal.
    Signal {
        /// Which run.
        run: Id,
        /// The signal's name.
        name: Arc<str>,
        /// What it says.
        body: Value,
    },
    /// A modal of a run is answered: as a signal, but only the first of that name counts. The key is taken for that run, and the answer comes
    /// later ([`crate::Write::Keep`]); who takes the key over does nothing anew.
    Answer {
        /// Which run.
        run: Id,
        /// The signal's name.
        name: Arc<str>,
        /// What it says.
        body: Value,
    },
    /// The end of a run is asked for, and that of what it started.
    Cancel {
        /// Which.
        run: Id,
        /// Milliseconds since 1970.
        at_ms: i64,
    },
    /// A bulk action is recorded, and begins. One of that id stays as it is.
    Record(Box<Action>),
}

/// What came of a deed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// The key is the caller's, for that run: the one it names, or the one of a process that died before it had answered.
    Taken(Id),
    /// Of [`Deed::Start`].
    Started(Started),
    /// Of [`Deed::Reopen`].
    Reopened(Reopened),
    /// Of [`Deed::Signal`] and [`Deed::Answer`].
    Signalled(Signalled),
    /// Of [`Deed::Cancel`].
    Cancelled(Cancelled),
    /// Of [`Deed::Record`]: false if it was there already.
    Recorded(bool),
}

/// What a request with a key finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Once {
    /// Nobody had an answer: it was done.
    Did(Did),
    /// One before it was answered so; nothing was done.
    Answered(Kept),
    /// One of that name asked for something else; nothing was done.
    Other,
    /// One before it is under way in another process that lives; nothing was done.
    UnderWay,
}

/// An answer as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// HTTP status.
    pub status: u16,
    /// HTTP headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// None: it was too large to be kept.
    pub body: Option<Vec<u8>>,
}

impl Deed {
    /// What a key is taken with once that came of it: the run that it is taken for, and the answer. None: what was refused takes no key.
    pub(crate) fn keeps<'k>(
        &self,
        did: Did,
        answer: Option<&'k Kept>,
    ) -> Option<(Option<Id>, Option<&'k Kept>)> {
        match did {
            Did::Taken(run) => Some((Some(run), None)),
            Did::Signalled(Signalled::Kept) if let Deed::Answer { run, .. } = self => {
                Some((Some(*run), None))
            }
            // Another run's id: only the caller can say so, and keeps that answer then.
            Did::Started(started) if started.existing => Some((None, None)),
            Did::Started(_)
            | Did::Reopened(Reopened::Queued)
            | Did::Signalled(Signalled::Kept)
            | Did::Cancelled(Cancelled::Ended | Cancelled::Asked)
            | Did::Recorded(_) => Some((None, answer)),
            Did::Reopened(_) | Did::Signalled(_) | Did::Cancelled(_) => None,
        }
        .filter(|_| !Sabotage::ForgetKeys.on())
    }
}

/// A key that was taken.
pub(crate) struct Taken {
    pub(crate) body: Hash,
    pub(crate) run: Option<Id>,
    pub(crate) answer: Option<Kept>,
    /// Another process that lives is at it.
    pub(crate) held: bool,
}

impl Taken {
    /// What a request under it finds; None: nobody has answered.
    pub(crate) fn found(&self, asked: &Key) -> Option<Once> {
        match &self.answer {
            _ if self.body != asked.body => Some(Once::Other),
            Some(kept) => Some(Once::Answered(kept.clone())),
            None => self.held.then_some(Once::UnderWay),
        }
    }
}

impl Did {
    /// Whether something was done to a run, which was not past it.
    pub(crate) fn counts(self) -> bool {
        match self {
            Did::Started(started) => !started.existing,
            Did::Reopened(reopened) => reopened == Reopened::Queued,
            Did::Cancelled(cancelled) => matches!(cancelled, Cancelled::Ended | Cancelled::Asked),
            Did::Taken(_) | Did::Signalled(_) | Did::Recorded(_) => false,
        }
    }
}
