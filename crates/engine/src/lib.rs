//! Makes it happen: takes ready runs from the store, steps them through the interpreter, performs their effects, and
//! writes what came of it. One way: a claim goes in, commits come out.
//!
//! ```text
//! call ----> request: the run's machine inside the request --> one commit --> answer
//!    \-----> Start --> store --> claim --> work --> commits .. --> end
//! ```
//!
//! It must not know: incoming HTTP, pages, SQL.

pub mod bulk;
mod call;
mod clock;
mod context;
pub mod deploy;
mod diff;
mod drive;
pub mod effects;
mod failed;
mod fetch;
mod folder;
mod kept;
mod modal;
mod policy;
pub mod replay;
mod request;
mod retry;
mod schedules;
mod settings;
mod signals;
mod stand;
mod starts;
mod systems;
mod trace;
mod waits;
mod why;
mod work;

use std::sync::Arc;

pub use call::{Answer, Call, Door, Person, Refusal, Response, Started};
pub use clock::{Clock, Ids};
pub use diff::{Diff, Part, Timed, Turn};
pub use effects::turns::host_name;
pub use fetch::fetch;
pub use folder::{belongs, read_folder};
pub use modal::{Modal, Said, Says, Used, is_modals};
use recipe::Value;
pub use request::{Planned, Worked, may_start};
pub use retry::{Retried, RetryFrom};
pub use schedules::Wish;
pub use settings::{Publishes, Settings};
pub use signals::{Asked, Question, Signed};
use store::{Cancelled, Deed, Did, Hash, Id, Kept, Key, Once, Run, Signalled, Store};
pub use systems::Published;
pub use trace::{Firing, Trace};

/// One process' share of the work. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// What everything in the engine needs.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) systems: systems::Systems,
    pub(crate) hosts: effects::turns::Hosts,
    pub(crate) http: Arc<dyn effects::http::Perform>,
    /// Something was recorded.
    pub(crate) bulk: tokio::sync::Notify,
    /// Systems have changed.
    pub(crate) schedules: tokio::sync::Notify,
    pub(crate) running: work::Running,
    pub(crate) kept: kept::Kept,
    pub(crate) doors: signals::Doors,
    pub(crate) starts: starts::Starts,
}

/// Why the engine could not start.
#[derive(Debug)]
pub enum Error {
    /// The store refused.
    Store(store::Error),
    /// The project's folder cannot be read.
    Folder(std::path::PathBuf, std::io::Error),
    /// The HTTP client cannot be made.
    Http(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Store(error) => write!(f, "{error}"),
            Error::Folder(path, error) => {
                write!(f, "the folder `{}` cannot be read: {error}", path.display())
            }
            Error::Http(why) => write!(f, "the HTTP client cannot be made: {why}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Error {
        Error::Store(error)
    }
}

impl Engine {
    /// Over a store that is open; publishes the project's folder, works nothing yet.
    pub async fn open(store: Arc<dyn Store>, settings: Settings) -> Result<Engine, Error> {
        let http = match &settings.http {
            Some(http) => http.clone(),
            None => client(&settings)?,
        };
        let shared = Shared {
            doors: signals::Doors::open(&*store, settings.public_url.as_deref()).await?,
            starts: starts::Starts::default(),
            systems: systems::Systems::open(store.clone()).await?,
            clock: settings.clock.clone(),
            hosts: effects::turns::Hosts::new(&settings.hosts),
            ids: Ids::new(settings.seed),
            store,
            settings,
            http,
            bulk: tokio::sync::Notify::new(),
            schedules: tokio::sync::Notify::new(),
            running: work::Running::default(),
            kept: kept::Kept::default(),
        };
        let engine = Engine { shared: Arc::new(shared) };
        engine.publish().await?;
        Ok(engine)
    }

