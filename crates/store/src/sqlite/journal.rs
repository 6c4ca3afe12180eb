//! Journals as they are written: entries, checkpoints, and the trace that is kept of them.

use std::collections::HashSet;

use rusqlite::params;

use super::{
    apply::Apply,
    forms::{key, trouble},
    read,
};
use crate::{Checkpoint, Entries, Error, Hash, Id, probe::Point, trace};

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
        for blob in &checkpoint.blobs {
            self.run(
                "INSERT OR IGNORE INTO blobs (run, hash, bytes) VALUES (?1, ?2, ?3)",
                params![key(run), blob.hash, blob.bytes],
            )?;
        }
        let needs: Vec<u8> = checkpoint.needs.iter().flat_map(|hash| hash.0).collect();
        self.run(
            "INSERT OR REPLACE INTO checkpoints (run, at, bytes, needs) VALUES (?1, ?2, ?3, ?4)",
            params![key(run), checkpoint.at as i64, checkpoint.bytes, needs],
        )?;
        Ok(())
    }

    /// The trace keeps its newest entries and the checkpoint just before them; what is older goes a segment at a time.
    pub(super) fn trim(&self, run: Id, at: u64) -> Result<(), Error> {
        let Some(oldest) = at.checked_sub(trace::ENTRIES) else { return Ok(()) };
        let mut found = self
            .db
            .prepare_cached("SELECT max(at) FROM checkpoints WHERE run = ?1 AND at <= ?2")
            .map_err(trouble)?;
        let from: Option<i64> =
            found.query_row(params![key(run), oldest as i64], |row| row.get(0)).map_err(trouble)?;
        from.map_or(Ok(()), |from| self.forget(run, from))
    }

    /// The oldest segments go until what the journal may hold is enough for the rest.
    pub(super) fn trim_to(&self, run: Id, bytes_max: u64) -> Result<(), Error> {
        // Those of a checkpoint that was written anew.
        self.drop_blobs(run)?;
        let blobs: Vec<(Vec<u8>, i64)> =
            self.rows_of("SELECT hash, length(bytes) FROM blobs WHERE run = ?1", run)?;
        let blob = |(hash, bytes): (Vec<u8>, i64)| Some((read::hashes(&hash).pop()?, bytes));
        let kept = trace::Kept {
            states: self.rows_of(
                "SELECT at, length(bytes) + length(needs) FROM checkpoints WHERE run = ?1 ORDER BY at",
                run,
            )?,
            needs: if blobs.is_empty() { Vec::new() } else { self.needs(run)? },
            blobs: blobs.into_iter().filter_map(blob).collect(),
            chunks: self
                .rows_of("SELECT at + count, length(bytes) FROM journal WHERE run = ?1 ORDER BY at", run)?,
        };
        kept.from(bytes_max).map_or(Ok(()), |from| self.forget(run, from))
    }

    /// What each of the run's checkpoints needs, the oldest first.
    fn needs(&self, run: Id) -> Result<Vec<Vec<Hash>>, Error> {
        let sql = "SELECT needs, at FROM checkpoints WHERE run = ?1 ORDER BY at";
        let needs: Vec<(Vec<u8>, i64)> = self.rows_of(sql, run)?;
        Ok(needs.iter().map(|(needs, _)| read::hashes(needs)).collect())
    }

    fn rows_of<A, B>(&self, sql: &str, run: Id) -> Result<Vec<(A, B)>, Error>
    where
        A: rusqlite::types::FromSql,
        B: rusqlite::types::FromSql,
    {
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let rows = found.query_map(params![key(run)], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.map_err(trouble)?.collect::<Result<_, _>>().map_err(trouble)
    }

    /// Blobs that no kept checkpoint of the run needs go.
    pub(super) fn drop_blobs(&self, run: Id) -> Result<(), Error> {
        let kept: Vec<(Vec<u8>, i64)> = self.rows_of("SELECT hash, rowid FROM blobs WHERE run = ?1", run)?;
        if kept.is_empty() {
            return Ok(());
        }
        let needed: HashSet<Hash> = self.needs(run)?.into_iter().flatten().collect();
        for (hash, n) in kept {
            if !read::hashes(&hash).iter().all(|hash| needed.contains(hash)) {
                self.run("DELETE FROM blobs WHERE rowid = ?1", params![n])?;
            }
        }
        Ok(())
    }

    /// What is before a checkpoint.
    fn forget(&self, run: Id, from: i64) -> Result<(), Error> {
        self.run("DELETE FROM journal WHERE run = ?1 AND at + count <= ?2", params![key(run), from])?;
        match self.run("DELETE FROM checkpoints WHERE run = ?1 AND at < ?2", params![key(run), from])? {
            0 => Ok(()),
            _ => self.drop_blobs(run),
        }
    }
}
