//! What must be true at each moment, not only at the end: with every claim, every submission and every change that is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use store::{Claimed, Commit, Filter, Id, NewRun, Run, Standing, Status};

use super::{
    kinds,
    life::Life,
    world::{Brief, World},
};

/// How long after the end of what it belongs to a run may still be worked, milliseconds.
const FELLED_MS: i64 = 10_000;

/// How late a run may come up whose time has come, once nothing befalls any more, milliseconds.
const LATE_MS: i64 = 60_000;

/// What one life of the process has in its hands.
#[derive(Default)]
pub(crate) struct Watch {
    held: BTreeMap<Id, Held>,
    /// Runs that nobody may claim before, milliseconds since 1970.
    due: BTreeMap<Id, i64>,
    /// Live runs by workflow and unique key.
    sole: BTreeMap<(Arc<str>, Arc<str>), BTreeSet<Id>>,
    began_ms: i64,
}

struct Held {
    start: Arc<NewRun>,
    epoch: u64,
    since_ms: i64,
    /// How long others held it before, milliseconds.
    before_ms: i64,
    attempts: u32,
}

impl Watch {
    /// What is on disk when a process begins.
    pub(crate) fn begin(&mut self, runs: &[Run], now_ms: i64) {
        self.began_ms = now_ms;
        for run in runs.iter().filter(|run| !run.status.ended()) {
            if let (Status::Queued, Some(at_ms), None) = (run.status, run.wake_at_ms, &run.host) {
                self.due.insert(run.start.id, at_ms);
            }
            if let Some(key) = sole(&run.start) {
                self.sole.entry(key).or_default().insert(run.start.id);
            }
        }
    }

    /// Runs that workers hold, each with its epoch.
    pub(crate) fn held(&self) -> Vec<(Id, u64)> {
        self.held.iter().map(|(run, held)| (*run, held.epoch)).collect()
    }

    /// Runs of a workflow with that key that workers hold.
    fn at_once(&self, new: &NewRun) -> usize {
        let same = |held: &&Held| held.start.workflow == new.workflow && held.start.limit == new.limit;
        self.held.values().filter(same).count()
    }
}

fn sole(start: &NewRun) -> Option<(Arc<str>, Arc<str>)> {
    start.unique.as_ref().map(|unique| (start.workflow.clone(), unique.key.clone()))
}

fn name(start: &NewRun) -> String {
    format!("{} {}", start.workflow, start.id)
}

impl Life {
    /// Workers have these runs from now on.
    pub(crate) fn has_claimed(&self, claimed: &[Claimed]) {
        let now_ms = self.now_ms();
        if !claimed.is_empty() && self.stopped_ms().is_some_and(|at_ms| at_ms < now_ms) {
            self.broken("runs are claimed by a process that was asked to stop");
        }
        for one in claimed {
            let mut wrong = self.too_early(one, now_ms);
            let mut watch = self.watch();
            let held = Held {
                start: one.start.clone(),
                epoch: one.epoch,
                since_ms: now_ms,
                before_ms: one.worked_ms as i64,
                attempts: one.attempts,
            };
            if watch.held.insert(one.start.id, held).is_some() {
                wrong.push("is claimed by two at once".to_owned());
            }
            if let Some(limit) = &one.start.limit
                && watch.at_once(&one.start) > limit.at_once as usize
            {
                wrong.push(format!("is claimed when {} with its key are worked", limit.at_once));
            }
            drop(watch);
            self.world().begun.insert(one.start.id);
            wrong.iter().for_each(|what| self.broken(format!("{} {what}", name(&one.start))));
        }
        if let Some(last) = claimed.last() {
            self.in_order(last);
        }
    }

    fn too_early(&self, one: &Claimed, now_ms: i64) -> Vec<String> {
        let start = &one.start;
        let (due_ms, began_ms) = {
            let mut watch = self.watch();
            (watch.due.remove(&start.id), watch.began_ms)
        };
        let mut wrong = Vec::new();
        let early = due_ms.into_iter().chain(start.not_before_ms).map(|at_ms| at_ms - now_ms).max();
        if let Some(ms) = early.filter(|ms| *ms > 0) {
            wrong.push(format!("is claimed {ms} ms before its time"));
        }
        let world = self.world();
        let since_ms = due_ms.map(|at_ms| at_ms.max(began_ms).max(world.calm_at_ms));
        if let Some(ms) = since_ms.map(|at_ms| now_ms - at_ms).filter(|ms| *ms > LATE_MS) {
            wrong.push(format!("is claimed {ms} ms after its time"));
        }
        let felled = start.parent.and_then(|parent| world.felled.get(&parent));
        let again = one.cancelled || world.reopened.contains(&start.id);
        if let Some(at_ms) = felled.filter(|at_ms| !again && now_ms - **at_ms > FELLED_MS) {
            wrong.push(format!("is claimed {} ms after the end of what started it", now_ms - at_ms));
        }
        wrong
    }