    /// Reads the project's folder and makes what is in it the current versions, as [`Publishes`] says. A file with errors stands as it
    /// was when it was last good. Gives those that have changed.
    pub async fn publish(&self) -> Result<Vec<Arc<Published>>, Error> {
        let first = match self.shared.settings.publishes {
            Publishes::Changes => false,
            Publishes::First => true,
            Publishes::Nothing => return Ok(Vec::new()),
        };
        let versions = match self.folder().await {
            // Who is told what to work needs no folder.
            Err(Error::Folder(_, error)) if first && error.kind() == std::io::ErrorKind::NotFound => {
                Vec::new()
            }
            read => read?,
        };
        let changed = self.shared.systems.publish(versions, first).await?;
        if !changed.is_empty() {
            self.shared.schedules.notify_one();
        }
        Ok(changed)
    }

    /// What the project's folder holds; nothing where there is no project.
    async fn folder(&self) -> Result<Vec<store::Version>, Error> {
        let Some(project) = &self.shared.settings.project else { return Ok(Vec::new()) };
        let folder = project.clone();
        tokio::task::spawn_blocking(move || read_folder(&folder))
            .await
            .map_err(|error| Error::Folder(project.clone(), std::io::Error::other(error)))?
            .map_err(|error| Error::Folder(project.clone(), error))
    }

    /// How long what is under way may take to finish once the process is asked to end.
    pub fn grace(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.shared.settings.grace_ms)
    }

    /// Works runs, and publishes the folder when it changes, until `stop` says so; then finishes or hands back what is
    /// under way, within the grace period.
    pub async fn work(&self, stop: tokio::sync::watch::Receiver<Stop>) {
        let watch = folder::watch(self.clone(), stop.clone());
        let follow = systems::follow(self.shared.clone(), stop.clone());
        let pass_on = work::pass_on(self.shared.clone(), stop.clone());
        let bulk = bulk::work(self.shared.clone(), stop.clone());
        let schedules = schedules::work(self.shared.clone(), stop.clone());
        let work = work::work(self.shared.clone(), stop);
        tokio::join!(watch, follow, pass_on, bulk, schedules, work);
    }

    /// Works that one run and its descendants to their end and leaves others queued (`hefe run`).
    pub async fn work_tree(&self, root: Id, stop: tokio::sync::watch::Receiver<Stop>) {
        work::work_tree(self.shared.clone(), root, stop).await;
    }

    /// What is kept.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// The current version of every system, by name.
    pub fn systems(&self) -> Vec<Arc<Published>> {
        self.shared.systems.all()
    }

    /// The current version of a system.
    pub fn system(&self, name: &str) -> Option<Arc<Published>> {
        self.shared.systems.current(name)
    }

    /// Any version that is kept.
    pub async fn published(&self, version: Hash) -> Option<Arc<Published>> {
        self.shared.systems.at(version).await.ok().flatten()
    }

