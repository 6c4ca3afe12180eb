//! An engine over a real SQLite file on this disk, in this process: what works that need no HTTP are measured on. Workers
//! are those of `hefe serve`; a window in which none may work simply has not started them.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use engine::{Call, Door, Engine, Person, Settings, Started, Stop};
use recipe::Value;
use store::{Change, Changes, Commit, Id, NewRun, Store, Write};
use tokio::{
    runtime::Runtime,
    sync::{broadcast, oneshot, watch},
    task::JoinSet,
};

use crate::{Failure, place};

/// What is worked; the tenant is always `bench`.
pub(crate) struct Workflow(pub(crate) &'static str, pub(crate) String);

/// A project's folder and a database of its own; the folder is gone when the last of these is.
#[derive(Clone)]
pub(crate) struct Ground {
    /// For what the disk can do, too.
    pub(crate) folder: Arc<tempfile::TempDir>,
    /// PostgreSQL's.
    pub(crate) database: Option<String>,
}

/// How a database is opened.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) engine: Settings,
    pub(crate) kept: store::sqlite::Settings,
    /// The one queue that is worked, or all; PostgreSQL's.
    pub(crate) queue: Option<&'static str>,
}

impl Ground {
    pub(crate) fn new(workflows: &[Workflow]) -> Result<Ground, Failure> {
        let folder = tempfile::tempdir_in(".")?;
        let into = folder.path().join("systems/bench/workflows");
        std::fs::create_dir_all(&into)?;
        for Workflow(name, text) in workflows {
            std::fs::write(into.join(format!("{name}.workflow.json")), text)?;
        }
        Ok(Ground { folder: Arc::new(folder), database: place::fresh()? })
    }

    pub(crate) async fn open(&self, opened: Opened) -> Result<Inside, Failure> {
        let store = match &self.database {
            Some(database) => place::open_shared(database.clone(), opened.queue).await?,
            None => place::open_file(self.folder.path(), opened.kept)?,
        };
        let project = Some(self.folder.path().to_owned());
        let engine = Engine::open(store, Settings { project, ..opened.engine }).await?;
        for published in engine.systems() {
            if let Some(finding) = published.system.findings.first() {
                return Err(format!("a workflow of the benchmark has a finding: {finding}").into());
            }
        }
        Ok(Inside { engine, ground: self.clone() })
    }
}

/// One that is open.
pub(crate) struct Inside {
    pub(crate) engine: Engine,
    pub(crate) ground: Ground,
}

/// As many threads as `hefe serve` has.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

impl Inside {
    pub(crate) async fn open(workflows: &[Workflow]) -> Result<Inside, Failure> {
        Inside::open_with(workflows, Opened::default()).await
    }

    pub(crate) async fn open_with(workflows: &[Workflow], opened: Opened) -> Result<Inside, Failure> {
        Ground::new(workflows)?.open(opened).await
    }

    /// Over the same store.
    pub(crate) async fn other_engine(self, settings: Settings) -> Result<Inside, Failure> {
        let project = Some(self.folder().to_owned());
        let engine = Engine::open(self.engine.store().clone(), Settings { project, ..settings }).await?;
        Ok(Inside { engine, ground: self.ground })
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        self.engine.store()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.ground.folder.path()
    }

    /// SQLite's.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder().join(".hefe/hefe.db")
    }

    /// Starts one run in the background, as a person would; it is durable when this returns.
    pub(crate) async fn start(&self, workflow: &str, input: Value) -> Result<Id, Failure> {
        start(&self.engine, workflow, input).await
    }

    /// Queues `count` runs in commits of 1,000: rows as [`Inside::start`] writes them, with ids of their own.
    pub(crate) async fn fill(&self, workflow: &str, input: Value, count: usize) -> Result<(), Failure> {
        let first = self.start(workflow, input).await?;
        let found = self.store().run(first).await?.ok_or("the run that was started is not there")?;
        self.fill_like(&found.start, count.saturating_sub(1)).await
    }

    pub(crate) async fn fill_like(&self, like: &NewRun, count: usize) -> Result<(), Failure> {
        let mut tickets = std::collections::VecDeque::new();
        let mut left = count;
        while left > 0 {
            let now_ms = engine::Clock::default().now_ms();
            let writes: Vec<_> = (0..left.min(1_000)).map(|_| Write::Start(another(like, now_ms))).collect();
            left -= writes.len();
            tickets.push_back(self.store().commit(Commit { writes, ..Commit::default() }));
            if tickets.len() > 4
                && let Some(ticket) = tickets.pop_front()
            {
                ticket.await??;
            }
        }
        for ticket in tickets {
            ticket.await??;
        }
        Ok(())
    }

    /// Workers, until [`Workers::stop`].
    pub(crate) fn work(&self) -> Workers {
        work(&self.engine)
    }

    pub(crate) async fn close(self) -> Result<Ground, Failure> {
        self.engine.store().close().await?;
        Ok(self.ground)
    }
}

