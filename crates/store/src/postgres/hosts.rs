//! Whose turn it is at hosts that have limits: a row each, that is locked while it is decided, a row for each call that is under way, and one
//! for each that is in line, which go with their process. On connections of their own, as whoever waits for that lock holds up what comes
//! behind on the same one.
//!
//! A task sees to it that a line goes on: who stands is told, here or by the notifier, and runs that left are woken by the writer.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use tokio::sync::Notify;

use super::{
    Postgres, Shared, feed,
    link::{Done, Fault, Link, Uid, Vals, get, id},
    lock,
    tx::Tx,
};
use crate::{
    AHEAD_MAX, AsksTurn, Error, Hosts, Id, Reply, Slot, Turn,
    hosts::{CALLED_US, GONE_US, InLine, Line, SOON_US, STANDS_US, Seen, Slots},
};

/// How somebody in line waits, as it is written.
const STANDING: i16 = 0;
const AWAY: i16 = 1;
const CALLED: i16 = 2;

#[derive(Default)]
pub(super) struct Places {
    slots: Slots,
    /// Given back, and not known to be so in the database.
    freed: Vec<(Arc<str>, i64)>,
    /// Stand no more, and the same.
    left: Vec<(Arc<str>, Id)>,
    /// Lines that may go on.
    moved: BTreeSet<Arc<str>>,
    /// Any line may.
    all_moved: bool,
}

impl Places {
    /// What is to be said of a host: slots that are free, and who stands there no more; and how long a call of it takes.
    fn of(&self, host: &str) -> (Vec<i64>, Vec<Id>, u64) {
        let freed = self.freed.iter().filter(|(at, _)| **at == *host).map(|(_, slot)| *slot).collect();
        let left = self.left.iter().filter(|(at, _)| **at == *host).map(|(_, who)| *who).collect();
        (freed, left, self.slots.takes_us(host))
    }

    /// Whose lines may go on, and whether others may too.
    fn take_moved(&mut self) -> (BTreeSet<Arc<str>>, bool) {
        let (mut hosts, all) = (std::mem::take(&mut self.moved), std::mem::take(&mut self.all_moved));
        if all {
            hosts.extend(self.freed.iter().map(|(host, _)| host.clone()));
        }
        (hosts, all)
    }
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
    fn turn(&self, asks: AsksTurn) -> Reply<'_, Turn> {
        Box::pin(async move {
            let mut given = Given(&self.shared, None);
            let mut kept = self.shared.hosts.lock().await;
            let turn = self.shared.in_line(&mut kept, &asks.host, async |link, line, most| {
                self.shared.turn(link, line, most, &asks, &mut given).await
            });
            let turn = turn.await.map_err(Fault::told)?;
            given.1 = None;
            Ok(turn)
        })
    }

    fn bell(&self, who: Id) -> Arc<Notify> {
        self.shared.bells.of(who)
    }

    fn leave(&self, host: Arc<str>, who: Id, stands: bool) {
        self.shared.bells.take_down(who);
        if stands {
            lock(&self.shared.places).left.push((host.clone(), who));
            self.shared.line_moved(host);
        }
    }

    fn done(&self, slot: Slot) {
        self.shared.give_back(slot);
    }

    fn block(&self, host: Arc<str>, ms: u64) -> Reply<'_, ()> {
        Box::pin(async move {
            let mut kept = self.shared.hosts.lock().await;
            let done = self.shared.in_line(&mut kept, &host, async |_, line, _| {
                line.block(self.shared.now_us(), ms);
                Ok(())
            });
            done.await.map_err(Fault::told)
        })
    }

    fn before_at<'a>(&'a self, host: &'a str, run: Id) -> Reply<'a, Option<usize>> {
        Box::pin(async move {
            let sql = "SELECT (SELECT count(*) FROM (SELECT 1 FROM turns AS before WHERE before.host = $1 AND before.state <> $3 AND before.n < turns.n LIMIT $4) AS found) \
                       FROM turns WHERE run = $2 AND host = $1 AND state = $5 ORDER BY n LIMIT 1";
            let reader = self.reader().await?;
            let vals: Vals<'_> = &[&host, &Uid(run), &CALLED, &(AHEAD_MAX as i64), &AWAY];
            let row = self.said(reader.one(sql, vals).await)?;
            Ok(row.map(|row| get::<i64>(&row, 0)).transpose()?.map(|count| count as usize))
        })
    }
}

