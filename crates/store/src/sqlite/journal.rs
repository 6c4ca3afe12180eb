//! Journals as they are written: entries, checkpoints, and the trace that is kept of them.

use rusqlite::params;

use super::{
    apply::Apply,
    forms::{key, trouble},
};
use crate::{Checkpoint, Entries, Error, Id, probe::Point};

/// Entries that a trace keeps.
const TRACE_ENTRIES: u64 = 10_000;

impl Apply<'_> {
    pub(super) fn entries(&mut self, run: Id, entries: &Entries) -> Result<(), Error> {
        self.run(
            "INSERT INTO journal (run, at, count, bytes) VALUES (?1, ?2, ?3, ?4)",
            params![key(run), entries.at as i64, entries.count, entries.bytes],
        )?;
        Ok(())
    }

    pub(super) fn checkpoint(&mut self, run: Id, checkpoint: &Checkpoint) -> Result<(), Error> {
        self.after.inside.push(Point::Checkpoint.enter());
        self.run(
            "INSERT OR REPLACE INTO checkpoints (run, at, bytes) VALUES (?1, ?2, ?3)",
            params![key(run), checkpoint.at as i64, checkpoint.bytes],
        )?;
        Ok(())
    }

    /// The trace keeps its newest entries and the checkpoint just before them; what is older goes a segment at a time.
    pub(super) fn trim(&self, run: Id, at: u64) -> Result<(), Error> {
        let Some(oldest) = at.checked_sub(TRACE_ENTRIES) else { return Ok(()) };
        let mut found = self
            .db
            .prepare_cached("SELECT max(at) FROM checkpoints WHERE run = ?1 AND at <= ?2")
            .map_err(trouble)?;
        let from: Option<i64> =
            found.query_row(params![key(run), oldest as i64], |row| row.get(0)).map_err(trouble)?;
        from.map_or(Ok(()), |from| self.forget(run, from))
    }

    /// The oldest segments go until three quarters of what the journal may hold are enough for the rest, so that the
    /// next time is a while away; the newest checkpoint and what follows it stay.
    pub(super) fn trim_to(&self, run: Id, bytes_max: u64) -> Result<(), Error> {
        let goal = (bytes_max - bytes_max / 4) as i64;
        let states =
            self.sizes("SELECT at, length(bytes) FROM checkpoints WHERE run = ?1 ORDER BY at", run)?;
        let chunks =
            self.sizes("SELECT at + count, length(bytes) FROM journal WHERE run = ?1 ORDER BY at", run)?;
        let mut left: i64 = states.iter().chain(&chunks).map(|(_, bytes)| bytes).sum();
        let mut chunks = chunks.iter().peekable();
        let mut from = None;
        for (place, (at, _)) in states.iter().enumerate() {
            if left <= goal {
                break;
            }
            left -= place.checked_sub(1).map_or(0, |before| states[before].1);
            while let Some((_, bytes)) = chunks.next_if(|(end, _)| end <= at) {
                left -= bytes;
            }
            from = Some(*at);
        }
        from.map_or(Ok(()), |from| self.forget(run, from))
    }

    fn sizes(&self, sql: &str, run: Id) -> Result<Vec<(i64, i64)>, Error> {
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let rows = found.query_map(params![key(run)], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.map_err(trouble)?.collect::<Result<_, _>>().map_err(trouble)
    }

    /// What is before a checkpoint.
    fn forget(&self, run: Id, from: i64) -> Result<(), Error> {
        self.run("DELETE FROM journal WHERE run = ?1 AND at + count <= ?2", params![key(run), from])?;
        self.run("DELETE FROM checkpoints WHERE run = ?1 AND at < ?2", params![key(run), from])?;
        Ok(())
    }
}
