//! States of runs that wait briefly, so that most resumptions read nothing. What is not here is read from the journal: it
//! may forget anything at any time, and what it gives is what the run was when it parked under that epoch.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use interpreter::{Flight, Machine};
use store::{Hash, Id};

use crate::drive::Written;

/// How many are kept: the oldest goes first.
const RUNS_MAX: usize = 256;

/// A run with more in its journal's state than this is read again, bytes.
pub(crate) const STATE_BYTES_MAX: usize = 64 << 10;

/// One that is due later is read again, milliseconds.
pub(crate) const WAIT_MS_MAX: i64 = 60_000;

/// A run as it parked.
pub(crate) struct State {
    pub(crate) run: Id,
    pub(crate) version: Hash,
    /// Under which it parked.
    pub(crate) epoch: u64,
    pub(crate) machine: Machine,
    pub(crate) written: Written,
    /// What its branches wait for.
    pub(crate) waits: Vec<Flight>,
}

#[derive(Default)]
pub(crate) struct Kept(Mutex<VecDeque<Box<State>>>);

impl Kept {
    /// The park is durable.
    pub(crate) fn put(&self, state: Box<State>) {
        let mut all = self.lock();
        all.retain(|other| other.run != state.run);
        if all.len() == RUNS_MAX {
            all.pop_front();
        }
        all.push_back(state);
    }

    /// The state that the run parked with, if it has not been worked since.
    pub(crate) fn take(&self, run: Id, version: Hash, epoch: u64) -> Option<Box<State>> {
        let mut all = self.lock();
        let at = all.iter().position(|state| state.run == run)?;
        all.remove(at).filter(|state| state.version == version && state.epoch == epoch)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Box<State>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
