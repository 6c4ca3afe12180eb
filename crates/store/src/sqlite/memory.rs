//! What the one owner of a database knows without reading: which runs live, which are ready, who holds them.
//!
//! ```text
//! queued (in a lane) -> claim -> held (epoch n) -> ended: gone
//!        ^                          |
//!        +------- release ----------+
//! ```

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crate::{Claimed, Id, NewRun, Status};

/// (queue, system)
type Lane = (Arc<str>, Arc<str>);

#[derive(Default)]
pub(super) struct Memory {
    live: HashMap<Id, Live>,
    lanes: BTreeMap<Lane, BTreeSet<(Reverse<i32>, Id)>>,
    /// The lane that was served last: the next one comes first.
    last: Option<Lane>,
    roots: HashMap<Id, usize>,
    poisoned: HashSet<(Id, u64)>,
}

struct Live {
    start: Arc<NewRun>,
    epoch: u64,
    held: bool,
    journal: bool,
    cancel: bool,
}

impl Memory {
    /// A run that is ready. `journal`: somebody may have worked it before.
    pub(super) fn queue(&mut self, start: Arc<NewRun>, journal: bool, cancel: bool) {
        *self.roots.entry(start.root).or_default() += 1;
        self.ready(&start);
        let id = start.id;
        self.live.insert(id, Live { start, epoch: 0, held: false, journal, cancel });
    }

    fn ready(&mut self, start: &NewRun) {
        let lane = (start.queue.clone(), start.system.clone());
        self.lanes.entry(lane).or_default().insert((Reverse(start.priority), start.id));
    }

    fn unready(&mut self, start: &NewRun) {
        let lane = (start.queue.clone(), start.system.clone());
        if let Some(set) = self.lanes.get_mut(&lane) {
            set.remove(&(Reverse(start.priority), start.id));
            if set.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }

    /// One ready run, the lanes in turn.
    pub(super) fn claim(&mut self) -> Option<Claimed> {
        let after = self.last.take().and_then(|last| {
            use std::ops::Bound::{Excluded, Unbounded};
            self.lanes.range((Excluded(last), Unbounded)).next().map(|(lane, _)| lane.clone())
        });
        let lane = after.or_else(|| self.lanes.keys().next().cloned())?;
        let set = self.lanes.get_mut(&lane)?;
        let (_, id) = set.pop_first()?;
        if set.is_empty() {
            self.lanes.remove(&lane);
        }
        self.last = Some(lane);
        let live = self.live.get_mut(&id)?;
        live.epoch += 1;
        live.held = true;
        let claimed = Claimed {
            start: live.start.clone(),
            epoch: live.epoch,
            journal: live.journal,
            cancelled: live.cancel,
        };
        live.journal = true;
        Some(claimed)
    }

    /// True if it went back to its lane.
    pub(super) fn release(&mut self, id: Id, epoch: u64) -> Option<Arc<NewRun>> {
        let live = self.live.get_mut(&id).filter(|live| live.held && live.epoch == epoch)?;
        live.held = false;
        let start = live.start.clone();
        self.ready(&start);
        Some(start)
    }

    pub(super) fn end(&mut self, id: Id) -> Option<Arc<NewRun>> {
        let live = self.live.remove(&id)?;
        if !live.held {
            self.unready(&live.start);
        }
        if let Some(count) = self.roots.get_mut(&live.start.root) {
            *count -= 1;
            if *count == 0 {
                self.roots.remove(&live.start.root);
            }
        }
        Some(live.start)
    }

    /// Whether the run is live and that epoch holds it.
    pub(super) fn holds(&self, id: Id, epoch: u64) -> bool {
        self.live.get(&id).is_some_and(|live| live.held && live.epoch == epoch)
    }

    pub(super) fn find(&self, id: Id) -> Option<(Arc<NewRun>, Status, u64)> {
        let live = self.live.get(&id)?;
        let status = if live.held { Status::Running } else { Status::Queued };
        Some((live.start.clone(), status, live.epoch))
    }

    pub(super) fn mark_cancelled(&mut self, id: Id) {
        if let Some(live) = self.live.get_mut(&id) {
            live.cancel = true;
        }
    }

    /// Live runs of a tree.
    pub(super) fn live_of(&self, root: Id) -> usize {
        self.roots.get(&root).copied().unwrap_or(0)
    }

    pub(super) fn poison(&mut self, id: Id, epoch: u64) {
        // A background run's later submissions; once it is claimed again, its epoch is another.
        if epoch > 0 {
            self.poisoned.insert((id, epoch));
        }
    }

    pub(super) fn poisoned(&self, id: Id, epoch: u64) -> bool {
        self.poisoned.contains(&(id, epoch))
    }

    /// (queued, running)
    pub(super) fn counts(&self) -> (u64, u64) {
        let queued: usize = self.lanes.values().map(BTreeSet::len).sum();
        (queued as u64, (self.live.len() - queued) as u64)
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.lanes.is_empty()
    }
}