/// The same run, started now: under a new id, which sorts by its time as those of the engine do.
fn another(like: &NewRun, now_ms: i64) -> NewRun {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mixed = u128::from(count).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) >> 50;
    let id = Id::at(now_ms, mixed);
    NewRun { id, root: id, created_at_ms: now_ms, ..like.clone() }
}

pub(crate) async fn start(engine: &Engine, workflow: &str, input: Value) -> Result<Id, Failure> {
    let call = Call {
        system: "bench".to_owned(),
        door: Door::Workflow(workflow.to_owned()),
        input,
        person: Some(Person::local()),
    };
    match engine.call(call).await {
        Ok(Started::Queued { run, .. }) => Ok(run),
        Ok(Started::Done(answer)) => Err(format!("it ran inside the request: {:?}", answer.error).into()),
        Err(refusal) => Err(format!("it was refused: {refusal:?}").into()),
    }
}

/// Works what is queued, until [`Workers::stop`].
pub(crate) fn work(engine: &Engine) -> Workers {
    let (stop, stopped) = watch::channel(Stop::No);
    let engine = engine.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { engine.work(stopped).await });
    Workers { stop, tasks }
}

pub(crate) struct Workers {
    stop: watch::Sender<Stop>,
    tasks: JoinSet<()>,
}

impl Workers {
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        self.stop.send_replace(Stop::Soon);
        while let Some(ended) = self.tasks.join_next().await {
            ended?;
        }
        Ok(())
    }
}

/// Counts ends from the stream of changes, which `hefe serve` always has a listener for.
pub(crate) struct Ends {
    store: Arc<dyn Store>,
    changes: broadcast::Receiver<Changes>,
    counted: u64,
    before: u64,
}

impl Ends {
    pub(crate) async fn of(inside: &Inside) -> Result<Ends, Failure> {
        let store = inside.store().clone();
        let changes = store.changes();
        let before = ended(&store).await?;
        Ok(Ends { store, changes, counted: 0, before })
    }

    /// Returns once so many runs have ended since this was made.
    pub(crate) async fn reach(&mut self, count: usize) -> Result<(), Failure> {
        while self.counted < count as u64 {
            match self.changes.recv().await {
                Ok(changes) => {
                    let ends = changes.iter().filter(|(_, change)| ends(change).is_some());
                    self.counted += ends.count() as u64;
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    // What was missed is in the account; what the buffer still holds is in it, too.
                    self.changes = self.store.changes();
                    self.counted = ended(&self.store).await? - self.before;
                }
                Err(broadcast::error::RecvError::Closed) => return Err("the store is closed".into()),
            }
        }
        Ok(())
    }
}

async fn ended(store: &Arc<dyn Store>) -> Result<u64, Failure> {
    let account = store.account().await?;
    if account.failed > 0 {
        return Err(format!("{} runs of the benchmark failed", account.failed).into());
    }
    Ok(account.succeeded)
}

fn ends(change: &Change) -> Option<Id> {
    match change {
        Change::Run { start, stands } if stands.status.ended() => Some(start.id),
        _ => None,
    }
}

/// Tells each of many callers when its own run has ended.
#[derive(Clone, Default)]
pub(crate) struct Each(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    ended: HashMap<Id, Instant>,
    asked: HashMap<Id, oneshot::Sender<Instant>>,
}

impl Each {
    pub(crate) fn of(inside: &Inside, tasks: &mut JoinSet<()>) -> Each {
        let each = Each::default();
        let (own, mut changes) = (each.clone(), inside.store().changes());
        tasks.spawn(async move {
            while let Ok(changes) = changes.recv().await {
                let now = Instant::now();
                let mut waiting = own.lock();
                for id in changes.iter().filter_map(|(_, change)| ends(change)) {
                    match waiting.asked.remove(&id) {
                        Some(tell) => drop(tell.send(now)),
                        None => drop(waiting.ended.insert(id, now)),
                    }
                }
            }
        });
        each
    }

    pub(crate) async fn end(&self, run: Id) -> Result<Instant, Failure> {
        let told = {
            let mut waiting = self.lock();
            if let Some(at) = waiting.ended.remove(&run) {
                return Ok(at);
            }
            let (tell, told) = oneshot::channel();
            waiting.asked.insert(run, tell);
            told
        };
        Ok(told.await?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a task that only watches.
pub(crate) fn over(tasks: &mut JoinSet<()>) {
    tasks.abort_all();
}
