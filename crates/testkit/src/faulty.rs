//! A store whose answers come late, or never, or are errors, as somebody else decides call by call.
//!
//! It decides nothing itself and keeps nothing back that was handed over: submissions go to the store beneath in their
//! order, and what becomes of them there is the matter of the disk.

use std::{pin::Pin, sync::Arc};

use recipe::Value;
use store::{
    Account, Action, Actions, AsksTurn, Cancelled, Changes, Checkpoint, Claimed, Commit, Declared, Deed, Did,
    Due, Entries, Error, Filter, Handled, Hash, Heard, Hosts, Id, Inbox, Item, Items, Journals, Kept, Key,
    Keys, Lane, Log, Moved, NewRun, Noted, Notification, Once, Page, Pause, Paused, People, Pinned,
    Publication, Publish, Queue, Queues, Reopened, Reply, Run, Runs, Schedule, Schedules, Session, Settled,
    Signalled, Slot, Started, Step, Store, Ticket, Turn, User, UserEdit, Version, Versions,
};
use tokio::sync::{Notify, broadcast, oneshot};

/// On which side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It has not been made.
    Before,
    /// It is done, and its answer has not arrived.
    After,
}

/// What befalls a call: returns when it goes on, or with an error, or never.
pub type Befalls<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// Who decides.
pub trait Faults: Send + Sync {
    /// What befalls a call of that name. Where the store beneath may have written already, an error would be a lie: then
    /// `writes` is true and the side is [`Side::After`].
    fn befalls(&self, call: &'static str, side: Side, writes: bool) -> Befalls<'_>;

    /// Whether the process goes on at a call that waits for nothing; else it has died, and the call is not made.
    fn lives(&self, call: &'static str) -> bool;

    /// Runs were claimed.
    fn claimed(&self, _claimed: &[Claimed]) {}

    /// A claimed run goes back to the queue.
    fn released(&self, _run: Id, _epoch: u64) {}

    /// What becomes of a submission.
    fn commit(&self, inner: &dyn Store, commit: Commit) -> Ticket {
        match self.lives("commit") {
            true => inner.commit(commit),
            // Its other end is gone, as the process is.
            false => oneshot::channel().1,
        }
    }
}

/// A store that faults befall.
pub struct Faulty {
    /// The store beneath.
    pub inner: Arc<dyn Store>,
    /// Who decides.
    pub faults: Arc<dyn Faults>,
}

impl Faulty {
    fn read<'a, T: Send + 'a>(&'a self, call: &'static str, reply: Reply<'a, T>) -> Reply<'a, T> {
        self.between(call, false, reply)
    }

    fn between<'a, T: Send + 'a>(
        &'a self,
        call: &'static str,
        writes: bool,
        reply: Reply<'a, T>,
    ) -> Reply<'a, T> {
        Box::pin(async move {
            self.faults.befalls(call, Side::Before, writes).await?;
            let answer = reply.await?;
            self.faults.befalls(call, Side::After, writes).await?;
            Ok(answer)
        })
    }

    /// An order is in the store's hands as soon as it is made: it is made late, not answered early.
    fn write<'a, T: Send + 'a>(
        &'a self,
        call: &'static str,
        make: impl FnOnce(&'a dyn Store) -> Reply<'a, T> + Send + 'a,
    ) -> Reply<'a, T> {
        let late = Box::pin(async move { make(&*self.inner).await });
        self.between(call, true, late)
    }
}

impl Runs for Faulty {
    fn commit(&self, commit: Commit) -> Ticket {
        self.faults.commit(&*self.inner, commit)
    }

    fn start(&self, new: NewRun) -> Reply<'_, Started> {
        self.write("start", |inner| inner.start(new))
    }

    fn claim(&self, max: usize) -> Reply<'_, Vec<Claimed>> {
        // What is claimed arrives at once: whoever is dropped while it waits must hold nothing.
        Box::pin(async move {
            self.faults.befalls("claim", Side::Before, false).await?;
            let claimed = self.inner.claim(max).await?;
            self.faults.claimed(&claimed);
            Ok(claimed)
        })
    }

