//! One submission inside the writer's transaction. What it means for memory and for the stream is gathered in [`After`]
//! and happens only once the transaction is durable.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use rusqlite::{Connection, params};

use super::{
    cancel::Doomed,
    forms::{blob, key, status_code, trouble},
    hosts::Lines,
    lock,
    memory::{Memory, Ready},
    read,
};
use crate::{
    Change, Commit, End, Entries, Error, Hash, Id, Item, NewRun, Notification, Standing, Status, Write,
    probe::Inside, sabotage::Sabotage,
};

/// Lines that a run's page keeps.
const LOG_LINES_MAX: i64 = 1_000;

/// The last entries of a run lie in the row of its end if they take no more than this.
const LAST_BYTES_MAX: usize = 700;

/// What one row of a table without rowids holds beside its keys, bytes: longer ones (1,002 with all) do not fit into their page.
const NARROW_MAX: usize = 900;

/// What follows from a batch once it is durable.
#[derive(Default)]
pub(super) struct After {
    pub(super) queued: Vec<Arc<NewRun>>,
    pub(super) ended: Ended,
    /// In order: a run may park and be woken within one batch.
    pub(super) moved: Vec<Moved>,
    pub(super) changes: Vec<(u64, Change)>,
    pub(super) counters: HashMap<&'static str, i64>,
    /// Suspects that wrote an entry.
    pub(super) got_on: Vec<Id>,
    /// Runs, and how long workers have held them.
    pub(super) worked: Vec<(Id, u64)>,
    /// Points that the transaction stands at until it is over.
    pub(super) inside: Vec<Inside>,
    /// Runs that have parked in this batch, and were not woken in it: memory still has them held.
    pub(super) parked: HashSet<Id>,
    /// Held runs that are asked to end in this batch.
    pub(super) asked: HashSet<Id>,
    /// Runs whose children are to end too.
    pub(super) doomed: Vec<Doomed>,
    /// Whether more of them are left for the next transaction, if that changed.
    pub(super) dooms: Option<bool>,
    /// Trees whose bars have all ended.
    pub(super) still: Vec<Id>,
    /// When the next parked run is due, if that was looked up.
    pub(super) next_wake: Option<Option<i64>>,
    /// When the next ended run may go, if that was looked up.
    pub(super) next_prune: Option<Option<i64>>,
    /// When the first of the runs that ended may go.
    pub(super) expires: Option<i64>,
    /// Change in the number of runs that are pinned to a version.
    pub(super) pins: HashMap<Hash, i64>,
    /// Change in the number of live runs by system, version and workflow.
    pub(super) lives: HashMap<(Arc<str>, Hash, Arc<str>), i64>,
    /// Change in the number of live runs of a tree within this batch.
    roots: HashMap<Id, i64>,
}

/// A run that has parked, was woken, or ended while it was parked.
pub(super) enum Moved {
    Parked(Id, Status, Option<i64>),
    /// With the status it was parked under; None if it was about to park.
    Woken(Ready, Option<Status>),
    Ended(Status),
}

/// Runs that have ended, in order; asked for at each submission of a batch.
#[derive(Default)]
pub(super) struct Ended {
    list: Vec<Id>,
    known: HashSet<Id>,
}

impl Ended {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn contains(&self, run: &Id) -> bool {
        self.known.contains(run)
    }

    fn push(&mut self, run: Id) {
        self.list.push(run);
        self.known.insert(run);
    }

    fn truncate(&mut self, len: usize) {
        for run in self.list.drain(len..) {
            self.known.remove(&run);
        }
    }
}

impl IntoIterator for Ended {
    type Item = Id;
    type IntoIter = std::vec::IntoIter<Id>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

/// How far [`After`] had come before a submission that may be refused.
pub(super) struct Mark {
    queued: usize,
    ended: usize,
    moved: usize,
    changes: usize,
    worked: usize,
    still: usize,
    counters: HashMap<&'static str, i64>,
    pins: HashMap<Hash, i64>,
    lives: HashMap<(Arc<str>, Hash, Arc<str>), i64>,
    parked: HashSet<Id>,
    roots: HashMap<Id, i64>,
}

impl After {
    pub(super) fn mark(&self) -> Mark {
        Mark {
            queued: self.queued.len(),
            ended: self.ended.list.len(),
            moved: self.moved.len(),
            changes: self.changes.len(),
            worked: self.worked.len(),
            still: self.still.len(),
            counters: self.counters.clone(),
            pins: self.pins.clone(),
            lives: self.lives.clone(),
            parked: self.parked.clone(),
            roots: self.roots.clone(),
        }
    }

