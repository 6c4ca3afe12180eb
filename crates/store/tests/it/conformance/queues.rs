use std::sync::Arc;

use store::{Commit, Pause, Status, Store};

use super::{Open, claim, close, end, run, start};

async fn pause(store: &dyn Store, system: &str, queue: &str) -> bool {
    let pause = Pause { queue: queue.into(), system: system.into(), by: "ada".into(), at_ms: 7 };
    store.pause_queue(pause).await.unwrap()
}

pub(crate) async fn nothing_of_a_paused_queue_is_claimed_until_it_is_resumed(open: &Open<'_>) {
    let store = open();
    let (first, mut second) = (run(1), run(2));
    second.queue = "mail".into();
    let (system, mail): (Arc<str>, Arc<str>) = (second.system.clone(), second.queue.clone());
    start(&*store, first.clone()).await;
    let held = claim(&*store).await;
    assert!(pause(&*store, &system, &first.queue).await);
    assert!(!pause(&*store, &system, &first.queue).await, "it is");
    start(&*store, run(3)).await;
    assert_eq!(store.claim_now(9).len(), 0);
    start(&*store, second.clone()).await;
    assert_eq!(claim(&*store).await.start.id, second.id, "another queue goes on");
    let commit: Commit = end(&held, Status::Succeeded);
    store.commit(commit).await.unwrap().unwrap();
    let queues = store.queues(&system).await.unwrap();
    let names: Vec<_> = queues.iter().map(|queue| (&*queue.queue, queue.ready, queue.running)).collect();
    assert_eq!(names, [(&*first.queue, 1, 0), (&*mail, 0, 1)]);
    assert_eq!((queues[0].oldest, queues[0].paused.as_ref().unwrap().by.as_ref()), (Some(run(3).id), "ada"));
    assert_eq!(store.queues("other").await.unwrap(), []);
    close(store).await;
    let store = open();
    assert_eq!(
        store.paused(&system, &first.queue).await.unwrap().map(|pause| pause.at_ms),
        Some(7),
        "over a restart"
    );
    assert_eq!(claim(&*store).await.start.id, second.id);
    assert_eq!(store.claim_now(9).len(), 0);
    let waits = store.claim(9);
    assert!(store.resume_queue(system.clone(), first.queue.clone()).await.unwrap());
    assert_eq!(waits.await.unwrap()[0].start.id, run(3).id, "whoever waits for work is told");
    assert!(!store.resume_queue(system.clone(), first.queue.clone()).await.unwrap());
    assert_eq!(store.paused(&system, &first.queue).await.unwrap(), None);
    close(store).await;
}