    fn lanes(&self) -> Reply<'_, Vec<Lane>> {
        self.inner.lanes()
    }

    fn queued<'a>(&'a self, system: &'a str, most: u64) -> Reply<'a, u64> {
        self.inner.queued(system, most)
    }

    fn claim_now(&self, max: usize) -> Vec<Claimed> {
        if !self.faults.lives("claim_now") {
            return Vec::new();
        }
        let claimed = self.inner.claim_now(max);
        self.faults.claimed(&claimed);
        claimed
    }

    fn release(&self, run: Id, epoch: u64) {
        if self.faults.lives("release") {
            self.faults.released(run, epoch);
            self.inner.release(run, epoch);
        }
    }

    fn cancel(&self, run: Id, children: bool, at_ms: i64) -> Reply<'_, Cancelled> {
        self.write("cancel", move |inner| inner.cancel(run, children, at_ms))
    }

    fn is_asked_to_end(&self, run: Id) -> bool {
        self.inner.is_asked_to_end(run)
    }

    fn reopen(&self, run: Id, moved: Option<Moved>, at_ms: i64) -> Reply<'_, Reopened> {
        self.write("reopen", move |inner| inner.reopen(run, moved, at_ms))
    }

    fn signal(&self, run: Id, name: Arc<str>, body: Value) -> Reply<'_, Signalled> {
        self.write("signal", move |inner| inner.signal(run, name, body))
    }

    fn answer(&self, run: Id, name: Arc<str>, body: Value) -> Reply<'_, Signalled> {
        self.write("answer", move |inner| inner.answer(run, name, body))
    }

    fn heard(&self, run: Id, name: Arc<str>) -> Reply<'_, Heard> {
        self.read("heard", self.inner.heard(run, name))
    }

    fn may_act(&self, run: Id, epoch: u64) -> bool {
        self.inner.may_act(run, epoch)
    }

    fn ahead<'a>(&'a self, run: &'a NewRun) -> Reply<'a, Option<usize>> {
        self.inner.ahead(run)
    }

    fn run(&self, id: Id) -> Reply<'_, Option<Run>> {
        self.read("run", self.inner.run(id))
    }

    fn children(&self, of: Id) -> Reply<'_, Vec<Run>> {
        self.read("children", self.inner.children(of))
    }

    fn tree_lives(&self, root: Id) -> Reply<'_, bool> {
        self.read("tree_lives", self.inner.tree_lives(root))
    }

    fn runs(&self, filter: Filter) -> Reply<'_, Page<Run>> {
        self.read("runs", self.inner.runs(filter))
    }

    fn mine(&self, system: Arc<str>, user: Arc<str>, cursor: Option<String>) -> Reply<'_, Page<Run>> {
        self.read("mine", self.inner.mine(system, user, cursor))
    }

    fn logs(&self, run: Id) -> Reply<'_, Vec<Log>> {
        self.read("logs", self.inner.logs(run))
    }

    fn account(&self) -> Reply<'_, Account> {
        self.read("account", self.inner.account())
    }
}

impl Journals for Faulty {
    fn resume(&self, run: Id) -> Reply<'_, (Option<Checkpoint>, Vec<Entries>)> {
        self.read("resume", self.inner.resume(run))
    }

    fn trace(&self, run: Id) -> Reply<'_, (Option<Checkpoint>, Vec<Entries>)> {
        self.read("trace", self.inner.trace(run))
    }

    fn stored_bytes(&self, run: Id) -> Reply<'_, u64> {
        self.read("stored_bytes", self.inner.stored_bytes(run))
    }
}

impl Items for Faulty {
    fn items(&self, system: Arc<str>, since: u64) -> Reply<'_, Vec<Arc<Item>>> {
        self.read("items", self.inner.items(system, since))
    }

    fn item(&self, id: Id) -> Reply<'_, Option<Arc<Item>>> {
        self.read("item", self.inner.item(id))
    }

    fn items_of(&self, root: Id) -> Reply<'_, Vec<Arc<Item>>> {
        self.read("items_of", self.inner.items_of(root))
    }
}

impl Inbox for Faulty {
    fn notifications(
        &self,
        system: Arc<str>,
        user: Arc<str>,
        since: u64,
        page: u32,
    ) -> Reply<'_, Vec<Arc<Notification>>> {
        self.read("notifications", self.inner.notifications(system, user, since, page))
    }

    fn notification(&self, system: Arc<str>, user: Arc<str>, id: Id) -> Reply<'_, Option<Arc<Notification>>> {
        self.read("notification", self.inner.notification(system, user, id))
    }

    fn handle(&self, handled: Handled) -> Reply<'_, Vec<Arc<Notification>>> {
        self.write("handle", |inner| inner.handle(handled))
    }
}

impl Versions for Faulty {
    fn publish(&self, version: Version, how: Publish) -> Reply<'_, Hash> {
        self.write("publish", |inner| inner.publish(version, how))
    }

    fn publish_again(&self, system: Arc<str>, version: Hash, how: Publish) -> Reply<'_, bool> {
        self.write("publish_again", move |inner| inner.publish_again(system, version, how))
    }

    fn current(&self) -> Reply<'_, Vec<(Arc<str>, Hash)>> {
        self.read("current", self.inner.current())
    }

    fn version(&self, hash: Hash) -> Reply<'_, Option<Version>> {
        self.read("version", self.inner.version(hash))
    }

    fn settled(&self, system: Arc<str>) -> Reply<'_, Option<Hash>> {
        self.read("settled", self.inner.settled(system))
    }

    fn history(&self, system: Arc<str>) -> Reply<'_, Vec<Publication>> {
        self.read("history", self.inner.history(system))
    }

    fn pinned(&self, system: Arc<str>) -> Reply<'_, Vec<Pinned>> {
        self.read("pinned", self.inner.pinned(system))
    }
}

impl Keys for Faulty {
    fn act(&self, deed: Deed) -> Reply<'_, Did> {
        self.write("act", move |inner| inner.act(deed))
    }

    fn once(&self, key: Key, deed: Deed, answer: Option<Kept>) -> Reply<'_, Once> {
        self.write("once", move |inner| inner.once(key, deed, answer))
    }

    fn answered(&self, key: Key) -> Reply<'_, Option<Once>> {
        self.read("answered", self.inner.answered(key))
    }
}

