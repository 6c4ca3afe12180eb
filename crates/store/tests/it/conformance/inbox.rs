use recipe::Value;
use store::{Change, Commit, Error, Handled, Handling, Id, Message, Notification, To, Write};

use super::{Open, close, run, start};

pub(crate) async fn notifications_come_a_page_at_a_time_newest_first(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    for n in 0..150 {
        let commit =
            Commit { run: run(1).id, writes: vec![Write::Notify(kept(n, "ada"))], ..Commit::default() };
        drop(store.commit(commit));
    }
    let mut seen = Vec::new();
    // What was submitted is there once a later submission is.
    start(&*store, run(2)).await;
    for page in 0..3 {
        let page = store.notifications("shop".into(), "ada".into(), 0, page).await.unwrap();
        assert!(page.len() <= 100);
        seen.extend(page.iter().map(|kept| kept.id.0));
    }
    assert_eq!(seen, (0..150).rev().collect::<Vec<u128>>());
    close(store).await;
}

pub(crate) async fn a_message_goes_out_with_its_commit_and_with_none_that_is_refused(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let mut changes = store.changes();
    let says = |epoch: u64, event: &str| {
        let to = To::Channel("orders".into());
        let message = Message { system: "shop".into(), to, event: event.into(), data: Value::from(1) };
        Commit { run: run(1).id, epoch, writes: vec![Write::Message(message)], ..Commit::default() }
    };
    // Nobody holds the run under that epoch.
    let refused = store.commit(says(7, "never")).await.unwrap();
    assert!(matches!(refused, Err(Error::LeaseLost)), "{refused:?}");
    store.commit(says(0, "made")).await.unwrap().unwrap();
    let batch = changes.recv().await.unwrap();
    let [(_, Change::Message(message))] = &*batch else { panic!("{batch:?}") };
    assert_eq!((&*message.event, &message.to), ("made", &To::Channel("orders".into())));
    close(store).await;
}

pub(crate) async fn what_its_person_does_to_a_notification_is_kept_and_told(open: &Open<'_>) {
    let store = open();
    let mut changes = store.changes();
    let mut commit = Commit { run: run(1).id, ..Commit::default() };
    commit.writes = (0..4).map(|n| Write::Notify(kept(n, if n == 3 { "bob" } else { "ada" }))).collect();
    start(&*store, run(1)).await;
    store.commit(commit).await.unwrap().unwrap();
    let handle = async |ids: Option<Vec<u128>>, how| {
        let ids = ids.map(|ids| ids.into_iter().map(Id).collect());
        let handled = Handled { system: "shop".into(), user: "ada".into(), ids, how };
        let done = store.handle(handled).await.unwrap();
        done.iter().map(|kept| (kept.id.0, kept.read_at_ms, kept.gone)).collect::<Vec<_>>()
    };
    // Another's and one that there is not are left out; the first reading counts.
    assert_eq!(handle(Some(vec![0, 3, 9]), Handling::Read(5)).await, [(0, Some(5), false)]);
    assert_eq!(handle(Some(vec![0, 1]), Handling::Read(6)).await, [(0, Some(5), false), (1, Some(6), false)]);
    assert_eq!(handle(Some(vec![1]), Handling::Unread).await, [(1, None, false)]);
    assert_eq!(handle(Some(vec![2]), Handling::Delete).await, [(2, None, true)]);
    assert_eq!(handle(Some(vec![2]), Handling::Read(7)).await, []);
    let mut told = Vec::new();
    while let Ok(changes) = changes.try_recv() {
        told.extend(changes.iter().filter_map(|(stamp, change)| match change {
            Change::Notification(kept) => Some((*stamp, kept.id.0, kept.read_at_ms, kept.gone)),
            _ => None,
        }));
    }
    let states: Vec<_> = told[4..].iter().map(|(_, id, read, gone)| (*id, *read, *gone)).collect();
    assert_eq!(states, [(0, Some(5), false), (1, Some(6), false), (1, None, false), (2, None, true)]);
    // Who was away hears of all that changed, and of what is gone; the list does not show that.
    let list = async |since| {
        let page = store.notifications("shop".into(), "ada".into(), since, 0).await.unwrap();
        page.iter().map(|kept| (kept.id.0, kept.gone)).collect::<Vec<_>>()
    };
    assert_eq!(list(told[4].0).await, [(2, true), (1, false)]);
    assert_eq!(list(0).await, [(1, false), (0, false)]);
    let one = async |user: &str, id| {
        store.notification("shop".into(), user.into(), Id(id)).await.unwrap().is_some()
    };
    assert!(one("ada", 0).await && !one("bob", 0).await && !one("ada", 2).await);
    assert_eq!(handle(None, Handling::Delete).await.len(), 2);
    assert_eq!(list(0).await, []);
    assert!(one("bob", 3).await);
    close(store).await;
}

fn kept(n: u128, user: &str) -> Notification {
    Notification {
        id: Id(n),
        system: "shop".into(),
        user: user.into(),
        run: run(1).id,
        body: Value::Null,
        at_ms: 1,
        read_at_ms: None,
        gone: false,
    }
}