    /// Milliseconds since 1970.
    pub fn clock_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }

    /// Starts something: inside the request, or in the background.
    pub async fn call(&self, call: Call) -> Result<Started, Refusal> {
        request::call(&self.shared, call).await
    }

    /// Looks whether a call may be done, and begins nothing: for a caller that keeps the answer with what is done.
    pub async fn plan(&self, call: Call) -> Result<Planned, Refusal> {
        request::plan(&self.shared, call).await
    }

    /// Works a planned run inside the request, to its end or to a modal, up to its deadline. Nothing of it is written before [`Engine::settle`].
    pub async fn work_inside(&self, planned: Planned) -> Worked {
        request::work(&self.shared, planned).await
    }

    /// Writes what such a run did, with `keep` in the same transaction; its answer is to be sent after that.
    pub async fn settle(&self, worked: Worked, keep: Option<store::Write>) -> Result<Answer, Refusal> {
        request::settle_with(&self.shared, worked, keep).await
    }

    /// Does what is asked for under a key, unless it was done, and keeps the answer with it.
    pub async fn once(&self, key: Key, deed: Deed, answer: Option<Kept>) -> Result<Once, store::Error> {
        self.shared.store.once(key, deed, answer).await
    }

    /// Does it, as often as it is asked for.
    pub async fn act(&self, deed: Deed) -> Result<Did, store::Error> {
        self.shared.store.act(deed).await
    }

    /// The answer to whoever has the key, where only the caller could say it.
    pub async fn keep(&self, run: Id, keep: store::Write) -> Result<(), store::Error> {
        let commit = store::Commit { run, writes: vec![keep], ..store::Commit::default() };
        drive::settle(Some(self.shared.store.commit(commit))).await
    }

    /// What a retry would do, or why it cannot be.
    pub async fn plan_retry(&self, run: Id, from: RetryFrom) -> Result<Result<Deed, Retried>, store::Error> {
        retry::plan(&self.shared, run, from).await
    }

    /// Asks for the end of a run; `children`: and of its live descendants.
    pub async fn cancel(&self, run: Id, children: bool) -> Result<Cancelled, store::Error> {
        self.shared.store.cancel(run, children, self.shared.clock.now_ms()).await
    }

    /// Tries a run that failed or was cancelled again.
    pub async fn retry(&self, run: Id, from: RetryFrom) -> Result<Retried, store::Error> {
        retry::retry(&self.shared, run, from).await
    }

    /// Why a run is not worked right now, in one sentence; None if it is, or is over.
    pub async fn why(&self, run: &Run) -> Option<String> {
        why::why(&self.shared, run).await
    }

    /// The same from its row alone, for lists.
    pub async fn why_briefly(&self, run: &Run) -> Option<String> {
        why::briefly(&self.shared, run).await
    }

    /// Addresses that runs hand out begin with that, if no setting says otherwise: scheme, host and port that are listened on.
    pub fn served_at(&self, base: &str) {
        self.shared.doors.served_at(base);
    }

    /// What somebody is asked who opens the address of a signal; None if the signature is not that address's.
    pub async fn asked(&self, signal: &Signed<'_>) -> Result<Option<Asked>, store::Error> {
        signals::asked(&self.shared, signal).await
    }

    /// Brings the signal of a signed address, once; None if the signature is not that address's.
    pub async fn answer(&self, signal: &Signed<'_>, body: Value) -> Result<Option<Signalled>, store::Error> {
        signals::answer(&self.shared, signal, body).await
    }

    /// The modal that was answered; None: there is no such, or it is not that person's.
    pub async fn modal(&self, said: Said) -> Result<Option<Modal>, store::Error> {
        modal::find(&self.shared, said).await
    }

    /// Whether an answer to it can be taken, or was: false if its run goes on without one.
    pub async fn is_open(&self, modal: &Modal) -> Result<bool, store::Error> {
        modal::is_open(&self.shared, modal).await
    }

    /// What the run says to an answer that was taken, up to a request's deadline; None: it is not that far, and goes on.
    pub async fn answered(&self, modal: &Modal) -> Result<Option<Answer>, store::Error> {
        modal::answer(&self.shared, modal).await
    }

    /// A run's journal, and its firings replayed from it.
    pub async fn trace(&self, run: &Run) -> Result<Trace, store::Error> {
        trace::trace(&self.shared, run).await
    }
}

/// That something is not done yet. An outage the store has told of itself, once; here it would be a line for each try.
fn say_once(what: &str, error: &store::Error) {
    match error.is_outage() {
        true => tracing::debug!("{what}: {error}"),
        false => tracing::error!("{what}: {error}"),
    }
}

fn client(settings: &Settings) -> Result<Arc<dyn effects::http::Perform>, Error> {
    let settings = effects::http::Settings { allow_private: settings.allow_private.clone() };
    let made = effects::http::Client::new(settings);
    Ok(Arc::new(made.map_err(|error| Error::Http(error.to_string()))?))
}

/// How a process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stop {
    /// It is not.
    #[default]
    No,
    /// Effects under way may finish within the grace period.
    Soon,
    /// At once; nothing is lost.
    Now,
}
