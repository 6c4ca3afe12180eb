//! The one thread that writes. It takes whatever waits, never waits for more, commits it with one sync, and only then
//! tells anyone.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvError},
    },
};

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::{
    Shared,
    apply::{After, Apply, Moved},
    forms::{blob, trouble},
    lock,
    memory::Ready,
};
use crate::{
    Cancelled, Change, Commit, Error, Hash, Id, Item, NewRun, Reopened, Signalled, Started, Status, Version,
    probe::Point, sabotage::Sabotage,
};

/// Submissions in one transaction.
const BATCH_MAX: usize = 1_024;

/// Items kept in memory while they move.
const ITEMS_MAX: usize = 50_000;

/// After a page of due runs could not be woken.
const WAKE_AGAIN_MS: i64 = 1_000;

/// Pages of the WAL at which a checkpoint is due.
const WAL_PAGES: u64 = 2_000;

pub(super) enum Order {
    Commit(Box<Commit>, oneshot::Sender<Result<(), Error>>),
    Start(Box<NewRun>, oneshot::Sender<Result<Started, Error>>),
    Cancel(Id, i64, oneshot::Sender<Result<Cancelled, Error>>),
    Signal(Id, Arc<str>, recipe::Value, oneshot::Sender<Result<Signalled, Error>>),
    Reopen(Id, Option<crate::Moved>, i64, oneshot::Sender<Result<Reopened, Error>>),
    /// Parked runs are due.
    Wake(i64),
    Publish(Version, oneshot::Sender<Result<Hash, Error>>),
    /// Answered once everything before it is durable.
    Barrier(oneshot::Sender<Result<(), Error>>),
    Close(oneshot::Sender<Result<(), Error>>),
}

/// What a submission came to, told once it is durable.
enum Told {
    Commit(oneshot::Sender<Result<(), Error>>, Result<(), Error>, Id, u64),
    Start(oneshot::Sender<Result<Started, Error>>, Result<Started, Error>),
    Cancel(oneshot::Sender<Result<Cancelled, Error>>, Result<Cancelled, Error>),
    Signal(oneshot::Sender<Result<Signalled, Error>>, Result<Signalled, Error>),
    Reopen(oneshot::Sender<Result<Reopened, Error>>, Result<Reopened, Error>),
    Barrier(oneshot::Sender<Result<(), Error>>, Result<(), Error>),
    Publish(oneshot::Sender<Result<Hash, Error>>, Result<Hash, Error>),
}

pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) shared: Arc<Shared>,
    pub(super) items: HashMap<Id, Item>,
    /// Trees that may have bars that have not ended.
    pub(super) moving: HashSet<Id>,
}

impl Writer {
    pub(super) fn work(mut self, orders: &Receiver<Order>) {
        let mut closing = None;
        while closing.is_none() {
            let first = match orders.recv() {
                Ok(order) => order,
                Err(RecvError) => return,
            };
            let mut batch = vec![first];
            batch.extend(orders.try_iter().take(BATCH_MAX - 1));
            if let Some(at) = batch.iter().position(|order| matches!(order, Order::Close(_))) {
                let rest = batch.split_off(at);
                closing = rest.into_iter().next();
            }
            self.batch(batch);
        }
        let done = self.db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(trouble);
        if let Some(Order::Close(tell)) = closing {
            drop(self.db);
            // Who closes in order has not died with what it held.
            lock(&self.shared.held).write(&[]);
            // The next owner may come as soon as the caller knows.
            drop(lock(&self.shared.owned).take());
            let _ = tell.send(done);
        }
    }

