//! What is kept and what has changed.
//!
//! Everything that outlives a process goes in as one [`Commit`] (own writes, journal entries and the end of a run in
//! one transaction) and comes out as reads of a page at a time and as one ordered stream of [`Change`]s after the
//! commit. The crate knows values, not graphs: a journal entry and a checkpoint are bytes here, and what an effect
//! means is the engine's matter. No SQL leaves it.

mod action;
mod change;
mod error;
mod forms;
mod hosts;
mod id;
mod notification;
mod once;
mod people;
pub mod postgres;
pub mod probe;
mod progress;
mod queue;
mod run;
pub mod sabotage;
mod schedule;
pub mod sqlite;
mod trace;
mod unique;
mod version;

use std::{future::Future, pin::Pin, sync::Arc};

pub use action::{Action, Bulk, Step};
pub use change::{Change, Changes, Message, To, Toast};
pub use error::Error;
pub use hosts::{AsksTurn, HostLimits, Slot, Turn};
pub use id::Id;
pub use notification::{Handled, Handling, Notification};
pub use once::{Deed, Did, KEPT_MS, Kept, Key, Once};
pub use people::{Grant, Noted, Session, User, UserEdit, UserKey};
pub use progress::{Contribution, Item, ItemStatus, Merged, Past, Share, Took, Usual, Window};
pub use queue::{Pause, Queue};
pub use recipe::Blob;
use recipe::Value;
pub use run::{
    Account, Await, Cancelled, Claimed, End, Filter, Heard, Lane, Limit, Log, Moved, NewRun, Page, Park,
    Parked, Reopened, Run, Signalled, Standing, Started, Status,
};
pub use schedule::{Declared, Due, Fate, Overlap, Paused, Plan, Schedule, Settled, Timing, Why};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, broadcast};
pub use unique::Unique;
pub use version::{Hash, Pinned, Publication, Publish, VERSIONS_MAX, VERSIONS_MIN, VERSIONS_MS, Version};

/// A boxed future: reads are pages, so a box is nothing beside them, and it keeps [`Store`] usable as a trait object.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// What one submission writes, all or nothing (durability.md, Output commit).
#[derive(Debug, Default)]
pub struct Commit {
    /// The run that writes it. A submission that failed poisons the later ones of the same run and epoch.
    pub run: Id,
    /// The epoch under which the run was claimed; 0 for a run inside a request, which nobody else can own.
    pub epoch: u64,
    /// Journal entries, in the order in which outcomes arrived.
    pub entries: Option<Entries>,
    /// The interpreter's state after `at` entries.
    pub checkpoint: Option<Checkpoint>,
    /// With a checkpoint: what the run's journal may hold, bytes. The oldest part of its trace goes until it does.
    pub stored_max: Option<u64>,
    /// How long workers have held the run, milliseconds, for whoever claims it next; with a park or an end it stands there.
    pub worked_ms: Option<u64>,
    /// Own writes, in the order in which they were made.
    pub writes: Vec<Write>,
    /// Set when the run leaves its worker for now.
    pub park: Option<Park>,
    /// Set when the run is over.
    pub end: Option<End>,
}

/// A run of journal entries as the interpreter encoded them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// How many entries the journal held before these.
    pub at: u64,
    /// How many entries `bytes` holds.
    pub count: u32,
    /// The encoded entries.
    pub bytes: Vec<u8>,
}

/// An encoded interpreter state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many entries the state has seen.
    pub at: u64,
    /// The encoded state.
    pub bytes: Vec<u8>,
    /// Hashes of the large values that it refers to, those in others first.
    pub needs: Vec<Hash>,
    /// Those values. In a commit, those may be left out that the run's newest checkpoint needs too; what is read has
    /// all that are there, in the order of `needs`.
    pub blobs: Vec<Blob>,
}

