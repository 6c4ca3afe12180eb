//! Processes that are there: a lease each, by the database's clock. Whoever finds one that has run out gives back what its owner held; the
//! owner itself, should it come back, finds its epochs old.
//!
//! ```text
//! registered -> renewed every 5 s -> gone, by itself
//!                   \-> 15 s without -> given up by others: its runs go back, each with a crash counted
//!                                           \-> it comes back: registered anew
//! ```

use std::{collections::HashSet, sync::Arc, sync::atomic::Ordering, time::Duration};

use super::{
    Shared, feed,
    link::{Done, Link, Uid, get, id},
    lock,
    tx::Tx,
    writer::Order,
};
use crate::{Change, Error, Id};

/// Between two renewals.
const RENEW: Duration = Duration::from_secs(5);

/// After the database did not answer.
const RENEW_AGAIN: Duration = Duration::from_millis(500);

/// For so long after a renewal was sent calls on others may begin: two thirds of the lease, milliseconds.
const MAY_ACT_MS: u64 = 10_000;

/// So long a look waits for a claim under way.
const CLAIMS: Duration = Duration::from_secs(1);

/// How long the feed keeps what has changed.
const FEED: &str = "60 seconds";

/// Milliseconds that go on while the machine sleeps.
pub(super) fn boottime_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    (now.tv_sec as u64) * 1_000 + (now.tv_nsec as u64) / 1_000_000
}

/// A lease for this process.
pub(super) async fn register(link: &Link, name: &str, queues: &str) -> Done<i64> {
    let sql = "INSERT INTO workers (lease_until, name, queues) VALUES (clock_timestamp() + interval '15 seconds', $1, $2) RETURNING worker";
    let row = link.one(sql, &[&name, &queues]).await?;
    Ok(row.map(|row| get(&row, 0)).transpose()?.unwrap_or_default())
}

