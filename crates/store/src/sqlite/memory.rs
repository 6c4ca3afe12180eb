//! What the one owner of a database knows without reading: which runs live, which are ready, who holds them.
//!
//! ```text
//! queued (in a lane) -> claim -> held (epoch n) -> ended: gone
//!        ^                          |
//!        +------- release ----------+--> parked: gone, a row and nothing else, until it is woken
//! ```

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crate::{
    Account, Claimed, Id, Limit, NewRun, Parked, Pause, Queue, Standing, Status, sabotage::Sabotage,
};

/// (system, workflow, key)
type Limited = (Arc<str>, Arc<str>, Arc<str>);

/// (queue, system)
type Lane = (Arc<str>, Arc<str>);

#[derive(Default)]
pub(super) struct Memory {
    live: HashMap<Id, Live>,
    lanes: BTreeMap<Lane, BTreeSet<(Reverse<i32>, Id)>>,
    /// Lanes of which nothing is claimed.
    paused: BTreeMap<Lane, Pause>,
    /// The lane that was served last: the next one comes first.
    last: Option<Lane>,
    roots: HashMap<Id, usize>,
    /// Runs that could be claimed but for a limit of theirs, by system.
    queued: HashMap<Arc<str>, u64>,
    /// Limits that are in use, by system, workflow and key.
    limits: HashMap<Limited, Slots>,
    poisoned: HashSet<(Id, u64)>,
    /// The epoch of the last claim, of whatever run.
    epoch: u64,
    /// How many are parked: waiting, and delayed.
    parked: [u64; 2],
    /// The account's counters as of the newest commit: they change with the rest, so that it balances at any time.
    counters: HashMap<String, i64>,
    /// When the next parked run is due, milliseconds since 1970.
    pub(super) next_wake_ms: Option<i64>,
    /// The writer has been asked to wake those that are due.
    pub(super) waking: bool,
    /// When the next ended run may go, milliseconds since 1970.
    pub(super) next_prune_ms: Option<i64>,
    /// The writer has been asked to take those away that may go.
    pub(super) pruning: bool,
    /// When more children of runs that were cancelled are to be asked to end, if there are any.
    pub(super) next_doom_ms: Option<i64>,
    /// Runs that are claimed.
    held: Vec<Id>,
    /// One of them that is worked alone, as processes died while they held it.
    alone: Option<Id>,
}

/// A run that is ready to be worked, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    pub(super) start: Arc<NewRun>,
    /// Somebody may have worked it before.
    pub(super) journal: bool,
    /// Its end was asked for.
    pub(super) cancel: bool,
    pub(super) attempts: u32,
    pub(super) started_at_ms: Option<i64>,
    pub(super) worked_ms: u64,
    /// None if somebody has worked it since.
    pub(super) parked: Option<Parked>,
    pub(super) crashes: Crashes,
}

/// How often a process died while it held the run, since its last entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Crashes {
    pub(super) count: u32,
    /// It held nothing else the last time.
    pub(super) alone: bool,
}

/// From so many crashes on a run is worked alone, to see whether it is the one.
const ALONE_CRASHES: u32 = 2;
/// A run that was alone at the last of so many is given up.
const LOOP_CRASHES: u32 = 5;

impl Ready {
    /// Where it stands; an attempt that is under way has begun.
    pub(super) fn stands(&self, status: Status) -> Standing {
        let attempts = self.attempts + u32::from(self.journal);
        Standing { status, attempts, started_at_ms: self.started_at_ms, ended_at_ms: None }
    }

    /// One that nobody has worked.
    pub(super) fn new(start: Arc<NewRun>) -> Ready {
        let crashes = Crashes::default();
        Ready {
            start,
            journal: false,
            cancel: false,
            attempts: 0,
            started_at_ms: None,
            worked_ms: 0,
            parked: Some(Parked::default()),
            crashes,
        }
    }
}

/// The places behind a limit.
#[derive(Default)]
struct Slots {
    /// Runs that hold one: claimed, or in their lane.
    used: u32,
    /// Ready but for the limit.
    blocked: BTreeSet<(Reverse<i32>, Id)>,
}

struct Live {
    ready: Ready,
    epoch: u64,
    held: bool,
}

impl Memory {
    /// A run that is ready.
    pub(super) fn queue(&mut self, ready: Ready) {
        *self.roots.entry(ready.start.root).or_default() += 1;
        self.ready(&ready.start);
        let id = ready.start.id;
        self.live.insert(id, Live { ready, epoch: 0, held: false });
    }

