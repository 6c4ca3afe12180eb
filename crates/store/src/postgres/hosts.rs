//! Whose turn it is at hosts that have limits: a row each, that is locked while it is decided, and a row for each call that is under way,
//! which goes with its process. On a connection of its own, as whoever waits for that lock holds up what comes behind on the same one.

use std::sync::Arc;

use super::{
    Postgres, Shared,
    link::{Done, Fault, Link, get},
    lock,
    tx::Tx,
};
use crate::{
    Error, HostLimits, Hosts, Reply, Slot, Turn,
    hosts::{Asks, Line, Slots},
};

#[derive(Default)]
pub(super) struct Places {
    slots: Slots,
    /// Given back, and not known to be so in the database.
    freed: Vec<i64>,
}

/// A slot that is given back if nobody takes it.
struct Given<'a>(&'a Shared, Option<Slot>);

impl Drop for Given<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.1.take() {
            self.0.give_back(slot);
        }
    }
}

impl Hosts for Postgres {
    fn turn(&self, host: Arc<str>, limits: HostLimits, came_again: bool) -> Reply<'_, Turn> {
        Box::pin(async move {
            let mut given = Given(&self.shared, None);
            let turn = self
                .shared
                .in_line(async |link| self.shared.turn(link, &host, limits, came_again, &mut given).await);
            let turn = turn.await.map_err(Fault::told)?;
            given.1 = None;
            Ok(turn)
        })
    }

    fn done(&self, slot: Slot) {
        self.shared.give_back(slot);
    }

    fn block(&self, host: Arc<str>, ms: u64) -> Reply<'_, ()> {
        Box::pin(async move {
            let done = self.shared.in_line(async |link| {
                let mut line = line(link, &host).await?;
                line.block(self.shared.now_us(), ms);
                keep(link, &host, line).await
            });
            done.await.map_err(Fault::told)
        })
    }
}

/// The host's row, which is locked from then on.
async fn line(link: &Link, host: &str) -> Done<Line> {
    let sql = "SELECT next_us, promised_us FROM hosts WHERE host = $1 FOR UPDATE";
    let mut row = link.one(sql, &[&host]).await?;
    if row.is_none() {
        link.run("INSERT INTO hosts (host) VALUES ($1) ON CONFLICT DO NOTHING", &[&host]).await?;
        row = link.one(sql, &[&host]).await?;
    }
    let Some(row) = row else { return Err(Fault::Again) };
    Ok(Line { next_us: get::<i64>(&row, 0)? as u64, promised_us: get::<i64>(&row, 1)? as u64 })
}

async fn keep(link: &Link, host: &str, line: Line) -> Done<()> {
    let sql = "UPDATE hosts SET next_us = $2, promised_us = $3 WHERE host = $1";
    link.run(sql, &[&host, &(line.next_us as i64), &(line.promised_us as i64)]).await.map(drop)
}

impl Shared {
    /// In a transaction of the connection that is for that. What a crash of the database takes of it is a moment's.
    async fn in_line<T>(&self, work: impl AsyncFnOnce(&Link) -> Done<T>) -> Done<T> {
        let mut kept = self.hosts.lock().await;
        // Taken: where it is left in the middle it is closed, and nothing of it holds.
        let link = match kept.take().filter(|link| !link.is_gone()) {
            Some(link) => link,
            None => self.connect().await?,
        };
        link.simple("BEGIN; SET LOCAL synchronous_commit = off").await?;
        let done = work(&link).await?;
        link.simple("COMMIT").await?;
        *kept = Some(link);
        Ok(done)
    }

    async fn turn(
        &self,
        link: &Link,
        host: &Arc<str>,
        limits: HostLimits,
        came_again: bool,
        given: &mut Given<'_>,
    ) -> Done<Turn> {
        let mut line = line(link, host).await?;
        // Of its own: as of the moment in which the row is ours.
        let busy = match limits.concurrent {
            None => 0,
            Some(_) => {
                let row = link.one("SELECT count(*) FROM slots WHERE host = $1", &[&&**host]).await?;
                row.map(|row| get::<i64>(&row, 0)).transpose()?.unwrap_or_default() as u64
            }
        };
        let (takes_us, now_us) = (lock(&self.places).slots.takes_us(host), self.now_us());
        let later = line.turn(Asks { limits, came_again, busy, takes_us, now_us });
        keep(link, host, line).await?;
        match later {
            Some(ms) => return Ok(Turn::Later(ms)),
            None if limits.concurrent.is_none() => return Ok(Turn::Go(None)),
            None => {}
        }
        // Not for a process that was taken for dead: nobody would give it back.
        let sql = "INSERT INTO slots (host, worker) SELECT $1, worker FROM workers WHERE worker = $2 FOR KEY SHARE RETURNING slot";
        let Some(row) = link.one(sql, &[&&**host, &self.worker()]).await? else {
            return Err(Error::LeaseLost.into());
        };
        let slot = Slot(get(&row, 0)?);
        lock(&self.places).slots.take(slot, host.clone(), now_us);
        given.1 = Some(slot);
        Ok(Turn::Go(Some(slot)))
    }

    fn give_back(&self, slot: Slot) {
        let mut places = lock(&self.places);
        if places.slots.done(slot, self.now_us()).is_none() {
            return;
        }
        places.freed.push(slot.0);
        let freed = places.freed.clone();
        drop(places);
        self.tell_off(async move |tx| {
            tx.run("DELETE FROM slots WHERE slot = ANY($1)", &[&freed]).await.map(drop)
        });
    }

    /// Those that the database may not have heard of.
    pub(super) async fn free_slots(&self, link: &Link) -> Done<()> {
        let freed = lock(&self.places).freed.clone();
        if !freed.is_empty() {
            link.run("DELETE FROM slots WHERE slot = ANY($1)", &[&freed]).await?;
            lock(&self.places).freed.retain(|slot| !freed.contains(slot));
        }
        Ok(())
    }
}

impl Tx<'_> {
    /// A process is gone, and its calls with it.
    pub(super) async fn free_slots_of(&mut self, worker: i64) -> Done<()> {
        self.run("DELETE FROM slots WHERE worker = $1", &[&worker]).await.map(drop)
    }
}
