//! What this process holds: runs that it has claimed, under which epoch, and what it needs to know of them without asking.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::{Id, NewRun};

#[derive(Default)]
pub(super) struct Held {
    runs: HashMap<Id, One>,
    poisoned: HashSet<(Id, u64)>,
    /// One that is worked alone, as processes died while they held it.
    pub(super) alone: Option<Id>,
}

struct One {
    start: Arc<NewRun>,
    epoch: u64,
    /// Its end was asked for.
    cancel: bool,
    /// Processes have died while they held it.
    suspect: bool,
    /// Its tables may hold something.
    wrote: bool,
    /// Its tree may have bars.
    barred: bool,
}

impl Held {
    pub(super) fn take(&mut self, claimed: &crate::Claimed, suspect: bool) {
        let one = One {
            start: claimed.start.clone(),
            epoch: claimed.epoch,
            cancel: claimed.cancelled,
            suspect,
            wrote: claimed.journal,
            barred: claimed.journal || claimed.start.root != claimed.start.id,
        };
        self.runs.insert(claimed.start.id, one);
    }

    pub(super) fn holds(&self, run: Id, epoch: u64) -> bool {
        self.runs.get(&run).is_some_and(|one| one.epoch == epoch)
    }

    /// Whether it is a suspect, and whether its tables may hold something.
    pub(super) fn knows(&self, run: Id) -> (bool, bool) {
        self.runs.get(&run).map_or((false, false), |one| (one.suspect, one.wrote))
    }

    pub(super) fn start(&self, run: Id) -> Option<Arc<NewRun>> {
        self.runs.get(&run).map(|one| one.start.clone())
    }

    pub(super) fn wrote(&mut self, run: Id) {
        if let Some(one) = self.runs.get_mut(&run) {
            one.wrote = true;
        }
    }

    pub(super) fn barred(&mut self, run: Id) {
        if let Some(one) = self.runs.get_mut(&run) {
            one.barred = true;
        }
    }

    /// Whether its tree has no bars.
    pub(super) fn is_without_bars(&self, run: Id) -> bool {
        self.runs.get(&run).is_some_and(|one| !one.barred)
    }

    pub(super) fn got_on(&mut self, run: Id) {
        if let Some(one) = self.runs.get_mut(&run) {
            one.suspect = false;
        }
    }

    pub(super) fn cancel(&mut self, run: Id) {
        if let Some(one) = self.runs.get_mut(&run) {
            one.cancel = true;
        }
    }

    pub(super) fn is_asked_to_end(&self, run: Id) -> bool {
        self.runs.get(&run).is_some_and(|one| one.cancel)
    }

    pub(super) fn leave(&mut self, run: Id) {
        self.runs.remove(&run);
        self.alone = self.alone.filter(|alone| *alone != run);
    }

    pub(super) fn let_go(&mut self, run: Id, epoch: u64) {
        if self.holds(run, epoch) {
            self.leave(run);
        }
    }

    /// Others have taken them all.
    pub(super) fn lose_all(&mut self) {
        self.runs.clear();
        self.alone = None;
    }

    /// All of them, each with its epoch.
    pub(super) fn epochs(&self) -> Vec<(Id, u64)> {
        self.runs.iter().map(|(run, one)| (*run, one.epoch)).collect()
    }

    /// How many of each queue.
    pub(super) fn by_queue(&self) -> HashMap<Arc<str>, usize> {
        let mut counts = HashMap::new();
        for one in self.runs.values() {
            *counts.entry(one.start.queue.clone()).or_default() += 1;
        }
        counts
    }

    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn all(&self) -> Vec<Id> {
        self.runs.keys().copied().collect()
    }

    pub(super) fn poison(&mut self, run: Id, epoch: u64) {
        // A background run's later submissions; once it is claimed again, its epoch is another.
        if epoch > 0 {
            self.poisoned.insert((run, epoch));
        }
    }

    pub(super) fn is_poisoned(&self, run: Id, epoch: u64) -> bool {
        epoch > 0 && self.poisoned.contains(&(run, epoch))
    }
}
