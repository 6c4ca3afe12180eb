//! The one thread that writes. It takes whatever waits, never waits for more, commits it with one sync, and only then
//! tells anyone.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        mpsc::{Receiver, RecvError, RecvTimeoutError},
    },
};

use rusqlite::{Connection, config::DbConfig, params};
use tokio::sync::oneshot;

use super::{
    Orders, Shared,
    apply::{After, Apply, Moved},
    forms::trouble,
    lock,
    memory::Ready,
    outage::{LOOK, Outage},
};
use crate::{Change, Commit, Error, Id, Item, probe::Point, sabotage::Sabotage};

/// Submissions in one transaction.
const BATCH_MAX: usize = 1_024;

/// Items kept in memory while they move.
const ITEMS_MAX: usize = 50_000;

/// After a page of due runs could not be woken.
const WAKE_AGAIN_MS: i64 = 1_000;

/// After a page of children could not be asked to end.
const DOOM_AGAIN_MS: i64 = 1_000;

/// After a page of ended runs could not be taken away.
const PRUNE_AGAIN_MS: i64 = 60_000;

/// Between two pages of ended runs that go: work comes first. A page takes some 15 ms; without a pause a start took 3.8 ms
/// (median) meanwhile instead of 0.2.
const PRUNE_PAUSE_MS: i64 = 30;

pub(super) enum Order {
    Commit(Box<Commit>, oneshot::Sender<Result<(), Error>>),
    /// Whatever else is decided inside the transaction.
    Ask(Box<dyn Ask>),
    /// Parked runs are due.
    Wake(i64),
    /// Ended runs may go.
    Prune(i64),
    /// More children of runs that were cancelled are to end.
    Doom,
    Close(oneshot::Sender<Result<(), Error>>),
}

/// A question to the store whose answer is told once it is durable.
pub(super) trait Ask: Send {
    /// In the transaction; once more, if that is rolled back for another submission's sake.
    fn apply(&mut self, apply: &mut Apply<'_>) -> Result<(), Error>;
    fn tell(self: Box<Self>, done: Result<(), Error>);
}

/// What is done for it, and who waits for the answer.
pub(super) struct Asked<T, F> {
    pub(super) ask: F,
    pub(super) answer: Option<T>,
    pub(super) tell: oneshot::Sender<Result<T, Error>>,
}

impl<T: Send, F: FnMut(&mut Apply<'_>) -> Result<T, Error> + Send> Ask for Asked<T, F> {
    fn apply(&mut self, apply: &mut Apply<'_>) -> Result<(), Error> {
        self.answer = Some((self.ask)(apply)?);
        Ok(())
    }

    fn tell(self: Box<Self>, done: Result<(), Error>) {
        let Asked { answer, tell, .. } = *self;
        // Nobody waiting is no failure.
        let _ = tell.send(done.and_then(|()| answer.ok_or(Error::Closed)));
    }
}

pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) shared: Arc<Shared>,
    /// What it orders itself to do: as long as somebody else may.
    pub(super) own: Weak<Orders>,
    pub(super) items: HashMap<Id, Item>,
    /// Set while nothing can be written.
    pub(super) outage: Option<Outage>,
    /// Trees that may have bars that have not ended; see [`Apply`].
    pub(super) moving: HashMap<Id, bool>,
}

