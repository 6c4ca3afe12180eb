use store::{
    Change, Checkpoint, Commit, Hash, Moved, NewRun, Park, Pinned, Publish, Status, Store, VERSIONS_MAX,
    VERSIONS_MIN, VERSIONS_MS, Version, Write,
};

use super::{Open, close, end, run, start, time_goes_on};

const HOUR_MS: u64 = 3_600_000;

pub(super) fn version(text: &str) -> Version {
    Version {
        system: "shop".into(),
        files: vec![("workflows/a.workflow.json".into(), text.as_bytes().into())],
        broken: vec![],
    }
}

pub(super) async fn publish(store: &dyn Store, text: &str) -> Hash {
    store.publish(version(text), Publish::default()).await.unwrap()
}

fn by(name: &str, note: &str) -> Publish {
    Publish { by: Some(name.into()), note: note.into(), ..Publish::default() }
}

/// Which versions there are, the newest first.
async fn kept(store: &dyn Store) -> Vec<Hash> {
    store.history("shop".into()).await.unwrap().into_iter().map(|it| it.version).collect()
}

pub(crate) async fn the_same_content_is_the_same_version(open: &Open<'_>) {
    let store = open();
    let first = publish(&*store, "one").await;
    let broken = Version { broken: vec!["workflows/a.workflow.json".into()], ..version("two") };
    let second = store.publish(broken.clone(), Publish::default()).await.unwrap();
    assert_ne!(first, second);
    assert_eq!(second, version("two").hash(), "what did not load is no part of its hash");
    assert_eq!(publish(&*store, "one").await, first);
    close(store).await;
    let store = open();
    assert_eq!(store.current().await.unwrap(), [("shop".into(), first)]);
    assert_eq!(store.version(second).await.unwrap(), Some(broken), "and is kept");
    close(store).await;
}

pub(crate) async fn history_says_what_was_current_since_when_and_by_whom(open: &Open<'_>) {
    let store = open();
    let first = publish(&*store, "one").await;
    time_goes_on(1_000);
    let second = store.publish(version("two"), by("ada", "faster")).await.unwrap();
    store.publish(version("two"), by("bob", "again")).await.unwrap();
    close(store).await;
    let store = open();
    let history = store.history("shop".into()).await.unwrap();
    let said: Vec<_> =
        history.iter().map(|it| (it.version, it.by.as_deref(), &*it.note, it.left_ms.is_some())).collect();
    assert_eq!(said, [(second, Some("ada"), "faster", false), (first, None, "", true)]);
    assert_eq!(history[1].left_ms, Some(history[0].since_ms));
    assert!(history[0].since_ms >= history[1].since_ms + 1_000);
    assert!(store.history("other".into()).await.unwrap().is_empty());
    close(store).await;
}

pub(crate) async fn an_earlier_version_becomes_current_again(open: &Open<'_>) {
    let store = open();
    let first = publish(&*store, "one").await;
    let second = publish(&*store, "two").await;
    assert!(store.publish_again("shop".into(), first, by("ada", "slow")).await.unwrap());
    assert!(!store.publish_again("shop".into(), Hash([7; 32]), Publish::default()).await.unwrap());
    assert!(
        !store.publish_again("other".into(), second, Publish::default()).await.unwrap(),
        "it is another's"
    );
    close(store).await;
    let store = open();
    assert_eq!(store.current().await.unwrap(), [("shop".into(), first)]);
    let history = store.history("shop".into()).await.unwrap();
    assert_eq!(
        (history[0].version, history[0].left_ms, history[0].by.as_deref()),
        (first, None, Some("ada"))
    );
    assert_eq!((history[1].version, history[1].left_ms), (second, Some(history[0].since_ms)));
    close(store).await;
}

pub(crate) async fn what_becomes_current_is_told(open: &Open<'_>) {
    let store = open();
    let mut changes = store.changes();
    let first = publish(&*store, "one").await;
    publish(&*store, "one").await;
    let second = publish(&*store, "two").await;
    store.publish_again("shop".into(), first, Publish::default()).await.unwrap();
    let mut told = vec![];
    while told.len() < 3 {
        for (_, change) in changes.recv().await.unwrap().iter() {
            if let Change::Published { system, version } = change {
                told.push((system.clone(), *version));
            }
        }
    }
    assert_eq!(told, [("shop".into(), first), ("shop".into(), second), ("shop".into(), first)]);
    close(store).await;
}

pub(crate) async fn a_first_version_leaves_what_is_there(open: &Open<'_>) {
    let store = open();
    let first = || Publish { first: true, ..Publish::default() };
    let one = store.publish(version("one"), first()).await.unwrap();
    assert_eq!(store.publish(version("two"), first()).await.unwrap(), one, "and says what that is");
    assert_eq!(store.current().await.unwrap(), [("shop".into(), one)]);
    assert_eq!(kept(&*store).await, [one]);
    close(store).await;
}

