use std::sync::Arc;

use store::{Commit, HostLimits, Park, Slot, Status, Store, Turn};

use super::{Open, claim, close, parks::asleep, run, start, time_goes_on};

const SLOWLY: HostLimits = HostLimits { per_second: Some(0.01), concurrent: None };

const TWO: HostLimits = HostLimits { per_second: None, concurrent: Some(2) };

async fn turn(store: &dyn Store, host: &str, limits: HostLimits) -> Turn {
    store.turn(host.into(), limits, false).await.unwrap()
}

async fn again(store: &dyn Store, host: &str, limits: HostLimits) -> Turn {
    store.turn(host.into(), limits, true).await.unwrap()
}

/// Whether somebody was told to come in about so long: the time of a test goes on by itself, too.
fn is_in(turn: Turn, ms: u64) -> bool {
    matches!(turn, Turn::Later(told) if (ms - 30_000..=ms).contains(&told))
}

fn slot(turn: Turn) -> Slot {
    match turn {
        Turn::Go(Some(slot)) => slot,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_second_takes_so_many_and_who_comes_early_is_told_when(open: &Open<'_>) {
    let store = open();
    assert_eq!(turn(&*store, "a", SLOWLY).await, Turn::Go(None));
    assert_eq!(turn(&*store, "b", SLOWLY).await, Turn::Go(None), "another host");
    for ms in [100_000, 200_000, 300_000] {
        let told = turn(&*store, "a", SLOWLY).await;
        assert!(is_in(told, ms), "each another time: {told:?}, not in {ms} ms");
    }
    time_goes_on(100_000);
    let told = turn(&*store, "a", SLOWLY).await;
    assert!(is_in(told, 300_000), "who has not waited comes after those who have: {told:?}");
    assert_eq!(again(&*store, "a", SLOWLY).await, Turn::Go(None));
    assert!(matches!(again(&*store, "a", SLOWLY).await, Turn::Later(_)));
    close(store).await;
}

pub(crate) async fn so_many_are_under_way_at_once_and_no_more(open: &Open<'_>) {
    let store = open();
    let ask = async || again(&*store, "a", TWO).await;
    let (first, second) = (slot(ask().await), slot(ask().await));
    assert_ne!(first, second);
    assert!(matches!(ask().await, Turn::Later(1..=1_000)), "it is not known when one is over");
    assert!(matches!(again(&*store, "b", TWO).await, Turn::Go(Some(_))), "another host");
    store.done(first);
    store.done(first);
    let free = async || {
        loop {
            if let Turn::Go(Some(slot)) = ask().await {
                return slot;
            }
        }
    };
    tokio::time::timeout(testkit::DEADLINE, free()).await.expect("what is over makes room");
    assert!(matches!(ask().await, Turn::Later(_)), "and for one, though it was said twice");
    close(store).await;
    let store = open();
    slot(again(&*store, "a", TWO).await);
    slot(again(&*store, "a", TWO).await);
    close(store).await;
}

pub(crate) async fn a_host_that_is_blocked_is_so_for_everybody(open: &Open<'_>) {
    let store = open();
    let held = slot(turn(&*store, "a", TWO).await);
    store.block("a".into(), 60_000).await.unwrap();
    store.block("a".into(), 1_000).await.unwrap();
    store.done(held);
    assert!(is_in(turn(&*store, "a", TWO).await, 60_000));
    assert!(matches!(again(&*store, "a", TWO).await, Turn::Later(_)));
    slot(turn(&*store, "b", TWO).await);
    time_goes_on(61_000);
    slot(again(&*store, "a", TWO).await);
    close(store).await;
}

pub(crate) async fn a_run_that_waits_for_its_turn_says_where(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let claimed = claim(&*store).await;
    let host: Option<Arc<str>> = Some("api.example.com".into());
    let wake_at_ms = Some(i64::MAX);
    let park = Some(Park { status: Status::Queued, wake_at_ms, host: host.clone(), ..asleep() });
    let commit = Commit { run: claimed.start.id, epoch: claimed.epoch, park, ..Commit::default() };
    store.commit(commit).await.unwrap().unwrap();
    let found = store.run(claimed.start.id).await.unwrap().unwrap();
    assert_eq!((found.status, found.attempts, found.wake_at_ms), (Status::Queued, 0, wake_at_ms));
    assert_eq!(found.host, host);
    close(store).await;
}