    /// A run that was parked, or was about to be when what it waits for came.
    pub(super) fn wake(&mut self, ready: Ready, status: Option<Status>) {
        if let Some(status) = status {
            self.parked[place(status)] -= 1;
        }
        self.end(ready.start.id);
        self.queue(ready);
    }

    /// A run leaves its worker and memory.
    pub(super) fn park(&mut self, id: Id, status: Status, wake_at_ms: Option<i64>) {
        self.end(id);
        self.count_parked(status, 1);
        self.next_wake_ms = self.next_wake_ms.into_iter().chain(wake_at_ms).min();
    }

    /// So many more are parked.
    pub(super) fn count_parked(&mut self, status: Status, by: i64) {
        let count = &mut self.parked[place(status)];
        *count = count.saturating_add_signed(by);
    }

    /// Whether any run is parked.
    pub(super) fn parks(&self) -> bool {
        self.parked != [0, 0]
    }

    /// Into its lane; or behind its limit, where it costs a claim nothing.
    fn ready(&mut self, start: &NewRun) {
        *self.queued.entry(start.system.clone()).or_default() += 1;
        if let Some(limit) = &start.limit {
            let slots = self.limits.entry(limited(start, limit)).or_default();
            if slots.used >= limit.at_once && !Sabotage::OverLimit.on() {
                slots.blocked.insert((Reverse(start.priority), start.id));
                return;
            }
            slots.used += 1;
        }
        self.enter_lane(start);
    }

    fn enter_lane(&mut self, start: &NewRun) {
        let lane = (start.queue.clone(), start.system.clone());
        self.lanes.entry(lane).or_default().insert((Reverse(start.priority), start.id));
    }

    /// A run that nobody held is gone from where it stood.
    fn unready(&mut self, start: &NewRun) {
        self.taken(&start.system);
        if let Some(limit) = &start.limit
            && let Some(slots) = self.limits.get_mut(&limited(start, limit))
            && slots.blocked.remove(&(Reverse(start.priority), start.id))
        {
            return;
        }
        self.leave_lane(start);
        self.free(start);
    }

    /// A place behind a limit is free: the first of those that wait for it goes into its lane.
    fn free(&mut self, start: &NewRun) {
        let Some(limit) = &start.limit else { return };
        let key = limited(start, limit);
        let Some(slots) = self.limits.get_mut(&key) else { return };
        let Some((_, next)) = slots.blocked.pop_first() else {
            slots.used = slots.used.saturating_sub(1);
            if slots.used == 0 {
                self.limits.remove(&key);
            }
            return;
        };
        if let Some(next) = self.live.get(&next).map(|live| live.ready.start.clone()) {
            self.enter_lane(&next);
        }
    }