/// One write on our own data.
#[derive(Debug)]
pub enum Write {
    /// A background run to be queued. A run id that is there already is left as it is; where a unique key is another run's, nothing is
    /// started.
    Start(NewRun),
    /// The row of a run that was worked inside a request; it comes with `end` in the same commit, or with `park`.
    Request(NewRun),
    /// A notification kept until it is read.
    Notify(Notification),
    /// What one run adds to one progress item.
    Progress(Contribution),
    /// The run has taken a signal of that name.
    Signal(Arc<str>),
    /// A line on the run's page.
    Log(Log),
    /// The answer to the request that has that key, sent once this is durable; without one the key is free again.
    Keep {
        /// See [`Key::name`].
        name: Hash,
        /// None: such an answer is not kept.
        answer: Option<Kept>,
    },
    /// Nothing is kept on disk; it goes out after the commit, in order with the rest.
    Toast(Toast),
    /// The same.
    Message(Message),
}

/// So many runs are counted before one that is ready.
pub const AHEAD_MAX: usize = 10_000;

/// Resolves when the submission is durable, or with the reason why it was refused.
pub type Ticket = tokio::sync::oneshot::Receiver<Result<(), Error>>;

/// Runs, their journal and their end.
pub trait Runs: Send + Sync {
    /// Hands a submission to the writer, in order; whatever waits is committed together. The ticket may be dropped.
    fn commit(&self, commit: Commit) -> Ticket;
    /// Starts a run unless one with its unique key is there: then that one is given back. Answered once it is durable.
    fn start(&self, new: NewRun) -> Reply<'_, Started>;
    /// Up to `max` ready runs (priority, then age, within a lane; lanes in turn), each under a new epoch. Waits until there is at least one.
    fn claim(&self, max: usize) -> Reply<'_, Vec<Claimed>>;
    /// The same without waiting: what a worker takes next. None where there is nothing.
    fn claim_now(&self, max: usize) -> Vec<Claimed>;
    /// Hands a claimed run back to the queue, at no cost of an attempt. Does nothing under an old epoch.
    fn release(&self, run: Id, epoch: u64);
    /// Whether this process may begin calls on others for a run that it has claimed under that epoch (0: for a request): it holds it, and its
    /// lease lasts long enough.
    fn may_act(&self, _run: Id, _epoch: u64) -> bool {
        true
    }
    /// Asks for the end of a run: a queued or parked one ends at once, a claimed one is marked (kept over a crash) and announced as
    /// [`Change::Cancel`]. `children`: the live runs that it started are asked the same way, now and once more when it has ended.
    fn cancel(&self, run: Id, children: bool, at_ms: i64) -> Reply<'_, Cancelled>;
    /// Whether the end of a run that is claimed here was asked for.
    fn is_asked_to_end(&self, run: Id) -> bool;
    /// Tries a run that failed or was cancelled again from there, under another version if its state was moved there: it is queued, its
    /// journal stays, its attempts count anew, and its bars move again.
    fn reopen(&self, run: Id, moved: Option<Moved>, at_ms: i64) -> Reply<'_, Reopened>;
    /// Brings a signal to a run: it is kept, one a name, until the run takes it, and wakes a run that waits for it.
    fn signal(&self, run: Id, name: Arc<str>, body: Value) -> Reply<'_, Signalled>;
    /// The same, but only the first of that name that was ever brought to the run: [`Signalled::Double`] says that it was.
    fn answer(&self, run: Id, name: Arc<str>, body: Value) -> Reply<'_, Signalled>;
    /// Whether a signal of that name was brought to a run.
    fn heard(&self, run: Id, name: Arc<str>) -> Reply<'_, Heard>;
    /// How many runs of its lane come before one that is ready, at most [`AHEAD_MAX`]; None if it is not.
    fn ahead<'a>(&'a self, run: &'a NewRun) -> Reply<'a, Option<usize>>;
    /// One run.
    fn run(&self, id: Id) -> Reply<'_, Option<Run>>;
    /// The runs that `parent` started, oldest first, at most 1,000.
    fn children(&self, parent: Id) -> Reply<'_, Vec<Run>>;
    /// Whether any run of the tree that `root` started has not ended; `root` belongs to it.
    fn tree_lives(&self, root: Id) -> Reply<'_, bool>;
    /// A page of runs, newest first. It looks at a bounded number of rows: a page may be short and still have a cursor.
    fn runs(&self, filter: Filter) -> Reply<'_, Page<Run>>;
    /// The background runs that a person started, newest first.
    fn mine(&self, system: Arc<str>, user: Arc<str>, cursor: Option<String>) -> Reply<'_, Page<Run>>;
    /// Lines that the run logged, oldest first.
    fn logs(&self, run: Id) -> Reply<'_, Vec<Log>>;
    /// Conservation: accepted = succeeded + failed + cancelled + queued + running + waiting.
    fn account(&self) -> Reply<'_, Account>;
    /// Where runs are ready to be claimed; blocked, delayed and waiting ones are not.
    fn lanes(&self) -> Reply<'_, Vec<Lane>>;
    /// How many runs of a system are queued: ready, or blocked by a limit of theirs. Beyond `most` they need not be counted, and while they are
    /// less than half of it the count may be a second old.
    fn queued<'a>(&'a self, system: &'a str, most: u64) -> Reply<'a, u64>;
}

