//! What ended long ago goes: runs with their journals, a page at a time and in transactions of their own, and versions that no
//! run is pinned to any more.

use std::{collections::HashSet, sync::Arc};

use rusqlite::params;

use super::{
    apply::Apply,
    forms::{blob_of, id, key, trouble},
    read,
};
use crate::{End, Error, Hash, Id, NewRun, VERSIONS_MAX, VERSIONS_MIN, VERSIONS_MS, sabotage::Sabotage};

/// Ended runs that go in one transaction.
const PAGE: i64 = 500;

/// Rows of their journals that go with them: a longer journal goes over several pages, and its run with the last.
const ROWS_MAX: i64 = 4_000;

/// A run of a tree that lives is looked at again after so long, milliseconds.
const AGAIN_MS: i64 = 3_600_000;

/// A version may still be about to be used so long after another became current, milliseconds.
const LEFT_MS: i64 = 3_600_000;

/// How long a bar's duration is remembered without another, milliseconds.
const PAST_MS: i64 = 90 * 86_400_000;

impl Apply<'_> {
    /// Notes when a run that ended may go.
    pub(super) fn expires(&mut self, start: &NewRun, end: &End) -> Result<(), Error> {
        let at_ms = start.expires_at_ms(end);
        self.run("INSERT OR IGNORE INTO expires (at, run) VALUES (?1, ?2)", params![at_ms, key(start.id)])?;
        self.after.expires = Some(self.after.expires.map_or(at_ms, |known| known.min(at_ms)));
        Ok(())
    }

    /// Takes away a page of those whose time has come; when the next one's comes.
    pub(super) fn prune(&mut self, now_ms: i64) -> Result<Option<i64>, Error> {
        let sql = "SELECT at, run FROM expires WHERE at <= ?1 ORDER BY at LIMIT ?2";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1).map(id)?));
        let due: Result<Vec<(i64, Id)>, _> =
            found.query_map(params![now_ms, PAGE], row).map_err(trouble)?.collect();
        drop(found);
        let mut rows = ROWS_MAX;
        for (at_ms, run) in due.map_err(trouble)? {
            if rows > 0 {
                rows -= self.prune_one(run, at_ms, now_ms, rows)?;
            }
        }
        self.prune_versions(now_ms)?;
        self.prune_past(now_ms)?;
        let mut next = self.db.prepare_cached("SELECT min(at) FROM expires").map_err(trouble)?;
        next.query_row([], |row| row.get(0)).map_err(trouble)
    }

    /// How many rows of its journal went.
    fn prune_one(&mut self, run: Id, at_ms: i64, now_ms: i64, rows_max: i64) -> Result<i64, Error> {
        let Some(start) = read::start(self.db, run)? else {
            self.run("DELETE FROM expires WHERE at = ?1 AND run = ?2", params![at_ms, key(run)])?;
            return Ok(0);
        };
        if self.is_live(start.root)? && !Sabotage::PruneLive.on() {
            let sql = "UPDATE expires SET at = ?3 WHERE at = ?1 AND run = ?2";
            self.run(sql, params![at_ms, key(run), now_ms + AGAIN_MS])?;
            return Ok(0);
        }
        let sql = "DELETE FROM journal WHERE run = ?1 AND at IN (SELECT at FROM journal WHERE run = ?1 ORDER BY at LIMIT ?2)";
        let rows = self.run(sql, params![key(run), rows_max])? as i64;
        if rows < rows_max {
            self.forget_run(&start, at_ms)?;
        }
        Ok(rows)
    }

    fn forget_run(&mut self, start: &Arc<NewRun>, at_ms: i64) -> Result<(), Error> {
        let run = key(start.id);
        for sql in [
            "DELETE FROM checkpoints WHERE run = ?1",
            "DELETE FROM blobs WHERE run = ?1",
            "DELETE FROM logs WHERE run = ?1",
            "DELETE FROM signals WHERE run = ?1",
            "DELETE FROM ends WHERE run = ?1",
            "DELETE FROM runs WHERE id = ?1",
            "DELETE FROM large WHERE run = ?1",
        ] {
            self.run(sql, params![run])?;
        }
        if let Some(parent) = start.parent {
            let sql = "DELETE FROM children WHERE parent = ?1 AND run = ?2";
            self.run(sql, params![key(parent), run])?;
        }
        self.forget_items(start.id)?;
        if let (true, Some(user)) = (start.direct, &start.user) {
            let sql = "DELETE FROM mine WHERE system = ?1 AND user = ?2 AND run = ?3";
            self.run(sql, params![&*start.system, &**user, run])?;
        }
        if let Some(unique) = &start.unique {
            self.run(
                "DELETE FROM uniques WHERE system = ?1 AND workflow = ?2 AND key = ?3 AND run = ?4",
                params![&*start.system, &*start.workflow, &*unique.key, run],
            )?;
        }
        self.run("DELETE FROM expires WHERE at = ?1 AND run = ?2", params![at_ms, run])?;
        self.after.pin(start.version, -1);
        Ok(())
    }

    /// How long bars took of which no other has ended well for long: names that were made up once.
    fn prune_past(&mut self, now_ms: i64) -> Result<(), Error> {
        let sql = "DELETE FROM past WHERE (system, workflow, process) IN (SELECT system, workflow, process FROM past WHERE at <= ?1 ORDER BY at LIMIT ?2)";
        self.run(sql, params![now_ms - PAST_MS, PAGE])?;
        Ok(())
    }

    /// Versions that nobody needs, and the files that only they had.
    pub(super) fn prune_versions(&mut self, now_ms: i64) -> Result<(), Error> {
        // The current one is the first.
        let sql = "DELETE FROM versions WHERE runs <= 0 AND hash IN (SELECT hash FROM \
                   (SELECT hash, left_at, row_number() OVER (PARTITION BY system ORDER BY since DESC) AS place FROM versions) \
                   WHERE left_at <= ?1 AND place > ?2 + 1 AND (left_at <= ?3 OR place > ?4 + 1))";
        let gone = params![now_ms - LEFT_MS, VERSIONS_MIN, now_ms - VERSIONS_MS, VERSIONS_MAX];
        if self.run(sql, gone)? == 0 {
            return Ok(());
        }
        let mut needed: HashSet<Hash> = HashSet::new();
        for manifest in self.rows::<Vec<u8>>("SELECT manifest FROM versions")? {
            needed.extend(blob_of::<Vec<(String, Hash)>>(&manifest)?.into_iter().map(|(_, hash)| hash));
        }
        for hash in self.rows::<[u8; 32]>("SELECT hash FROM files")? {
            if !needed.contains(&Hash(hash)) {
                self.run("DELETE FROM files WHERE hash = ?1", params![hash])?;
            }
        }
        Ok(())
    }

    fn rows<T: rusqlite::types::FromSql>(&self, sql: &str) -> Result<Vec<T>, Error> {
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let rows = found.query_map([], |row| row.get(0)).map_err(trouble)?;
        rows.collect::<Result<_, _>>().map_err(trouble)
    }
}
