use store::{Commit, NewRun, Status, Store, Write};

use super::{Open, claim, close, end, parks::asleep, run, start};

/// A run that another one started.
fn child(n: u128, of: u128) -> NewRun {
    NewRun { root: run(1).id, parent: Some(run(of).id), ..run(n) }
}

async fn stands(store: &dyn Store, n: u128) -> Status {
    store.run(run(n).id).await.unwrap().unwrap().status
}

pub(crate) async fn what_a_cancelled_run_started_ends_too(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let parent = claim(&*store).await;
    start(&*store, child(2, 1)).await;
    start(&*store, child(3, 1)).await;
    let held = claim(&*store).await;
    start(&*store, child(4, 3)).await;
    start(&*store, child(5, 2)).await;
    start(&*store, run(6)).await;
    store.cancel(run(1).id, true, 9).await.unwrap();
    assert!(store.is_asked_to_end(run(1).id) && !store.is_asked_to_end(held.start.id), "until it has ended");
    let all = async || {
        let mut all = Vec::new();
        for n in 1..=6 {
            all.push(stands(&*store, n).await);
        }
        all
    };
    use Status::{Cancelled, Queued, Running};
    assert_eq!(all().await, [Running, Running, Queued, Queued, Queued, Queued]);
    // Until it hears of it a run goes on.
    start(&*store, child(7, 1)).await;
    let commit = Commit { writes: vec![Write::Start(child(8, 1))], ..end(&parent, Cancelled) };
    store.commit(commit).await.unwrap().unwrap();
    assert_eq!((stands(&*store, 7).await, stands(&*store, 8).await), (Cancelled, Cancelled));
    assert!(store.is_asked_to_end(held.start.id), "one that is held, below one that was");
    assert_eq!(all().await, [Cancelled, Running, Cancelled, Cancelled, Queued, Queued]);
    store.commit(end(&held, Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(all().await, [Cancelled, Status::Succeeded, Cancelled, Cancelled, Cancelled, Queued]);
    close(store).await;
}

pub(crate) async fn what_a_run_started_may_be_kept(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let parent = claim(&*store).await;
    start(&*store, child(2, 1)).await;
    store.cancel(run(1).id, false, 9).await.unwrap();
    store.commit(end(&parent, Status::Cancelled)).await.unwrap().unwrap();
    assert_eq!(stands(&*store, 2).await, Status::Queued);
    close(store).await;
}

pub(crate) async fn a_run_that_parks_after_it_was_asked_ends(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let claimed = claim(&*store).await;
    store.cancel(run(1).id, true, 9).await.unwrap();
    let (run_id, epoch) = (claimed.start.id, claimed.epoch);
    let commit = Commit { run: run_id, epoch, park: Some(asleep()), ..Commit::default() };
    store.commit(commit).await.unwrap().unwrap();
    assert_eq!(stands(&*store, 1).await, Status::Cancelled);
    let account = store.account().await.unwrap();
    assert_eq!((account.cancelled, account.waiting, account.running), (1, 0, 0));
    close(store).await;
}

pub(crate) async fn many_children_end_a_page_at_a_time(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let writes = (2..=1_401).map(|n| Write::Start(child(n, 1))).collect();
    store.commit(Commit { writes, ..Commit::default() }).await.unwrap().unwrap();
    store.cancel(run(1).id, true, 9).await.unwrap();
    close(store).await;
    // What is left goes on after a restart, whether anybody looks for work or not: all may be busy.
    let store = open();
    for _ in 0..4 {
        // It waits for what the writer has before it.
        assert_eq!(store.run(run(1 << 60).id).await.unwrap(), None);
    }
    let account = store.account().await.unwrap();
    assert_eq!((account.accepted, account.cancelled), (1_401, 1_401));
    close(store).await;
}

/// The writer takes what waits together: what one submission says, memory has not heard when the next is looked at.
pub(crate) async fn one_that_parks_or_starts_in_the_same_moment_ends(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let claimed = claim(&*store).await;
    // One that takes a while holds the writer until the rest has come.
    let many: Vec<_> = (100..400).map(|n| Write::Start(run(n))).collect();
    let before = store.commit(Commit { writes: many, ..Commit::default() });
    let (run_id, epoch) = (claimed.start.id, claimed.epoch);
    let parks = store.commit(Commit { run: run_id, epoch, park: Some(asleep()), ..Commit::default() });
    let starts =
        store.commit(Commit { run: run(2).id, writes: vec![Write::Start(run(2))], ..Commit::default() });
    let (first, second) = (store.cancel(run(1).id, true, 9), store.cancel(run(2).id, true, 9));
    use store::Cancelled::Ended;
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (Ended, Ended));
    for ticket in [before, parks, starts] {
        ticket.await.unwrap().unwrap();
    }
    let account = store.account().await.unwrap();
    assert_eq!((account.cancelled, account.waiting, account.running, account.queued), (2, 0, 0, 300));
    close(store).await;
}
