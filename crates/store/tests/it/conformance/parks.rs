use std::sync::Arc;

use recipe::Value;
use store::{
    Await, Cancelled, Commit, Entries, Heard, Id, ItemStatus, Park, Signalled, Status, Store, Write,
};

use super::{Open, claim, close, end, run, said, start};

/// Nothing wakes it.
pub(crate) fn asleep() -> Park {
    Park {
        status: Status::Waiting,
        wake_at_ms: None,
        awaits: vec![],
        signals: vec![],
        started_at_ms: 7,
        worked_ms: 7,
        stored_bytes: 8,
        failed: false,
        host: None,
    }
}

/// Claims the next ready run and parks it.
async fn park(store: &dyn Store, park: Park) -> Id {
    let claimed = claim(store).await;
    let commit =
        Commit { run: claimed.start.id, epoch: claimed.epoch, park: Some(park), ..Commit::default() };
    store.commit(commit).await.unwrap().unwrap();
    claimed.start.id
}

async fn status(store: &dyn Store, n: u128) -> Status {
    store.run(run(n).id).await.unwrap().unwrap().status
}

fn on(runs: &[u128], any: bool) -> Park {
    Park { awaits: vec![Await { runs: runs.iter().map(|n| run(*n).id).collect(), any }], ..asleep() }
}

pub(crate) async fn a_parked_run_is_woken_when_its_time_has_come(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    park(&*store, Park { wake_at_ms: Some(1), ..asleep() }).await;
    let claimed = claim(&*store).await;
    assert_eq!((claimed.start.id, claimed.journal, claimed.started_at_ms), (run(1).id, true, Some(7)));
    close(store).await;
}

pub(crate) async fn what_is_parked_stays_so_over_a_restart(open: &Open<'_>) {
    let store = open();
    for n in 1..=3 {
        start(&*store, run(n)).await;
    }
    park(&*store, asleep()).await;
    park(&*store, Park { wake_at_ms: Some(1), status: Status::Queued, failed: true, ..asleep() }).await;
    close(store).await;
    let store = open();
    assert_eq!(status(&*store, 1).await, Status::Waiting);
    let account = store.account().await.unwrap();
    assert_eq!((account.waiting, account.queued, account.running), (1, 2, 0));
    let claimed = [claim(&*store).await, claim(&*store).await];
    let mut seen: Vec<_> = claimed.iter().map(|claimed| (claimed.start.id, claimed.attempts)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(run(2).id, 1), (run(3).id, 0)]);
    close(store).await;
}

