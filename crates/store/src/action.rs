//! What is done to many runs at once: recorded, and done a page at a time (durability.md, Statuses).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Deed, Error, Filter, Id};

/// What is done to each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bulk {
    /// One that failed or was cancelled goes on from there; `current`: under the version that is current.
    Retry {
        /// Instead of its own.
        current: bool,
    },
    /// One that failed or was cancelled is started again, as a new run.
    Restart,
    /// Its end is asked for, and that of what it started.
    Cancel,
}

/// One thing that a person wants done to all runs that a filter finds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Begins with the time at which it was asked for.
    pub id: Id,
    /// The tenant.
    pub system: Arc<str>,
    /// Who asked.
    pub user: Arc<str>,
    /// Milliseconds since 1970. Runs that are younger, or ended later, are none of it.
    pub at_ms: i64,
    /// What is done.
    pub bulk: Bulk,
    /// To which runs; its cursor is where the next page begins, newest first.
    pub filter: Filter,
    /// How many there were.
    pub total: u64,
    /// They were counted no further.
    pub more: bool,
    /// To how many it was done.
    pub done: u64,
    /// How many had gone on, or ended, by themselves.
    pub passed: u64,
    /// How many cannot go on under the current version.
    pub differ: u64,
    /// When its own end was asked for, milliseconds since 1970.
    pub cancel_at_ms: Option<i64>,
    /// When it was over, milliseconds since 1970.
    pub ended_at_ms: Option<i64>,
}

impl Action {
    /// How many runs it has come by.
    pub fn seen(&self) -> u64 {
        self.done + self.passed + self.differ
    }

    /// Whether that page of it is still to be done; then whether its runs are, which they are not once its end was asked for.
    pub(crate) fn takes(&self, step: &Step) -> Result<bool, Error> {
        match self.ended_at_ms.is_some() || self.filter.cursor != step.from {
            true => Err(Error::Conflict("the page of the action was done already".into())),
            false => Ok(self.cancel_at_ms.is_none()),
        }
    }

    /// The page's runs are done: to so many it was done.
    pub(crate) fn turns(&mut self, step: &Step, done: u64) {
        self.done += done;
        self.passed += step.passed + step.deeds.len() as u64 - done;
        self.differ += step.differ;
        self.filter.cursor.clone_from(&step.to);
    }

    /// That page is over, and the action too if it was the last one or its end was asked for.
    pub(crate) fn stepped(&mut self, step: &Step) {
        if step.to.is_none() || self.cancel_at_ms.is_some() {
            self.ended_at_ms = Some(step.at_ms);
        }
    }

    /// Its end is asked for; whether that changes anything.
    pub(crate) fn stops(&mut self, at_ms: i64) -> bool {
        let goes_on = self.ended_at_ms.is_none() && self.cancel_at_ms.is_none();
        if goes_on {
            self.cancel_at_ms = Some(at_ms);
        }
        goes_on
    }
}

/// How long an action is kept after it was asked for, milliseconds.
pub(crate) const KEPT_MS: i64 = 90 * 86_400_000;

/// What is said of one that is not there.
pub(crate) fn unknown() -> Error {
    Error::Conflict("there is no such action".into())
}

/// One page of an action: done with the cursor's move in one transaction, so that no run is met twice.
#[derive(Debug)]
pub struct Step {
    /// Which action.
    pub action: Id,
    /// The cursor that the page was read at.
    pub from: Option<String>,
    /// What is done, one a run.
    pub deeds: Vec<Deed>,
    /// Runs of the page that had gone on already.
    pub passed: u64,
    /// Runs of the page that cannot go on under the current version.
    pub differ: u64,
    /// Where the next page begins; None after the last.
    pub to: Option<String>,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}
