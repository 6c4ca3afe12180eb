use store::{
    Declared, Due, Error, Fate, Hash, Id, Overlap, Paused, Plan, Schedule, Settled, Status, Store, Timing,
    Unique, Why,
};

use super::{Open, claim, close, end, run, versions::publish};

const DAY_MS: i64 = 86_400_000;

fn declared(rule: &str) -> Vec<Declared> {
    vec![Declared { workflow: "Work".into(), event: "nightly".into(), rule: rule.into() }]
}

async fn declare(store: &dyn Store, rule: &str, at_ms: i64) -> Schedule {
    store.declare("shop".into(), Hash::default(), declared(rule), at_ms).await.unwrap().remove(0)
}

fn id() -> Id {
    Schedule::id_of("shop", "Work", "nightly")
}

/// Runs `n` are due at `n`.
fn due(times: &[i64], overlap: Overlap) -> Due {
    let start = |n: &i64| (*n, Plan::Start(Timing::OnTime, Box::new(run(*n as u128))));
    Due {
        schedule: id(),
        rule: "@daily".into(),
        times: times.iter().map(start).collect(),
        overlap,
        at_ms: times[0] + 5,
    }
}

fn by_hand(n: i64) -> Due {
    let plan = Plan::Start(Timing::ByHand, Box::new(run(n as u128)));
    Due { times: vec![(n, plan)], ..due(&[n], Overlap::Skip) }
}

fn fates(lines: Option<Vec<Settled>>) -> Vec<Fate> {
    lines.unwrap().into_iter().map(|line| line.fate).collect()
}

const RAN: Fate = Fate::Ran(Timing::OnTime);

pub(crate) async fn a_due_time_is_settled_once_with_its_run(open: &Open<'_>) {
    let store = open();
    assert_eq!(store.settle(due(&[200], Overlap::Allow)).await.unwrap(), None, "nobody has declared it");
    assert_eq!(declare(&*store, "@daily", 100).await.settled_ms, 100);
    let lines = store.settle(due(&[200, 300], Overlap::Allow)).await.unwrap().unwrap();
    let line = |n: i64| Settled { due_ms: n, at_ms: 205, fate: RAN, run: Some(run(n as u128).id) };
    assert_eq!(lines, [line(200), line(300)]);
    // Others who reckoned the same.
    let racing = [due(&[200], Overlap::Allow), due(&[300], Overlap::Allow), due(&[300, 400], Overlap::Allow)];
    for late in racing {
        assert_eq!(store.settle(late).await.unwrap(), None);
    }
    close(store).await;
    let store = open();
    assert_eq!(store.settle(due(&[300], Overlap::Allow)).await.unwrap(), None);
    assert_eq!(store.schedules(None).await.unwrap()[0].settled_ms, 300);
    assert_eq!(store.ledger(id(), None).await.unwrap(), [line(300), line(200)]);
    assert_eq!(store.ledger(id(), Some(300)).await.unwrap(), [line(200)]);
    assert_eq!(store.account().await.unwrap().accepted, 2);
    // By hand it has a line of its own, and only one a moment.
    assert_eq!(fates(store.settle(by_hand(250)).await.unwrap()), [Fate::Ran(Timing::ByHand)]);
    assert!(matches!(store.settle(by_hand(300)).await, Err(Error::Conflict(_))));
    let account = store.account().await.unwrap();
    assert_eq!((account.accepted, account.queued), (3, 3), "nothing of a refused one is left");
    let row = store.schedules(None).await.unwrap().remove(0);
    assert_eq!((row.settled_ms, row.ran_ms), (300, Some(300)));
    close(store).await;
}

pub(crate) async fn what_is_new_changed_or_back_has_nothing_due_before(open: &Open<'_>) {
    let store = open();
    declare(&*store, "@daily", 100).await;
    assert_eq!(declare(&*store, "@daily", 900).await.settled_ms, 100, "it is as it was");
    assert_eq!(declare(&*store, "@hourly", 1_000).await.settled_ms, 1_000);
    assert_eq!(store.settle(due(&[1_100], Overlap::Allow)).await.unwrap(), None, "reckoned by the old rule");
    let other = store.declare("other".into(), Hash::default(), declared("@daily"), 1).await.unwrap();
    store.pause(id(), Some(Paused { by: "ada".into(), at_ms: 1_050 })).await.unwrap();
    assert_eq!(store.declare("shop".into(), Hash::default(), Vec::new(), 1_200).await.unwrap(), []);
    assert_eq!(store.schedules(None).await.unwrap(), other);
    assert_eq!(store.settle(by_hand(1_300)).await.unwrap(), None, "it is gone");
    assert_eq!(store.pause(id(), None).await.unwrap(), None);
    close(store).await;
    let store = open();
    let back = declare(&*store, "@hourly", 2_000).await;
    assert_eq!((back.settled_ms, &*back.paused.unwrap().by), (2_000, "ada"));
    assert_eq!(declare(&*store, "@daily", 500).await.settled_ms, 2_000, "also by a clock that goes back");
    close(store).await;
}

