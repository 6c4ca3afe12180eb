use recipe::Value;
use store::{Commit, Entries, Log, NewRun, Publish, Status, Store, VERSIONS_MAX, Version, Write};

use super::{Open, claim, close, end, run, said, start, time_goes_on};

/// Whoever looks for work finds what may go; awaits that it has gone.
pub(crate) async fn look_for_work(store: &dyn Store) {
    // A page comes a moment after the one before.
    time_goes_on(1_000);
    assert!(store.claim_now(1).is_empty());
    // One that is not there is answered after all that came before; what may go comes last of what comes together.
    for _ in 0..2 {
        assert_eq!(store.run(run(1 << 60).id).await.unwrap(), None);
    }
}

async fn ends(store: &dyn Store, new: NewRun, status: Status) {
    start(store, new).await;
    let claimed = claim(store).await;
    store.commit(end(&claimed, status)).await.unwrap().unwrap();
}

pub(crate) async fn is_there(store: &dyn Store, n: u128) -> bool {
    store.run(run(n).id).await.unwrap().is_some()
}

pub(crate) async fn what_ended_goes_when_its_time_is_over(open: &Open<'_>) {
    let store = open();
    let day_ms = 86_400_000;
    let now_ms = (super::clock())() / 1_000;
    let keeps = |n, keep_ms| NewRun { keep_ms, ..run(n) };
    // They end two milliseconds after 1970 began.
    ends(&*store, keeps(1, Some(now_ms + day_ms)), Status::Succeeded).await;
    ends(&*store, keeps(2, Some(now_ms + 3 * day_ms)), Status::Failed).await;
    ends(&*store, keeps(3, None), Status::Succeeded).await;
    look_for_work(&*store).await;
    assert_eq!((is_there(&*store, 1).await, is_there(&*store, 2).await), (true, true));
    assert!(!is_there(&*store, 3).await, "thirty days after 1970 began it goes");
    close(store).await;
    time_goes_on(2 * day_ms);
    let store = open();
    look_for_work(&*store).await;
    assert_eq!((is_there(&*store, 1).await, is_there(&*store, 2).await), (false, true));
    close(store).await;
}

pub(crate) async fn what_went_is_counted_and_leaves_nothing(open: &Open<'_>) {
    let store = open();
    let writes = (1..=1_200).map(|n| Write::Start(NewRun { keep_ms: Some(0), ..run(n) })).collect();
    store.commit(Commit { writes, ..Commit::default() }).await.unwrap().unwrap();
    let claimed = store.claim(1_200).await.unwrap();
    let mut tickets = vec![];
    for claimed in &claimed {
        let line = Log {
            at_ms: 1,
            level: "info".into(),
            element: "".into(),
            message: "line".into(),
            data: Value::Null,
        };
        let writes = vec![Write::Progress(said(&claimed.start, claimed.start.id, "p")), Write::Log(line)];
        let entries = Some(Entries { at: 0, count: 1, bytes: vec![1] });
        tickets.push(store.commit(Commit { writes, entries, ..end(claimed, Status::Succeeded) }));
    }
    for ticket in tickets {
        ticket.await.unwrap().unwrap();
    }
    for _ in 0..3 {
        look_for_work(&*store).await;
    }
    assert!(store.runs(Default::default()).await.unwrap().items.is_empty());
    assert!(store.items("shop".into(), 0).await.unwrap().is_empty());
    assert!(store.mine("shop".into(), "ada".into(), None).await.unwrap().items.is_empty());
    assert!(store.logs(run(7).id).await.unwrap().is_empty());
    assert_eq!(store.resume(run(7).id).await.unwrap(), (None, vec![]));
    let account = store.account().await.unwrap();
    assert_eq!((account.accepted, account.succeeded), (1_200, 1_200), "the account outlives them");
    close(store).await;
}

pub(crate) async fn what_is_tried_again_does_not_go(open: &Open<'_>) {
    let store = open();
    ends(&*store, NewRun { keep_ms: Some(0), ..run(1) }, Status::Failed).await;
    store.reopen(run(1).id, None, 3).await.unwrap();
    let claimed = claim(&*store).await;
    look_for_work(&*store).await;
    assert!(is_there(&*store, 1).await);
    store.commit(end(&claimed, Status::Succeeded)).await.unwrap().unwrap();
    look_for_work(&*store).await;
    assert!(!is_there(&*store, 1).await);
    close(store).await;
}

pub(crate) async fn a_child_stays_while_its_tree_lives(open: &Open<'_>) {
    let store = open();
    start(&*store, NewRun { keep_ms: Some(0), ..run(1) }).await;
    let parent = claim(&*store).await;
    let child = NewRun { keep_ms: Some(0), root: run(1).id, parent: Some(run(1).id), ..run(2) };
    ends(&*store, child, Status::Succeeded).await;
    look_for_work(&*store).await;
    assert!(is_there(&*store, 2).await, "its parent may ask how it ended");
    store.commit(end(&parent, Status::Succeeded)).await.unwrap().unwrap();
    time_goes_on(2 * 86_400_000);
    look_for_work(&*store).await;
    assert_eq!((is_there(&*store, 1).await, is_there(&*store, 2).await), (false, false));
    close(store).await;
}

pub(crate) async fn a_version_goes_when_no_run_needs_it(open: &Open<'_>) {
    let store = open();
    let version = |text: &str| Version {
        system: "shop".into(),
        files: vec![
            ("workflows/a.workflow.json".into(), text.as_bytes().into()),
            ("same".into(), b"the same in both".as_slice().into()),
        ],
        broken: vec![],
    };
    let publish = async |text: &str| store.publish(version(text), Publish::default()).await.unwrap();
    let first = publish("one").await;
    start(&*store, NewRun { version: first, keep_ms: Some(0), ..run(1) }).await;
    let second = publish("two").await;
    // None of them is needed for a rollback.
    for n in 0..VERSIONS_MAX {
        publish(&n.to_string()).await;
    }
    let third = publish("three").await;
    time_goes_on(3_700_000);
    let fourth = publish("four").await;
    assert!(store.version(first).await.unwrap().is_some(), "a run is pinned to it");
    assert!(store.version(second).await.unwrap().is_none());
    assert!(store.version(third).await.unwrap().is_some(), "somebody may be about to start a run of it");
    let claimed = claim(&*store).await;
    store.commit(end(&claimed, Status::Succeeded)).await.unwrap().unwrap();
    look_for_work(&*store).await;
    time_goes_on(3_700_000);
    let fifth = publish("five").await;
    assert!(store.version(first).await.unwrap().is_none());
    assert_eq!(store.version(fourth).await.unwrap(), Some(version("four")), "with all its files");
    assert_eq!(store.version(fifth).await.unwrap(), Some(version("five")));
    close(store).await;
}