    /// No run that is left ready is more urgent, or as urgent and older.
    fn in_order(&self, last: &Claimed) {
        if at_once(self.store.account())
            .is_some_and(|account| account.is_ok_and(|account| account.queued == 0))
        {
            return;
        }
        let filter = Filter { live: true, limit: 1_000, ..Filter::default() };
        let Some(Ok(live)) = at_once(self.store.runs(filter)) else {
            return self.broken("a read that waits");
        };
        let rank = |start: &NewRun| (std::cmp::Reverse(start.priority), start.id);
        for run in live.items {
            let ready = run.status == Status::Queued && run.wake_at_ms.is_none() && run.blocked_by.is_none();
            if ready && run.start.queue == last.start.queue && rank(&run.start) < rank(&last.start) {
                self.broken(format!("{} is claimed before {}", name(&last.start), name(&run.start)));
            }
        }
    }

    /// A submission of a run that workers hold.
    pub(crate) fn has_submitted(&self, commit: &Commit) {
        if commit.end.is_none() && commit.park.is_none() {
            return;
        }
        let Some(held) = self.leaves(commit.run, commit.epoch) else { return };
        let Some(park) = &commit.park else { return };
        // Its turn at a host may come before.
        let alone = park.awaits.is_empty() && park.signals.is_empty() && park.host.is_none();
        if let Some(at_ms) = park.wake_at_ms.filter(|_| alone) {
            self.watch().due.insert(commit.run, at_ms);
        }
        if park.failed {
            *self.world().failures.entry(commit.run).or_default() += 1;
            let waits_ms = park.wake_at_ms.map(|at_ms| at_ms - self.now_ms());
            let kind = kinds::find(&held.start.workflow);
            let backoff_ms = kind.and_then(|kind| (kind.expected)(0).backoff_ms);
            let should_ms = backoff_ms.map(|of| of(held.attempts + 1) as i64);
            if should_ms.is_some() && waits_ms != should_ms {
                self.broken(format!(
                    "{} tries again after {waits_ms:?} ms, not {should_ms:?}",
                    name(&held.start)
                ));
            }
        }
    }

    /// A run goes back to the queue; what it has submitted may have been refused.
    pub(crate) fn has_released(&self, run: Id, epoch: u64) {
        self.leaves(run, epoch);
        self.watch().due.remove(&run);
    }

    /// The process is gone, and nobody holds anything.
    pub(crate) fn lets_go(&self) {
        let held = self.watch().held();
        for (run, epoch) in held {
            self.leaves(run, epoch);
        }
    }

    fn leaves(&self, run: Id, epoch: u64) -> Option<Held> {
        let now_ms = self.now_ms();
        let mut watch = self.watch();
        let held = watch.held.get(&run).filter(|held| held.epoch == epoch)?;
        let ms = now_ms - held.since_ms;
        let last_ms = held.before_ms + ms;
        let held = watch.held.remove(&run);
        drop(watch);
        let mut world = self.world();
        let all = world.held_ms.entry(run).or_default();
        *all = (all.0 + ms, last_ms);
        held
    }

    /// A run stands so from now on.
    pub(crate) fn has_moved(&self, start: &Arc<NewRun>, stands: &Standing) {
        let now_ms = self.now_ms();
        self.world().seen_ms.entry(start.id).or_insert(now_ms);
        if stands.status.ended() {
            self.watch().due.remove(&start.id);
            let mut world = self.world();
            world.may_go(&ended(start.clone(), stands));
            if stands.status == Status::Cancelled {
                world.felled.insert(start.id, now_ms);
            }
        } else {
            self.world().felled.remove(&start.id);
        }
        let (Some(key), Some(unique)) = (sole(start), &start.unique) else { return };
        let mut watch = self.watch();
        let live = watch.sole.entry(key).or_default();
        if stands.status.ended() {
            live.remove(&start.id);
            return;
        }
        let others = live.clone();
        let fresh = live.insert(start.id);
        drop(watch);
        let begun = |run: &Id| self.world().begun.contains(run);
        let beside = others.iter().find(|other| !unique.queued || !begun(other));
        if let Some(other) = beside.filter(|_| fresh) {
            self.broken(format!("{} is queued beside {other}, which has its key", name(start)));
        }
    }
}

impl World {
    /// Its time is over then, if it is one that is kept for a moment.
    pub(crate) fn may_go(&mut self, run: &Run) {
        let ended_at_ms = run.stands().ended_at_ms;
        if let Some((keep_ms, at_ms)) = run.start.keep_ms.zip(ended_at_ms) {
            let expires_at_ms = at_ms.saturating_add_unsigned(keep_ms);
            self.brief.insert(run.start.id, Brief { run: run.clone(), expires_at_ms });
        }
    }
}

/// A run of which no more is known.
fn ended(start: Arc<NewRun>, stands: &Standing) -> Run {
    let started_at_ms = stands.started_at_ms.unwrap_or_default();
    let end = store::End::new(stands.status, started_at_ms, stands.ended_at_ms.unwrap_or_default());
    Run {
        start,
        status: stands.status,
        started_at_ms: stands.started_at_ms,
        attempts: stands.attempts,
        cancel_at_ms: None,
        wake_at_ms: None,
        host: None,
        blocked_by: None,
        end: Some(Arc::new(end)),
    }
}

/// What a read gives that waits for nothing.
fn at_once<T>(reads: impl Future<Output = T>) -> Option<T> {
    match pin!(reads).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(read) => Some(read),
        Poll::Pending => None,
    }
}