/// The bytes of journals.
pub trait Journals: Send + Sync {
    /// The newest checkpoint and the entries after it: what a resuming run needs.
    fn resume(&self, run: Id) -> Reply<'_, (Option<Checkpoint>, Vec<Entries>)>;
    /// The trace: the oldest kept checkpoint and every kept entry after it.
    fn trace(&self, run: Id) -> Reply<'_, (Option<Checkpoint>, Vec<Entries>)>;
    /// What the run's journal holds, the large values of its checkpoints included, bytes.
    fn stored_bytes(&self, run: Id) -> Reply<'_, u64>;
}

/// Progress items as they are shown.
pub trait Items: Send + Sync {
    /// Items of a system that changed after `since` (0: all that are moving, and those that ended in the last hour), oldest change first.
    fn items(&self, system: Arc<str>, since: u64) -> Reply<'_, Vec<Arc<Item>>>;
    /// One item.
    fn item(&self, id: Id) -> Reply<'_, Option<Arc<Item>>>;
    /// The items of one tree of runs.
    fn items_of(&self, root: Id) -> Reply<'_, Vec<Arc<Item>>>;
}

/// Notifications kept for people.
pub trait Inbox: Send + Sync {
    /// Notifications of a person, newest first, 100 a page; the first page is 0. After a `since` those that changed then, the
    /// newest change first, with those that are gone.
    fn notifications(
        &self,
        system: Arc<str>,
        user: Arc<str>,
        since: u64,
        page: u32,
    ) -> Reply<'_, Vec<Arc<Notification>>>;
    /// One of a person's, unless it is gone.
    fn notification(&self, system: Arc<str>, user: Arc<str>, id: Id) -> Reply<'_, Option<Arc<Notification>>>;
    /// Does it, and gives those that are there as they are then. What changes is told ([`Change::Notification`]).
    fn handle(&self, handled: Handled) -> Reply<'_, Vec<Arc<Notification>>>;
}

