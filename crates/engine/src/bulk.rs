//! What is done to many runs at once: counted, recorded, and done a page at a time between other work. Over a crash it goes
//! on at its cursor, which moves in the transaction that does the page, so no run is met twice.
//!
//! Its progress item shows it to the person who asked; the item's tree is the action itself.

use std::sync::Arc;

use recipe::Value;
use store::{
    Action, Bulk, Commit, Contribution, Deed, Error, Filter, Id, Item, ItemStatus, Run, Status, Step, Write,
};
use tokio::sync::watch;

use crate::{
    Engine, Retried, RetryFrom, Shared, Stop,
    drive::settle,
    retry,
    work::{PAUSE, stopped},
};

/// Runs that are done in one transaction: some milliseconds of the writer's time.
const PAGE: usize = 100;

/// Counting stops there: whoever asks sees that there are more.
const COUNT_MAX: u64 = 10_000;

/// Pages that counting looks at, however few of their rows match.
const COUNT_PAGES: usize = 200;

/// Ids that a count names.
const SAMPLE: usize = 10;

/// What a filter finds.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Counted {
    /// How many runs.
    pub count: u64,
    /// It was counted no further.
    pub more: bool,
    /// The newest of them.
    pub sample: Vec<Id>,
}

/// The runs that an action is for: those that it can be done to. None: the filter names a status that it is not for.
pub fn narrowed(bulk: Bulk, filter: Filter) -> Option<Filter> {
    let retries = bulk != Bulk::Cancel;
    match filter.status {
        None if retries => Some(Filter { status: Some(Status::Failed), ..filter }),
        None => Some(Filter { live: true, ..filter }),
        Some(Status::Failed | Status::Cancelled) if retries => Some(filter),
        Some(status) if !retries && !status.ended() => Some(Filter { live: true, ..filter }),
        Some(_) => None,
    }
}

/// What somebody wants done.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The tenant.
    pub system: Arc<str>,
    /// Who asks.
    pub user: Arc<str>,
    /// Made before by [`Engine::new_id`], so that a form that is sent twice is one action.
    pub id: Option<Id>,
    /// What is done.
    pub bulk: Bulk,
    /// To which runs.
    pub filter: Filter,
}

impl Engine {
    /// How many runs a filter finds, up to a limit.
    pub async fn count(&self, filter: Filter) -> Result<Counted, Error> {
        count(&self.shared, filter).await
    }

    /// A new id, of now.
    pub fn new_id(&self) -> Id {
        self.shared.ids.next(self.shared.clock.now_ms())
    }

    /// An action on all runs that the filter finds now, to be recorded ([`Deed::Record`]).
    pub async fn plan_bulk(&self, asked: Asked) -> Result<Action, Error> {
        plan(&self.shared, asked).await
    }

    /// Something was recorded: whoever works here begins with it.
    pub fn begin_bulk(&self) {
        self.shared.bulk.notify_one();
    }

    /// Asks for the end of a bulk action; what is done stays done. None: there is no such action.
    pub async fn stop_bulk(&self, id: Id) -> Result<Option<Action>, Error> {
        self.shared.store.stop_action(id, self.shared.clock.now_ms()).await
    }

    /// Does every recorded action to its end, here and now (a command beside which nobody works).
    pub async fn work_off_bulk(&self) -> Result<(), Error> {
        work_off(&self.shared).await
    }
}

async fn count(shared: &Shared, mut filter: Filter) -> Result<Counted, Error> {
    let mut counted = Counted::default();
    for _ in 0..COUNT_PAGES {
        filter.limit = 500;
        let page = shared.store.runs(filter.clone()).await?;
        let free = SAMPLE - counted.sample.len();
        counted.sample.extend(page.items.iter().take(free).map(|run| run.start.id));
        counted.count += page.items.len() as u64;
        filter.cursor = page.cursor;
        if filter.cursor.is_none() && counted.count <= COUNT_MAX {
            return Ok(counted);
        }
        if counted.count > COUNT_MAX {
            break;
        }
    }
    Ok(Counted { count: counted.count.min(COUNT_MAX), more: true, ..counted })
}

async fn plan(shared: &Shared, asked: Asked) -> Result<Action, Error> {
    let Asked { system, user, id, bulk, filter } = asked;
    let Counted { count, more, .. } = count(shared, filter.clone()).await?;
    let at_ms = shared.clock.now_ms();
    Ok(Action {
        id: id.unwrap_or_else(|| shared.ids.next(at_ms)),
        system,
        user,
        at_ms,
        bulk,
        // A run that is started while it goes on, by itself too, is none of it.
        filter: Filter {
            before_ms: Some(filter.before_ms.map_or(at_ms + 1, |ms| ms.min(at_ms + 1))),
            ..filter
        },
        total: count,
        more,
        done: 0,
        passed: 0,
        differ: 0,
        cancel_at_ms: None,
        ended_at_ms: None,
    })
}