pub(crate) async fn the_folder_that_is_settled_is_known(open: &Open<'_>) {
    let store = open();
    let settles = |byte: u8| Publish { folder: Some(Hash([byte; 32])), ..Publish::default() };
    assert_eq!(store.settled("shop".into()).await.unwrap(), None);
    let one = store.publish(version("one"), settles(1)).await.unwrap();
    publish(&*store, "two").await;
    assert_eq!(store.settled("shop".into()).await.unwrap(), Some(Hash([1; 32])), "it stays as it is known");
    publish(&*store, "one").await;
    store.publish(version("one"), settles(2)).await.unwrap();
    assert_eq!(store.settled("shop".into()).await.unwrap(), Some(Hash([2; 32])), "also of the same content");
    store.publish_again("shop".into(), one, settles(3)).await.unwrap();
    close(store).await;
    let store = open();
    assert_eq!(store.settled("shop".into()).await.unwrap(), Some(Hash([3; 32])));
    close(store).await;
}

pub(crate) async fn live_runs_are_counted_by_version_and_workflow(open: &Open<'_>) {
    let store = open();
    let (one, two) = (publish(&*store, "one").await, publish(&*store, "two").await);
    let pinned = async |store: &dyn Store| store.pinned("shop".into()).await.unwrap();
    let counted = |version, workflow: &str, runs| Pinned { version, workflow: workflow.into(), runs };
    start(&*store, NewRun { version: one, ..run(1) }).await;
    start(&*store, NewRun { version: one, ..run(2) }).await;
    start(&*store, NewRun { version: two, workflow: "Other".into(), ..run(3) }).await;
    start(&*store, NewRun { version: one, system: "elsewhere".into(), ..run(4) }).await;
    let put_off = NewRun { version: two, not_before_ms: Some(i64::MAX), ..run(5) };
    start(&*store, put_off.clone()).await;
    // One is there already, and another's submission is refused.
    start(&*store, NewRun { version: one, ..run(1) }).await;
    let stale = Commit { run: run(9).id, epoch: 99, writes: vec![Write::Start(run(9))], ..Commit::default() };
    assert!(store.commit(stale).await.unwrap().is_err());
    let all = [counted(one, "Work", 2), counted(two, "Other", 1), counted(two, "Work", 1)];
    assert_eq!(pinned(&*store).await, all);
    close(store).await;
    let store = open();
    assert_eq!(pinned(&*store).await, all, "after a restart too");
    let claimed = store.claim(10).await.unwrap();
    let of = |n| claimed.iter().find(|claimed| claimed.start.id == run(n).id).unwrap();
    let first = of(1);
    let park = Park {
        status: Status::Waiting,
        wake_at_ms: None,
        awaits: vec![],
        signals: vec![],
        started_at_ms: 1,
        worked_ms: 0,
        stored_bytes: 0,
        failed: false,
        host: None,
    };
    let parks = Commit { run: first.start.id, epoch: first.epoch, park: Some(park), ..Commit::default() };
    store.commit(parks).await.unwrap().unwrap();
    assert_eq!(pinned(&*store).await, all, "one that waits lives");
    store.cancel(first.start.id, false, 5).await.unwrap();
    store.cancel(put_off.id, false, 5).await.unwrap();
    store.commit(end(of(3), Status::Failed)).await.unwrap().unwrap();
    assert_eq!(pinned(&*store).await, [counted(one, "Work", 1)], "what has ended does not");
    let checkpoint = Checkpoint { at: 0, bytes: vec![1], needs: vec![], blobs: vec![] };
    store.reopen(first.start.id, Some(Moved { version: two, checkpoint }), 6).await.unwrap();
    assert_eq!(pinned(&*store).await.len(), 2);
    assert!(
        pinned(&*store).await.contains(&counted(two, "Work", 1)),
        "one that is tried again does, where it was moved to"
    );
    close(store).await;
}

pub(crate) async fn versions_stay_for_a_rollback(open: &Open<'_>) {
    let store = open();
    let min = VERSIONS_MIN as usize;
    let mut published = vec![];
    for n in 0..min + 5 {
        published.insert(0, publish(&*store, &n.to_string()).await);
    }
    time_goes_on(HOUR_MS + 60_000);
    published.insert(0, publish(&*store, "an hour later").await);
    assert_eq!(kept(&*store).await, published, "for thirty days many stay");
    time_goes_on(VERSIONS_MS as u64);
    published.insert(0, publish(&*store, "thirty days later").await);
    // The one that was current all the while was left just now.
    assert_eq!(kept(&*store).await, published[..=min], "and the last ones beyond that");
    assert_eq!(store.version(published[min]).await.unwrap(), Some(version("6")), "with their files");
    for n in 0..VERSIONS_MAX + 3 {
        published.insert(0, publish(&*store, &format!("many {n}")).await);
    }
    time_goes_on(HOUR_MS + 60_000);
    published.insert(0, publish(&*store, "last").await);
    assert_eq!(kept(&*store).await, published[..=VERSIONS_MAX as usize], "but not more than so many");
    close(store).await;
}

pub(crate) async fn a_secret_is_made_once(open: &Open<'_>) {
    let store = open();
    assert_eq!(store.secret("signals", [1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.secret("other", [2; 32]).await.unwrap(), [2; 32]);
    close(store).await;
    let store = open();
    assert_eq!(store.secret("signals", [3; 32]).await.unwrap(), [1; 32]);
    close(store).await;
}
