use recipe::Value;
use store::{
    Cancelled, Claimed, Commit, Entries, Error, Filter, Id, NewRun, Page, Run, Status, Store, Unique, Write,
};

use super::{Open, claim, close, end, run, start};

pub(crate) async fn what_was_answered_is_there_after_a_restart(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let claimed = claim(&*store).await;
    assert_eq!((claimed.epoch, claimed.journal), (1, false));
    let entries = Some(Entries { at: 0, count: 1, bytes: vec![1] });
    let commit = Commit { run: run(1).id, epoch: claimed.epoch, entries, ..Commit::default() };
    store.commit(commit).await.unwrap().unwrap();
    close(store).await;
    // It was running when the process went away: it is queued again, and has a journal to look for.
    let store = open();
    let found = store.run(run(1).id).await.unwrap().unwrap();
    assert_eq!((found.status, &found.start.input), (Status::Queued, &Value::from("input")));
    let claimed = claim(&*store).await;
    assert!(claimed.journal);
    store.commit(end(&claimed, Status::Succeeded)).await.unwrap().unwrap();
    close(store).await;
    let store = open();
    let found = store.run(run(1).id).await.unwrap().unwrap();
    assert_eq!(found.status, Status::Succeeded);
    assert_eq!(found.end.unwrap().result, Value::from("result"));
    close(store).await;
}

/// Under one key, while nobody has begun it.
fn sole(n: u128) -> NewRun {
    let unique = Unique { key: "k".into(), queued: true, for_ms: 0, replace: false };
    NewRun { unique: Some(unique), ..run(n) }
}

/// Which run a start comes to.
async fn comes_to(store: &dyn Store, new: NewRun) -> Id {
    store.start(new).await.unwrap().id
}

pub(crate) async fn a_start_whose_key_is_taken_is_none(open: &Open<'_>) {
    let store = open();
    let with_start = |claimed: &Claimed, status, n: u128| {
        let ended = end(claimed, status);
        Commit { writes: vec![Write::Start(sole(n))], ..ended }
    };
    for n in 1..=3 {
        start(&*store, run(n)).await;
    }
    let claimed = store.claim(3).await.unwrap();
    store.commit(with_start(&claimed[0], Status::Failed, 11)).await.unwrap().unwrap();
    store.commit(with_start(&claimed[1], Status::Failed, 12)).await.unwrap().unwrap();
    assert_eq!(store.run(run(1).id).await.unwrap().unwrap().status, Status::Failed);
    assert_eq!(store.run(run(2).id).await.unwrap().unwrap().status, Status::Failed, "its end is kept");
    assert!(store.run(run(12).id).await.unwrap().is_none(), "the key is another's");
    close(store).await;
    let store = open();
    let sole_one = store.claim(9).await.unwrap().into_iter().find(|one| one.start.id == run(11).id).unwrap();
    let third = Commit { writes: vec![Write::Start(sole(13))], ..Commit::default() };
    store.commit(third).await.unwrap().unwrap();
    assert!(store.run(run(13).id).await.unwrap().is_some(), "the first one has begun");
    store.commit(end(&sole_one, Status::Succeeded)).await.unwrap().unwrap();
    close(store).await;
}

pub(crate) async fn a_run_that_is_put_off_has_not_begun(open: &Open<'_>) {
    let store = open();
    let put_off = NewRun { not_before_ms: Some(1_000_000_000_000_000), ..sole(1) };
    assert_eq!(comes_to(&*store, put_off).await, run(1).id);
    assert_eq!(comes_to(&*store, sole(2)).await, run(1).id);
    store.cancel(run(1).id, true, 9).await.unwrap();
    // This one's time has come; it is queued, and still nobody has had it.
    assert_eq!(comes_to(&*store, NewRun { not_before_ms: Some(1), ..sole(3) }).await, run(3).id);
    assert_eq!(comes_to(&*store, sole(4)).await, run(3).id);
    let claimed = claim(&*store).await;
    assert_eq!((claimed.start.id, claimed.journal), (run(3).id, false));
    assert_eq!(comes_to(&*store, sole(5)).await, run(5).id, "now it has begun");
    close(store).await;
}

