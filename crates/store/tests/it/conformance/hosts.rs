use std::sync::Arc;

use store::{AsksTurn, Commit, HostLimits, Id, Park, Slot, Status, Store, Turn};

use super::{Open, claim, close, parks::asleep, run, start, time_goes_on};

const SLOWLY: HostLimits = HostLimits { per_second: Some(0.01), concurrent: None };

const TWO: HostLimits = HostLimits { per_second: None, concurrent: Some(2) };

const ONE: HostLimits = HostLimits { per_second: None, concurrent: Some(1) };

/// The call of that number, for the first time.
fn asks(host: &str, limits: HostLimits, who: u128) -> AsksTurn {
    let (who, leaves) = (Id(who), Some(run(who).id));
    AsksTurn { host: host.into(), limits, who, leaves, came_again: false, stays_ms: 1_000 }
}

async fn ask(store: &dyn Store, asks: AsksTurn) -> Turn {
    store.turn(asks).await.unwrap()
}

async fn within<T>(event: impl Future<Output = T>) -> T {
    testkit::within(event, || "it is told, or woken".to_owned()).await
}

/// Some call.
async fn turn(store: &dyn Store, host: &str, limits: HostLimits) -> Turn {
    ask(store, asks(host, limits, 1_000)).await
}

async fn again(store: &dyn Store, host: &str, limits: HostLimits) -> Turn {
    ask(store, AsksTurn { came_again: true, ..asks(host, limits, 1_000) }).await
}