pub(crate) async fn who_is_behind_changes_no_schedules(open: &Open<'_>) {
    let store = open();
    let (old, new) = (publish(&*store, "old").await, publish(&*store, "new").await);
    let declare = async |version, rule: &str, at_ms| {
        store.declare("shop".into(), version, declared(rule), at_ms).await.unwrap()
    };
    let by_new = declare(new, "@hourly", 100).await;
    assert_eq!(by_new[0].settled_ms, 100);
    assert_eq!(declare(old, "@daily", 200).await, by_new, "it is told what there is");
    assert_eq!(store.schedules(None).await.unwrap(), by_new);
    close(store).await;
}

pub(crate) async fn a_paused_schedule_skips_and_says_by_whom(open: &Open<'_>) {
    let store = open();
    declare(&*store, "@daily", 100).await;
    let paused = Paused { by: "ada".into(), at_ms: 150 };
    assert_eq!(store.pause(id(), Some(paused.clone())).await.unwrap().unwrap().paused, Some(paused));
    close(store).await;
    let store = open();
    let skipped = Fate::Skipped(Why::Paused("ada".into()));
    assert_eq!(fates(store.settle(due(&[200], Overlap::Allow)).await.unwrap()), [skipped]);
    assert_eq!(fates(store.settle(by_hand(250)).await.unwrap()), [Fate::Ran(Timing::ByHand)]);
    assert_eq!(store.pause(id(), None).await.unwrap().unwrap().paused, None);
    assert_eq!(fates(store.settle(due(&[300], Overlap::Allow)).await.unwrap()), [RAN]);
    assert_eq!(store.account().await.unwrap().accepted, 2);
    close(store).await;
}

pub(crate) async fn while_a_run_lives_a_due_time_is_skipped_or_beside_it(open: &Open<'_>) {
    let store = open();
    declare(&*store, "@daily", 100).await;
    assert_eq!(fates(store.settle(due(&[200], Overlap::Skip)).await.unwrap()), [RAN]);
    let line = store.settle(due(&[300], Overlap::Skip)).await.unwrap().unwrap().remove(0);
    assert_eq!((line.fate, line.run), (Fate::Skipped(Why::Overlap), Some(run(200).id)));
    assert_eq!(fates(store.settle(due(&[400], Overlap::Allow)).await.unwrap()), [RAN]);
    let (one, other) = (claim(&*store).await, claim(&*store).await);
    for claimed in [&one, &other] {
        store.commit(end(claimed, Status::Failed)).await.unwrap().unwrap();
    }
    close(store).await;
    let store = open();
    let fates_of_both = fates(store.settle(due(&[500, 600], Overlap::Skip)).await.unwrap());
    assert_eq!(fates_of_both, [RAN, Fate::Skipped(Why::Overlap)], "the second finds the first");
    close(store).await;
}

pub(crate) async fn a_due_time_may_begin_when_those_before_have_ended(open: &Open<'_>) {
    let store = open();
    declare(&*store, "@daily", 100).await;
    assert_eq!(fates(store.settle(due(&[200, 300, 400], Overlap::Queue)).await.unwrap()), [RAN, RAN, RAN]);
    let first = claim(&*store).await;
    assert_eq!(first.start.id, run(200).id);
    assert!(store.claim_now(9).is_empty(), "the others wait");
    assert_eq!(store.run(run(300).id).await.unwrap().unwrap().status, Status::Queued);
    // One between them goes, and the last still waits for the first.
    store.cancel(run(300).id, true, 450).await.unwrap();
    assert!(store.claim_now(9).is_empty());
    close(store).await;
    let store = open();
    let first = claim(&*store).await;
    assert!(store.claim_now(9).is_empty());
    store.commit(end(&first, Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(claim(&*store).await.start.id, run(400).id);
    let account = store.account().await.unwrap();
    assert_eq!((account.succeeded, account.cancelled, account.running), (1, 1, 1));
    close(store).await;
}

pub(crate) async fn a_due_time_whose_key_is_taken_is_skipped(open: &Open<'_>) {
    let store = open();
    declare(&*store, "@daily", 100).await;
    let unique = Some(Unique { key: "all".into(), queued: false, for_ms: 0, replace: false });
    let with_key = |n: i64| {
        let mut due = due(&[n], Overlap::Allow);
        if let Plan::Start(_, new) = &mut due.times[0].1 {
            new.unique.clone_from(&unique);
        }
        due
    };
    assert_eq!(fates(store.settle(with_key(200)).await.unwrap()), [RAN]);
    let line = store.settle(with_key(300)).await.unwrap().unwrap().remove(0);
    assert_eq!((line.fate, line.run), (Fate::Skipped(Why::Unique), Some(run(200).id)));
    close(store).await;
}

pub(crate) async fn a_line_is_kept_for_ninety_days(open: &Open<'_>) {
    let store = open();
    declare(&*store, "@daily", 0).await;
    let skip = |day: i64| Due {
        times: vec![(day * DAY_MS, Plan::Skip(Why::Missed(1)))],
        at_ms: day * DAY_MS,
        ..due(&[1], Overlap::Skip)
    };
    for day in 1..=95 {
        store.settle(skip(day)).await.unwrap().unwrap();
    }
    let kept: Vec<i64> =
        store.ledger(id(), None).await.unwrap().iter().map(|line| line.due_ms / DAY_MS).collect();
    assert_eq!(kept, (6..=95).rev().collect::<Vec<_>>());
    close(store).await;
}
