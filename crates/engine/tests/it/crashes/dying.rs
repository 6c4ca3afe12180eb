//! A store whose process dies at a submission: that one is kept and nobody is told, or it never arrives; nor does any after it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use recipe::Value;
use store::{
    Account, Action, Actions, Cancelled, Changes, Checkpoint, Claimed, Commit, Deed, Did, Entries, Filter,
    Hash, Heard, Id, Inbox, Item, Items, Journals, Kept, Key, Keys, Log, Moved, NewRun, Notification, Once,
    Page, Reopened, Reply, Run, Runs, Signalled, Started, Step, Store, Ticket, Version, Versions,
};
use tokio::sync::{broadcast, oneshot, watch};

use crate::scene::Scene;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Before,
    After,
}

#[derive(Clone)]
pub(super) struct Dying(Arc<Plan>);

struct Plan {
    when: When,
    nth: usize,
    count: AtomicUsize,
    /// How often a journal was read.
    reads: AtomicUsize,
    dead: watch::Sender<bool>,
    /// Tickets that are never answered.
    untold: std::sync::Mutex<Vec<oneshot::Sender<Result<(), store::Error>>>>,
}

impl Dying {
    pub(super) fn new(when: When, nth: usize) -> Dying {
        let (count, dead) = (AtomicUsize::new(0), watch::Sender::new(false));
        Dying(Arc::new(Plan {
            when,
            nth,
            count,
            reads: AtomicUsize::new(0),
            dead,
            untold: Default::default(),
        }))
    }

    /// It lives on.
    pub(super) fn never() -> Dying {
        Dying::new(When::After, usize::MAX)
    }

    pub(super) fn reads(&self) -> usize {
        self.0.reads.load(Ordering::SeqCst)
    }

    pub(super) fn over(&self, inner: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(Mortal { inner, plan: self.0.clone() })
    }

    /// Awaits the death, or the end of that run; whether it was the death.
    pub(super) async fn dies_before(&self, scene: &Scene, run: Id) -> bool {
        let mut dead = self.0.dead.subscribe();
        tokio::select! {
            _ = dead.wait_for(|dead| *dead) => {}
            _ = scene.end(run) => {}
        }
        self.0.count.load(Ordering::SeqCst) >= self.0.nth
    }
}

struct Mortal {
    inner: Arc<dyn Store>,
    plan: Arc<Plan>,
}

impl Mortal {
    /// Never answered.
    fn never(&self) -> Ticket {
        let (tell, told) = oneshot::channel();
        self.plan.untold.lock().unwrap().push(tell);
        told
    }
}

impl Runs for Mortal {
    fn commit(&self, commit: Commit) -> Ticket {
        let nth = self.plan.count.fetch_add(1, Ordering::SeqCst) + 1;
        if nth < self.plan.nth {
            return self.inner.commit(commit);
        }
        let dies = nth == self.plan.nth;
        match self.plan.when {
            When::After if dies => {
                let (kept, plan) = (self.inner.commit(commit), self.plan.clone());
                tokio::spawn(async move {
                    kept.await.unwrap().unwrap();
                    plan.dead.send_replace(true);
                });
            }
            _ if dies => drop(self.plan.dead.send_replace(true)),
            _ => {}
        }
        self.never()
    }

