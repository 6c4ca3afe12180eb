//! Runs: what is decided goes to the writer, what is ready is claimed, the rest is read.

use std::sync::{Arc, atomic::Ordering};

use recipe::Value;
use tokio::sync::oneshot;

use super::{Postgres, Shared, link::get, lock, park::Brought, queues, read, writer::Order};
use crate::{
    Account, Cancelled, Change, Claimed, Commit, Error, Filter, Heard, Id, Lane, Log, NewRun, Page, Reopened,
    Reply, Run, Runs, Signalled, Standing, Started, Status, Ticket,
};

impl Runs for Postgres {
    fn commit(&self, commit: Commit) -> Ticket {
        let (tell, told) = oneshot::channel();
        if let Err(Order::Commit(_, tell)) = self.shared.order(Order::Commit(Box::new(commit), tell)) {
            let _ = tell.send(Err(Error::Closed));
        }
        told
    }

    fn start(&self, new: NewRun) -> Reply<'_, Started> {
        if new.unique.is_some() {
            return self.ask(async move |tx| tx.start_unique(&new).await);
        }
        let (tell, told) = oneshot::channel();
        self.wait_for(Order::Start(Box::new(new), tell), told)
    }

    fn claim(&self, max: usize) -> Reply<'_, Vec<Claimed>> {
        Box::pin(async move {
            let shared = &self.shared;
            loop {
                shared.look_at_the_clock();
                let mut arrived = std::pin::pin!(shared.arrived.notified());
                arrived.as_mut().enable();
                let claimed = shared.claimed_ahead(max);
                if !claimed.is_empty() {
                    shared.announce(&claimed);
                    return Ok(claimed);
                }
                if shared.is_closed() {
                    return Err(Error::Closed);
                }
                shared.wanted.fetch_max(max, Ordering::Relaxed);
                shared.asks.notify_one();
                arrived.await;
            }
        })
    }

    fn claim_now(&self, max: usize) -> Vec<Claimed> {
        self.shared.look_at_the_clock();
        let claimed = self.shared.claimed_next(max);
        self.shared.announce(&claimed);
        claimed
    }

    fn release(&self, run: Id, epoch: u64) {
        let _ = self.shared.order(Order::Release(run, epoch));
    }

    fn may_act(&self, run: Id, epoch: u64) -> bool {
        // A lease that was lost takes what was held under it along, though there is a new one.
        let holds = epoch == 0 || lock(&self.shared.held).holds(run, epoch);
        holds && super::workers::boottime_ms() < self.shared.may_act_ms.load(Ordering::Relaxed)
    }

    fn cancel(&self, run: Id, children: bool, at_ms: i64) -> Reply<'_, Cancelled> {
        self.ask(async move |tx| tx.ask_to_end(run, children, at_ms).await)
    }

    fn is_asked_to_end(&self, run: Id) -> bool {
        lock(&self.shared.held).is_asked_to_end(run)
    }

    fn reopen(&self, run: Id, moved: Option<crate::Moved>, at_ms: i64) -> Reply<'_, Reopened> {
        self.ask(async move |tx| tx.reopen(run, moved.as_ref(), at_ms).await)
    }

    fn signal(&self, run: Id, name: Arc<str>, body: Value) -> Reply<'_, Signalled> {
        let brought = Brought { run, name, body, once: false };
        self.ask(async move |tx| tx.signal(&brought).await)
    }

    fn answer(&self, run: Id, name: Arc<str>, body: Value) -> Reply<'_, Signalled> {
        let brought = Brought { run, name, body, once: true };
        self.ask(async move |tx| tx.signal(&brought).await)
    }

    fn heard(&self, run: Id, name: Arc<str>) -> Reply<'_, Heard> {
        Box::pin(async move { self.said(read::heard(&*self.reader().await?, run, &name).await) })
    }

    fn ahead<'a>(&'a self, run: &'a NewRun) -> Reply<'a, Option<usize>> {
        Box::pin(async move { self.said(queues::ahead(&*self.reader().await?, run).await) })
    }

    fn run(&self, id: Id) -> Reply<'_, Option<Run>> {
        Box::pin(async move {
            let found = self.said(read::run(&*self.reader().await?, id).await)?;
            if found.is_some() {
                return Ok(found);
            }
            // A request is answered before its row is written, if nothing depends on that: whoever asks for the
            // run by the id in the answer waits for what is on its way.
            self.ask(async |_| Ok(())).await?;
            self.said(read::run(&*self.reader().await?, id).await)
        })
    }

    fn children(&self, parent: Id) -> Reply<'_, Vec<Run>> {
        Box::pin(async move { self.said(read::children(&*self.reader().await?, parent).await) })
    }

    fn tree_lives(&self, root: Id) -> Reply<'_, bool> {
        self.ask(async move |tx| tx.is_live(root).await)
    }

    fn runs(&self, filter: Filter) -> Reply<'_, Page<Run>> {
        Box::pin(async move { self.said(read::runs(&*self.reader().await?, &filter).await) })
    }

    fn mine(&self, system: Arc<str>, user: Arc<str>, cursor: Option<String>) -> Reply<'_, Page<Run>> {
        Box::pin(async move {
            self.said(read::mine(&*self.reader().await?, &system, &user, cursor.as_deref()).await)
        })
    }

    fn logs(&self, run: Id) -> Reply<'_, Vec<Log>> {
        Box::pin(async move { self.said(read::logs(&*self.reader().await?, run).await) })
    }

    fn account(&self) -> Reply<'_, Account> {
        // One statement, one moment.
        const SQL: &str = "SELECT (counters.accepted + m.a)::bigint, (counters.succeeded + m.s)::bigint, (counters.failed + m.f)::bigint, (counters.cancelled + m.c)::bigint, \
            (SELECT count(*) FROM ready) + (SELECT count(*) FROM blocked) + (SELECT count(*) FROM parks WHERE status = 0), (SELECT count(*) FROM live WHERE worker IS NOT NULL), (SELECT count(*) FROM parks WHERE status = 2) \
          FROM counters, (SELECT coalesce(sum(accepted), 0) AS a, coalesce(sum(succeeded), 0) AS s, coalesce(sum(failed), 0) AS f, coalesce(sum(cancelled), 0) AS c FROM marks) AS m";
        Box::pin(async move {
            let row = self.said(self.reader().await?.one(SQL, &[]).await)?;
            let Some(row) = row else { return Ok(Account::default()) };
            let number = |at| get::<i64>(&row, at).map(|number| number.max(0) as u64);
            Ok(Account {
                accepted: number(0)?,
                succeeded: number(1)?,
                failed: number(2)?,
                cancelled: number(3)?,
                queued: number(4)?,
                running: number(5)?,
                waiting: number(6)?,
            })
        })
    }

    fn lanes(&self) -> Reply<'_, Vec<Lane>> {
        Box::pin(async move { self.said(queues::lanes(&*self.reader().await?, None).await) })
    }

    fn queued<'a>(&'a self, system: &'a str, most: u64) -> Reply<'a, u64> {
        Box::pin(async move {
            if let Some(known) = self.shared.queued_lately(system, most) {
                return Ok(known);
            }
            let count = self.said(queues::queued(&*self.reader().await?, system, most).await)?;
            self.shared.note_queued(system, count);
            Ok(count)
        })
    }
}

impl Shared {
    /// What was claimed is told, if anybody listens.
    fn announce(&self, claimed: &[Claimed]) {
        if claimed.is_empty() || self.changes.receiver_count() == 0 {
            return;
        }
        let now_ms = (self.now_us() / 1_000) as i64;
        let change = |claimed: &Claimed| {
            let started_at_ms = claimed.started_at_ms.or(Some(now_ms));
            let attempts = claimed.attempts + 1;
            let stands = Standing { status: Status::Running, attempts, started_at_ms, ended_at_ms: None };
            Change::Run { start: claimed.start.clone(), stands }
        };
        let changes: Vec<_> = claimed.iter().map(|claimed| (self.stamp(), change(claimed))).collect();
        let _ = self.changes.send(changes.into());
    }

    /// Those that were claimed ahead go back: their queue is paused, or nobody will begin them.
    pub(super) fn give_back_ahead(&self) {
        let back = std::mem::take(&mut lock(&self.ahead).claimed);
        for claimed in back {
            let _ = self.order(Order::Release(claimed.start.id, claimed.epoch));
        }
    }
}
