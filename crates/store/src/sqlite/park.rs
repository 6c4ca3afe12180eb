//! Runs that hold no worker: how they park, and what wakes them. All of it inside the writer's transaction, so that an
//! end and a park that wait for each other cannot miss each other.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use super::{
    apply::{Apply, Moved},
    forms::{blob, id, key, status_code, status_of, trouble},
    lock, read,
};
use crate::{Change, Error, Id, NewRun, Park, Reopened, Signalled, Standing, Status, probe::Point};

/// Parked runs that are woken in one transaction when they are due at one instant.
pub(super) const PAGE: usize = 256;

/// Signals that are kept for a run until it takes one.
const SIGNALS_MAX: i64 = 100;

/// A signal on its way to a run.
pub(super) struct Brought {
    pub(super) run: Id,
    pub(super) name: Arc<str>,
    pub(super) body: recipe::Value,
    /// Only if none of its name was ever brought.
    pub(super) once: bool,
}

impl Apply<'_> {
    /// A run leaves its worker, or its `request`, unless what it waits for is there already.
    pub(super) fn park(
        &mut self,
        run: Id,
        epoch: u64,
        park: &Park,
        request: Option<Arc<NewRun>>,
    ) -> Result<(), Error> {
        self.after.inside.push(Point::Park.enter());
        if let (Some(at_ms), keep_children) = read::asked(self.db, run)? {
            // It was asked to end, and has not heard of it.
            return self.cancel(run, !keep_children, at_ms);
        }
        self.run(
            "UPDATE live SET attempts = attempts + ?2, started_at = coalesce(started_at, ?3), worked = ?4, stored = ?5, parked_by = ?6 WHERE run = ?1",
            params![
                key(run),
                park.failed,
                park.started_at_ms,
                park.worked_ms as i64,
                park.stored_bytes as i64,
                epoch as i64
            ],
        )?;
        let mut came = false;
        for (n, await_) in park.awaits.iter().enumerate() {
            let (mut left, mut ended) = (0, 0);
            for awaited in &await_.runs {
                if self.has("SELECT EXISTS (SELECT 1 FROM live WHERE run = ?1)", *awaited)? {
                    left += 1;
                    self.run(
                        "INSERT OR IGNORE INTO awaits (awaited, run, n, any) VALUES (?1, ?2, ?3, ?4)",
                        params![key(*awaited), key(run), n as i64, await_.any],
                    )?;
                } else {
                    ended += 1;
                }
            }
            came |= left == 0 || (await_.any && ended > 0);
        }
        for name in &park.signals {
            came |= self.signal_is_kept(run, name)?;
        }
        came |= park.host.is_some() && lock(self.lines).has_called(run);
        // Memory does not know one that comes from a request.
        let held = request.is_none();
        let Some(start) = request.or_else(|| lock(self.memory).find(run).map(|(start, _, _)| start)) else {
            return Err(Error::LeaseLost);
        };
        if came {
            self.after.roots_change(start.root, i64::from(!held));
            return self.woken(run, None);
        }
        self.run(
            "INSERT OR REPLACE INTO parks (run, root, status, wake_at, host) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                key(run),
                key(start.root),
                status_code(park.status),
                park.wake_at_ms,
                park.host.as_deref()
            ],
        )?;
        self.after.roots_change(start.root, -i64::from(held));
        self.after.moved.push(Moved::Parked(run, park.status, park.wake_at_ms));
        self.after.parked.insert(run);
        let attempts = read::ready(self.db, run)?.map_or(0, |ready| ready.attempts) + u32::from(!park.failed);
        let started_at_ms = Some(park.started_at_ms);
        let stands = Standing { status: park.status, attempts, started_at_ms, ended_at_ms: None };
        self.change(Change::Run { start, stands });
        Ok(())
    }

    /// The status that a run is parked under.
    pub(super) fn parked_as(&self, run: Id) -> Result<Option<Status>, Error> {
        let mut found = self.db.prepare_cached("SELECT status FROM parks WHERE run = ?1").map_err(trouble)?;
        let code: Option<u8> =
            found.query_row(params![key(run)], |row| row.get(0)).optional().map_err(trouble)?;
        Ok(code.map(status_of))
    }

    /// Where a live run stands as of this transaction, of which memory learns later, and whether somebody has begun it.
    pub(super) fn stands(&self, run: Id) -> Result<Option<(Status, bool)>, Error> {
        if self.after.ended.contains(&run) {
            return Ok(None);
        }
        // One that is put off is parked from the first, and woken, without anybody having had it.
        const BEGUN: &str = "SELECT EXISTS (SELECT 1 FROM live WHERE run = ?1 AND started_at IS NOT NULL)";
        if let Some(status) = self.parked_as(run)? {
            return Ok(Some((status, self.has(BEGUN, run)?)));
        }
        if self.woken_now(run).is_some() {
            return Ok(Some((Status::Queued, self.has(BEGUN, run)?)));
        }
        if self.after.queued.iter().any(|start| start.id == run) {
            return Ok(Some((Status::Queued, false)));
        }
        Ok(lock(self.memory).find(run).map(|(_, status, begun)| (status, begun)))
    }

    /// A run that was woken in this batch: memory does not know it yet.
    pub(super) fn woken_now(&self, run: Id) -> Option<Arc<NewRun>> {
        self.after.moved.iter().find_map(|moved| match moved {
            Moved::Woken(ready, _) if ready.start.id == run => Some(ready.start.clone()),
            _ => None,
        })
    }

    /// Forgets that a run is parked; the status it was parked under.
    pub(super) fn unpark(&mut self, run: Id) -> Result<Option<Status>, Error> {
        let sql = "DELETE FROM parks WHERE run = ?1 RETURNING status";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let code: Option<u8> =
            found.query_row(params![key(run)], |row| row.get(0)).optional().map_err(trouble)?;
        drop(found);
        self.after.parked.remove(&run);
        Ok(code.map(status_of))
    }

    /// A parked run goes back to its lane. Nothing happens to one that is not parked.
    pub(super) fn wake(&mut self, run: Id) -> Result<(), Error> {
        match self.unpark(run)? {
            Some(status) => self.woken(run, Some(status)),
            None => Ok(()),
        }
    }

    fn woken(&mut self, run: Id, parked: Option<Status>) -> Result<(), Error> {
        self.run("DELETE FROM awaits WHERE run = ?1", params![key(run)])?;
        let Some(ready) = read::ready(self.db, run)? else { return Ok(()) };
        if parked.is_some() {
            self.after.roots_change(ready.start.root, 1);
        }
        self.change(Change::Run { start: ready.start.clone(), stands: ready.stands(Status::Queued) });
        self.after.moved.push(Moved::Woken(ready, parked));
        Ok(())
    }

    /// Wakes those that waited for the end of a run.
    pub(super) fn ended_for(&mut self, awaited: Id) -> Result<(), Error> {
        let sql = "DELETE FROM awaits WHERE awaited = ?1 RETURNING run, n, any";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0).map(id)?, row.get::<_, i64>(1)?, row.get(2)?));
        let rows: Result<Vec<(Id, i64, bool)>, _> =
            found.query_map(params![key(awaited)], row).map_err(trouble)?.collect();
        drop(found);
        for (run, n, any) in rows.map_err(trouble)? {
            let sql = "SELECT EXISTS (SELECT 1 FROM awaits WHERE run = ?1 AND n = ?2)";
            let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
            let more: bool = found.query_row(params![key(run), n], |row| row.get(0)).map_err(trouble)?;
            drop(found);
            if any || !more {
                self.wake(run)?;
            }
        }
        Ok(())
    }

    /// Wakes a page of those whose time has come; when the next one's comes.
    pub(super) fn wake_due(&mut self, now_ms: i64) -> Result<Option<i64>, Error> {
        let sql = "SELECT run FROM parks WHERE wake_at <= ?1 ORDER BY wake_at LIMIT ?2";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let runs: Result<Vec<Id>, _> = found
            .query_map(params![now_ms, PAGE as i64], |row| row.get(0).map(id))
            .map_err(trouble)?
            .collect();
        drop(found);
        for run in runs.map_err(trouble)? {
            self.wake(run)?;
        }
        let mut next = self.db.prepare_cached("SELECT min(wake_at) FROM parks").map_err(trouble)?;
        next.query_row([], |row| row.get(0)).map_err(trouble)
    }

    /// A run that failed or was cancelled goes on from there.
    pub(super) fn reopen(
        &mut self,
        run: Id,
        moved: Option<&crate::Moved>,
        at_ms: i64,
    ) -> Result<Reopened, Error> {
        let Some(mut start) = read::start(self.db, run)? else { return Ok(Reopened::Unknown) };
        let end = read::run(self.db, start.clone())?.end;
        let Some(end) = end.filter(|end| end.status != Status::Succeeded) else {
            return Ok(Reopened::NotOver);
        };
        if let Some(moved) = moved {
            self.after.pin(start.version, -1);
            self.after.pin(moved.version, 1);
            start = Arc::new(NewRun { version: moved.version, ..NewRun::clone(&start) });
            self.run("UPDATE runs SET start = ?2 WHERE id = ?1", params![key(run), blob(&start)?])?;
        }
        let sql = "INSERT INTO journal (run, at, count, bytes) SELECT run, at, count, bytes FROM ends WHERE run = ?1 AND bytes IS NOT NULL";
        self.run(sql, params![key(run)])?;
        self.run("DELETE FROM ends WHERE run = ?1", params![key(run)])?;
        self.run("DELETE FROM large WHERE run = ?1 AND what = 1", params![key(run)])?;
        let expires_at_ms = start.expires_at_ms(&end);
        self.run("DELETE FROM expires WHERE at = ?1 AND run = ?2", params![expires_at_ms, key(run)])?;
        self.run(
            "INSERT INTO live (run, started_at, stored) VALUES (?1, ?2, ?3)",
            params![key(run), end.started_at_ms, read::stored_bytes(self.db, run)?],
        )?;
        self.lives(&start, 1);
        if let Some(entries) = &end.retry {
            self.entries(run, entries)?;
        }
        if let Some(moved) = moved {
            self.checkpoint(run, &moved.checkpoint)?;
            self.drop_blobs(run)?;
        }
        *self.after.counters.entry(end.status.word()).or_default() -= 1;
        self.after.roots_change(start.root, 1);
        self.move_again(start.root, run, at_ms)?;
        self.woken(run, None)?;
        Ok(Reopened::Queued)
    }

    /// Keeps a signal, one a name, and wakes a run that is parked: it looks whether it was for it.
    pub(super) fn signal(&mut self, brought: &Brought) -> Result<Signalled, Error> {
        let Brought { run, name, body, once } = brought;
        let run = *run;
        if !self.has("SELECT EXISTS (SELECT 1 FROM live WHERE run = ?1)", run)? {
            let known = read::start(self.db, run)?.is_some();
            return Ok(if known { Signalled::Over } else { Signalled::Unknown });
        }
        let sql = "SELECT count(*) >= ?2 FROM signals WHERE run = ?1 AND body IS NOT NULL AND name <> ?3";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let full =
            found.query_row(params![key(run), SIGNALS_MAX, &**name], |row| row.get(0)).map_err(trouble)?;
        drop(found);
        if full {
            return Ok(Signalled::Full);
        }
        let sql = "INSERT INTO signals (run, name, body) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (run, name) DO UPDATE SET body = excluded.body WHERE body IS NULL AND NOT ?4";
        if self.run(sql, params![key(run), &**name, blob(body)?, once])? == 0 {
            return Ok(Signalled::Double);
        }
        self.wake(run)?;
        Ok(Signalled::Kept)
    }

    fn signal_is_kept(&self, run: Id, name: &str) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM signals WHERE run = ?1 AND name = ?2 AND body IS NOT NULL)";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        found.query_row(params![key(run), name], |row| row.get(0)).map_err(trouble)
    }

    pub(super) fn has(&self, sql: &str, run: Id) -> Result<bool, Error> {
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        found.query_row(params![key(run)], |row| row.get(0)).map_err(trouble)
    }
}