pub(crate) async fn a_run_that_nobody_had_before_a_restart_has_not_begun(open: &Open<'_>) {
    let store = open();
    assert_eq!(comes_to(&*store, sole(1)).await, run(1).id);
    close(store).await;
    let store = open();
    assert_eq!(comes_to(&*store, sole(2)).await, run(1).id);
    let found = store.run(run(1).id).await.unwrap().unwrap();
    assert_eq!((found.status, found.attempts), (Status::Queued, 0));
    assert!(!claim(&*store).await.journal);
    close(store).await;
}

pub(crate) async fn a_run_is_claimed_once_and_by_priority(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    start(&*store, store::NewRun { priority: 5, ..run(2) }).await;
    let claimed = store.claim(10).await.unwrap();
    let ids: Vec<Id> = claimed.iter().map(|claimed| claimed.start.id).collect();
    assert_eq!(ids, [run(2).id, run(1).id]);
    close(store).await;
}

pub(crate) async fn lanes_take_turns(open: &Open<'_>) {
    let store = open();
    for n in 1..=3 {
        start(&*store, run(n)).await;
    }
    start(&*store, store::NewRun { system: "other".into(), ..run(4) }).await;
    let claimed = store.claim(2).await.unwrap();
    let systems: Vec<&str> = claimed.iter().map(|claimed| &*claimed.start.system).collect();
    assert!(systems.contains(&"other") && systems.contains(&"shop"), "{systems:?}");
    close(store).await;
}

pub(crate) async fn an_old_epoch_is_refused(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let old = claim(&*store).await;
    store.release(old.start.id, old.epoch);
    let new = claim(&*store).await;
    let refused = store.commit(end(&old, Status::Succeeded)).await.unwrap();
    assert_eq!(refused, Err(Error::LeaseLost));
    store.commit(end(&new, Status::Succeeded)).await.unwrap().unwrap();
    close(store).await;
}

pub(crate) async fn who_held_a_run_before_its_end_is_refused_after_it(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let before = claim(&*store).await;
    store.commit(end(&before, Status::Failed)).await.unwrap().unwrap();
    store.reopen(run(1).id, None, 9).await.unwrap();
    let again = claim(&*store).await;
    assert!(again.epoch > before.epoch);
    let late = store.commit(end(&before, Status::Succeeded)).await.unwrap();
    assert_eq!(late, Err(store::Error::LeaseLost));
    store.commit(end(&again, Status::Succeeded)).await.unwrap().unwrap();
    close(store).await;
}

pub(crate) async fn what_was_worked_is_known_to_whoever_claims_next(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let worked = async |store: &dyn Store, claimed: &Claimed, ms: u64| {
        let (run, epoch) = (claimed.start.id, claimed.epoch);
        let commit = Commit { run, epoch, worked_ms: Some(ms), ..Commit::default() };
        store.commit(commit).await.unwrap()
    };
    let first = claim(&*store).await;
    assert_eq!(first.worked_ms, 0);
    worked(&*store, &first, 70).await.unwrap();
    store.release(first.start.id, first.epoch);
    let second = claim(&*store).await;
    assert_eq!(second.worked_ms, 70, "it was handed back");
    assert_eq!(worked(&*store, &first, 5).await, Err(Error::LeaseLost));
    worked(&*store, &second, 90).await.unwrap();
    close(store).await;
    let store = open();
    assert_eq!(claim(&*store).await.worked_ms, 90, "its process has died");
    close(store).await;
}

pub(crate) async fn a_queued_run_ends_when_cancelled(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    start(&*store, run(2)).await;
    assert_eq!(store.cancel(run(1).id, true, 9).await.unwrap(), Cancelled::Ended);
    assert_eq!(store.cancel(run(1).id, true, 9).await.unwrap(), Cancelled::Over);
    assert_eq!(store.cancel(run(7).id, true, 9).await.unwrap(), Cancelled::Unknown);
    let claimed = claim(&*store).await;
    assert_eq!(claimed.start.id, run(2).id);
    assert_eq!(store.cancel(run(2).id, true, 9).await.unwrap(), Cancelled::Asked);
    close(store).await;
    // The wish survives the process.
    let store = open();
    assert!(claim(&*store).await.cancelled);
    close(store).await;
}

