//! The end of runs on request, and of what they started: a worklist, so that neither a deep nor a wide tree costs more than a
//! page at a time.
//!
//! ```text
//! asked --> idle: ends at once -----------------------------------> its live children are asked, the same way
//!       \-> held: keeps the wish, which outlives a crash --> ends --/
//! ```

use rusqlite::{OptionalExtension, params};

use super::{
    apply::Apply,
    forms::{id, key, trouble},
    lock, read,
};
use crate::{Cancelled, Change, End, Error, Id, Status, sabotage::Sabotage};

/// Children that are asked in one transaction; the rest are asked in the next.
const PAGE: usize = 500;

/// A run whose live children are to end, and the one of them that was asked last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doomed {
    pub(super) run: Id,
    pub(super) after: Id,
    pub(super) at_ms: i64,
}

impl Apply<'_> {
    /// The end of a run: at once, unless a worker holds it. `children`: and of all that it started.
    pub(super) fn ask_to_end(&mut self, run: Id, children: bool, at_ms: i64) -> Result<Cancelled, Error> {
        match self.stands(run)? {
            Some((Status::Running, _)) => {
                // Its children go on until it has ended: else it might see them end first, and fail of it.
                let sql =
                    "UPDATE live SET cancel_at = coalesce(cancel_at, ?2), keep_children = ?3 WHERE run = ?1";
                self.run(sql, params![key(run), at_ms, !children])?;
                self.after.asked.insert(run);
                self.change(Change::Cancel(run));
                Ok(Cancelled::Asked)
            }
            Some(_) => {
                self.cancel(run, children, at_ms)?;
                Ok(Cancelled::Ended)
            }
            None => {
                let known = read::start(self.db, run)?.is_some();
                Ok(if known { Cancelled::Over } else { Cancelled::Unknown })
            }
        }
    }

    /// Whether the end of a live run was asked for.
    pub(super) fn was_asked(&self, run: Id) -> bool {
        self.after.asked.contains(&run) || lock(self.memory).is_asked_to_end(run)
    }

    /// The end of a run that nobody holds.
    pub(super) fn cancel(&mut self, run: Id, children: bool, at_ms: i64) -> Result<(), Error> {
        if !children {
            let sql = "UPDATE live SET keep_children = 1 WHERE run = ?1";
            self.run(sql, params![key(run)])?;
        }
        let begun = read::ready(self.db, run)?;
        let started_at_ms = begun.as_ref().and_then(|begun| begun.started_at_ms);
        let failed = begun.map_or(0, |begun| begun.attempts);
        // One whose next attempt is delayed has not begun it.
        let under_way = started_at_ms.is_some() && self.parked_as(run)? != Some(Status::Queued);
        let end = End {
            attempts: failed + u32::from(under_way),
            cancel_at_ms: Some(at_ms),
            ..End::new(Status::Cancelled, started_at_ms.unwrap_or(at_ms), at_ms)
        };
        self.end(run, &end, None, None)
    }

    pub(super) fn doom(&mut self, run: Id, children: bool, at_ms: i64) {
        if children && !Sabotage::Orphans.on() {
            self.after.doomed.push(Doomed { run, after: Id::default(), at_ms });
        }
    }

    /// Asks the children of all that are on the list, and theirs; what is left after a page is kept for the next one.
    pub(super) fn ask_doomed(&mut self) -> Result<(), Error> {
        let mut left = PAGE;
        while let Some(doomed) = self.after.doomed.pop() {
            let last = match left {
                0 => Some(doomed.after),
                _ => self.ask_children(doomed, &mut left)?,
            };
            if let Some(last) = last {
                let sql = "INSERT OR REPLACE INTO doomed (run, after, at) VALUES (?1, ?2, ?3)";
                self.run(sql, params![key(doomed.run), key(last), doomed.at_ms])?;
                self.after.dooms = Some(true);
            }
        }
        Ok(())
    }

    /// The one that was asked last, if there are more.
    fn ask_children(&mut self, doomed: Doomed, left: &mut usize) -> Result<Option<Id>, Error> {
        let sql = "SELECT run FROM children WHERE parent = ?1 AND run > ?2 ORDER BY run LIMIT ?3";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let values = params![key(doomed.run), key(doomed.after), *left as i64];
        let children: Result<Vec<Id>, _> =
            found.query_map(values, |row| row.get(0).map(id)).map_err(trouble)?.collect();
        drop(found);
        let children = children.map_err(trouble)?;
        for child in &children {
            self.ask_to_end(*child, true, doomed.at_ms)?;
        }
        let full = children.len() == *left;
        *left -= children.len();
        Ok(children.last().copied().filter(|_| full))
    }

    /// The next page of those that were left.
    pub(super) fn doom_more(&mut self) -> Result<(), Error> {
        let sql = "DELETE FROM doomed WHERE run = (SELECT min(run) FROM doomed) RETURNING run, after, at";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Doomed { run: row.get(0).map(id)?, after: row.get(1).map(id)?, at_ms: row.get(2)? })
        };
        let doomed = found.query_row([], row).optional().map_err(trouble)?;
        drop(found);
        self.after.doomed.extend(doomed);
        let mut more = self.db.prepare_cached("SELECT EXISTS (SELECT 1 FROM doomed)").map_err(trouble)?;
        self.after.dooms = Some(more.query_row([], |row| row.get(0)).map_err(trouble)?);
        Ok(())
    }
}