    fn leave_lane(&mut self, start: &NewRun) {
        let lane = (start.queue.clone(), start.system.clone());
        if let Some(set) = self.lanes.get_mut(&lane) {
            set.remove(&(Reverse(start.priority), start.id));
            if set.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }

    /// The lane whose turn it is.
    fn next_lane(&mut self) -> Option<Lane> {
        use std::ops::Bound::{Excluded, Unbounded};
        let last = self.last.take();
        let after = last.into_iter().flat_map(|last| self.lanes.range((Excluded(last), Unbounded)));
        let mut lanes = after.chain(&self.lanes).map(|(lane, _)| lane);
        lanes.find(|lane| !self.paused.contains_key(*lane)).cloned()
    }

    pub(super) fn pause(&mut self, pause: Pause) {
        self.paused.insert((pause.queue.clone(), pause.system.clone()), pause);
    }

    pub(super) fn resume(&mut self, system: &Arc<str>, queue: &Arc<str>) {
        self.paused.remove(&(queue.clone(), system.clone()));
    }

    pub(super) fn paused(&self, system: &str, queue: &str) -> Option<Pause> {
        self.paused.get(&(queue.into(), system.into())).cloned()
    }

    /// One ready run, the lanes in turn.
    pub(super) fn claim(&mut self) -> Option<Claimed> {
        if self.alone.is_some() {
            return None;
        }
        let lane = self.next_lane()?;
        let set = self.lanes.get_mut(&lane)?;
        let first = if Sabotage::LeastUrgent.on() { set.last() } else { set.first() };
        let place = first.copied()?;
        let id = place.1;
        let live = self.live.get_mut(&id)?;
        let suspect = live.ready.crashes.count >= ALONE_CRASHES;
        if suspect && !self.held.is_empty() {
            // It waits for those under way, and they for nobody: its lane's turn comes again.
            self.last = self.last_before(&lane);
            return None;
        }
        set.remove(&place);
        if set.is_empty() {
            self.lanes.remove(&lane);
        }
        self.last = Some(lane);
        self.held.push(id);
        self.alone = suspect.then_some(id);
        self.epoch += 1;
        live.epoch = self.epoch;
        live.held = true;
        let claimed = Claimed {
            start: live.ready.start.clone(),
            epoch: live.epoch,
            journal: live.ready.journal,
            cancelled: live.ready.cancel,
            attempts: live.ready.attempts,
            started_at_ms: live.ready.started_at_ms,
            worked_ms: live.ready.worked_ms,
            parked: live.ready.parked.take(),
            crash_loop: live.ready.crashes.count >= LOOP_CRASHES && live.ready.crashes.alone,
        };
        live.ready.journal = true;
        self.taken(&claimed.start.system);
        Some(claimed)
    }

    /// One less is queued.
    fn taken(&mut self, system: &Arc<str>) {
        if let Some(count) = self.queued.get_mut(system) {
            *count -= 1;
            if *count == 0 {
                self.queued.remove(system);
            }
        }
    }

    /// True if it went back to its lane.
    pub(super) fn release(&mut self, id: Id, epoch: u64) -> Option<Ready> {
        let live = self.live.get_mut(&id).filter(|live| live.held && live.epoch == epoch)?;
        live.held = false;
        let ready = live.ready.clone();
        self.let_go(&ready.start);
        self.ready(&ready.start);
        Some(ready)
    }

    pub(super) fn end(&mut self, id: Id) -> Option<Arc<NewRun>> {
        let live = self.live.remove(&id)?;
        match live.held {
            true => self.let_go(&live.ready.start),
            false => self.unready(&live.ready.start),
        }
        if let Some(count) = self.roots.get_mut(&live.ready.start.root) {
            *count -= 1;
            if *count == 0 {
                self.roots.remove(&live.ready.start.root);
            }
        }
        Some(live.ready.start)
    }

    fn let_go(&mut self, start: &NewRun) {
        self.held.retain(|held| *held != start.id);
        self.alone = self.alone.filter(|alone| *alone != start.id);
        self.free(start);
    }

    /// Runs that are claimed.
    pub(super) fn held(&self) -> &[Id] {
        &self.held
    }

    /// The lane before that one, so that it is next again.
    fn last_before(&self, lane: &Lane) -> Option<Lane> {
        self.lanes.range(..lane.clone()).next_back().map(|(before, _)| before.clone())
    }

    /// Whether processes have died while they held it.
    pub(super) fn is_suspect(&self, id: Id) -> bool {
        self.live.get(&id).is_some_and(|live| live.ready.crashes.count > 0)
    }

    /// A new entry shows that the run gets on.
    pub(super) fn gets_on(&mut self, id: Id) {
        if let Some(live) = self.live.get_mut(&id) {
            live.ready.crashes = Crashes::default();
        }
    }

    /// How long workers have held it, for the next one.
    pub(super) fn was_worked(&mut self, id: Id, ms: u64) {
        if let Some(live) = self.live.get_mut(&id) {
            live.ready.worked_ms = ms;
        }
    }

    /// Whether the run is live and that epoch holds it.
    pub(super) fn holds(&self, id: Id, epoch: u64) -> bool {
        self.live.get(&id).is_some_and(|live| live.held && live.epoch == epoch)
    }

    /// A run that is not parked; whether a worker has ever taken it.
    pub(super) fn find(&self, id: Id) -> Option<(Arc<NewRun>, Status, bool)> {
        let live = self.live.get(&id)?;
        let status = if live.held { Status::Running } else { Status::Queued };
        Some((live.ready.start.clone(), status, live.ready.journal))
    }

    pub(super) fn mark_cancelled(&mut self, id: Id) {
        if let Some(live) = self.live.get_mut(&id) {
            live.ready.cancel = true;
        }
    }

    pub(super) fn is_asked_to_end(&self, id: Id) -> bool {
        self.live.get(&id).is_some_and(|live| live.ready.cancel)
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

    /// A counter of the account has changed by so much.
    pub(super) fn count(&mut self, name: &str, by: i64) {
        *self.counters.entry(name.to_owned()).or_default() += by;
    }

    pub(super) fn account(&self) -> Account {
        let running = self.held.len() as u64;
        let [waiting, delayed] = self.parked;
        let counter = |status: &str| self.counters.get(status).map_or(0, |n| n.cast_unsigned());
        Account {
            accepted: counter("accepted"),
            succeeded: counter(Status::Succeeded.word()),
            failed: counter(Status::Failed.word()),
            cancelled: counter(Status::Cancelled.word()),
            queued: self.live.len() as u64 - running + delayed,
            running,
            waiting,
        }
    }

    /// An ended run may go then.
    pub(super) fn expires(&mut self, at_ms: i64) {
        self.next_prune_ms = Some(self.next_prune_ms.map_or(at_ms, |known| known.min(at_ms)));
    }

    /// How many hold a place behind that limit, if a run is blocked by it.
    pub(super) fn blocked(&self, start: &NewRun) -> Option<u32> {
        let limit = start.limit.as_ref()?;
        let slots = self.limits.get(&limited(start, limit))?;
        slots.blocked.contains(&(Reverse(start.priority), start.id)).then_some(slots.used)
    }

    /// How many come before it in its lane, if it is in it.
    pub(super) fn ahead(&self, start: &NewRun) -> Option<usize> {
        let lane = self.lanes.get(&(start.queue.clone(), start.system.clone()))?;
        let own = (Reverse(start.priority), start.id);
        lane.contains(&own).then(|| lane.range(..own).take(crate::AHEAD_MAX).count())
    }

    /// How many of a system are queued: ready, or blocked by a limit.
    pub(super) fn queued(&self, system: &str) -> u64 {
        self.queued.get(system).copied().unwrap_or(0)
    }

    /// The lanes in which runs are ready.
    pub(super) fn lanes(&self) -> Vec<crate::Lane> {
        let lane = |((queue, system), set): (&Lane, &BTreeSet<(Reverse<i32>, Id)>)| {
            let (queue, system, ready) = (queue.clone(), system.clone(), set.len() as u64);
            Some(crate::Lane { queue, system, ready, oldest: oldest(set)? })
        };
        self.lanes.iter().filter_map(lane).collect()
    }

    /// The queues of a system that have something to tell.
    pub(super) fn queues(&self, of: &str) -> Vec<Queue> {
        let mut found: BTreeMap<&Arc<str>, Queue> = BTreeMap::new();
        let named = |queue: &Arc<str>| Queue {
            queue: queue.clone(),
            ready: 0,
            oldest: None,
            running: 0,
            paused: None,
        };
        for ((queue, _), set) in self.lanes.iter().filter(|((_, system), _)| **system == *of) {
            let known = found.entry(queue).or_insert_with(|| named(queue));
            (known.ready, known.oldest) = (set.len() as u64, oldest(set));
        }
        let held = self.held.iter().filter_map(|run| self.live.get(run));
        for live in held.filter(|live| *live.ready.start.system == *of) {
            let queue = &live.ready.start.queue;
            found.entry(queue).or_insert_with(|| named(queue)).running += 1;
        }
        for ((queue, _), pause) in self.paused.iter().filter(|((_, system), _)| **system == *of) {
            found.entry(queue).or_insert_with(|| named(queue)).paused = Some(pause.clone());
        }
        found.into_values().collect()
    }

    /// How many could be claimed now.
    pub(super) fn ready_len(&self) -> usize {
        self.claimable().map(BTreeSet::len).sum()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.claimable().next().is_some()
    }

    fn claimable(&self) -> impl Iterator<Item = &BTreeSet<(Reverse<i32>, Id)>> {
        self.lanes.iter().filter(|(lane, _)| !self.paused.contains_key(*lane)).map(|(_, set)| set)
    }
}

/// The lowest id. The set is by priority first: each has its own first one.
fn oldest(set: &BTreeSet<(Reverse<i32>, Id)>) -> Option<Id> {
    use std::ops::Bound::{Excluded, Unbounded};
    let mut next = set.first();
    let mut oldest = next.map(|(_, id)| *id)?;
    while let Some((priority, id)) = next {
        oldest = oldest.min(*id);
        next = set.range((Excluded((*priority, Id(u128::MAX))), Unbounded)).next();
    }
    Some(oldest)
}

fn limited(start: &NewRun, limit: &Limit) -> Limited {
    (start.system.clone(), start.workflow.clone(), limit.key.clone())
}

/// Which of the two counts of parked runs.
fn place(status: Status) -> usize {
    usize::from(status != Status::Waiting)
}