/// Does what is recorded, until told to stop; waits for the word that there is something.
pub(crate) async fn work(shared: Arc<Shared>, mut stop: watch::Receiver<Stop>) {
    let works = async {
        loop {
            match work_off(&shared).await {
                Ok(()) => shared.bulk.notified().await,
                Err(Error::Closed) => std::future::pending().await,
                Err(error) => {
                    crate::say_once("a bulk action goes on from its last durable page", &error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stopped(&mut stop) => {}
        () = works => {}
    }
}

/// Does what is recorded to its end, the open actions in turn.
async fn work_off(shared: &Arc<Shared>) -> Result<(), Error> {
    loop {
        let open = shared.store.open_actions().await?;
        if open.is_empty() {
            return Ok(());
        }
        for action in open {
            page(shared, action).await?;
        }
    }
}

/// One page of an action.
async fn page(shared: &Arc<Shared>, action: Action) -> Result<(), Error> {
    if action.seen() == 0 {
        tell(shared, &action).await?;
    }
    let filter = Filter { limit: PAGE, ..action.filter.clone() };
    let found = shared.store.runs(filter).await?;
    let now_ms = shared.clock.now_ms();
    let mut step = Step {
        action: action.id,
        from: action.filter.cursor.clone(),
        deeds: Vec::new(),
        passed: 0,
        differ: 0,
        to: found.cursor,
        at_ms: now_ms,
    };
    for run in &found.items {
        match deed(shared, &action, run).await? {
            Ok(deed) => step.deeds.push(deed),
            Err(Retried::Differs(_)) => step.differ += 1,
            Err(_) => step.passed += 1,
        }
    }
    match shared.store.step(step).await {
        Ok(action) => tell(shared, &action).await,
        // Another has done that page.
        Err(Error::Conflict(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What is done to that run, or why nothing is.
async fn deed(shared: &Shared, action: &Action, run: &Run) -> Result<Result<Deed, Retried>, Error> {
    let from = match action.bulk {
        Bulk::Cancel => {
            return Ok(Ok(Deed::Cancel { run: run.start.id, at_ms: shared.clock.now_ms() }));
        }
        Bulk::Retry { current } => RetryFrom::Failure { current },
        Bulk::Restart => RetryFrom::Start,
    };
    // One that ended later was tried again meanwhile, by somebody else.
    if run.end.as_ref().is_some_and(|end| end.ended_at_ms > action.at_ms) {
        return Ok(Err(Retried::NotOver));
    }
    retry::of(shared, run, from).await
}

/// Moves its progress item, which ends with it.
async fn tell(shared: &Shared, action: &Action) -> Result<(), Error> {
    let status = match (action.ended_at_ms, action.cancel_at_ms) {
        (None, _) => None,
        (Some(_), None) => Some(ItemStatus::Succeeded),
        (Some(_), Some(_)) => Some(ItemStatus::Cancelled),
    };
    let process: Arc<str> = "bulk".into();
    let said = Contribution {
        item: Item::id_of(&action.system, action.id, &process),
        system: action.system.clone(),
        root: action.id,
        run: action.id,
        workflow: action.filter.workflow.as_deref().unwrap_or_default().into(),
        process,
        user: Some(action.user.clone()),
        private: true,
        at_ms: shared.clock.now_ms(),
        updates: 2 * action.seen() + 1 + u64::from(status.is_some()),
        title: Value::from(title(action)),
        total: (!action.more).then_some(action.total as f64),
        set: Some((action.seen(), action.seen() as f64)),
        before: 0.0,
        subtotal: 0.0,
        status_message: Value::from(words(action)),
        status,
        link: Value::from(format!(
            "{}/ui/{}/runs/bulk/{}",
            shared.settings.base_path, action.system, action.id
        )),
        again: Value::Null,
    };
    let commit = Commit { run: action.id, writes: vec![Write::Progress(said)], ..Commit::default() };
    settle(Some(shared.store.commit(commit))).await
}

fn title(action: &Action) -> String {
    let doing = if action.bulk == Bulk::Cancel { "cancelling" } else { "retrying" };
    format!("{doing} {}", many(action.total, action.more))
}

/// So many runs, in words; `more`: they were not counted further.
pub fn many(count: u64, more: bool) -> String {
    format!("{}{count} {}", if more { "more than " } else { "" }, if count == 1 { "run" } else { "runs" })
}

/// What has come of it so far, for people.
pub fn words(action: &Action) -> String {
    let (did, past) = match action.bulk {
        Bulk::Cancel => ("cancelled", "had ended"),
        Bulk::Retry { .. } | Bulk::Restart => ("retried", "had gone on"),
    };
    let mut words = format!("{} {did}", action.done);
    for (count, says) in [(action.passed, past), (action.differ, "cannot go on under the current version")] {
        if count > 0 {
            words.push_str(&format!(", {count} {says}"));
        }
    }
    words
}