/// The host's row, which is locked from then on; and how many calls of it may be under way.
async fn line(link: &Link, host: &str) -> Done<(Line, Option<i64>)> {
    let sql = "SELECT next_us, promised_us, most FROM hosts WHERE host = $1 FOR UPDATE";
    let mut row = link.one(sql, &[&host]).await?;
    if row.is_none() {
        link.run("INSERT INTO hosts (host) VALUES ($1) ON CONFLICT DO NOTHING", &[&host]).await?;
        row = link.one(sql, &[&host]).await?;
    }
    let Some(row) = row else { return Err(Fault::Again) };
    let line = Line { next_us: get::<i64>(&row, 0)? as u64, promised_us: get::<i64>(&row, 1)? as u64 };
    Ok((line, get(&row, 2)?))
}

impl Shared {
    /// In a transaction of a connection that is for that, with the host's row locked and then kept. What a crash of the database takes of it
    /// is a moment's.
    async fn in_line<T>(
        &self,
        kept: &mut Option<Link>,
        host: &Arc<str>,
        work: impl AsyncFnOnce(&Link, &mut Line, &mut Option<i64>) -> Done<T>,
    ) -> Done<T> {
        // Taken: where it is left in the middle it is closed, and nothing of it holds.
        let link = match kept.take().filter(|link| !link.is_gone()) {
            Some(link) => link,
            None => self.connect().await?,
        };
        let begin = link.simple("BEGIN; SET LOCAL synchronous_commit = off");
        // Sent together: whoever is polled first is first.
        let (begun, found) = futures_util::future::join(begin, line(&link, host)).await;
        let was = begun.and(found)?;
        let (mut line, mut most) = was;
        let done = work(&link, &mut line, &mut most).await?;
        if was != (line, most) {
            let sql = "UPDATE hosts SET next_us = $2, promised_us = $3, most = $4 WHERE host = $1";
            link.run(sql, &[&&**host, &(line.next_us as i64), &(line.promised_us as i64), &most]).await?;
        }
        link.simple("COMMIT").await?;
        *kept = Some(link);
        Ok(done)
    }

