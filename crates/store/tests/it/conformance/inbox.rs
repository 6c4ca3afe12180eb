use recipe::Value;
use store::{Change, Commit, Error, Id, Message, Notification, To, Write};

use super::{Open, close, run, start};

pub(crate) async fn notifications_come_a_page_at_a_time_newest_first(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    for n in 0..150 {
        let kept = Notification {
            id: Id(n),
            system: "shop".into(),
            user: "ada".into(),
            run: run(1).id,
            body: Value::Null,
            at_ms: 1,
            read_at_ms: None,
        };
        let commit = Commit { run: run(1).id, writes: vec![Write::Notify(kept)], ..Commit::default() };
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
