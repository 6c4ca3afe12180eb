//! Schedules and their ledger. A due time is settled by its line, whose key is the schedule and the time, in one
//! transaction with the run that it starts: so it is settled once, whoever tries and whoever dies.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Sqlite,
    apply::Apply,
    forms::{blob, blob_of, id, key, trouble},
    read, version,
};
use crate::{
    Declared, Due, Error, Fate, Hash, Id, NewRun, Overlap, Paused, Plan, Reply, Schedule, Schedules, Settled,
    Why,
    forms::EXPIRED,
    sabotage::Sabotage,
    schedule::{KEPT_MS, PAGE},
};

/// Those of a system, or of all, that are not gone.
pub(super) fn all(db: &Connection, system: Option<&str>) -> Result<Vec<Schedule>, Error> {
    let sql = "SELECT body FROM schedules WHERE ?1 IS NULL OR system = ?1 ORDER BY system, id";
    let mut all: Vec<Schedule> = read::blobs(db, sql, params![system])?;
    all.retain(|schedule| !schedule.gone);
    Ok(all)
}

pub(super) fn one(db: &Connection, schedule: Id) -> Result<Option<Schedule>, Error> {
    let mut found = db.prepare_cached("SELECT body FROM schedules WHERE id = ?1").map_err(trouble)?;
    let body: Option<Vec<u8>> =
        found.query_row(params![key(schedule)], |row| row.get(0)).optional().map_err(trouble)?;
    body.map(|body| blob_of(&body)).transpose()
}

/// The newest lines before a due time.
pub(super) fn ledger(db: &Connection, schedule: Id, before_ms: Option<i64>) -> Result<Vec<Settled>, Error> {
    let sql = "SELECT body FROM ledger WHERE schedule = ?1 AND due < ?2 ORDER BY due DESC LIMIT ?3";
    read::blobs(db, sql, params![key(schedule), before_ms.unwrap_or(i64::MAX), PAGE])
}

impl Schedules for Sqlite {
    fn declare(
        &self,
        system: Arc<str>,
        version: Hash,
        declared: Vec<Declared>,
        at_ms: i64,
    ) -> Reply<'_, Vec<Schedule>> {
        self.ask(move |apply| match version::current_of(apply.db, &system)? {
            Some(current) if current != version => all(apply.db, Some(&*system)),
            _ => apply.declare(&system, &declared, at_ms),
        })
    }

    fn schedules(&self, system: Option<Arc<str>>) -> Reply<'_, Vec<Schedule>> {
        self.read(move |db| all(db, system.as_deref()))
    }

    fn settle(&self, due: Due) -> Reply<'_, Option<Vec<Settled>>> {
        self.ask(move |apply| apply.settle(&due))
    }

    fn pause(&self, schedule: Id, paused: Option<Paused>) -> Reply<'_, Option<Schedule>> {
        self.ask(move |apply| apply.pause(schedule, paused.as_ref()))
    }

    fn ledger(&self, schedule: Id, before_ms: Option<i64>) -> Reply<'_, Vec<Settled>> {
        self.read(move |db| ledger(db, schedule, before_ms))
    }
}

