//! Runs: what is decided goes to the writer, what is ready is in memory, what has been is read.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use recipe::Value;
use tokio::sync::oneshot;

use super::{Shared, Sqlite, known, lock, park, park::Brought, read, writer::Order};
use crate::{
    Account, Cancelled, Change, Claimed, Commit, Error, Filter, Heard, Id, Lane, Log, NewRun, Page, Reopened,
    Reply, Run, Runs, Signalled, Standing, Started, Status, Ticket,
};

impl Runs for Sqlite {
    fn commit(&self, commit: Commit) -> Ticket {
        let (tell, told) = oneshot::channel();
        if let Err(mpsc::SendError(Order::Commit(_, tell))) =
            self.orders.send(Order::Commit(Box::new(commit), tell))
        {
            let _ = tell.send(Err(Error::Closed));
        }
        told
    }

    fn claim(&self, max: usize) -> Reply<'_, Vec<Claimed>> {
        Box::pin(async move {
            loop {
                let (claimed, due_in) = self.take(max);
                if !claimed.is_empty() {
                    self.announce(&claimed);
                    return Ok(claimed);
                }
                let due = async {
                    match due_in {
                        Some(due_in) => tokio::time::sleep(due_in).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    () = self.shared.ready.notified() => {}
                    () = due => {}
                }
            }
        })
    }

    fn start(&self, new: NewRun) -> Reply<'_, Started> {
        self.ask(move |apply| apply.start_unique(&new))
    }

    fn claim_now(&self, max: usize) -> Vec<Claimed> {
        let (claimed, _) = self.take(max);
        if !claimed.is_empty() {
            self.announce(&claimed);
        }
        claimed
    }

    fn reopen(&self, run: Id, moved: Option<crate::Moved>, at_ms: i64) -> Reply<'_, Reopened> {
        self.ask(move |apply| apply.reopen(run, moved.as_ref(), at_ms))
    }

    fn signal(&self, run: Id, name: Arc<str>, body: Value) -> Reply<'_, Signalled> {
        let brought = Brought { run, name, body, once: false };
        self.ask(move |apply| apply.signal(&brought))
    }

    fn answer(&self, run: Id, name: Arc<str>, body: Value) -> Reply<'_, Signalled> {
        let brought = Brought { run, name, body, once: true };
        self.ask(move |apply| apply.signal(&brought))
    }

    fn heard(&self, run: Id, name: Arc<str>) -> Reply<'_, Heard> {
        self.read(move |db| read::heard(db, run, &name))
    }

    fn release(&self, run: Id, epoch: u64) {
        let back = {
            let mut memory = lock(&self.shared.memory);
            let back = memory.release(run, epoch);
            self.shared.name_held(&memory);
            back
        };
        if let Some(ready) = back {
            let stands = ready.stands(Status::Queued);
            let change = Change::Run { start: ready.start, stands };
            let _ = self.shared.changes.send([(self.shared.stamp(), change)].into());
            self.shared.ready.notify_one();
        }
    }

    fn cancel(&self, run: Id, children: bool, at_ms: i64) -> Reply<'_, Cancelled> {
        self.ask(move |apply| apply.ask_to_end(run, children, at_ms))
    }

    fn is_asked_to_end(&self, run: Id) -> bool {
        lock(&self.shared.memory).is_asked_to_end(run)
    }

    fn ahead<'a>(&'a self, run: &'a NewRun) -> Reply<'a, Option<usize>> {
        known(lock(&self.shared.memory).ahead(run))
    }

    fn run(&self, id: Id) -> Reply<'_, Option<Run>> {
        let look = move || {
            let shared = self.shared.clone();
            self.read(move |db| {
                let Some(start) = read::start(db, id)? else { return Ok(None) };
                let mut run = read::run(db, start)?;
                stands(&shared, &mut run);
                Ok(Some(run))
            })
        };
        Box::pin(async move {
            match look().await? {
                Some(run) => Ok(Some(run)),
                None => {
                    // A request is answered before its row is written, if nothing depends on that: whoever asks for the
                    // run by the id in the answer waits for what is on its way.
                    self.ask(|_| Ok(())).await?;
                    look().await
                }
            }
        })
    }

    fn tree_lives(&self, root: Id) -> Reply<'_, bool> {
        self.ask(move |apply| apply.is_live(root))
    }

    fn children(&self, parent: Id) -> Reply<'_, Vec<Run>> {
        let shared = self.shared.clone();
        self.read(move |db| {
            let mut runs = read::children(db, parent)?;
            runs.iter_mut().for_each(|run| stands(&shared, run));
            Ok(runs)
        })
    }

    fn runs(&self, filter: Filter) -> Reply<'_, Page<Run>> {
        let shared = self.shared.clone();
        self.read(move |db| {
            let held = lock(&shared.memory).held().to_vec();
            read::runs(db, &filter, read::Live { held, status: &|run| stands(&shared, run) })
        })
    }

    fn mine(&self, system: Arc<str>, user: Arc<str>, cursor: Option<String>) -> Reply<'_, Page<Run>> {
        let shared = self.shared.clone();
        self.read(move |db| {
            let mut page = read::mine(db, &system, &user, cursor.as_deref())?;
            page.items.iter_mut().for_each(|run| stands(&shared, run));
            Ok(page)
        })
    }

    fn logs(&self, run: Id) -> Reply<'_, Vec<Log>> {
        self.read(move |db| read::logs(db, run))
    }

    fn account(&self) -> Reply<'_, Account> {
        known(lock(&self.shared.memory).account())
    }

    fn lanes(&self) -> Reply<'_, Vec<Lane>> {
        known(lock(&self.shared.memory).lanes())
    }

    fn queued<'a>(&'a self, system: &'a str, _most: u64) -> Reply<'a, u64> {
        known(lock(&self.shared.memory).queued(system))
    }
}

