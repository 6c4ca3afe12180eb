//! Notifications: a row each, by person.

use std::collections::HashSet;
use std::sync::Arc;

use super::{
    link::{Done, Link, Uid, id},
    tx::{Tx, bodies, body},
};
use crate::{Change, Handled, Handling, Id, Notification, forms::blob};

/// How long it is known of one that is gone, microseconds, as the stream counts.
const GONE_US: u64 = 24 * 3_600_000_000;

/// Rows of long ago that go whenever others do.
const EXPIRED: i64 = 100;

pub(super) async fn page(
    db: &Link,
    system: &str,
    user: &str,
    since: u64,
    page: u32,
) -> Done<Vec<Notification>> {
    let sql = match since {
        0 => {
            "SELECT body FROM notifications WHERE system = $1 AND usr = $2 AND NOT gone AND came > $3 ORDER BY came DESC LIMIT 100 OFFSET $4"
        }
        _ => {
            "SELECT body FROM notifications WHERE system = $1 AND usr = $2 AND changed > $3 ORDER BY changed DESC LIMIT 100 OFFSET $4"
        }
    };
    Ok(bodies(&db.rows(sql, &[&system, &user, &(since as i64), &(i64::from(page) * 100)]).await?)?)
}

const ONE: &str = "SELECT body FROM notifications WHERE id = $1 AND system = $2 AND usr = $3 AND NOT gone";

/// One that is there, of that person.
pub(super) async fn one(db: &Link, system: &str, user: &str, id: Id) -> Done<Option<Notification>> {
    Ok(body(db.one(ONE, &[&Uid(id), &system, &user]).await?.as_ref())?)
}

impl Tx<'_> {
    pub(super) async fn notify_all(&mut self, all: &[&Notification]) -> Done<()> {
        if all.is_empty() {
            return Ok(());
        }
        let (mut ids, mut systems, mut users, mut stamps, mut new) = (vec![], vec![], vec![], vec![], vec![]);
        for kept in all {
            ids.push(Uid(kept.id));
            systems.push(&*kept.system);
            users.push(&*kept.user);
            stamps.push(self.stamp() as i64);
            new.push(blob(*kept)?);
        }
        let sql = "INSERT INTO notifications (id, system, usr, came, changed, body) SELECT id, system, usr, stamp, stamp, body FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bytea[]) AS t (id, system, usr, stamp, body) \
                   ON CONFLICT DO NOTHING RETURNING id";
        let added = self.rows(sql, &[&ids, &systems, &users, &stamps, &new]).await?;
        let mut added: HashSet<Id> = added.iter().map(|row| id(row, 0)).collect::<Result<_, _>>()?;
        for (kept, stamp) in all.iter().zip(stamps) {
            if added.remove(&kept.id) {
                let kept = Arc::new(Notification::clone(kept));
                self.after.changes.push((stamp as u64, Change::Notification(kept)));
            }
        }
        Ok(())
    }

    pub(super) async fn handle(&mut self, handled: &Handled) -> Done<Vec<Arc<Notification>>> {
        let Handled { system, user, ids, how } = handled;
        let found: Vec<Notification> = match ids {
            None => {
                // A bounded number: others write too.
                let sql = "SELECT body FROM notifications WHERE system = $1 AND usr = $2 AND NOT gone ORDER BY came LIMIT 1000 FOR UPDATE";
                bodies(&self.rows(sql, &[&&**system, &&**user]).await?)?
            }
            Some(ids) => {
                let uids: Vec<Uid> = ids.iter().copied().map(Uid).collect();
                let sql = "SELECT body FROM notifications WHERE id = ANY($1) AND system = $2 AND usr = $3 AND NOT gone ORDER BY id FOR UPDATE";
                let found: Vec<Notification> =
                    bodies(&self.rows(sql, &[&uids, &&**system, &&**user]).await?)?;
                ids.iter().filter_map(|id| found.iter().find(|kept| kept.id == *id).cloned()).collect()
            }
        };
        let mut done = Vec::with_capacity(found.len());
        for before in found {
            done.push(self.handle_one(before, *how).await?);
        }
        if *how == Handling::Delete {
            let long_ago = self.stamp().saturating_sub(GONE_US) as i64;
            let sql = "DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE gone AND changed < $1 LIMIT $2)";
            self.run(sql, &[&long_ago, &EXPIRED]).await?;
        }
        Ok(done)
    }

    async fn handle_one(&mut self, before: Notification, how: Handling) -> Done<Arc<Notification>> {
        let mut now = before.clone();
        match how {
            Handling::Read(at_ms) => now.read_at_ms = before.read_at_ms.or(Some(at_ms)),
            Handling::Unread => now.read_at_ms = None,
            Handling::Delete => (now.gone, now.body) = (true, recipe::Value::Null),
        }
        let now = Arc::new(now);
        if *now != before {
            let stamp = self.stamp();
            let sql = "UPDATE notifications SET changed = $2, gone = $3, body = $4 WHERE id = $1";
            self.run(sql, &[&Uid(now.id), &(stamp as i64), &now.gone, &blob(&*now)?]).await?;
            self.after.changes.push((stamp, Change::Notification(now.clone())));
        }
        Ok(now)
    }
}