pub(crate) async fn a_refused_submission_harms_no_other(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let claimed = claim(&*store).await;
    let stale = Commit { epoch: 99, ..end(&claimed, Status::Failed) };
    let tickets = [
        store.commit(Commit { run: run(2).id, writes: vec![Write::Start(run(2))], ..Commit::default() }),
        store.commit(stale),
        store.commit(end(&claimed, Status::Succeeded)),
    ];
    let mut results = vec![];
    for ticket in tickets {
        results.push(ticket.await.unwrap());
    }
    assert_eq!(results, [Ok(()), Err(Error::LeaseLost), Ok(())]);
    assert_eq!(store.run(run(2).id).await.unwrap().unwrap().status, Status::Queued);
    assert_eq!(store.run(run(1).id).await.unwrap().unwrap().status, Status::Succeeded);
    close(store).await;
}

pub(crate) async fn lanes_say_what_is_ready_and_systems_what_is_queued(open: &Open<'_>) {
    let store = open();
    for n in 1..=2 {
        start(&*store, run(n)).await;
    }
    let limit = |n| store::NewRun { limit: Some(store::Limit { key: "k".into(), at_once: 1 }), ..run(n) };
    start(&*store, store::NewRun { priority: 9, ..run(3) }).await;
    start(&*store, store::NewRun { queue: "slow".into(), ..limit(4) }).await;
    start(&*store, store::NewRun { queue: "slow".into(), ..limit(5) }).await;
    let lane = |queue: &str, ready, n| store::Lane {
        queue: queue.into(),
        system: "shop".into(),
        ready,
        oldest: run(n).id,
    };
    assert_eq!(store.lanes().await.unwrap(), [lane("default", 3, 1), lane("slow", 1, 4)]);
    assert_eq!((store.queued("shop", 9).await.unwrap(), store.queued("other", 9).await.unwrap()), (5, 0));
    let first = claim(&*store).await;
    assert_eq!((first.start.id, store.queued("shop", 9).await.unwrap()), (run(3).id, 4));
    store.release(first.start.id, first.epoch);
    // What was handed over is there once a later question is answered.
    assert!(store.tree_lives(first.start.id).await.unwrap());
    assert_eq!(store.queued("shop", 9).await.unwrap(), 5);
    let all = store.claim(9).await.unwrap();
    assert_eq!(
        (all.len(), store.lanes().await.unwrap(), store.queued("shop", 2).await.unwrap()),
        (4, vec![], 1),
        "one is blocked"
    );
    store.cancel(run(5).id, true, 9).await.unwrap();
    assert_eq!(store.queued("shop", 2).await.unwrap(), 0);
    close(store).await;
}

pub(crate) async fn the_account_balances(open: &Open<'_>) {
    let store = open();
    for n in 1..=4 {
        start(&*store, run(n)).await;
    }
    let first = claim(&*store).await;
    store.commit(end(&first, Status::Failed)).await.unwrap().unwrap();
    store.cancel(run(4).id, true, 9).await.unwrap();
    let _held = claim(&*store).await;
    let account = store.account().await.unwrap();
    let parts = [account.succeeded, account.failed, account.cancelled, account.queued, account.running];
    assert_eq!((account.accepted, parts), (4, [0, 1, 1, 1, 1]));
    close(store).await;
}