    async fn turn(
        &self,
        link: &Link,
        line: &mut Line,
        most: &mut Option<i64>,
        asks: &AsksTurn,
        given: &mut Given<'_>,
    ) -> Done<Turn> {
        let Some(limit) = asks.limits.concurrent else {
            return Ok(line.turn(asks, Seen { now_us: self.now_us(), ..Seen::default() }));
        };
        *most = Some(i64::from(limit));
        let host = &*asks.host;
        let takes_us = lock(&self.places).slots.takes_us(host);
        // Of its own: as of the moment in which the row is ours.
        let now_us = self.now_us();
        let sql = "WITH mine AS (SELECT n FROM turns WHERE host = $1 AND who = $2) \
                   SELECT (SELECT count(*) FROM slots WHERE host = $1), \
                     (SELECT count(*) FROM turns WHERE host = $1 AND state = $3 AND until_us > $4 AND n < coalesce((SELECT n FROM mine), 9223372036854775807)), \
                     coalesce((SELECT n FROM mine), (SELECT max(n) + 1 FROM turns WHERE host = $1), 1) - (SELECT coalesce(min(n), 1) FROM turns WHERE host = $1), \
                     EXISTS (SELECT 1 FROM mine), EXISTS (SELECT 1 FROM turns WHERE host = $1 AND state = $5)";
        let vals: Vals<'_> = &[&host, &Uid(asks.who), &STANDING, &(now_us as i64), &AWAY];
        let Some(row) = link.one(sql, vals).await? else {
            return Err(Fault::Again);
        };
        let number = |at| get::<i64>(&row, at).map(|number| number.max(0) as u64);
        let seen = Seen { busy: number(0)?, ahead: number(1)?, before: number(2)?, takes_us, now_us };
        let (in_line, others): (bool, bool) = (get(&row, 3)?, get(&row, 4)?);
        let until_us = |ms: u64| (now_us + ms * 1_000 + STANDS_US) as i64;
        let turn = match line.turn(asks, seen) {
            // Where no word comes from other processes it looks.
            Turn::Stand(ms) if self.pooled => Turn::Stand(ms.min(feed::POLL.as_millis() as u64)),
            turn => turn,
        };
        match turn {
            Turn::Stand(ms) => self.keep(link, asks, STANDING, until_us(ms)).await?,
            Turn::Leave(_) => self.keep(link, asks, AWAY, 0).await?,
            Turn::Later(ms) if in_line && ms * 1_000 <= SOON_US => {
                self.keep(link, asks, STANDING, until_us(ms)).await?;
            }
            Turn::Go(_) | Turn::Later(_) if in_line => {
                let sql = "DELETE FROM turns WHERE host = $1 AND who = $2";
                link.run(sql, &[&host, &Uid(asks.who)]).await?;
            }
            Turn::Go(_) | Turn::Later(_) => {}
        }
        if turn != Turn::Go(None) {
            return Ok(turn);
        }
        // Not for a process that was taken for dead: nobody would give it back.
        let sql = "INSERT INTO slots (host, worker) SELECT $1, worker FROM workers WHERE worker = $2 FOR KEY SHARE RETURNING slot";
        let Some(row) = link.one(sql, &[&host, &self.worker()]).await? else {
            return Err(Error::LeaseLost.into());
        };
        let slot = Slot(get(&row, 0)?);
        lock(&self.places).slots.take(slot, asks.host.clone(), now_us);
        given.1 = Some(slot);
        if others {
            self.line_moved(asks.host.clone());
        }
        Ok(Turn::Go(Some(slot)))
    }

    /// In line, at its place or at the end.
    async fn keep(&self, link: &Link, asks: &AsksTurn, state: i16, until_us: i64) -> Done<()> {
        let sql = "INSERT INTO turns (host, who, n, run, worker, state, until_us) \
                     SELECT $1, $2, coalesce(max(n), 0) + 1, $3, $4, $5, $6 FROM turns WHERE host = $1 \
                   ON CONFLICT (host, who) DO UPDATE SET run = excluded.run, worker = excluded.worker, state = excluded.state, until_us = excluded.until_us";
        let run = asks.leaves.map(Uid);
        link.run(sql, &[&&*asks.host, &Uid(asks.who), &run, &self.worker(), &state, &until_us])
            .await
            .map(drop)
    }

    fn give_back(&self, slot: Slot) {
        let mut places = lock(&self.places);
        let Some(host) = places.slots.done(slot, self.now_us()) else { return };
        places.freed.push((host.clone(), slot.0));
        drop(places);
        self.line_moved(host);
    }

    fn line_moved(&self, host: Arc<str>) {
        lock(&self.places).moved.insert(host);
        self.line_moves.notify_one();
    }

    /// Something has happened that nobody here has seen: any line may go on.
    pub(super) fn lines_moved(&self) {
        lock(&self.places).all_moved = true;
        self.line_moves.notify_one();
    }