    /// So many more runs are pinned to a version.
    pub(super) fn pin(&mut self, version: Hash, by: i64) {
        *self.pins.entry(version).or_default() += by;
    }

    /// So many more runs of a tree are in memory.
    pub(super) fn roots_change(&mut self, root: Id, by: i64) {
        *self.roots.entry(root).or_default() += by;
    }

    pub(super) fn rewind(&mut self, to: Mark) {
        self.queued.truncate(to.queued);
        self.ended.truncate(to.ended);
        self.moved.truncate(to.moved);
        self.changes.truncate(to.changes);
        self.worked.truncate(to.worked);
        self.still.truncate(to.still);
        self.counters = to.counters;
        self.pins = to.pins;
        self.lives = to.lives;
        self.parked = to.parked;
        self.roots = to.roots;
    }
}

/// The writer's tools.
pub(super) struct Apply<'a> {
    pub(super) db: &'a Connection,
    /// Locked for a look at a time, so that nobody who claims waits for a statement.
    pub(super) memory: &'a Mutex<Memory>,
    pub(super) lines: &'a Mutex<Lines>,
    /// Items that move, so that a merge needs no read.
    pub(super) items: &'a mut HashMap<Id, Item>,
    /// Trees that may have bars that have not ended, so that the end of any other needs no look; true: also such that
    /// may end before their tree does.
    pub(super) moving: &'a mut HashMap<Id, bool>,
    pub(super) after: &'a mut After,
    pub(super) stamp: &'a mut dyn FnMut() -> u64,
}

