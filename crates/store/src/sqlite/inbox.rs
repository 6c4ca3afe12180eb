//! Notifications: a row each, by person.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    apply::Apply,
    forms::{blob, blob_of, key, trouble},
    read,
};
use crate::{Change, Error, Handled, Handling, Id, Notification};

/// How long it is known of one that is gone, microseconds, as the stream counts.
const GONE_US: u64 = 24 * 3_600_000_000;

/// Rows of long ago that go whenever others do.
const EXPIRED: i64 = 100;

pub(super) fn page(
    db: &Connection,
    system: &str,
    user: &str,
    since: u64,
    page: u32,
) -> Result<Vec<Notification>, Error> {
    let sql = match since {
        0 => {
            "SELECT body FROM notifications WHERE system = ?1 AND user = ?2 AND gone = 0 AND came > ?3 ORDER BY came DESC LIMIT 100 OFFSET ?4 * 100"
        }
        _ => {
            "SELECT body FROM notifications WHERE system = ?1 AND user = ?2 AND changed > ?3 ORDER BY changed DESC LIMIT 100 OFFSET ?4 * 100"
        }
    };
    read::blobs(db, sql, params![system, user, since as i64, page])
}

/// One that is there, of that person.
pub(super) fn one(db: &Connection, system: &str, user: &str, id: Id) -> Result<Option<Notification>, Error> {
    let sql = "SELECT body FROM notifications WHERE id = ?1 AND system = ?2 AND user = ?3 AND gone = 0";
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let body: Option<Vec<u8>> =
        found.query_row(params![key(id), system, user], |row| row.get(0)).optional().map_err(trouble)?;
    body.map(|body| blob_of(&body)).transpose()
}

/// A bounded number: others write too.
fn oldest(db: &Connection, system: &str, user: &str) -> Result<Vec<Notification>, Error> {
    let sql = "SELECT body FROM notifications WHERE system = ?1 AND user = ?2 AND gone = 0 ORDER BY came LIMIT 1000";
    read::blobs(db, sql, params![system, user])
}

impl Apply<'_> {
    pub(super) fn notify(&mut self, notification: &Notification) -> Result<(), Error> {
        let stamp = (self.stamp)();
        let added = self.run(
            "INSERT OR IGNORE INTO notifications (id, system, user, came, changed, body) VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
            params![key(notification.id), &*notification.system, &*notification.user, stamp as i64, blob(notification)?],
        )?;
        if added > 0 {
            self.after.changes.push((stamp, Change::Notification(Arc::new(notification.clone()))));
        }
        Ok(())
    }

    pub(super) fn handle(&mut self, handled: &Handled) -> Result<Vec<Arc<Notification>>, Error> {
        let Handled { system, user, ids, how } = handled;
        let found = match ids {
            None => oldest(self.db, system, user)?,
            Some(ids) => {
                let found: Result<Vec<_>, _> = ids.iter().map(|id| one(self.db, system, user, *id)).collect();
                found?.into_iter().flatten().collect()
            }
        };
        let handled: Result<Vec<_>, _> = found.into_iter().map(|kept| self.handle_one(kept, *how)).collect();
        if *how == Handling::Delete {
            let long_ago = (self.stamp)().saturating_sub(GONE_US) as i64;
            let sql = "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE gone = 1 AND changed < ?1 LIMIT ?2)";
            self.run(sql, params![long_ago, EXPIRED])?;
        }
        handled
    }

    fn handle_one(&mut self, before: Notification, how: Handling) -> Result<Arc<Notification>, Error> {
        let mut now = before.clone();
        match how {
            Handling::Read(at_ms) => now.read_at_ms = before.read_at_ms.or(Some(at_ms)),
            Handling::Unread => now.read_at_ms = None,
            Handling::Delete => (now.gone, now.body) = (true, recipe::Value::Null),
        }
        let now = Arc::new(now);
        if *now != before {
            let stamp = (self.stamp)();
            self.run(
                "UPDATE notifications SET changed = ?2, gone = ?3, body = ?4 WHERE id = ?1",
                params![key(now.id), stamp as i64, now.gone, blob(&*now)?],
            )?;
            self.after.changes.push((stamp, Change::Notification(now.clone())));
        }
        Ok(now)
    }
}