    /// Who does not come is out of the line; and whatever else may have been missed is looked for: a process that died may have called a run
    /// and not woken it.
    pub(super) async fn look_at_lines(&self, link: &Link) -> Done<()> {
        let waits = link.one("SELECT 1 FROM turns LIMIT 1", &[]).await?.is_some();
        if waits {
            let gone_us = self.now_us().saturating_sub(GONE_US) as i64;
            let sql = "DELETE FROM turns WHERE state <> $1 AND until_us < $2";
            link.run(sql, &[&AWAY, &gone_us]).await?;
            let now_us = self.now_us() as i64;
            let sql = "SELECT 1 FROM turns WHERE state = $1 AND until_us < $2 AND EXISTS (SELECT 1 FROM parks WHERE parks.run = turns.run) LIMIT 1";
            if link.one(sql, &[&CALLED, &now_us]).await?.is_some() {
                self.tell_off(async move |tx| tx.wake_called(now_us).await);
            }
        }
        if waits || !lock(&self.places).freed.is_empty() {
            self.lines_moved();
        }
        Ok(())
    }

    /// What this process has to say of a host, and who is next there: that one is called, if one is to be. Whether another may be.
    async fn go_on(&self, kept: &mut Option<Link>, host: &Arc<str>) -> Done<bool> {
        let (freed, left, takes_us) = lock(&self.places).of(host);
        let work = async |link: &Link, line: &mut Line, most: &mut Option<i64>| {
            let who: Vec<Uid> = left.iter().copied().map(Uid).collect();
            link.run("DELETE FROM slots WHERE slot = ANY($1)", &[&freed]).await?;
            if !who.is_empty() {
                let sql =
                    "DELETE FROM turns WHERE host = $1 AND who = ANY($2) AND state = $3 AND worker = $4";
                link.run(sql, &[&&**host, &who, &STANDING, &self.worker()]).await?;
            }
            next(link, host, *line, *most, (takes_us, self.now_us())).await
        };
        let (told, called) = self.in_line(kept, host, work).await?;
        let mut places = lock(&self.places);
        places.freed.retain(|(_, slot)| !freed.contains(slot));
        places.left.retain(|(at, who)| at != host || !left.contains(who));
        drop(places);
        self.tell_standing(&told);
        let more = called.is_some();
        if let Some(run) = called.flatten() {
            self.tell_off(async move |tx| tx.wake_all(&[run]).await);
        }
        Ok(more)
    }

    /// Those who stand are told, wherever they are.
    fn tell_standing(&self, told: &[(Id, i64)]) {
        let (own, others): (Vec<_>, Vec<_>) =
            told.iter().copied().partition(|(_, worker)| *worker == self.worker());
        own.into_iter().for_each(|(who, _)| self.bells.ring(who));
        if !others.is_empty() && self.others.load(Ordering::Relaxed) {
            lock(&self.news).ring(others.into_iter().map(|(who, _)| who));
            self.news_came.notify_one();
        }
    }
}

/// Those who stand and may go, with their processes; and who is called of those who left, if one is to be, with the run to wake.
async fn next(
    link: &Link,
    host: &str,
    line: Line,
    most: Option<i64>,
    (takes_us, now_us): (u64, u64),
) -> Done<(Vec<(Id, i64)>, Option<Option<Id>>)> {
    let Some(most) = most else { return Ok((Vec::new(), None)) };
    let sql = "SELECT (SELECT count(*) FROM slots WHERE host = $1), count(*) FILTER (WHERE state = $2 AND until_us > $4), \
               count(*) FILTER (WHERE state = $3 AND until_us > $4), count(*) FILTER (WHERE state = $3 AND until_us <= $4) \
               FROM turns WHERE host = $1 AND state = ANY($5)";
    let row = link.one(sql, &[&host, &STANDING, &CALLED, &(now_us as i64), &vec![STANDING, CALLED]]).await?;
    let Some(row) = row else { return Err(Fault::Again) };
    let number = |at| get::<i64>(&row, at).map(|number| number.max(0) as u64);
    let (busy, standing, called, missing) = (number(0)?, number(1)?, number(2)?, number(3)?);
    let in_line = InLine { busy, most: most as u64, standing, called, missing };
    let mut told = Vec::new();
    if standing > 0 && in_line.room() > 0 {
        let sql = "SELECT who, worker FROM turns WHERE host = $1 AND state = $2 AND until_us > $3 ORDER BY n LIMIT $4";
        let room = in_line.room().min(standing) as i64;
        for row in &link.rows(sql, &[&host, &STANDING, &(now_us as i64), &room]).await? {
            told.push((id(row, 0)?, get(row, 1)?));
        }
    }
    if in_line.calls(line, takes_us, now_us) == 0 {
        return Ok((told, None));
    }
    // One at a time: whoever parks holds its row, and waits for no other.
    let sql = "UPDATE turns SET state = $2, until_us = $4 WHERE host = $1 AND who = (SELECT who FROM turns WHERE host = $1 AND state = $3 ORDER BY n LIMIT 1) RETURNING run, who, EXISTS (SELECT 1 FROM runs WHERE runs.id = run)";
    let row = link.one(sql, &[&host, &CALLED, &AWAY, &((now_us + CALLED_US) as i64)]).await?;
    let Some(row) = row else { return Ok((told, None)) };
    let (run, who, lives): (Option<Uid>, Uid, bool) = (get(&row, 0)?, get(&row, 1)?, get(&row, 2)?);
    if !lives {
        // It was cancelled: the next one is called instead.
        link.run("DELETE FROM turns WHERE host = $1 AND who = $2", &[&host, &who]).await?;
    }
    Ok((told, Some(run.filter(|_| lives).map(|run| run.0))))
}

