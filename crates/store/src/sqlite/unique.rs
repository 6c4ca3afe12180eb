//! Starts that the store decides on: one run of a workflow with a key.

use rusqlite::{OptionalExtension, params};

use super::{
    apply::Apply,
    forms::{id, key, trouble},
};
use crate::{Error, Id, NewRun, Started, Status, Unique, sabotage::Sabotage, unique::Holder};

impl Apply<'_> {
    /// Starts a run, or gives back the one that holds its key.
    pub(super) fn start_unique(&mut self, new: &NewRun) -> Result<Started, Error> {
        self.start_behind(new, &[])
    }

    /// The same; it begins when those others have ended, all of which live.
    pub(super) fn start_behind(&mut self, new: &NewRun, others: &[Id]) -> Result<Started, Error> {
        if let Some(unique) = new.unique.as_ref().filter(|_| !Sabotage::TwoUnique.on()) {
            // A repetition finds its own run, whoever has the key by now.
            if let Some((status, _)) = self.status(new.id)? {
                return Ok(Started { id: new.id, status, existing: false });
            }
            if let Some(holder) = self.holder(new, unique)? {
                return Ok(holder);
            }
            let until_ms = new.created_at_ms.saturating_add_unsigned(unique.for_ms);
            self.run(
                "INSERT OR REPLACE INTO uniques (system, workflow, key, run, until) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![&*new.system, &*new.workflow, &*unique.key, key(new.id), until_ms],
            )?;
        }
        self.start_after(new, others)?;
        Ok(Started { id: new.id, status: Status::Queued, existing: false })
    }

    /// The run that the key still belongs to, unless it makes way.
    fn holder(&mut self, new: &NewRun, unique: &Unique) -> Result<Option<Started>, Error> {
        let sql = "SELECT run, until FROM uniques WHERE system = ?1 AND workflow = ?2 AND key = ?3";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let row: Option<(Id, i64)> = found
            .query_row(params![&*new.system, &*new.workflow, &*unique.key], |row| {
                Ok((row.get(0).map(id)?, row.get(1)?))
            })
            .optional()
            .map_err(trouble)?;
        drop(found);
        let Some((run, until_ms)) = row else { return Ok(None) };
        let status = self.status(run)?;
        match unique.holder(new, until_ms, status) {
            Holder::Free => Ok(None),
            Holder::MakesWay => {
                self.cancel(run, true, new.created_at_ms)?;
                Ok(None)
            }
            Holder::Holds(status) => Ok(Some(Started { id: run, status, existing: true })),
        }
    }

    /// How a run stands that is there, live or not, and whether somebody has begun it.
    fn status(&mut self, run: Id) -> Result<Option<(Status, bool)>, Error> {
        match self.ended_as(run)? {
            Some(status) => Ok(Some((status, true))),
            None => self.stands(run),
        }
    }
}
