//! Bulk actions: their rows, and a page of one in one transaction with the move of its cursor.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    apply::Apply,
    forms::{blob, blob_of, id, key, trouble},
    read,
};
use crate::{
    Action, Error, Id, Step,
    action::{KEPT_MS, unknown},
    forms::EXPIRED,
};

pub(super) fn action(db: &Connection, action: Id) -> Result<Option<Action>, Error> {
    let mut found = db.prepare_cached("SELECT body FROM actions WHERE id = ?1").map_err(trouble)?;
    let body: Option<Vec<u8>> =
        found.query_row(params![key(action)], |row| row.get(0)).optional().map_err(trouble)?;
    body.map(|body| blob_of(&body)).transpose()
}

/// The newest of a system, at most 50.
pub(super) fn of(db: &Connection, system: &Arc<str>) -> Result<Vec<Action>, Error> {
    let sql = "SELECT body FROM actions WHERE system = ?1 ORDER BY id DESC LIMIT 50";
    read::blobs(db, sql, params![&**system])
}

/// Those that are not over, oldest first.
pub(super) fn open(db: &Connection) -> Result<Vec<Action>, Error> {
    read::blobs(db, "SELECT body FROM actions WHERE open = 1 ORDER BY id LIMIT 100", params![])
}

impl Apply<'_> {
    /// False: it is there already, and stays as it is.
    pub(super) fn record(&mut self, new: &Action) -> Result<bool, Error> {
        let sql = "INSERT OR IGNORE INTO actions (id, system, open, body) VALUES (?1, ?2, 1, ?3)";
        let added = self.run(sql, params![key(new.id), &*new.system, blob(new)?])? > 0;
        let oldest = key(Id::at(new.at_ms - KEPT_MS, 0));
        let sql = "SELECT id FROM actions WHERE id < ?1 AND open = 0 ORDER BY id LIMIT ?2";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let old: Result<Vec<Id>, _> =
            found.query_map(params![oldest, EXPIRED], |row| row.get(0).map(id)).map_err(trouble)?.collect();
        drop(found);
        for old in old.map_err(trouble)? {
            self.forget_items(old)?;
            self.run("DELETE FROM actions WHERE id = ?1", params![key(old)])?;
        }
        Ok(added)
    }

    /// A page of an action, unless its end was asked for.
    pub(super) fn step(&mut self, step: &Step) -> Result<Action, Error> {
        let Some(mut action) = action(self.db, step.action)? else {
            return Err(unknown());
        };
        if action.takes(step)? {
            let mut done = 0;
            for deed in &step.deeds {
                done += u64::from(self.deed(deed, None)?.counts());
            }
            action.turns(step, done);
        }
        action.stepped(step);
        self.store_action(&action)?;
        Ok(action)
    }

    /// Asks for an action's end; None: there is no such action. One that is over stays as it is.
    pub(super) fn stop_action(&mut self, id: Id, at_ms: i64) -> Result<Option<Action>, Error> {
        let Some(mut action) = action(self.db, id)? else { return Ok(None) };
        if action.stops(at_ms) {
            self.store_action(&action)?;
        }
        Ok(Some(action))
    }

    fn store_action(&mut self, action: &Action) -> Result<(), Error> {
        let open = action.ended_at_ms.is_none();
        let sql = "UPDATE actions SET open = ?2, body = ?3 WHERE id = ?1";
        self.run(sql, params![key(action.id), open, blob(action)?]).map(drop)
    }
}
