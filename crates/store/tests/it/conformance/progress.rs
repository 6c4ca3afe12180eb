use store::{Commit, Contribution, Id, Item, ItemStatus, NewRun, Status, Store, Write};

use super::{Open, close, end, run, said, start};

async fn say(store: &dyn Store, epoch: u64, contribution: Contribution) {
    let commit = Commit {
        run: contribution.run,
        epoch,
        writes: vec![Write::Progress(contribution)],
        ..Commit::default()
    };
    store.commit(commit).await.unwrap().unwrap();
}

async fn item(store: &dyn Store, root: &NewRun, process: &str) -> Item {
    (*store.item(Item::id_of("shop", root.id, process)).await.unwrap().unwrap()).clone()
}

/// A root and two children of it, all claimed, so that each may speak.
async fn family(store: &dyn Store) -> Vec<store::Claimed> {
    start(store, run(1)).await;
    for n in 2..=3 {
        start(store, NewRun { root: run(1).id, parent: Some(run(1).id), ..run(n) }).await;
    }
    let mut claimed = store.claim(3).await.unwrap();
    claimed.sort_by_key(|claimed| claimed.start.id);
    claimed
}

pub(crate) async fn increments_of_many_runs_add_up(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    for (claimed, subtotal) in family(&*store).await.iter().zip([1.0, 2.0, 4.0]) {
        say(&*store, claimed.epoch, Contribution { subtotal, ..said(&root, claimed.start.id, "p") }).await;
    }
    assert_eq!(item(&*store, &root, "p").await.progress, 7.0);
    close(store).await;
    let store = open();
    assert_eq!(item(&*store, &root, "p").await.progress, 7.0);
    close(store).await;
}

pub(crate) async fn a_repetition_changes_nothing(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    let words = Contribution { subtotal: 3.0, ..said(&root, root.id, "p") };
    say(&*store, family[0].epoch, words.clone()).await;
    let first = item(&*store, &root, "p").await;
    say(&*store, family[0].epoch, words).await;
    assert_eq!(item(&*store, &root, "p").await, first);
    close(store).await;
}

pub(crate) async fn no_spinner_is_left_behind(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    say(&*store, family[1].epoch, said(&root, family[1].start.id, "p")).await;
    store.commit(end(&family[0], Status::Succeeded)).await.unwrap().unwrap();
    store.commit(end(&family[1], Status::Failed)).await.unwrap().unwrap();
    assert_eq!(item(&*store, &root, "p").await.status, ItemStatus::Running);
    store.commit(end(&family[2], Status::Succeeded)).await.unwrap().unwrap();
    let ended = item(&*store, &root, "p").await;
    assert_eq!(ended.status, ItemStatus::Failed);
    assert_eq!(ended.status_message.as_str(), Some("could not be completed"));
    close(store).await;
}

pub(crate) async fn a_bar_does_not_run_backwards(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    let set = |by: Id, sets, value| Contribution { set: Some((sets, value)), ..said(&root, by, "p") };
    say(&*store, family[0].epoch, set(root.id, 1, 6.0)).await;
    // A lower one of another run is ignored, of the same run it is shown.
    say(&*store, family[1].epoch, set(family[1].start.id, 1, 2.0)).await;
    assert_eq!(item(&*store, &root, "p").await.progress, 6.0);
    say(&*store, family[0].epoch, set(root.id, 2, 4.0)).await;
    assert_eq!(item(&*store, &root, "p").await.progress, 4.0);
    let two = said(&root, root.id, "q");
    say(&*store, family[0].epoch, two).await;
    assert_eq!(store.items_of(root.id).await.unwrap().len(), 2);
    close(store).await;
}

pub(crate) async fn a_bar_fails_with_a_run_that_had_not_touched_it(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    say(&*store, family[0].epoch, said(&root, root.id, "p")).await;
    store.commit(end(&family[1], Status::Failed)).await.unwrap().unwrap();
    store.commit(end(&family[2], Status::Succeeded)).await.unwrap().unwrap();
    store.commit(end(&family[0], Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(item(&*store, &root, "p").await.status, ItemStatus::Failed);
    store.reopen(family[1].start.id, None, 9).await.unwrap();
    assert_eq!(item(&*store, &root, "p").await.status, ItemStatus::Running);
    let again = store.claim(1).await.unwrap();
    store.commit(end(&again[0], Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(item(&*store, &root, "p").await.status, ItemStatus::Succeeded);
    close(store).await;
}

pub(crate) async fn a_bar_moves_again_with_what_is_tried_again_from_the_start(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    let child = family[1].start.id;
    say(&*store, family[1].epoch, Contribution { subtotal: 4.0, ..said(&root, child, "p") }).await;
    store.commit(end(&family[1], Status::Failed)).await.unwrap().unwrap();
    for other in [&family[0], &family[2]] {
        store.commit(end(other, Status::Succeeded)).await.unwrap().unwrap();
    }
    let new = NewRun { root: root.id, parent: Some(root.id), retry_of: Some(child), ..run(4) };
    start(&*store, new).await;
    assert_eq!(item(&*store, &root, "p").await.status, ItemStatus::Running);
    let again = store.claim(1).await.unwrap().remove(0);
    let said = Contribution { subtotal: 5.0, ..said(&root, again.start.id, "p") };
    say(&*store, again.epoch, said).await;
    store.commit(end(&again, Status::Succeeded)).await.unwrap().unwrap();
    let item = item(&*store, &root, "p").await;
    assert_eq!((item.status, item.progress), (ItemStatus::Succeeded, 5.0));
    close(store).await;
}
