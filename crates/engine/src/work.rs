//! The workers of one process: claims go round, each claimed run is driven on a place of its own, and a stop hands back
//! what is not finished.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use store::{Change, Claimed, Id, Store, Ticket, sabotage::Sabotage};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, broadcast, oneshot::error::TryRecvError, watch},
    task::JoinSet,
};

use crate::{
    Shared, Stop,
    drive::{Left, Order, drive, panicked},
    kept::State,
};

/// After the store refused: a disk that is full stays full for a while.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

/// How long runs may take to go back to the queue once they were told to.
const HAND_BACK: Duration = Duration::from_secs(1);

/// Last submissions of a place's runs that may be on their way to the disk while it works on: with all places about as many
/// as the writer takes at once.
const LEAVING_MAX: usize = 64;

/// Runs that this process holds, with the way to tell them to end; told in order, so that the same runs leave the same way.
#[derive(Default)]
pub(crate) struct Running(Mutex<BTreeMap<Id, watch::Sender<Order>>>);

impl Running {
    /// From now on the run is told; what was asked for before, while it was claimed, the store knows.
    fn enter(&self, store: &dyn Store, run: Id) -> watch::Receiver<Order> {
        let (tell, order) = watch::channel(Order::GoOn);
        self.lock().insert(run, tell);
        if store.is_asked_to_end(run) {
            self.cancel(run);
        }
        order
    }

    fn leave(&self, run: Id) {
        self.lock().remove(&run);
    }

    fn cancel(&self, run: Id) {
        if let Some(tell) = self.lock().get(&run) {
            tell.send_replace(Order::Cancel);
        }
    }

    fn all(&self) -> Vec<Id> {
        self.lock().keys().copied().collect()
    }