impl Writer {
    pub(super) fn work(mut self, orders: &Receiver<Order>) {
        let mut closing = None;
        while closing.is_none() {
            let first = match self.outage {
                None => orders.recv().map_err(|RecvError| RecvTimeoutError::Disconnected),
                Some(_) => orders.recv_timeout(LOOK),
            };
            let first = match first {
                Ok(order) => order,
                Err(RecvTimeoutError::Timeout) => {
                    self.look();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut batch = vec![early(first)];
            batch.extend(waiting(orders));
            if let Some(at) = batch.iter().position(|order| matches!(order, Order::Close(_))) {
                let rest = batch.split_off(at);
                closing = rest.into_iter().next();
            }
            // What is waited for comes first.
            let (prunes, batch): (Vec<_>, Vec<_>) =
                batch.into_iter().partition(|order| matches!(order, Order::Prune(_)));
            [batch, prunes].into_iter().filter(|batch| !batch.is_empty()).for_each(|batch| self.batch(batch));
            self.look_between();
            if self.shared.wal.is_long()
                && let Err(error) = self.shared.wal.step(&self.db)
            {
                tracing::warn!("the write-ahead log was not moved into the database: {error}");
            }
        }
        if let Some(Order::Close(tell)) = closing {
            let done = self.close();
            let _ = tell.send(done);
        }
    }

    /// Gives the database up: the next owner may come.
    pub(super) fn close(self) -> Result<(), Error> {
        let done = self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(trouble);
        // Before the log may go with the last connection: a log that is missing is missed.
        let mut held = lock(&self.shared.held);
        if done.is_ok() {
            held.close()
        } else {
            held.write(&[])
        }
        drop(held);
        let _ = self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
        drop(self.db);
        drop(lock(&self.shared.owned).take());
        done
    }

    pub(super) fn batch(&mut self, mut batch: Vec<Order>) {
        let mut after = After::default();
        // Most batches are fine as they are; one with a refused submission is done again, each behind its own savepoint.
        let told = match self.attempt(&mut batch, &mut after, false) {
            Ok(told) => Ok(told),
            Err(_) => {
                after = After::default();
                self.items.clear();
                self.attempt(&mut batch, &mut after, true)
            }
        };
        match told {
            Ok(results) => {
                let _durable = Point::AfterCommit.enter();
                self.publish(after);
                self.tell(batch, results);
            }
            Err(error) => {
                // Nothing of it was written.
                self.items.clear();
                let error = self.refused(error);
                let results = batch.iter().map(|_| Err(error.clone())).collect();
                self.tell(batch, results);
            }
        }
        if self.items.len() > ITEMS_MAX {
            self.items.clear();
        }
    }

    /// One transaction. `apart`: each submission may fail without the others.
    fn attempt(
        &mut self,
        batch: &mut [Order],
        after: &mut After,
        apart: bool,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let taken = Point::BeforeCommit.enter();
        self.run("BEGIN IMMEDIATE")?;
        let mut results = Vec::with_capacity(batch.len());
        let done = (|| {
            for order in batch {
                if apart {
                    self.db.execute_batch("SAVEPOINT one").map_err(trouble)?;
                }
                let before = apart.then(|| after.mark());
                let result = self.apply(order, after);
                match (&result, before) {
                    (Err(error), None) => return Err(error.clone()),
                    (Err(_), Some(before)) => {
                        self.db.execute_batch("ROLLBACK TO one; RELEASE one").map_err(trouble)?;
                        self.items.clear();
                        after.rewind(before);
                    }
                    (Ok(_), Some(_)) => self.db.execute_batch("RELEASE one").map_err(trouble)?,
                    (Ok(_), None) => {}
                }
                results.push(result);
            }
            for (name, by) in &after.counters {
                let sql = "INSERT INTO counters (name, n) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET n = n + ?2";
                self.db
                    .prepare_cached(sql)
                    .and_then(|mut add| add.execute(params![name, by]))
                    .map_err(trouble)?;
            }
            for (version, by) in &after.pins {
                self.db
                    .prepare_cached("UPDATE versions SET runs = runs + ?2 WHERE hash = ?1")
                    .and_then(|mut add| add.execute(params![version.0, by]))
                    .map_err(trouble)?;
            }
            for ((system, version, workflow), by) in after.lives.iter().filter(|(_, by)| **by != 0) {
                let sql = "INSERT INTO pinned (system, version, workflow, runs) VALUES (?1, ?2, ?3, ?4) \
                           ON CONFLICT DO UPDATE SET runs = runs + excluded.runs";
                self.db
                    .prepare_cached(sql)
                    .and_then(|mut add| add.execute(params![&**system, version.0, &**workflow, by]))
                    .map_err(trouble)?;
            }
            drop(taken);
            let _committing = Point::InCommit.enter();
            self.run("COMMIT")
        })();
        if done.is_err() && !self.db.is_autocommit() {
            let _ = self.db.execute_batch("ROLLBACK");
        }
        done.map(|()| results)
    }

    fn run(&self, sql: &str) -> Result<(), Error> {
        self.db.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map(drop).map_err(trouble)
    }

    fn apply(&mut self, order: &mut Order, after: &mut After) -> Result<(), Error> {
        let shared = &self.shared;
        let mut stamp = || shared.stamp();
        let mut apply = Apply {
            db: &self.db,
            memory: &shared.memory,
            lines: &shared.lines,
            items: &mut self.items,
            moving: &mut self.moving,
            after,
            stamp: &mut stamp,
        };
        match order {
            Order::Commit(commit, _) => apply.commit(commit),
            Order::Ask(ask) => ask.apply(&mut apply),
            Order::Wake(now_ms) => {
                apply.after.next_wake = Some(apply.wake_due(*now_ms)?);
                Ok(())
            }
            Order::Prune(now_ms) => {
                apply.after.next_prune = Some(apply.prune(*now_ms)?);
                Ok(())
            }
            Order::Doom => apply.doom_more(),
            Order::Close(_) => Ok(()),
        }?;
        apply.ask_doomed()
    }

    /// The transaction is durable: memory learns of it, then everyone who listens.
    fn publish(&mut self, after: After) {
        for root in &after.still {
            self.moving.remove(root);
        }
        let mut memory = lock(&self.shared.memory);
        after.counters.iter().for_each(|(name, by)| memory.count(name, *by));
        let left = !(after.ended.is_empty() && after.moved.is_empty());
        // Whoever claims has to learn of a time that is nearer than the one it sleeps for.
        let due = after.next_wake.is_some()
            || after.next_prune.is_some()
            || after.moved.iter().any(|moved| matches!(moved, Moved::Parked(_, _, Some(_))));
        // As of the moment of the look: what parked after it in this batch comes on top.
        if let Some(next_wake_ms) = after.next_wake {
            memory.next_wake_ms = next_wake_ms;
            memory.waking = false;
        }
        for start in after.queued {
            if !after.ended.contains(&start.id) {
                memory.queue(Ready::new(start));
            }
        }
        for moved in after.moved {
            match moved {
                Moved::Parked(run, status, wake_at_ms) => memory.park(run, status, wake_at_ms),
                Moved::Woken(ready, status) => memory.wake(ready, status),
                Moved::Ended(status) => memory.count_parked(status, -1),
            }
        }
        for run in after.ended {
            memory.end(run);
        }
        for run in after.got_on {
            memory.gets_on(run);
        }
        for (run, worked_ms) in after.worked {
            memory.was_worked(run, worked_ms);
        }
        if let Some(next_prune_ms) = after.next_prune {
            let earliest_ms = ((self.shared.clock)() / 1_000) as i64 + PRUNE_PAUSE_MS;
            memory.next_prune_ms = next_prune_ms.map(|at_ms: i64| at_ms.max(earliest_ms));
            memory.pruning = false;
        }
        if after.dooms == Some(true)
            && let Some(orders) = self.own.upgrade()
        {
            // Nobody claims while all places are taken, and none of these runs is to begin meanwhile. What waits now comes first.
            let _ = orders.send(Order::Doom);
        }
        if let Some(expires_at_ms) = after.expires {
            memory.expires(expires_at_ms);
        }
        for (_, change) in &after.changes {
            match change {
                Change::Cancel(run) => memory.mark_cancelled(*run),
                Change::Paused(pause) => memory.pause(pause.clone()),
                Change::Resumed { system, queue } => memory.resume(system, queue),
                _ => {}
            }
        }
        let ready = memory.is_ready() || due;
        if left {
            self.shared.name_held(&memory);
        }
        drop(memory);
        if ready {
            self.shared.ready.notify_one();
        }
        if !after.changes.is_empty() {
            // Nobody listening is no failure.
            let _ = self.shared.changes.send(after.changes.into());
        }
        self.shared.wal.look();
    }

    fn tell(&self, batch: Vec<Order>, results: Vec<Result<(), Error>>) {
        for (order, result) in batch.into_iter().zip(results) {
            if let (Err(error), None) = (&result, &self.outage)
                && error.is_outage()
            {
                self.shared.complain(&error.to_string());
            }
            match order {
                Order::Commit(commit, tell) => {
                    if result.is_err() {
                        lock(&self.shared.memory).poison(commit.run, commit.epoch);
                    }
                    let _ = tell.send(result);
                }
                Order::Ask(ask) => ask.tell(result),
                Order::Wake(now_ms) if result.is_err() => {
                    let mut memory = lock(&self.shared.memory);
                    (memory.waking, memory.next_wake_ms) = (false, Some(now_ms + WAKE_AGAIN_MS));
                    drop(memory);
                    // Whoever claims sleeps until it is told of a time.
                    self.shared.ready.notify_one();
                }
                Order::Prune(now_ms) if result.is_err() => {
                    let mut memory = lock(&self.shared.memory);
                    (memory.pruning, memory.next_prune_ms) = (false, Some(now_ms + PRUNE_AGAIN_MS));
                    drop(memory);
                    self.shared.ready.notify_one();
                }
                Order::Doom if result.is_err() => {
                    let again_ms = ((self.shared.clock)() / 1_000) as i64 + DOOM_AGAIN_MS;
                    lock(&self.shared.memory).next_doom_ms = Some(again_ms);
                    self.shared.ready.notify_one();
                }
                Order::Wake(_) | Order::Prune(_) | Order::Doom | Order::Close(_) => {}
            }
        }
    }
}

/// What waits, as much as one transaction holds.
pub(super) fn waiting(orders: &Receiver<Order>) -> impl Iterator<Item = Order> {
    orders.try_iter().take(BATCH_MAX - 1).map(early)
}

/// Sabotage: a submission is answered as it is taken.
fn early(order: Order) -> Order {
    match order {
        Order::Commit(commit, tell) if Sabotage::AnswerBeforeCommit.on() => {
            let _ = tell.send(Ok(()));
            Order::Commit(commit, oneshot::channel().0)
        }
        order => order,
    }
}