const IN_USE: &str =
    "SELECT host FROM hosts WHERE EXISTS (SELECT 1 FROM turns WHERE turns.host = hosts.host)";

/// Sees to it that lines go on, until the store is closed.
pub(super) async fn tend(shared: Arc<Shared>) {
    let mut link = None;
    while !shared.is_closed() {
        tokio::select! {
            () = shared.line_moves.notified() => {}
            () = shared.closing.notified() => return,
        }
        // What fails is done at the next look.
        let _ = tend_once(&shared, &mut link).await;
    }
}

async fn tend_once(shared: &Arc<Shared>, kept: &mut Option<Link>) -> Done<()> {
    let (mut hosts, all) = lock(&shared.places).take_moved();
    if all {
        let link = match kept.take().filter(|link| !link.is_gone()) {
            Some(link) => link,
            None => shared.connect().await?,
        };
        for row in &link.rows(IN_USE, &[]).await? {
            hosts.insert(get::<&str>(row, 0)?.into());
        }
        *kept = Some(link);
    }
    for host in hosts {
        while shared.go_on(kept, &host).await? {}
    }
    Ok(())
}

impl Tx<'_> {
    /// A process is gone, and its calls with it, and whoever stood in line.
    pub(super) async fn free_slots_of(&mut self, worker: i64) -> Done<u64> {
        let freed = self.run("DELETE FROM slots WHERE worker = $1", &[&worker]).await?;
        let sql = "DELETE FROM turns WHERE worker = $1 AND state = $2";
        Ok(freed + self.run(sql, &[&worker, &STANDING]).await?)
    }

    /// Runs that were called until then and lie there still.
    pub(super) async fn wake_called(&mut self, until_us: i64) -> Done<()> {
        let sql = "SELECT DISTINCT turns.run FROM turns JOIN parks ON parks.run = turns.run WHERE turns.state = $1 AND turns.until_us < $2";
        let rows = self.rows(sql, &[&CALLED, &until_us]).await?;
        let runs: Vec<Id> = rows.iter().map(|row| id(row, 0)).collect::<Result<_, _>>()?;
        self.wake_all(&runs).await
    }

    /// Whether a run that leaves for its turn was called before it had left. Its rows are locked: whoever calls it now waits, and finds it parked.
    pub(super) async fn was_called(&mut self, run: Id) -> Done<bool> {
        let rows = self
            .rows("SELECT state FROM turns WHERE run = $1 ORDER BY host, who FOR UPDATE", &[&Uid(run)])
            .await?;
        let states: Vec<i16> = rows.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
        Ok(states.contains(&CALLED))
    }
}
