//! Cases by the trait that promises them.

pub(crate) mod actions;
pub(crate) mod cancel;
pub(crate) mod hosts;
pub(crate) mod inbox;
pub(crate) mod journal;
pub(crate) mod keep;
pub(crate) mod once;
pub(crate) mod parks;
pub(crate) mod people;
pub(crate) mod progress;
pub(crate) mod queues;
pub(crate) mod runs;
pub(crate) mod schedules;
pub(crate) mod versions;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use recipe::Value;
use store::{Claimed, Commit, Contribution, End, Hash, Id, Item, NewRun, Status, Store, Write};

/// Opens the same database each time it is called; the one before must be closed.
pub(crate) type Open<'a> = dyn Fn() -> Arc<dyn Store> + 'a;

thread_local! {
    /// How far the stores of this thread's test are ahead, microseconds.
    static AHEAD: Arc<AtomicU64> = Arc::default();
}

/// The time of a store that is opened in this thread.
pub(crate) fn clock() -> Arc<dyn Fn() -> u64 + Send + Sync> {
    let (real, ahead) = (store::sqlite::Settings::default().clock, AHEAD.with(Arc::clone));
    Arc::new(move || real() + ahead.load(Ordering::Relaxed))
}

/// The time of this test's stores goes on.
pub(crate) fn time_goes_on(ms: u64) {
    AHEAD.with(|ahead| ahead.fetch_add(ms * 1_000, Ordering::Relaxed));
}

pub(crate) fn run(n: u128) -> NewRun {
    NewRun {
        id: Id::at(n as i64, n),
        system: "shop".into(),
        workflow: "Work".into(),
        version: Hash::default(),
        queue: "default".into(),
        priority: 0,
        parent: None,
        root: Id::at(n as i64, n),
        direct: true,
        user: Some("ada".into()),
        context: Value::Null,
        entry: "".into(),
        input: Value::from("input"),
        retry_of: None,
        not_before_ms: None,
        unique: None,
        limit: None,
        keep_ms: Some(u64::MAX),
        created_at_ms: n as i64,
    }
}

pub(crate) async fn start(store: &dyn Store, new: NewRun) {
    let commit = Commit { run: new.id, writes: vec![Write::Start(new)], ..Commit::default() };
    store.commit(commit).await.unwrap().unwrap();
}

pub(crate) async fn claim(store: &dyn Store) -> Claimed {
    store.claim(1).await.unwrap().remove(0)
}

pub(crate) fn end(claimed: &Claimed, status: Status) -> Commit {
    let end = End {
        status,
        started_at_ms: 1,
        attempts: 1,
        ended_at_ms: 2,
        result: Value::from("result"),
        error: Value::Null,
        effects: vec![],
        handled: 0,
        cancel_at_ms: None,
        retry: None,
    };
    Commit { run: claimed.start.id, epoch: claimed.epoch, end: Some(end), ..Commit::default() }
}

pub(crate) async fn close(store: Arc<dyn Store>) {
    store.close().await.unwrap();
}

pub(crate) fn said(root: &NewRun, by: Id, process: &str) -> Contribution {
    Contribution {
        item: Item::id_of("shop", root.id, process),
        system: "shop".into(),
        root: root.id,
        run: by,
        workflow: "Work".into(),
        process: process.into(),
        user: Some("ada".into()),
        private: false,
        at_ms: 5,
        updates: 1,
        title: "Title".into(),
        total: Some(10.0),
        set: None,
        before: 0.0,
        subtotal: 0.0,
        status_message: recipe::Value::Null,
        status: None,
        link: recipe::Value::Null,
        again: recipe::Value::Null,
    }
}
