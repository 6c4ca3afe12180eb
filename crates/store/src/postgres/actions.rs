//! Bulk actions: their rows, and a page of one in one transaction with the move of its cursor.

use super::{
    link::{Done, Link, Uid, get},
    tx::{Tx, bodies, body},
};
use crate::{
    Action, Id, Step,
    action::{KEPT_MS, unknown},
    forms::{EXPIRED, blob},
};

pub(super) async fn action(db: &Link, action: Id) -> Done<Option<Action>> {
    Ok(body(db.one("SELECT body FROM actions WHERE id = $1", &[&Uid(action)]).await?.as_ref())?)
}

/// The newest of a system, at most 50.
pub(super) async fn of(db: &Link, system: &str) -> Done<Vec<Action>> {
    let sql = "SELECT body FROM actions WHERE system = $1 ORDER BY id DESC LIMIT 50";
    Ok(bodies(&db.rows(sql, &[&system]).await?)?)
}

/// Those that are not over, oldest first.
pub(super) async fn open(db: &Link) -> Done<Vec<Action>> {
    Ok(bodies(&db.rows("SELECT body FROM actions WHERE open ORDER BY id LIMIT 100", &[]).await?)?)
}

impl Tx<'_> {
    /// False: it is there already, and stays as it is.
    pub(super) async fn record(&mut self, new: &Action) -> Done<bool> {
        let sql =
            "INSERT INTO actions (id, system, open, body) VALUES ($1, $2, true, $3) ON CONFLICT DO NOTHING";
        let added = self.run(sql, &[&Uid(new.id), &&*new.system, &blob(new)?]).await? > 0;
        let oldest = Uid(Id::at(new.at_ms - KEPT_MS, 0));
        let sql = "DELETE FROM actions WHERE id IN (SELECT id FROM actions WHERE id < $1 AND NOT open ORDER BY id LIMIT $2) RETURNING id";
        let old = self.rows(sql, &[&oldest, &EXPIRED]).await?;
        let old: Vec<Uid> = old.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
        if !old.is_empty() {
            self.forget_bars(&old).await?;
        }
        Ok(added)
    }

    async fn locked(&self, id: Id) -> Done<Option<Action>> {
        Ok(body(self.one("SELECT body FROM actions WHERE id = $1 FOR UPDATE", &[&Uid(id)]).await?.as_ref())?)
    }

    /// A page of an action, unless its end was asked for.
    pub(super) async fn step(&mut self, step: &Step) -> Done<Action> {
        let Some(mut action) = self.locked(step.action).await? else {
            return Err(unknown().into());
        };
        if action.takes(step)? {
            let mut done = 0;
            for deed in &step.deeds {
                done += u64::from(self.deed(deed, None).await?.counts());
            }
            action.turns(step, done);
        }
        action.stepped(step);
        self.store_action(&action).await?;
        Ok(action)
    }

    /// Asks for an action's end; None: there is no such action. One that is over stays as it is.
    pub(super) async fn stop_action(&mut self, id: Id, at_ms: i64) -> Done<Option<Action>> {
        let Some(mut action) = self.locked(id).await? else { return Ok(None) };
        if action.stops(at_ms) {
            self.store_action(&action).await?;
        }
        Ok(Some(action))
    }

    async fn store_action(&mut self, action: &Action) -> Done<()> {
        let open = action.ended_at_ms.is_none();
        let sql = "UPDATE actions SET open = $2, body = $3 WHERE id = $1";
        self.run(sql, &[&Uid(action.id), &open, &blob(action)?]).await.map(drop)
    }
}
