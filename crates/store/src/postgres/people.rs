//! Users, sessions and the trail. All users are read at once: they are few, and whoever checks keys holds them in memory.

use super::{
    link::{Done, Link, Uid},
    tx::{Tx, bodies, body},
};
use crate::{Change, Hash, Id, Noted, Session, User, UserEdit, forms::blob, people::TRAIL_MS};

/// Old rows that go whenever one comes.
const EXPIRED: i64 = 4;

/// Lines a page.
const PAGE: i64 = 50;

pub(super) async fn users(db: &Link) -> Done<Vec<User>> {
    Ok(bodies(&db.rows("SELECT body FROM users ORDER BY name", &[]).await?)?)
}

pub(super) async fn session(db: &Link, name: Hash) -> Done<Option<Session>> {
    Ok(body(db.one("SELECT body FROM sessions WHERE name = $1", &[&name.0.to_vec()]).await?.as_ref())?)
}

/// Lines of one system, or of the installation, the newest first.
pub(super) async fn trail(db: &Link, system: Option<&str>, before: Option<Id>) -> Done<Vec<Noted>> {
    let before = Uid(before.unwrap_or(Id(u128::MAX)));
    let sql = "SELECT body FROM trail WHERE system = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    Ok(bodies(&db.rows(sql, &[&system.unwrap_or_default(), &before, &PAGE]).await?)?)
}

impl Tx<'_> {
    /// What has become of the user; None if there is none.
    pub(super) async fn edit_user(&mut self, edit: &UserEdit) -> Done<Option<User>> {
        let name = edit.name();
        self.rows("SELECT pg_advisory_xact_lock(hashtextextended('hefe users', 0))", &[]).await?;
        let known: Option<User> =
            body(self.one("SELECT body FROM users WHERE name = $1", &[&name]).await?.as_ref())?;
        let Some(user) = edit.applied(known) else { return Ok(None) };
        match edit {
            UserEdit::Remove { .. } => self.run("DELETE FROM users WHERE name = $1", &[&name]).await?,
            _ => {
                let sql = "INSERT INTO users (name, body) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET body = excluded.body";
                self.run(sql, &[&name, &blob(&user)?]).await?
            }
        };
        self.change(Change::Users);
        Ok(Some(user))
    }

    pub(super) async fn open_session(&mut self, session: &Session, now_ms: i64) -> Done<()> {
        let sql = "DELETE FROM sessions WHERE name IN (SELECT name FROM sessions WHERE until < $1 LIMIT $2)";
        self.run(sql, &[&now_ms, &EXPIRED]).await?;
        let sql = "INSERT INTO sessions (name, until, body) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET until = excluded.until, body = excluded.body";
        self.run(sql, &[&session.name.0.to_vec(), &session.until_ms, &blob(session)?]).await.map(drop)
    }

    pub(super) async fn close_session(&mut self, name: Hash) -> Done<()> {
        self.run("DELETE FROM sessions WHERE name = $1", &[&name.0.to_vec()]).await?;
        self.change(Change::Users);
        Ok(())
    }

    pub(super) async fn note_down(&mut self, line: &Noted) -> Done<()> {
        let system = line.system.as_deref().unwrap_or_default();
        let oldest = Uid(Id::at(line.id.ms() - TRAIL_MS, 0));
        let sql = "DELETE FROM trail WHERE system = $1 AND id IN (SELECT id FROM trail WHERE system = $1 AND id < $2 LIMIT $3)";
        self.run(sql, &[&system, &oldest, &EXPIRED]).await?;
        let sql = "INSERT INTO trail (system, id, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.run(sql, &[&system, &Uid(line.id), &blob(line)?]).await.map(drop)
    }
}
