//! Queues that are paused. All of them are in memory: each claim looks.

use rusqlite::{Connection, params};

use super::{apply::Apply, forms::blob, read};
use crate::{Change, Error, Pause};

pub(super) fn pauses(db: &Connection) -> Result<Vec<Pause>, Error> {
    read::blobs(db, "SELECT body FROM pauses", params![])
}

impl Apply<'_> {
    /// False: it was paused already.
    pub(super) fn pause_queue(&mut self, pause: &Pause) -> Result<bool, Error> {
        let sql = "INSERT OR IGNORE INTO pauses (system, queue, body) VALUES (?1, ?2, ?3)";
        let fresh = self.run(sql, params![&*pause.system, &*pause.queue, blob(pause)?])? > 0;
        if fresh {
            self.change(Change::Paused(pause.clone()));
        }
        Ok(fresh)
    }

    /// False: it was not paused.
    pub(super) fn resume_queue(&mut self, system: &str, queue: &str) -> Result<bool, Error> {
        let sql = "DELETE FROM pauses WHERE system = ?1 AND queue = ?2";
        let was = self.run(sql, params![system, queue])? > 0;
        if was {
            self.change(Change::Resumed { system: system.into(), queue: queue.into() });
        }
        Ok(was)
    }
}