/// Folders of systems as they were published. One stays while a run that is kept is pinned to it, and for a rollback: the
/// [`VERSIONS_MIN`] that were current last, and for [`VERSIONS_MS`] the [`VERSIONS_MAX`] that were; others go an hour after
/// they were replaced. Whatever becomes current is told to every process that has the database ([`Change::Published`]).
pub trait Versions: Send + Sync {
    /// Stores the files that are not there yet and makes this the system's current version. The same content is the same version:
    /// where it is current already nothing changes but the folder that is settled with it. Gives what is current then.
    fn publish(&self, version: Version, how: Publish) -> Reply<'_, Hash>;
    /// Makes a version of the system that is kept current again; false: there is none.
    fn publish_again(&self, system: Arc<str>, version: Hash, how: Publish) -> Reply<'_, bool>;
    /// The current version of every system.
    fn current(&self) -> Reply<'_, Vec<(Arc<str>, Hash)>>;
    /// The content of the system's folder that is settled ([`Publish::folder`]).
    fn settled(&self, system: Arc<str>) -> Reply<'_, Option<Hash>>;
    /// A version with its files.
    fn version(&self, hash: Hash) -> Reply<'_, Option<Version>>;
    /// The kept versions of a system, at most 200, those that became current last first.
    fn history(&self, system: Arc<str>) -> Reply<'_, Vec<Publication>>;
    /// The system's live runs by version and workflow, at most 1,000 lines, those with the most runs first: counters, however
    /// many runs there are. Runs inside requests are not among them.
    fn pinned(&self, system: Arc<str>) -> Reply<'_, Vec<Pinned>>;
}

/// What is asked for under a key is done once. The caller sees to it that its process does one thing at a time under a key.
pub trait Keys: Send + Sync {
    /// Does it: without a key as often as it is asked for.
    fn act(&self, deed: Deed) -> Reply<'_, Did>;
    /// Does it and keeps the answer with it, unless a request of that name was answered in the last 24 h. Where the store
    /// refuses the deed (the run has ended, there is none), and where a unique start gave back another's run, `answer` is not kept.
    fn once(&self, key: Key, deed: Deed, answer: Option<Kept>) -> Reply<'_, Once>;
    /// What a request of that name finds, if it is not to be done any more.
    fn answered(&self, key: Key) -> Reply<'_, Option<Once>>;
}

/// What is done to many runs at once. One is recorded by [`Deed::Record`].
pub trait Actions: Send + Sync {
    /// Does a page of it, unless its end was asked for, and gives what it has come to. [`Error::Conflict`] if that page was done.
    fn step(&self, step: Step) -> Reply<'_, Action>;
    /// Asks for its end: what is done stays done. None: there is no such action.
    fn stop_action(&self, id: Id, at_ms: i64) -> Reply<'_, Option<Action>>;
    /// One of them.
    fn action(&self, id: Id) -> Reply<'_, Option<Action>>;
    /// The newest of a system, at most 50.
    fn actions(&self, system: Arc<str>) -> Reply<'_, Vec<Action>>;
    /// Those that are not over, oldest first, at most 100.
    fn open_actions(&self) -> Reply<'_, Vec<Action>>;
}

/// Queues of systems.
pub trait Queues: Send + Sync {
    /// Nothing of that queue is claimed from then on; false if it was paused already, by whomever.
    fn pause_queue(&self, pause: Pause) -> Reply<'_, bool>;
    /// Its runs are claimed again; false if it was not paused.
    fn resume_queue(&self, system: Arc<str>, queue: Arc<str>) -> Reply<'_, bool>;
    /// The queues of a system in which runs are ready or worked, and those that are paused, by name.
    fn queues<'a>(&'a self, system: &'a str) -> Reply<'a, Vec<Queue>>;
    /// Who has paused that queue.
    fn paused<'a>(&'a self, system: &'a str, queue: &'a str) -> Reply<'a, Option<Pause>>;
}

/// Hosts that are called no more than they take. A process that dies gives its slots back with its lease.
pub trait Hosts: Send + Sync {
    /// Asks for a turn at a host. Where it is full the oldest of those who stand in line has the next one.
    fn turn(&self, asks: AsksTurn) -> Reply<'_, Turn>;
    /// Rings when whoever stands in line is to ask again. To be had before it asks, and until it leaves.
    fn bell(&self, who: Id) -> Arc<Notify>;
    /// Nobody hears the bell any more. `stands`: it was in line, and waits no longer.
    fn leave(&self, host: Arc<str>, who: Id, stands: bool);
    /// The call is over.
    fn done(&self, slot: Slot);
    /// Nobody's turn comes for so many milliseconds.
    fn block(&self, host: Arc<str>, ms: u64) -> Reply<'_, ()>;
    /// How many of those in line at a host came before that run, at most [`AHEAD_MAX`]; None: it is not in line.
    fn before_at<'a>(&'a self, host: &'a str, run: Id) -> Reply<'a, Option<usize>>;
}

