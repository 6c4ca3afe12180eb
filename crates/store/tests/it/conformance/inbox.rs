use recipe::Value;
use store::{Commit, Id, Notification, Write};

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