/// Its turn, as soon as what was said has been heard.
async fn goes(store: &dyn Store, who: u128) -> Slot {
    let goes = async {
        loop {
            match ask(store, asks("a", ONE, who)).await {
                Turn::Go(Some(slot)) => return slot,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    within(goes).await
}

/// It need not stand there.
async fn goes_away(store: &dyn Store, who: u128) {
    let told = ask(store, AsksTurn { stays_ms: 0, ..asks("a", ONE, who) }).await;
    assert!(matches!(told, Turn::Leave(_)), "{told:?}");
}

/// Claims that run and parks it for its turn.
async fn park(store: &dyn Store, who: u128) {
    let claimed = claim(store).await;
    assert_eq!(claimed.start.id, run(who).id);
    park_claimed(store, claimed.epoch, who).await;
}

async fn park_claimed(store: &dyn Store, epoch: u64, who: u128) {
    let park =
        Park { status: Status::Queued, wake_at_ms: Some(i64::MAX), host: Some("a".into()), ..asleep() };
    let commit = Commit { run: run(who).id, epoch, park: Some(park), ..Commit::default() };
    store.commit(commit).await.unwrap().unwrap();
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
    let bell = store.bell(Id(1_000));
    let ask = async || again(&*store, "a", TWO).await;
    let (first, second) = (slot(ask().await), slot(ask().await));
    assert_ne!(first, second);
    assert_eq!(ask().await, Turn::Stand(1_000), "it is not known when one is over");
    assert!(matches!(again(&*store, "b", TWO).await, Turn::Go(Some(_))), "another host");
    store.done(first);
    store.done(first);
    within(bell.notified()).await;
    slot(ask().await);
    assert_eq!(ask().await, Turn::Stand(1_000), "and for one, though it was said twice");
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

pub(crate) async fn a_place_that_is_free_is_the_oldest_ones_who_stands(open: &Open<'_>) {
    let store = open();
    let held = slot(ask(&*store, asks("a", ONE, 1)).await);
    let (old, young) = (store.bell(Id(2)), store.bell(Id(3)));
    for who in [2, 3] {
        assert_eq!(ask(&*store, asks("a", ONE, who)).await, Turn::Stand(1_000));
    }
    store.done(held);
    within(old.notified()).await;
    for who in [3, 4] {
        let told = ask(&*store, asks("a", ONE, who)).await;
        assert!(!matches!(told, Turn::Go(_)), "{who} came later, and was told {told:?}");
    }
    let held = slot(ask(&*store, asks("a", ONE, 2)).await);
    store.leave("a".into(), Id(2), false);
    store.done(held);
    within(young.notified()).await;
    store.leave("a".into(), Id(3), true);
    goes(&*store, 4).await;
    close(store).await;
}

pub(crate) async fn who_stands_and_is_not_there_holds_up_nobody_for_long(open: &Open<'_>) {
    let store = open();
    let held = slot(ask(&*store, asks("a", ONE, 1)).await);
    let gone = store.bell(Id(2));
    assert_eq!(ask(&*store, asks("a", ONE, 2)).await, Turn::Stand(1_000));
    store.done(held);
    within(gone.notified()).await;
    assert!(matches!(ask(&*store, asks("a", ONE, 3)).await, Turn::Stand(_)));
    time_goes_on(2_000);
    slot(ask(&*store, asks("a", ONE, 3)).await);
    close(store).await;
}

pub(crate) async fn those_who_left_are_called_in_their_order_as_places_are_free(open: &Open<'_>) {
    let store = open();
    for who in 1..=2 {
        start(&*store, run(who)).await;
    }
    // Calls of it take long: nobody is called before one is over.
    let held = slot(ask(&*store, asks("a", ONE, 9)).await);
    time_goes_on(10_000);
    store.done(held);
    let held = goes(&*store, 9).await;
    // The younger run comes first.
    let first = claim(&*store).await;
    goes_away(&*store, 2).await;
    park(&*store, 2).await;
    goes_away(&*store, 1).await;
    park_claimed(&*store, first.epoch, 1).await;
    let before = async |who| store.before_at("a", run(who).id).await.unwrap();
    assert_eq!((before(2).await, before(1).await), (Some(0), Some(1)));
    store.done(held);
    assert_eq!(within(store.claim(1)).await.unwrap()[0].start.id, run(2).id);
    assert_eq!((before(3).await, before(1).await), (None, Some(0)));
    let held = slot(ask(&*store, asks("a", ONE, 2)).await);
    store.done(held);
    assert_eq!(within(store.claim(1)).await.unwrap()[0].start.id, run(1).id);
    close(store).await;
}

pub(crate) async fn a_run_that_is_called_before_it_has_left_does_not_leave(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let held = slot(ask(&*store, asks("a", ONE, 9)).await);
    let claimed = claim(&*store).await;
    goes_away(&*store, 1).await;
    store.done(held);
    let called = async {
        while store.before_at("a", run(1).id).await.unwrap() == Some(0) {
            tokio::task::yield_now().await;
        }
    };
    within(called).await;
    park_claimed(&*store, claimed.epoch, 1).await;
    assert_eq!(within(store.claim(1)).await.unwrap()[0].start.id, run(1).id);
    close(store).await;
}

pub(crate) async fn one_that_was_cancelled_keeps_its_place_from_nobody(open: &Open<'_>) {
    let store = open();
    for who in 1..=4 {
        start(&*store, run(who)).await;
    }
    let held = slot(ask(&*store, asks("a", ONE, 9)).await);
    time_goes_on(10_000);
    store.done(held);
    let held = goes(&*store, 9).await;
    for who in 1..=4 {
        goes_away(&*store, who).await;
        park(&*store, who).await;
    }
    for who in 1..=3 {
        store.cancel(run(who).id, true, 9).await.unwrap();
    }
    store.done(held);
    assert_eq!(within(store.claim(1)).await.unwrap()[0].start.id, run(4).id);
    close(store).await;
}

pub(crate) async fn who_waits_at_a_host_is_called_after_a_restart(open: &Open<'_>) {
    let store = open();
    for who in 1..=2 {
        start(&*store, run(who)).await;
    }
    slot(ask(&*store, asks("a", ONE, 9)).await);
    for who in 1..=2 {
        goes_away(&*store, who).await;
        park(&*store, who).await;
    }
    close(store).await;
    let store = open();
    for who in 1..=2 {
        assert_eq!(within(store.claim(1)).await.unwrap()[0].start.id, run(who).id);
        let held = slot(ask(&*store, AsksTurn { came_again: true, ..asks("a", ONE, who) }).await);
        store.done(held);
    }
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