impl Apply<'_> {
    /// What a system's current version says; one that is new, changed or back is settled up to now.
    pub(super) fn declare(
        &mut self,
        system: &Arc<str>,
        declared: &[Declared],
        at_ms: i64,
    ) -> Result<Vec<Schedule>, Error> {
        let sql = "SELECT body FROM schedules WHERE system = ?1";
        let before: Vec<Schedule> = read::blobs(self.db, sql, params![&**system])?;
        for changed in Schedule::declared(system, before, declared, at_ms) {
            self.store_schedule(&changed)?;
        }
        all(self.db, Some(&**system))
    }

    /// Settles due times; None: the schedule is not as the caller knew it, and nothing was done.
    pub(super) fn settle(&mut self, due: &Due) -> Result<Option<Vec<Settled>>, Error> {
        let Some(mut schedule) = one(self.db, due.schedule)? else { return Ok(None) };
        if !schedule.takes(due) {
            return Ok(None);
        }
        if due.times.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut lines = Vec::with_capacity(due.times.len());
        for (due_ms, plan) in &due.times {
            let (fate, run) = self.settle_one(&schedule, plan, due.overlap)?;
            schedule.is_settled(*due_ms, plan, &fate);
            let line = Settled { due_ms: *due_ms, at_ms: due.at_ms, fate, run };
            self.line(due.schedule, &line)?;
            lines.push(line);
        }
        self.store_schedule(&schedule)?;
        let sql = "DELETE FROM ledger WHERE schedule = ?1 AND due IN \
                   (SELECT due FROM ledger WHERE schedule = ?1 AND due <= ?2 ORDER BY due LIMIT ?3)";
        self.run(sql, params![key(due.schedule), due.at_ms - KEPT_MS, EXPIRED * lines.len() as i64])?;
        Ok(Some(lines))
    }

    fn settle_one(
        &mut self,
        schedule: &Schedule,
        plan: &Plan,
        overlap: Overlap,
    ) -> Result<(Fate, Option<Id>), Error> {
        let (timing, new) = match schedule.starts(plan) {
            Ok(starts) => starts,
            Err(fate) => return Ok((fate, None)),
        };
        let behind = match overlap.behind(timing, self.live_of_schedule(schedule.id)?) {
            Ok(behind) => behind,
            Err(last) => return Ok((Fate::Skipped(Why::Overlap), Some(last))),
        };
        let started = self.start_behind(new, &behind)?;
        if started.existing {
            return Ok((Fate::Skipped(Why::Unique), Some(started.id)));
        }
        let sql = "INSERT INTO fired (schedule, run) VALUES (?1, ?2)";
        self.run(sql, params![key(schedule.id), key(new.id)])?;
        Ok((Fate::Ran(timing), Some(new.id)))
    }

    /// A time has one line: a second is a conflict, and takes with it what it would have started.
    fn line(&mut self, schedule: Id, line: &Settled) -> Result<(), Error> {
        let verb = if Sabotage::DueTwice.on() { "INSERT OR REPLACE" } else { "INSERT" };
        let sql = format!("{verb} INTO ledger (schedule, due, body) VALUES (?1, ?2, ?3)");
        self.run(&sql, params![key(schedule), line.due_ms, blob(line)?]).map(drop)
    }

    /// Runs of a schedule that have not ended, the oldest first; forgets the others.
    fn live_of_schedule(&mut self, schedule: Id) -> Result<Vec<Id>, Error> {
        let sql = "DELETE FROM fired WHERE schedule = ?1 AND NOT EXISTS (SELECT 1 FROM live WHERE live.run = fired.run)";
        self.run(sql, params![key(schedule)])?;
        let sql = "SELECT run FROM fired WHERE schedule = ?1 ORDER BY run";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let runs = found.query_map(params![key(schedule)], |row| row.get(0).map(id)).map_err(trouble)?;
        runs.collect::<Result<_, _>>().map_err(trouble)
    }

    /// Pauses a schedule, or lets it go on; None: there is no such schedule.
    pub(super) fn pause(&mut self, id: Id, paused: Option<&Paused>) -> Result<Option<Schedule>, Error> {
        let Some(schedule) = one(self.db, id)?.filter(|schedule| !schedule.gone) else { return Ok(None) };
        let schedule = Schedule { paused: paused.cloned(), ..schedule };
        self.store_schedule(&schedule)?;
        Ok(Some(schedule))
    }

    fn store_schedule(&mut self, schedule: &Schedule) -> Result<(), Error> {
        let sql = "INSERT OR REPLACE INTO schedules (id, system, body) VALUES (?1, ?2, ?3)";
        self.run(sql, params![key(schedule.id), &*schedule.system, blob(schedule)?]).map(drop)
    }

    /// A run that begins when those others have ended.
    pub(super) fn await_from_the_first(&mut self, new: &NewRun, others: &[Id]) -> Result<(), Error> {
        for other in others {
            let sql = "INSERT INTO awaits (awaited, run, n, any) VALUES (?1, ?2, 0, 0)";
            self.run(sql, params![key(*other), key(new.id)])?;
        }
        Ok(())
    }
}