impl Actions for Faulty {
    fn step(&self, step: Step) -> Reply<'_, Action> {
        self.write("step", move |inner| inner.step(step))
    }

    fn stop_action(&self, id: Id, at_ms: i64) -> Reply<'_, Option<Action>> {
        self.write("stop_action", move |inner| inner.stop_action(id, at_ms))
    }

    fn action(&self, id: Id) -> Reply<'_, Option<Action>> {
        self.read("action", self.inner.action(id))
    }

    fn actions(&self, system: Arc<str>) -> Reply<'_, Vec<Action>> {
        self.read("actions", self.inner.actions(system))
    }

    fn open_actions(&self) -> Reply<'_, Vec<Action>> {
        self.read("open_actions", self.inner.open_actions())
    }
}

impl Queues for Faulty {
    fn pause_queue(&self, pause: Pause) -> Reply<'_, bool> {
        self.write("pause_queue", move |inner| inner.pause_queue(pause))
    }

    fn resume_queue(&self, system: Arc<str>, queue: Arc<str>) -> Reply<'_, bool> {
        self.write("resume_queue", move |inner| inner.resume_queue(system, queue))
    }

    fn queues<'a>(&'a self, system: &'a str) -> Reply<'a, Vec<Queue>> {
        self.inner.queues(system)
    }

    fn paused<'a>(&'a self, system: &'a str, queue: &'a str) -> Reply<'a, Option<Pause>> {
        self.inner.paused(system, queue)
    }
}

/// It decides on others' calls and keeps nothing: no fault befalls it.
impl Hosts for Faulty {
    fn turn(&self, asks: AsksTurn) -> Reply<'_, Turn> {
        self.inner.turn(asks)
    }

    fn bell(&self, who: Id) -> Arc<Notify> {
        self.inner.bell(who)
    }

    fn leave(&self, host: Arc<str>, who: Id, stands: bool) {
        self.inner.leave(host, who, stands);
    }

    fn before_at<'a>(&'a self, host: &'a str, run: Id) -> Reply<'a, Option<usize>> {
        self.inner.before_at(host, run)
    }

    fn done(&self, slot: Slot) {
        self.inner.done(slot);
    }

    fn block(&self, host: Arc<str>, ms: u64) -> Reply<'_, ()> {
        self.inner.block(host, ms)
    }
}

impl Schedules for Faulty {
    fn declare(
        &self,
        system: Arc<str>,
        version: Hash,
        declared: Vec<Declared>,
        at_ms: i64,
    ) -> Reply<'_, Vec<Schedule>> {
        self.write("declare", move |inner| inner.declare(system, version, declared, at_ms))
    }

    fn schedules(&self, system: Option<Arc<str>>) -> Reply<'_, Vec<Schedule>> {
        self.read("schedules", self.inner.schedules(system))
    }

    fn settle(&self, due: Due) -> Reply<'_, Option<Vec<Settled>>> {
        self.write("settle", move |inner| inner.settle(due))
    }

    fn pause(&self, schedule: Id, paused: Option<Paused>) -> Reply<'_, Option<Schedule>> {
        self.write("pause", move |inner| inner.pause(schedule, paused))
    }

    fn ledger(&self, schedule: Id, before_ms: Option<i64>) -> Reply<'_, Vec<Settled>> {
        self.read("ledger", self.inner.ledger(schedule, before_ms))
    }
}

impl People for Faulty {
    fn users(&self) -> Reply<'_, Vec<User>> {
        self.read("users", self.inner.users())
    }

    fn edit_user(&self, edit: UserEdit) -> Reply<'_, Option<User>> {
        self.write("edit_user", move |inner| inner.edit_user(edit))
    }

    fn open_session(&self, session: Session, now_ms: i64) -> Reply<'_, ()> {
        self.write("open_session", move |inner| inner.open_session(session, now_ms))
    }

    fn session(&self, name: Hash) -> Reply<'_, Option<Session>> {
        self.read("session", self.inner.session(name))
    }

    fn close_session(&self, name: Hash) -> Reply<'_, ()> {
        self.write("close_session", move |inner| inner.close_session(name))
    }

    fn note(&self, line: Noted) -> Reply<'_, ()> {
        self.write("note", move |inner| inner.note(line))
    }

    fn trail(&self, system: Option<Arc<str>>, before: Option<Id>) -> Reply<'_, Vec<Noted>> {
        self.read("trail", self.inner.trail(system, before))
    }
}

impl Store for Faulty {
    fn changes(&self) -> broadcast::Receiver<Changes> {
        self.inner.changes()
    }

    fn room(&self) -> Result<(), store::Error> {
        self.inner.room()
    }

    fn secret(&self, name: &'static str, fresh: [u8; 32]) -> Reply<'_, [u8; 32]> {
        self.write("secret", move |inner| inner.secret(name, fresh))
    }

    fn close(&self) -> Reply<'_, ()> {
        self.inner.close()
    }
}