    fn batch(&mut self, mut batch: Vec<Order>) {
        if Sabotage::AnswerBeforeCommit.on() {
            batch.iter_mut().for_each(answer_early);
        }
        let mut after = After::default();
        // Most batches are fine as they are; one with a refused submission is done again, each behind its own savepoint.
        let told = match self.attempt(&batch, &mut after, false) {
            Ok(told) => Ok(told),
            Err(_) => {
                after = After::default();
                self.items.clear();
                self.attempt(&batch, &mut after, true)
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
        batch: &[Order],
        after: &mut After,
        apart: bool,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
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

    fn apply(&mut self, order: &Order, after: &mut After) -> Result<Outcome, Error> {
        let shared = &self.shared;
        let mut stamp = || shared.stamp();
        let mut apply = Apply {
            db: &self.db,
            memory: &shared.memory,
            items: &mut self.items,
            moving: &mut self.moving,
            after,
            stamp: &mut stamp,
        };
        let find = |run| lock(&shared.memory).find(run).map(|(_, status, _)| status);
        match order {
            Order::Commit(commit, _) => apply.commit(commit).map(|()| Outcome::Done),
            Order::Cancel(run, at_ms, _) => match find(*run) {
                Some(Status::Running) if !apply.after.ended.contains(run) => {
                    apply.ask_to_end(*run, *at_ms).map(|()| Outcome::Cancelled(Cancelled::Asked))
                }
                Some(_) if !apply.after.ended.contains(run) => {
                    apply.cancel(*run, *at_ms).map(|()| Outcome::Cancelled(Cancelled::Ended))
                }
                None if apply.is_idle(*run)? => {
                    apply.cancel(*run, *at_ms).map(|()| Outcome::Cancelled(Cancelled::Ended))
                }
                _ => {
                    let known = super::read::start(&self.db, *run)?.is_some();
                    Ok(Outcome::Cancelled(if known { Cancelled::Over } else { Cancelled::Unknown }))
                }
            },
            Order::Start(new, _) => apply.start_unique(new).map(Outcome::Started),
            Order::Signal(run, name, body, _) => apply.signal(*run, name, body).map(Outcome::Signalled),
            Order::Reopen(run, moved, at_ms, _) => {
                apply.reopen(*run, moved.as_ref(), *at_ms).map(Outcome::Reopened)
            }
            Order::Wake(now_ms) => {
                let next = apply.wake_due(*now_ms)?;
                after.next_wake = Some(next);
                Ok(Outcome::Done)
            }
            Order::Publish(version, _) => publish(&self.db, version).map(Outcome::Published),
            Order::Barrier(_) | Order::Close(_) => Ok(Outcome::Done),
        }
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
            || after.moved.iter().any(|moved| matches!(moved, Moved::Parked(_, _, Some(_))));
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
        if let Some(next_wake_ms) = after.next_wake {
            memory.next_wake_ms = next_wake_ms;
            memory.waking = false;
        }
        for (_, change) in &after.changes {
            if let Change::Cancel(run) = change {
                memory.mark_cancelled(*run);
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
        let pages = self.shared.wal_pages.load(Ordering::Relaxed);
        if pages > WAL_PAGES {
            self.shared.checkpoint_due();
        }
    }

    fn tell(&self, batch: Vec<Order>, results: Vec<Result<Outcome, Error>>) {
        for (order, result) in batch.into_iter().zip(results) {
            if let (Order::Wake(now_ms), Err(_)) = (&order, &result) {
                let mut memory = lock(&self.shared.memory);
                (memory.waking, memory.next_wake_ms) = (false, Some(now_ms + WAKE_AGAIN_MS));
            }
            match told(order, result) {
                Some(Told::Commit(tell, result, run, epoch)) => {
                    if result.is_err() {
                        lock(&self.shared.memory).poison(run, epoch);
                    }
                    let _ = tell.send(result);
                }
                Some(Told::Start(tell, result)) => drop(tell.send(result)),
                Some(Told::Cancel(tell, result)) => drop(tell.send(result)),
                Some(Told::Signal(tell, result)) => drop(tell.send(result)),
                Some(Told::Reopen(tell, result)) => drop(tell.send(result)),
                Some(Told::Barrier(tell, result)) => drop(tell.send(result)),
                Some(Told::Publish(tell, result)) => drop(tell.send(result)),
                None => {}
            }
        }
    }
}

fn answer_early(order: &mut Order) {
    if let Order::Commit(_, tell) = order {
        let _ = std::mem::replace(tell, oneshot::channel().0).send(Ok(()));
    }
}

enum Outcome {
    Done,
    Started(Started),
    Cancelled(Cancelled),
    Signalled(Signalled),
    Reopened(Reopened),
    Published(Hash),
}

fn told(order: Order, result: Result<Outcome, Error>) -> Option<Told> {
    Some(match (order, result) {
        (Order::Commit(commit, tell), result) => {
            Told::Commit(tell, result.map(drop), commit.run, commit.epoch)
        }
        (Order::Cancel(_, _, tell), Ok(Outcome::Cancelled(how))) => Told::Cancel(tell, Ok(how)),
        (Order::Cancel(_, _, tell), Ok(_)) => Told::Cancel(tell, Err(Error::Closed)),
        (Order::Cancel(_, _, tell), Err(error)) => Told::Cancel(tell, Err(error)),
        (Order::Signal(.., tell), Ok(Outcome::Signalled(how))) => Told::Signal(tell, Ok(how)),
        (Order::Signal(.., tell), Ok(_)) => Told::Signal(tell, Err(Error::Closed)),
        (Order::Signal(.., tell), Err(error)) => Told::Signal(tell, Err(error)),
        (Order::Reopen(.., tell), Ok(Outcome::Reopened(how))) => Told::Reopen(tell, Ok(how)),
        (Order::Reopen(.., tell), Ok(_)) => Told::Reopen(tell, Err(Error::Closed)),
        (Order::Reopen(.., tell), Err(error)) => Told::Reopen(tell, Err(error)),
        (Order::Start(_, tell), Ok(Outcome::Started(how))) => Told::Start(tell, Ok(how)),
        (Order::Start(_, tell), Ok(_)) => Told::Start(tell, Err(Error::Closed)),
        (Order::Start(_, tell), Err(error)) => Told::Start(tell, Err(error)),
        (Order::Barrier(tell), result) => Told::Barrier(tell, result.map(drop)),
        (Order::Wake(_), _) => return None,
        (Order::Publish(_, tell), Ok(Outcome::Published(hash))) => Told::Publish(tell, Ok(hash)),
        (Order::Publish(_, tell), Ok(_)) => Told::Publish(tell, Err(Error::Closed)),
        (Order::Publish(_, tell), Err(error)) => Told::Publish(tell, Err(error)),
        (Order::Close(_), _) => return None,
    })
}

fn publish(db: &Connection, version: &Version) -> Result<Hash, Error> {
    let hash = version.hash();
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        db.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(trouble)
    };
    for (_, bytes) in &version.files {
        let of = Hash::of(bytes);
        run("INSERT OR IGNORE INTO files (hash, bytes) VALUES (?1, ?2)", params![of.0, bytes.as_ref()])?;
    }
    let manifest = blob(&version.manifest())?;
    let system = &*version.system;
    run(
        "INSERT OR IGNORE INTO versions (hash, system, manifest) VALUES (?1, ?2, ?3)",
        params![hash.0, system, manifest],
    )?;
    run("INSERT OR REPLACE INTO systems (name, version) VALUES (?1, ?2)", params![system, hash.0])?;
    Ok(hash)
}
