//! Users, sessions and the trail. All users are read at once: they are few, and whoever checks keys holds them in memory.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    apply::Apply,
    forms::{blob, blob_of, key, trouble},
    read,
};
use crate::{Change, Error, Hash, Id, Noted, Session, User, UserEdit, people::TRAIL_MS};

/// Old rows that go whenever one comes.
const EXPIRED: i64 = 4;

/// Lines a page.
const PAGE: i64 = 50;

pub(super) fn users(db: &Connection) -> Result<Vec<User>, Error> {
    read::blobs(db, "SELECT body FROM users ORDER BY name", params![])
}

pub(super) fn session(db: &Connection, name: Hash) -> Result<Option<Session>, Error> {
    let mut found = db.prepare_cached("SELECT body FROM sessions WHERE name = ?1").map_err(trouble)?;
    let body: Option<Vec<u8>> =
        found.query_row(params![name.0], |row| row.get(0)).optional().map_err(trouble)?;
    body.map(|body| blob_of(&body)).transpose()
}

/// Lines of one system, or of the installation, the newest first.
pub(super) fn trail(db: &Connection, system: Option<&str>, before: Option<Id>) -> Result<Vec<Noted>, Error> {
    let before = before.map_or([0xff; 16], key);
    let sql = "SELECT body FROM trail WHERE system = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
    read::blobs(db, sql, params![system.unwrap_or_default(), before, PAGE])
}

impl Apply<'_> {
    /// What has become of the user; None if there is none.
    pub(super) fn edit_user(&mut self, edit: &UserEdit) -> Result<Option<User>, Error> {
        let name = edit.name();
        let mut found = self.db.prepare_cached("SELECT body FROM users WHERE name = ?1").map_err(trouble)?;
        let body: Option<Vec<u8>> =
            found.query_row(params![name], |row| row.get(0)).optional().map_err(trouble)?;
        drop(found);
        let known: Option<User> = body.map(|body| blob_of(&body)).transpose()?;
        let Some(user) = edit.applied(known) else { return Ok(None) };
        match edit {
            UserEdit::Remove { .. } => self.run("DELETE FROM users WHERE name = ?1", params![name])?,
            _ => self.run(
                "INSERT OR REPLACE INTO users (name, body) VALUES (?1, ?2)",
                params![name, blob(&user)?],
            )?,
        };
        self.change(Change::Users);
        Ok(Some(user))
    }

    pub(super) fn open_session(&mut self, session: &Session, now_ms: i64) -> Result<(), Error> {
        let sql = "DELETE FROM sessions WHERE name IN (SELECT name FROM sessions WHERE until < ?1 LIMIT ?2)";
        self.run(sql, params![now_ms, EXPIRED])?;
        self.run(
            "INSERT OR REPLACE INTO sessions (name, until, body) VALUES (?1, ?2, ?3)",
            params![session.name.0, session.until_ms, blob(session)?],
        )?;
        Ok(())
    }

    pub(super) fn close_session(&mut self, name: Hash) -> Result<(), Error> {
        self.run("DELETE FROM sessions WHERE name = ?1", params![name.0])?;
        self.change(Change::Users);
        Ok(())
    }

    pub(super) fn note_down(&mut self, line: &Noted) -> Result<(), Error> {
        let system = line.system.as_deref().unwrap_or_default();
        let oldest = key(Id::at(line.id.ms() - TRAIL_MS, 0));
        let sql = "DELETE FROM trail WHERE system = ?1 AND id IN (SELECT id FROM trail WHERE system = ?1 AND id < ?2 LIMIT ?3)";
        self.run(sql, params![system, oldest, EXPIRED])?;
        let sql = "INSERT OR IGNORE INTO trail (system, id, body) VALUES (?1, ?2, ?3)";
        self.run(sql, params![system, key(line.id), blob(line)?])?;
        Ok(())
    }
}