impl Sqlite {
    /// Claims, and how long until a parked run is due, an ended one may go, or a refused page is tried again. Those that are due come a page at a time, as places get free.
    fn take(&self, max: usize) -> (Vec<Claimed>, Option<Duration>) {
        if lock(&self.shared.stopped).is_some() {
            return (Vec::new(), None);
        }
        let now_ms = ((self.shared.clock)() / 1_000) as i64;
        let mut memory = lock(&self.shared.memory);
        let claimed: Vec<Claimed> = std::iter::from_fn(|| memory.claim()).take(max).collect();
        if !claimed.is_empty() {
            self.shared.name_held(&memory);
        }
        if memory.next_doom_ms.is_some_and(|at_ms| at_ms <= now_ms) && self.orders.send(Order::Doom).is_ok() {
            memory.next_doom_ms = None;
        }
        let doom_ms = memory.next_doom_ms;
        let mut prune_ms = memory.next_prune_ms.filter(|_| !memory.pruning);
        if prune_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            memory.pruning = self.orders.send(Order::Prune(now_ms)).is_ok();
            prune_ms = None;
        }
        let wake_ms = memory.next_wake_ms.filter(|_| !memory.waking);
        if wake_ms.is_some_and(|at_ms| at_ms <= now_ms) && memory.ready_len() < park::PAGE {
            memory.waking = self.orders.send(Order::Wake(now_ms)).is_ok();
            return (claimed, None);
        }
        let due_in = wake_ms.into_iter().chain(prune_ms).chain(doom_ms).min().map(|at_ms| at_ms - now_ms);
        // A clock that stands still while we sleep is looked at again; a millisecond more makes up for the rounding.
        (claimed, due_in.map(|ms| Duration::from_millis(ms.clamp(0, 3_600_000) as u64 + 1)))
    }

    fn announce(&self, claimed: &[Claimed]) {
        if self.shared.changes.receiver_count() == 0 {
            return;
        }
        let now_ms = ((self.shared.clock)() / 1_000) as i64;
        let change = |claimed: &Claimed| {
            let started_at_ms = claimed.started_at_ms.or(Some(now_ms));
            let attempts = claimed.attempts + 1;
            let stands = Standing { status: Status::Running, attempts, started_at_ms, ended_at_ms: None };
            Change::Run { start: claimed.start.clone(), stands }
        };
        let changes: Vec<_> = claimed.iter().map(|claimed| (self.shared.stamp(), change(claimed))).collect();
        let _ = self.shared.changes.send(changes.into());
    }
}

/// Memory knows whether somebody holds a run that has not ended.
fn stands(shared: &Shared, run: &mut Run) {
    if run.status.ended() {
        return;
    }
    let memory = lock(&shared.memory);
    if let Some((_, status, begun)) = memory.find(run.start.id) {
        run.blocked_by = memory.blocked(&run.start);
        run.status = status;
        run.attempts += u32::from(begun);
    }
}