impl Apply<'_> {
    pub(super) fn commit(&mut self, commit: &Commit) -> Result<(), Error> {
        let gone = self.after.ended.contains(&commit.run);
        let memory = lock(self.memory);
        if memory.poisoned(commit.run, commit.epoch) {
            return Err(Error::Poisoned);
        }
        if commit.epoch > 0 && (gone || !memory.holds(commit.run, commit.epoch)) {
            return Err(Error::LeaseLost);
        }
        drop(memory);
        let last =
            commit.entries.as_ref().filter(|last| commit.end.is_some() && last.bytes.len() <= LAST_BYTES_MAX);
        if let Some(entries) = &commit.entries {
            if last.is_none() {
                self.entries(commit.run, entries)?;
            }
            let suspect = lock(self.memory).is_suspect(commit.run);
            if suspect {
                self.run("UPDATE live SET crashes = 0 WHERE run = ?1", params![key(commit.run)])?;
                self.after.got_on.push(commit.run);
            }
        }
        if let Some(worked_ms) = commit.worked_ms {
            self.run(
                "UPDATE live SET worked = ?2 WHERE run = ?1",
                params![key(commit.run), worked_ms as i64],
            )?;
            self.after.worked.push((commit.run, worked_ms));
        }
        if let Some(checkpoint) = &commit.checkpoint {
            self.checkpoint(commit.run, checkpoint)?;
            self.trim(commit.run, checkpoint.at)?;
            if let Some(bytes_max) = commit.stored_max {
                self.trim_to(commit.run, bytes_max)?;
            }
        }
        if Sabotage::DoubleAppend.on() {
            self.twice(&commit.writes)?;
        }
        let mut request = None;
        for write in &commit.writes {
            match write {
                Write::Start(new) => drop(self.start_unique(new)?),
                Write::Request(new) => {
                    if self.insert(new)? && commit.park.is_some() {
                        // From here on it is a run like any other.
                        self.run("INSERT INTO live (run) VALUES (?1)", params![key(new.id)])?;
                        self.lives(new, 1);
                    }
                    request = Some(Arc::new(new.clone()));
                }
                Write::Notify(notification) => self.notify(notification)?,
                Write::Progress(said) => self.say(said)?,
                Write::Log(line) => {
                    self.run(
                        "INSERT INTO logs (run, line) SELECT ?1, ?2 WHERE (SELECT count(*) FROM logs WHERE run = ?1) < ?3",
                        params![key(commit.run), blob(line)?, LOG_LINES_MAX],
                    )?;
                }
                Write::Signal(name) => {
                    let sql = "UPDATE signals SET body = NULL WHERE run = ?1 AND name = ?2";
                    self.run(sql, params![key(commit.run), &**name])?;
                }
                Write::Keep { name, answer } => self.keep(*name, answer.as_ref())?,
                Write::Toast(toast) => self.change(Change::Toast(Arc::new(toast.clone()))),
                Write::Message(message) => self.change(Change::Message(Arc::new(message.clone()))),
            }
        }
        match (&commit.end, &commit.park) {
            (Some(end), _) => self.end(commit.run, end, last, request),
            (None, Some(park)) => self.park(commit.run, commit.epoch, park, request),
            (None, None) => Ok(()),
        }
    }

    /// Sabotage: the own writes once more, under other ids.
    fn twice(&mut self, writes: &[Write]) -> Result<(), Error> {
        for write in writes {
            match write {
                Write::Start(new) if new.parent.is_some() => {
                    self.start(&NewRun { id: Id(new.id.0 ^ 1), ..new.clone() })?;
                }
                Write::Notify(kept) => {
                    self.notify(&Notification { id: Id(kept.id.0 ^ 1), ..kept.clone() })?
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn start(&mut self, new: &NewRun) -> Result<(), Error> {
        self.start_after(new, &[])
    }

    /// It begins when those others have ended.
    pub(super) fn start_after(&mut self, new: &NewRun, others: &[Id]) -> Result<(), Error> {
        if !self.insert(new)? {
            return Ok(());
        }
        self.run("INSERT INTO live (run) VALUES (?1)", params![key(new.id)])?;
        self.lives(new, 1);
        if let Some(parent) = new.parent {
            let sql = "INSERT INTO children (parent, run) VALUES (?1, ?2)";
            self.run(sql, params![key(parent), key(new.id)])?;
        }
        if let (true, Some(user)) = (new.direct, &new.user) {
            self.run(
                "INSERT INTO mine (system, user, run) VALUES (?1, ?2, ?3)",
                params![&*new.system, &**user, key(new.id)],
            )?;
        }
        let new = Arc::new(new.clone());
        let wake_at_ms = new.not_before_ms.filter(|_| !Sabotage::IgnoreDelay.on());
        if wake_at_ms.is_some() || !others.is_empty() {
            self.await_from_the_first(&new, others)?;
            // It is parked from the first, and comes up as a wait does.
            self.run(
                "INSERT INTO parks (run, root, status, wake_at) VALUES (?1, ?2, ?3, ?4)",
                params![key(new.id), key(new.root), status_code(Status::Queued), wake_at_ms],
            )?;
            self.after.moved.push(Moved::Parked(new.id, Status::Queued, wake_at_ms));
        } else {
            *self.after.roots.entry(new.root).or_default() += 1;
            self.after.queued.push(new.clone());
        }
        self.change(Change::Run { start: new.clone(), stands: Standing::new(Status::Queued) });
        if let Some(old) = new.retry_of.filter(|_| new.root != new.id) {
            self.anew(old, new.root, new.created_at_ms)?;
        }
        Ok(())
    }

    /// False: a run of that id is there already.
    fn insert(&mut self, new: &NewRun) -> Result<bool, Error> {
        let body = blob(new)?;
        let here = Some(&body).filter(|body| body.len() <= NARROW_MAX);
        let sql = "INSERT OR IGNORE INTO runs (id, start) VALUES (?1, ?2)";
        let added = self.run(sql, params![key(new.id), here])?;
        if added > 0 {
            if here.is_none() {
                self.large(new.id, 0, &body)?;
            }
            *self.after.counters.entry("accepted").or_default() += 1;
            self.after.pin(new.version, 1);
        }
        Ok(added > 0)
    }

    pub(super) fn end(
        &mut self,
        run: Id,
        end: &End,
        last: Option<&Entries>,
        request: Option<Arc<NewRun>>,
    ) -> Result<(), Error> {
        let code = status_code(end.status);
        let mut asked = None;
        if end.status == Status::Cancelled || self.was_asked(run) {
            // It shows when it was asked, and what it started ends with it.
            let (at_ms, keep_children) = read::asked(self.db, run)?;
            asked = end.cancel_at_ms.is_none().then(|| End { cancel_at_ms: at_ms, ..end.clone() });
            self.doom(run, !keep_children, end.ended_at_ms);
        }
        let end = asked.as_ref().unwrap_or(end);
        let body = blob(end)?;
        let here =
            Some(&body).filter(|body| body.len() <= NARROW_MAX - last.map_or(0, |last| last.bytes.len()));
        if here.is_none() {
            self.large(run, 1, &body)?;
        }
        self.run(
            "INSERT INTO ends (run, status, body, at, count, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                key(run),
                code,
                here,
                last.map(|last| last.at as i64),
                last.map(|last| last.count),
                last.map(|last| &last.bytes)
            ],
        )?;
        *self.after.counters.entry(end.status.word()).or_default() += 1;
        let start = match request {
            Some(start) => start,
            None => {
                self.run("DELETE FROM live WHERE run = ?1", params![key(run)])?;
                let Some(start) = self.leave(run)? else { return Ok(()) };
                self.lives(&start, -1);
                start
            }
        };
        let root = start.root;
        self.expires(&start, end)?;
        if end.status != Status::Succeeded {
            self.fails_bars(&start)?;
        }
        if let Some(unique) = start.unique.as_ref().filter(|unique| unique.for_ms == 0) {
            self.run(
                "DELETE FROM uniques WHERE system = ?1 AND workflow = ?2 AND key = ?3 AND run = ?4",
                params![&*start.system, &*start.workflow, &*unique.key, key(run)],
            )?;
        }
        self.change(Change::Run { start, stands: end.stands() });
        if self.parks() {
            self.ended_for(run)?;
        }
        self.end_items(root, end.ended_at_ms)
    }

    /// What is too long for its row.
    fn large(&self, run: Id, what: i64, bytes: &[u8]) -> Result<(), Error> {
        self.run("INSERT INTO large (run, what, bytes) VALUES (?1, ?2, ?3)", params![key(run), what, bytes])?;
        Ok(())
    }

    /// A run that ends leaves memory, or the table of those that are parked.
    fn leave(&mut self, run: Id) -> Result<Option<Arc<NewRun>>, Error> {
        let parked = self.after.parked.contains(&run);
        let known = lock(self.memory).find(run).map(|(start, _, _)| start).filter(|_| !parked);
        let known = known.or_else(|| self.after.queued.iter().find(|start| start.id == run).cloned());
        let known = known.or_else(|| self.woken_now(run));
        if let Some(start) = known {
            self.after.ended.push(run);
            *self.after.roots.entry(start.root).or_default() -= 1;
            return Ok(Some(start));
        }
        let Some(status) = self.unpark(run)? else { return Ok(None) };
        self.run("DELETE FROM awaits WHERE run = ?1", params![key(run)])?;
        self.after.moved.push(Moved::Ended(status));
        read::start(self.db, run)
    }

    /// Whether a run of that tree has not ended.
    pub(super) fn is_live(&self, root: Id) -> Result<bool, Error> {
        let in_memory =
            lock(self.memory).live_of(root) as i64 + self.after.roots.get(&root).copied().unwrap_or(0);
        if in_memory > 0 || !self.parks() {
            return Ok(in_memory > 0);
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM parks WHERE root = ?1)";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        found.query_row(params![key(root)], |row| row.get(0)).map_err(trouble)
    }

    /// Whether any run is parked, or was before this batch; none is awaited by one that is not.
    fn parks(&self) -> bool {
        !self.after.moved.is_empty() || lock(self.memory).parks()
    }

    pub(super) fn change(&mut self, change: Change) {
        let stamp = (self.stamp)();
        self.after.changes.push((stamp, change));
    }

    pub(super) fn run(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<usize, Error> {
        self.db.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(trouble)
    }
}