    /// Tells every run that nobody cancelled to go back to the queue.
    fn hand_back(&self) {
        for tell in self.lock().values() {
            tell.send_if_modified(|order| {
                let goes_on = *order == Order::GoOn;
                if goes_on {
                    *order = Order::HandBack;
                }
                goes_on
            });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Id, watch::Sender<Order>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells runs that are worked here that their end was asked for, until told to stop.
pub(crate) async fn pass_on(shared: Arc<Shared>, stop: watch::Receiver<Stop>) {
    let mut changes = shared.store.changes();
    let listen = async {
        loop {
            match changes.recv().await {
                Ok(batch) => batch.iter().for_each(|(_, change)| {
                    if let Change::Cancel(run) = change {
                        shared.running.cancel(*run);
                    }
                }),
                Err(broadcast::error::RecvError::Lagged(_)) => look_again(&shared).await,
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    };
    let mut stop = stop;
    tokio::select! {
        biased;
        () = listen => {}
        () = stopped(&mut stop) => {}
    }
}

/// What was missed is in the rows.
async fn look_again(shared: &Shared) {
    for run in shared.running.all() {
        if let Ok(Some(found)) = shared.store.run(run).await
            && found.cancel_at_ms.is_some()
        {
            shared.running.cancel(run);
        }
    }
}

/// Works whatever is ready, `runs_max` at once, until told to stop.
pub(crate) async fn work(shared: Arc<Shared>, stop: watch::Receiver<Stop>) {
    let free = Arc::new(Semaphore::new(shared.settings.runs_max));
    let mut places = Places { shared, stop, free, under_way: JoinSet::new() };
    while !places.stopping() {
        let store = places.shared.store.clone();
        let (free, mut stop) = (places.free.clone(), places.stop.clone());
        let claim = async {
            // Nobody but this loop takes places, so that what is free now stays free.
            drop(free.acquire().await);
            store.claim(free.available_permits()).await
        };
        tokio::select! {
            biased;
            () = stopped(&mut stop) => {}
            claimed = claim => places.take(claimed).await,
            _ = places.under_way.join_next(), if !places.under_way.is_empty() => {}
        }
    }
    places.wind_up().await;
}

/// Returns once the process is asked to end. A sender that is gone will not ask.
pub(crate) async fn stopped(stop: &mut watch::Receiver<Stop>) {
    if stop.wait_for(|stop| *stop != Stop::No).await.is_err() {
        std::future::pending::<()>().await;
    }
}

struct Places {
    shared: Arc<Shared>,
    stop: watch::Receiver<Stop>,
    free: Arc<Semaphore>,
    under_way: JoinSet<()>,
}

impl Places {
    fn stopping(&self) -> bool {
        *self.stop.borrow() != Stop::No
    }

    async fn take(&mut self, claimed: Result<Vec<Claimed>, store::Error>) {
        match claimed {
            Ok(claimed) => {
                for claimed in claimed {
                    let Ok(place) = self.free.clone().acquire_owned().await else { return };
                    let order = self.shared.running.enter(&*self.shared.store, claimed.start.id);
                    let (shared, stop) = (self.shared.clone(), self.stop.clone());
                    self.under_way.spawn(work_on(shared, claimed, order, stop, place));
                }
            }
            Err(store::Error::Closed) => stopped(&mut self.stop).await,
            Err(error) => {
                tracing::error!("no runs could be claimed: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn all_end(&mut self) {
        while self.under_way.join_next().await.is_some() {}
    }

    /// Effects under way may finish within the grace period; then, or when told to stop at once, they are left. Their
    /// runs go back to the queue and resume from their journals.
    async fn wind_up(&mut self) {
        let grace = Duration::from_millis(self.shared.settings.grace_ms);
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            () = self.all_end() => return,
            () = tokio::time::sleep(grace) => {}
            Ok(_) = stop.wait_for(|stop| *stop == Stop::Now) => {}
        }
        self.shared.running.hand_back();
        // One that cannot, because the disk takes nothing, resumes at the next start.
        let _ = tokio::time::timeout(HAND_BACK, self.all_end()).await;
        self.under_way.shutdown().await;
    }
}

/// One place: a run, and then whatever else is ready, until nothing is. A run whose last submission is on its way needs its
/// place no more: what is ready is worked meanwhile, and many ends share one sync (128,600 runs a second drained instead of
/// 14,300 on one disk in one sitting).
async fn work_on(
    shared: Arc<Shared>,
    mut claimed: Claimed,
    mut order: watch::Receiver<Order>,
    stop: watch::Receiver<Stop>,
    place: OwnedSemaphorePermit,
) {
    let mut leaving = Leaving::default();
    loop {
        let (run, epoch) = (claimed.start.id, claimed.epoch);
        let (new, started_at_ms) = (claimed.start.clone(), claimed.started_at_ms);
        let driven =
            AssertUnwindSafe(drive(shared.clone(), claimed, order, stop.clone())).catch_unwind().await;
        let left = driven.unwrap_or_else(|_| panicked(&shared, &new, epoch, started_at_ms));
        shared.running.leave(run);
        match left {
            Left::Leaves(ticket, state) => leaving.0.push_back(Last { run, epoch, ticket, state }),
            Left::HandBack if Sabotage::KeepHeld.on() => {}
            Left::HandBack => shared.store.release(run, epoch),
            Left::Lost(error) => lost(&shared, run, epoch, &error, true).await,
        }
        leaving.settle(&shared, LEAVING_MAX).await;
        // Requests are served by the same threads.
        tokio::task::consume_budget().await;
        if *stop.borrow() != Stop::No {
            break;
        }
        let Some(next) = shared.store.claim_now(1).pop() else { break };
        order = shared.running.enter(&*shared.store, next.start.id);
        claimed = next;
    }
    drop(place);
    leaving.settle(&shared, 0).await;
}

/// Runs whose last submission under this claim is not known to be durable yet, in order.
#[derive(Default)]
struct Leaving(VecDeque<Last>);

struct Last {
    run: Id,
    epoch: u64,
    ticket: Ticket,
    /// What is kept of a run that parks.
    state: Option<Box<State>>,
}

impl Leaving {
    /// Waits until at most so many are left.
    async fn settle(&mut self, shared: &Shared, most: usize) {
        let mut refused = false;
        loop {
            let many = self.0.len() > most;
            let Some(last) = self.0.front_mut() else { return };
            let done = match last.ticket.try_recv() {
                Ok(done) => done,
                Err(TryRecvError::Closed) => Err(store::Error::Closed),
                Err(TryRecvError::Empty) if !many => return,
                Err(TryRecvError::Empty) => (&mut last.ticket).await.unwrap_or(Err(store::Error::Closed)),
            };
            let Some(last) = self.0.pop_front() else { return };
            match (done, last.state) {
                (Ok(()), Some(state)) => shared.kept.put(state),
                (Ok(()), None) => {}
                (Err(error), _) => {
                    lost(shared, last.run, last.epoch, &error, !refused).await;
                    refused = true;
                }
            }
        }
    }
}

/// The store would not take it: the run goes on from its last durable entry, after a while. One whose lease is lost may be here still, if
/// it was renewed before others looked; else handing it back is nothing.
async fn lost(shared: &Shared, run: Id, epoch: u64, error: &store::Error, pause: bool) {
    use store::Error::{Closed, LeaseLost, Poisoned};
    // The store has said what is wrong with it, once; here it would be a line for each run and try.
    if error.is_outage() || matches!(error, Poisoned | Closed | LeaseLost) {
        tracing::debug!(%run, "the run goes on from its last durable entry: {error}");
    } else {
        tracing::error!(%run, "the run goes on from its last durable entry: {error}");
    }
    if pause {
        tokio::time::sleep(PAUSE).await;
    }
    shared.store.release(run, epoch);
}

/// Works one run and its descendants to their end; whatever else is ready is handed back.
pub(crate) async fn work_tree(shared: Arc<Shared>, root: Id, stop: watch::Receiver<Stop>) {
    let mut changes = shared.store.changes();
    let (mine, rest) = watch::channel(Stop::No);
    let listener = pass_on(shared.clone(), rest.clone());
    let worker = work(shared.clone(), rest);
    let ended = async {
        loop {
            if tree_is_over(&shared, root).await {
                return;
            }
            // Any end may be the last one; a lagging receiver looks again as well.
            loop {
                match changes.recv().await {
                    Ok(batch) if !batch.iter().any(|(_, change)| is_end(change)) => {}
                    Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => break,
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                }
            }
        }
    };
    let mut outer = stop;
    let until = async {
        tokio::select! {
            biased;
            () = ended => Stop::Soon,
            stopped = outer.wait_for(|stop| *stop != Stop::No) => stopped.map_or(Stop::Soon, |stop| *stop),
        }
    };
    let both = async {
        let how = until.await;
        mine.send_replace(how);
    };
    tokio::join!(worker, listener, both);
}

fn is_end(change: &Change) -> bool {
    matches!(change, Change::Run { stands, .. } if stands.status.ended())
}

async fn tree_is_over(shared: &Shared, root: Id) -> bool {
    !shared.store.tree_lives(root).await.unwrap_or(false)
}