pub(crate) async fn a_run_that_awaits_is_woken_by_the_last_end(open: &Open<'_>) {
    let store = open();
    for n in 1..=3 {
        start(&*store, run(n)).await;
    }
    park(&*store, on(&[2, 3], false)).await;
    let (second, third) = (claim(&*store).await, claim(&*store).await);
    store.commit(end(&second, Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(status(&*store, 1).await, Status::Waiting);
    store.commit(end(&third, Status::Failed)).await.unwrap().unwrap();
    assert_eq!(status(&*store, 1).await, Status::Queued);
    assert_eq!(claim(&*store).await.start.id, run(1).id);
    close(store).await;
}

pub(crate) async fn a_run_that_awaits_any_is_woken_by_the_first_end(open: &Open<'_>) {
    let store = open();
    for n in 1..=3 {
        start(&*store, run(n)).await;
    }
    park(&*store, on(&[2, 3], true)).await;
    let (second, third) = (claim(&*store).await, claim(&*store).await);
    store.commit(end(&third, Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(claim(&*store).await.start.id, run(1).id);
    store.commit(end(&second, Status::Succeeded)).await.unwrap().unwrap();
    close(store).await;
}

pub(crate) async fn an_end_before_the_park_is_not_missed(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    start(&*store, run(2)).await;
    let (first, second) = (claim(&*store).await, claim(&*store).await);
    store.commit(end(&second, Status::Succeeded)).await.unwrap().unwrap();
    let park =
        Commit { run: first.start.id, epoch: first.epoch, park: Some(on(&[2], false)), ..Commit::default() };
    store.commit(park).await.unwrap().unwrap();
    assert_eq!(claim(&*store).await.start.id, run(1).id);
    close(store).await;
}

pub(crate) async fn an_answer_is_the_first_signal_of_its_name(open: &Open<'_>) {
    let store = open();
    let answer = |store: Arc<dyn Store>, name: &'static str| async move {
        store.answer(run(1).id, name.into(), Value::from(name)).await.unwrap()
    };
    assert_eq!(answer(store.clone(), "a").await, Signalled::Unknown);
    start(&*store, run(1)).await;
    assert_eq!(answer(store.clone(), "a").await, Signalled::Kept);
    assert_eq!(answer(store.clone(), "a").await, Signalled::Double);
    assert_eq!(store.signal(run(1).id, "b".into(), Value::Null).await.unwrap(), Signalled::Kept);
    park(&*store, Park { signals: vec!["a".into()], ..asleep() }).await;
    let claimed = claim(&*store).await;
    let taken = Commit {
        run: claimed.start.id,
        epoch: claimed.epoch,
        writes: vec![Write::Signal("a".into()), Write::Signal("b".into())],
        park: Some(asleep()),
        ..Commit::default()
    };
    store.commit(taken).await.unwrap().unwrap();
    close(store).await;
    // What was taken is still known, over a restart too, whoever brought it.
    let store = open();
    assert_eq!(answer(store.clone(), "a").await, Signalled::Double);
    assert_eq!(answer(store.clone(), "b").await, Signalled::Double);
    for (name, heard) in [("a", Heard::Taken), ("b", Heard::Taken), ("c", Heard::Never)] {
        assert_eq!(store.heard(run(1).id, name.into()).await.unwrap(), heard, "{name}");
    }
    assert_eq!(store.signal(run(1).id, "a".into(), Value::Null).await.unwrap(), Signalled::Kept);
    store.cancel(run(1).id, false, 5).await.unwrap();
    assert_eq!(answer(store.clone(), "c").await, Signalled::Over);
    close(store).await;
}

pub(crate) async fn a_signal_is_kept_until_it_is_taken(open: &Open<'_>) {
    let store = open();
    let name: Arc<str> = "approve".into();
    let signal = |store: Arc<dyn Store>, n: u128, body: i64| {
        let name = name.clone();
        async move { store.signal(run(n).id, name, Value::from(body)).await.unwrap() }
    };
    start(&*store, run(1)).await;
    // One that comes early, and a second one of its name.
    assert_eq!(signal(store.clone(), 1, 1).await, Signalled::Kept);
    assert_eq!(signal(store.clone(), 1, 2).await, Signalled::Double);
    assert_eq!(signal(store.clone(), 9, 1).await, Signalled::Unknown);
    park(&*store, Park { signals: vec![name.clone()], ..asleep() }).await;
    let claimed = claim(&*store).await;
    assert_eq!(store.heard(run(1).id, name.clone()).await.unwrap(), Heard::Kept(Value::from(1)));
    let taken = Commit {
        run: claimed.start.id,
        epoch: claimed.epoch,
        writes: vec![Write::Signal(name.clone())],
        park: Some(Park { signals: vec![name.clone()], ..asleep() }),
        ..Commit::default()
    };
    store.commit(taken).await.unwrap().unwrap();
    assert_eq!(status(&*store, 1).await, Status::Waiting, "what was taken wakes nobody again");
    assert_eq!(signal(store.clone(), 1, 3).await, Signalled::Kept);
    let claimed = claim(&*store).await;
    store.commit(end(&claimed, Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(signal(store.clone(), 1, 4).await, Signalled::Over);
    close(store).await;
}

pub(crate) async fn a_parked_run_ends_when_cancelled(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    start(&*store, run(2)).await;
    park(&*store, on(&[2], false)).await;
    assert_eq!(store.cancel(run(1).id, true, 9).await.unwrap(), Cancelled::Ended);
    assert_eq!(status(&*store, 1).await, Status::Cancelled);
    // What it waited for wakes nobody.
    let second = claim(&*store).await;
    store.commit(end(&second, Status::Succeeded)).await.unwrap().unwrap();
    let account = store.account().await.unwrap();
    assert_eq!((account.waiting, account.queued, account.cancelled), (0, 0, 1));
    close(store).await;
}

pub(crate) async fn a_bar_goes_on_while_a_run_that_touched_it_is_parked(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    start(&*store, store::NewRun { root: run(1).id, parent: Some(run(1).id), ..run(2) }).await;
    let by_root = said(&run(1), run(1).id, "p");
    let item = by_root.item;
    let commit = Commit { run: run(1).id, writes: vec![Write::Progress(by_root)], ..Commit::default() };
    store.commit(commit).await.unwrap().unwrap();
    park(&*store, on(&[2], false)).await;
    let child = claim(&*store).await;
    let said = said(&run(1), run(2).id, "p");
    let mut commit = end(&child, Status::Succeeded);
    commit.writes.push(Write::Progress(said));
    store.commit(commit).await.unwrap().unwrap();
    assert_eq!(store.item(item).await.unwrap().unwrap().status, ItemStatus::Running);
    let parent = claim(&*store).await;
    store.commit(end(&parent, Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(store.item(item).await.unwrap().unwrap().status, ItemStatus::Succeeded);
    close(store).await;
}

pub(crate) async fn so_many_signals_are_kept_for_a_run(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let brings = async |n: usize| {
        let name = format!("go{n}");
        store.signal(run(1).id, name.as_str().into(), Value::Null).await.unwrap()
    };
    for n in 0..100 {
        assert_eq!(brings(n).await, Signalled::Kept);
    }
    assert_eq!((brings(100).await, brings(7).await), (Signalled::Full, Signalled::Double));
    let claimed = claim(&*store).await;
    let (run_id, epoch) = (claimed.start.id, claimed.epoch);
    let takes = Commit { run: run_id, epoch, writes: vec![Write::Signal("go7".into())], ..Commit::default() };
    store.commit(takes).await.unwrap().unwrap();
    assert_eq!(brings(100).await, Signalled::Kept);
    close(store).await;
}

pub(crate) async fn a_run_inside_a_request_may_park(open: &Open<'_>) {
    let store = open();
    let parks = |n: u128, park: Park| {
        let new = store::NewRun { direct: false, ..run(n) };
        let entries = Entries { at: 0, count: 1, bytes: vec![1, 2] };
        let writes = vec![Write::Request(new)];
        Commit { run: run(n).id, entries: Some(entries), writes, park: Some(park), ..Commit::default() }
    };
    let waits = || Park { signals: vec!["go".into()], ..asleep() };
    store.commit(parks(1, waits())).await.unwrap().unwrap();
    // What this one waits for has ended before.
    store.commit(parks(2, on(&[9], false))).await.unwrap().unwrap();
    assert_eq!((status(&*store, 1).await, status(&*store, 2).await), (Status::Waiting, Status::Queued));
    assert_eq!(store.resume(run(1).id).await.unwrap().1.len(), 1);
    let second = claim(&*store).await;
    assert_eq!((second.start.id, second.journal, second.started_at_ms), (run(2).id, true, Some(7)));
    store.commit(end(&second, Status::Succeeded)).await.unwrap().unwrap();
    close(store).await;
    let store = open();
    let account = store.account().await.unwrap();
    assert_eq!((account.accepted, account.waiting, account.succeeded), (2, 1, 1));
    assert!(store.tree_lives(run(1).id).await.unwrap() && !store.tree_lives(run(2).id).await.unwrap());
    assert_eq!(store.signal(run(1).id, "go".into(), Value::Null).await.unwrap(), Signalled::Kept);
    let first = claim(&*store).await;
    assert_eq!(first.start.id, run(1).id);
    store.commit(end(&first, Status::Succeeded)).await.unwrap().unwrap();
    assert!(!store.tree_lives(run(1).id).await.unwrap());
    store.commit(parks(3, waits())).await.unwrap().unwrap();
    assert_eq!(store.cancel(run(3).id, true, 9).await.unwrap(), Cancelled::Ended);
    let account = store.account().await.unwrap();
    assert_eq!((account.accepted, account.waiting, account.queued, account.cancelled), (3, 0, 0, 1));
    close(store).await;
}