pub(crate) async fn the_account_balances_at_any_time(open: &Open<'_>) {
    let store = open();
    let worked = async {
        for n in 1..=100 {
            start(&*store, run(n)).await;
            let claimed = claim(&*store).await;
            store.commit(end(&claimed, Status::Succeeded)).await.unwrap().unwrap();
        }
    };
    let looked = async {
        loop {
            let account = store.account().await.unwrap();
            let there = account.succeeded + account.queued + account.running;
            assert_eq!(account.accepted, there, "{account:?}");
            if account.succeeded == 100 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(worked, looked);
    close(store).await;
}

pub(crate) async fn a_start_is_kept_once(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    start(&*store, run(1)).await;
    assert_eq!(store.claim(10).await.unwrap().len(), 1);
    assert_eq!(store.account().await.unwrap().accepted, 1);
    close(store).await;
}

pub(crate) async fn a_start_that_is_repeated_finds_its_own_run(open: &Open<'_>) {
    let store = open();
    let started = |id, status| store::Started { id, status, existing: false };
    start(&*store, sole(1)).await;
    let held = claim(&*store).await;
    // It has begun, and leaves the key to another.
    assert_eq!(store.start(sole(2)).await.unwrap(), started(run(2).id, Status::Queued));
    assert_eq!(store.start(sole(1)).await.unwrap(), started(run(1).id, Status::Running));
    store.commit(end(&held, Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(store.start(sole(1)).await.unwrap(), started(run(1).id, Status::Succeeded));
    let held = claim(&*store).await;
    assert_eq!(held.start.id, run(2).id);
    store.commit(end(&held, Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(store.start(sole(2)).await.unwrap(), started(run(2).id, Status::Succeeded));
    let account = store.account().await.unwrap();
    assert_eq!((account.accepted, account.succeeded, account.queued), (2, 2, 0));
    close(store).await;
}

pub(crate) async fn what_runs_is_found_behind_all_that_waits(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let held = claim(&*store).await;
    let writes = (2..3_000).map(|n| Write::Start(run(n))).collect();
    store.commit(Commit { writes, ..Commit::default() }).await.unwrap().unwrap();
    let running = |limit: usize| Filter { status: Some(Status::Running), limit, ..Filter::default() };
    let ids = |page: Page<Run>| page.items.iter().map(|run| run.start.id).collect::<Vec<_>>();
    assert_eq!(ids(store.runs(running(50)).await.unwrap()), [held.start.id]);
    let second = claim(&*store).await.start.id;
    let first = store.runs(running(1)).await.unwrap();
    assert_eq!(first.items[0].start.id, second);
    let rest = store.runs(Filter { cursor: first.cursor, ..running(1) }).await.unwrap();
    assert_eq!(ids(rest), [held.start.id]);
    close(store).await;
}

pub(crate) async fn a_ready_run_knows_how_many_come_before_it(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    start(&*store, run(2)).await;
    start(&*store, NewRun { priority: 5, ..run(3) }).await;
    start(&*store, NewRun { queue: "other".into(), ..run(4) }).await;
    let ahead = async |n: u128| {
        let new = if n == 3 { NewRun { priority: 5, ..run(3) } } else { run(n) };
        store.ahead(&new).await.unwrap()
    };
    assert_eq!(
        (ahead(3).await, ahead(1).await, ahead(2).await),
        (Some(0), Some(1), Some(2)),
        "the urgent one first"
    );
    let other = NewRun { queue: "other".into(), ..run(4) };
    assert_eq!(store.ahead(&other).await.unwrap(), Some(0), "another lane");
    assert_eq!(ahead(9).await, None);
    close(store).await;
}

pub(crate) async fn what_is_long_is_kept_as_what_is_short(open: &Open<'_>) {
    let store = open();
    let long = Value::from("x".repeat(100_000));
    start(&*store, NewRun { input: long.clone(), ..run(1) }).await;
    start(&*store, run(2)).await;
    let held = claim(&*store).await;
    assert_eq!(held.start.input, long);
    let mut commit = end(&held, Status::Failed);
    if let Some(end) = &mut commit.end {
        end.result = long.clone();
    }
    store.commit(commit).await.unwrap().unwrap();
    close(store).await;
    let store = open();
    let found = store.run(run(1).id).await.unwrap().unwrap();
    assert_eq!((&found.start.input, &found.end.unwrap().result), (&long, &long));
    assert_eq!(store.runs(Filter::default()).await.unwrap().items.len(), 2);
    store.reopen(run(1).id, None, 9).await.unwrap();
    assert!(store.run(run(1).id).await.unwrap().unwrap().end.is_none());
    let again = store.claim(2).await.unwrap();
    let again = again.iter().find(|claimed| claimed.start.id == run(1).id).unwrap();
    store.commit(end(again, Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(store.run(run(1).id).await.unwrap().unwrap().end.unwrap().result, Value::from("result"));
    close(store).await;
}

pub(crate) async fn pages_go_on_at_their_cursor(open: &Open<'_>) {
    let store = open();
    for n in 1..=5 {
        start(&*store, run(n)).await;
    }
    let filter = Filter { limit: 2, ..Filter::default() };
    let mut seen = vec![];
    let mut cursor = None;
    loop {
        let page = store.runs(Filter { cursor, ..filter.clone() }).await.unwrap();
        seen.extend(page.items.iter().map(|run| run.start.created_at_ms));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let none = store.runs(Filter { workflow: Some("Other".into()), ..Filter::default() }).await.unwrap();
    assert_eq!(none.items.len(), 0);
    close(store).await;
}