/// What is due by the clock. Every due time is settled once, however many processes try.
pub trait Schedules: Send + Sync {
    /// Makes these the schedules of a system, as that version of it has them, and gives them. Where another version is current nothing is
    /// changed: whoever declares is behind. One that is new, changed or back has nothing due before `at_ms`; one that is not named is
    /// gone, with its ledger and its pause kept.
    fn declare(
        &self,
        system: Arc<str>,
        version: Hash,
        declared: Vec<Declared>,
        at_ms: i64,
    ) -> Reply<'_, Vec<Schedule>>;
    /// Those of a system (None: of all) that are not gone.
    fn schedules(&self, system: Option<Arc<str>>) -> Reply<'_, Vec<Schedule>>;
    /// Settles due times: each gets its line in the ledger, with the run that it starts, in one transaction. Whether the schedule is paused and
    /// whether a run of it lives is looked up there. None: somebody settled them before, or the schedule has changed, and nothing was
    /// done. [`Error::Conflict`] where one of them has a line already.
    fn settle(&self, due: Due) -> Reply<'_, Option<Vec<Settled>>>;
    /// Pauses a schedule, or lets it go on; None: there is no such schedule.
    fn pause(&self, schedule: Id, paused: Option<Paused>) -> Reply<'_, Option<Schedule>>;
    /// A hundred lines of the ledger that were due before that moment (None: the newest), the newest first. They stay 90 days.
    fn ledger(&self, schedule: Id, before_ms: Option<i64>) -> Reply<'_, Vec<Settled>>;
}

/// Who may come in, and what was done by whom.
pub trait People: Send + Sync {
    /// All who have keys here, by name. Whoever holds them reads them again at each [`Change::Users`].
    fn users(&self) -> Reply<'_, Vec<User>>;
    /// Changes one; what has become of it (for one that was removed: what it was). None: there is no such user, key or grant.
    fn edit_user(&self, edit: UserEdit) -> Reply<'_, Option<User>>;
    /// A browser signs in.
    fn open_session(&self, session: Session, now_ms: i64) -> Reply<'_, ()>;
    /// The session of that name, whether it is over or not.
    fn session(&self, name: Hash) -> Reply<'_, Option<Session>>;
    /// It lets nobody in any more.
    fn close_session(&self, name: Hash) -> Reply<'_, ()>;
    /// Adds a line to the trail.
    fn note(&self, line: Noted) -> Reply<'_, ()>;
    /// Fifty lines of a system (None: of the installation) before that one, the newest first.
    fn trail(&self, system: Option<Arc<str>>, before: Option<Id>) -> Reply<'_, Vec<Noted>>;
}

/// All of it.
pub trait Store:
    Runs + Journals + Items + Inbox + Versions + Keys + Actions + Queues + Hosts + Schedules + People
{
    /// Everything that changes from now on, in commit order; a receiver that falls behind by more than the buffer is told so and reads the states.
    fn changes(&self) -> broadcast::Receiver<Changes>;
    /// Whether there is room for what comes from outside; what runs is not asked. Cheap: the disk is looked at once a second.
    ///
    /// # Errors
    /// [`Error::Filling`]; while nothing can be written, why.
    fn room(&self) -> Result<(), Error>;
    /// The installation's secret of that name: `fresh` at the first use, and the same from then on.
    fn secret(&self, name: &'static str, fresh: [u8; 32]) -> Reply<'_, [u8; 32]>;
    /// Commits what was submitted, then closes. Later submissions are refused with [`Error::Closed`].
    fn close(&self) -> Reply<'_, ()>;
}