/// Renews the lease, and does what has to be done now and then, until the store is closed.
pub(super) async fn beat(shared: Arc<Shared>) {
    let mut link = None;
    while !shared.is_closed() {
        let done = beat_once(&shared, &mut link).await;
        let pause = match done {
            Ok(()) => RENEW,
            Err(fault) => {
                link = None;
                shared.refused(fault.told());
                RENEW_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shared.closing.notified() => return,
        }
    }
}

pub(super) async fn beat_once(shared: &Arc<Shared>, kept: &mut Option<Link>) -> Done<()> {
    let link = match kept.take().filter(|link| !link.is_gone()) {
        Some(link) => link,
        None => shared.connect().await?,
    };
    let (sent_ms, before_us) = (boottime_ms(), shared.wall_us());
    let sql = "UPDATE workers SET lease_until = clock_timestamp() + interval '15 seconds' WHERE worker = $1 \
               RETURNING (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, (SELECT count(*) FROM workers), EXISTS (SELECT 1 FROM workers WHERE lease_until < clock_timestamp())";
    match link.one(sql, &[&shared.worker()]).await? {
        Some(row) => {
            let now_us: i64 = get(&row, 0)?;
            shared.database_is_at(now_us as u64, before_us);
            shared.others.store(get::<i64>(&row, 1)? > 1, Ordering::Relaxed);
            shared.lease_ms.store(sent_ms + MAY_ACT_MS, Ordering::Relaxed);
            if get(&row, 2)? {
                shared.tell_off(async |tx| tx.take_over().await);
                let told = shared.clone();
                shared.tell_off(async move |_| {
                    told.lines_moved();
                    Ok(())
                });
            }
        }
        None => {
            // Others took this process for dead; what it held is theirs.
            let worker = register(&link, &shared.name, &shared.queue_names()).await?;
            shared.worker.store(worker, Ordering::Relaxed);
            lock(&shared.held).lose_all();
            lock(&shared.ahead).claimed.clear();
            shared.lease_ms.store(sent_ms + MAY_ACT_MS, Ordering::Relaxed);
            tracing::warn!(
                "the database did not hear of this process for 15 s; what it worked on is worked on elsewhere"
            );
        }
    }
    fold(&link, shared.worker(), shared.confirmed.load(Ordering::Relaxed)).await?;
    link.run("DELETE FROM feed WHERE at < clock_timestamp() - $1::text::interval", &[&FEED]).await?;
    asked(shared, &link).await?;
    strays(shared, &link).await?;
    shared.look_at_lines(&link).await?;
    shared.look_after(&link).await?;
    shared.goes_on();
    *kept = Some(link);
    Ok(())
}

/// What the marks say goes into the counters: this process' own but the newest, and those of processes that are gone.
pub(super) async fn fold(link: &Link, worker: i64, before: i64) -> Done<()> {
    let sql = "WITH gone AS (DELETE FROM marks WHERE (worker = $1 AND n < $2) OR NOT EXISTS (SELECT 1 FROM workers WHERE workers.worker = marks.worker) RETURNING accepted, succeeded, failed, cancelled), \
               all_of AS (SELECT coalesce(sum(accepted), 0)::bigint AS a, coalesce(sum(succeeded), 0)::bigint AS s, coalesce(sum(failed), 0)::bigint AS f, coalesce(sum(cancelled), 0)::bigint AS c FROM gone) \
               UPDATE counters SET accepted = accepted + a, succeeded = succeeded + s, failed = failed + f, cancelled = cancelled + c FROM all_of WHERE a <> 0 OR s <> 0 OR f <> 0 OR c <> 0";
    link.run(sql, &[&worker, &before]).await.map(drop)
}

/// Runs that are held here by the rows and not in memory, or the other way round: the end of a claim, of a hand-back or of a commit was
/// never heard of. Nothing else would ever move them, as this process lives.
async fn strays(shared: &Shared, link: &Link) -> Done<()> {
    // Where claims are made all the time, the next look is soon enough.
    let Ok(_claiming) = tokio::time::timeout(CLAIMS, shared.claiming.lock()).await else { return Ok(()) };
    let before = lock(&shared.held).epochs();
    let rows = link.rows("SELECT run, epoch FROM live WHERE worker = $1", &[&shared.worker()]).await?;
    let mut there = HashSet::with_capacity(rows.len());
    for row in &rows {
        there.insert((id(row, 0)?, get::<i64>(row, 1)? as u64));
    }
    let mut held = lock(&shared.held);
    for (run, epoch) in before.into_iter().filter(|of| !there.contains(of)) {
        held.let_go(run, epoch);
    }
    there.retain(|(run, epoch)| !held.holds(*run, *epoch));
    drop(held);
    for (run, epoch) in there {
        // One that is on its way elsewhere is left alone: its row says so by then.
        let _ = shared.order(Order::Release(run, epoch));
    }
    Ok(())
}

/// Runs held here that were asked to end, and the word of it was lost.
async fn asked(shared: &Shared, link: &Link) -> Done<()> {
    let held = lock(&shared.held).all();
    if held.is_empty() {
        return Ok(());
    }
    let held: Vec<Uid> = held.into_iter().map(Uid).collect();
    let rows = link
        .rows(
            "SELECT run FROM live WHERE run = ANY($1) AND worker = $2 AND cancel_at IS NOT NULL",
            &[&held, &shared.worker()],
        )
        .await?;
    for run in super::lanes::runs(&rows)? {
        let told = lock(&shared.held).is_asked_to_end(run);
        if !told {
            shared.is_asked(run);
        }
    }
    Ok(())
}

impl Tx<'_> {
    /// Gives back what processes held whose leases have run out.
    pub(super) async fn take_over(&mut self) -> Done<()> {
        let sql = "DELETE FROM workers WHERE worker IN (SELECT worker FROM workers WHERE lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED) RETURNING worker, name";
        for row in &self.rows(sql, &[]).await? {
            let (worker, name): (i64, &str) = (get(row, 0)?, get(row, 1)?);
            let runs = self.lose(worker).await?;
            tracing::warn!("the lease of `{name}` has run out: {runs} runs of it go on elsewhere");
        }
        // Whoever claims locks its own row: none can be claimed by one that is not there. This is for what never happens.
        let sql = "SELECT DISTINCT worker FROM live WHERE worker IS NOT NULL AND NOT EXISTS (SELECT 1 FROM workers WHERE workers.worker = live.worker)";
        for row in &self.rows(sql, &[]).await? {
            self.lose(get(row, 0)?).await?;
        }
        Ok(())
    }

    /// A crash is counted for each run that a process held as it died.
    async fn lose(&mut self, worker: i64) -> Done<usize> {
        self.free_slots_of(worker).await?;
        let sql = "WITH mine AS (SELECT run FROM live WHERE worker = $1 ORDER BY run FOR UPDATE), \
                   freed AS (UPDATE live SET worker = NULL, crashes = crashes + 1, alone = (SELECT count(*) = 1 FROM mine) WHERE run IN (SELECT run FROM mine) RETURNING run, attempts, started_at), \
                   lined AS (INSERT INTO ready (lane, prio, run) SELECT runs.lane, runs.prio, runs.id FROM freed JOIN runs ON runs.id = freed.run ORDER BY runs.id) \
                   SELECT runs.lane, runs.prio, runs.start, freed.attempts, freed.started_at FROM freed JOIN runs ON runs.id = freed.run";
        let rows = self.rows(sql, &[&worker]).await?;
        self.back(&rows)?;
        Ok(rows.len())
    }

    /// This process is not there any more. First of all: a claim under way is waited for, and what it claimed is given back too.
    pub(super) async fn sign_off(&mut self) -> Done<()> {
        let worker = self.shared.worker();
        self.run("DELETE FROM workers WHERE worker = $1", &[&worker]).await?;
        self.leave_all().await?;
        let freed = self.free_slots_of(worker).await?;
        self.wake_called(i64::MAX).await?;
        if freed > 0 || !self.after.ready.is_empty() {
            // The notifier ends with this process.
            self.run("SELECT pg_notify('hefe', $1)", &[&feed::all_moved(worker)]).await?;
        }
        Ok(())
    }
}

impl Shared {
    /// The end of a run that is held here was asked for.
    pub(super) fn is_asked(&self, run: Id) {
        lock(&self.held).cancel(run);
        let _ = self.changes.send([(self.stamp(), Change::Cancel(run))].into());
    }

    /// Why nothing can be written; said once.
    pub(super) fn refused(&self, error: Error) -> Error {
        if error.is_outage() {
            let mut stopped = lock(&self.stopped);
            if stopped.is_none() {
                tracing::error!(
                    "{error}; nothing that was answered is lost, and everything goes on by itself once it answers"
                );
                *stopped = Some(error.clone());
            }
        }
        error
    }

    /// It can be written.
    pub(super) fn goes_on(&self) {
        if lock(&self.stopped).take().is_some() {
            tracing::info!("the database answers again");
            self.ready.notify_one();
        }
    }
}