    fn start(&self, new: NewRun) -> Reply<'_, Started> {
        self.inner.start(new)
    }

    fn claim(&self, max: usize) -> Reply<'_, Vec<Claimed>> {
        self.inner.claim(max)
    }

    fn claim_now(&self, max: usize) -> Vec<Claimed> {
        self.inner.claim_now(max)
    }

    fn release(&self, run: Id, epoch: u64) {
        self.inner.release(run, epoch);
    }

    fn cancel(&self, run: Id, children: bool, at_ms: i64) -> Reply<'_, Cancelled> {
        self.inner.cancel(run, children, at_ms)
    }

    fn reopen(&self, run: Id, moved: Option<Moved>, at_ms: i64) -> Reply<'_, Reopened> {
        self.inner.reopen(run, moved, at_ms)
    }

    fn signal(&self, run: Id, name: Arc<str>, body: Value) -> Reply<'_, Signalled> {
        self.inner.signal(run, name, body)
    }

    fn answer(&self, run: Id, name: Arc<str>, body: Value) -> Reply<'_, Signalled> {
        self.inner.answer(run, name, body)
    }

    fn heard(&self, run: Id, name: Arc<str>) -> Reply<'_, Heard> {
        self.inner.heard(run, name)
    }

    fn run(&self, id: Id) -> Reply<'_, Option<Run>> {
        self.inner.run(id)
    }

    fn children(&self, parent: Id) -> Reply<'_, Vec<Run>> {
        self.inner.children(parent)
    }

    fn tree_lives(&self, root: Id) -> Reply<'_, bool> {
        self.inner.tree_lives(root)
    }

    fn is_asked_to_end(&self, run: Id) -> bool {
        self.inner.is_asked_to_end(run)
    }

    fn runs(&self, filter: Filter) -> Reply<'_, Page<Run>> {
        self.inner.runs(filter)
    }

    fn mine(&self, system: Arc<str>, user: Arc<str>, cursor: Option<String>) -> Reply<'_, Page<Run>> {
        self.inner.mine(system, user, cursor)
    }

    fn logs(&self, run: Id) -> Reply<'_, Vec<Log>> {
        self.inner.logs(run)
    }

    fn account(&self) -> Reply<'_, Account> {
        self.inner.account()
    }
}

impl Journals for Mortal {
    fn resume(&self, run: Id) -> Reply<'_, (Option<Checkpoint>, Vec<Entries>)> {
        self.plan.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.resume(run)
    }

    fn trace(&self, run: Id) -> Reply<'_, (Option<Checkpoint>, Vec<Entries>)> {
        self.inner.trace(run)
    }

    fn stored_bytes(&self, run: Id) -> Reply<'_, u64> {
        self.inner.stored_bytes(run)
    }
}

impl Items for Mortal {
    fn items(&self, system: Arc<str>, since: u64) -> Reply<'_, Vec<Arc<Item>>> {
        self.inner.items(system, since)
    }

    fn item(&self, id: Id) -> Reply<'_, Option<Arc<Item>>> {
        self.inner.item(id)
    }

    fn items_of(&self, root: Id) -> Reply<'_, Vec<Arc<Item>>> {
        self.inner.items_of(root)
    }
}

impl Inbox for Mortal {
    fn notifications(
        &self,
        system: Arc<str>,
        user: Arc<str>,
        since: u64,
        page: u32,
    ) -> Reply<'_, Vec<Arc<Notification>>> {
        self.inner.notifications(system, user, since, page)
    }
}

impl Versions for Mortal {
    fn publish(&self, version: Version) -> Reply<'_, Hash> {
        self.inner.publish(version)
    }

    fn current(&self) -> Reply<'_, Vec<(Arc<str>, Hash)>> {
        self.inner.current()
    }

    fn version(&self, hash: Hash) -> Reply<'_, Option<Version>> {
        self.inner.version(hash)
    }
}

impl Actions for Mortal {
    fn step(&self, step: Step) -> Reply<'_, Action> {
        self.inner.step(step)
    }

    fn stop_action(&self, id: Id, at_ms: i64) -> Reply<'_, Option<Action>> {
        self.inner.stop_action(id, at_ms)
    }

    fn action(&self, id: Id) -> Reply<'_, Option<Action>> {
        self.inner.action(id)
    }

    fn actions(&self, system: Arc<str>) -> Reply<'_, Vec<Action>> {
        self.inner.actions(system)
    }

    fn open_actions(&self) -> Reply<'_, Vec<Action>> {
        self.inner.open_actions()
    }
}

impl Keys for Mortal {
    fn act(&self, deed: Deed) -> Reply<'_, Did> {
        self.inner.act(deed)
    }

    fn once(&self, key: Key, deed: Deed, answer: Option<Kept>) -> Reply<'_, Once> {
        self.inner.once(key, deed, answer)
    }

    fn answered(&self, key: Key) -> Reply<'_, Option<Once>> {
        self.inner.answered(key)
    }
}

impl Store for Mortal {
    fn changes(&self) -> broadcast::Receiver<Changes> {
        self.inner.changes()
    }

    fn room(&self) -> Result<(), store::Error> {
        self.inner.room()
    }

    fn secret(&self, name: &'static str, fresh: [u8; 32]) -> Reply<'_, [u8; 32]> {
        self.inner.secret(name, fresh)
    }

    fn close(&self) -> Reply<'_, ()> {
        self.inner.close()
    }
}
