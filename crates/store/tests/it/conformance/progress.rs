use recipe::Value;
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
    for (n, workflow) in [(2, "Second"), (3, "Third")] {
        let workflow = workflow.into();
        start(store, NewRun { root: run(1).id, parent: Some(run(1).id), workflow, ..run(n) }).await;
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
    say(&*store, family[2].epoch, said(&root, family[2].start.id, "p")).await;
    store.commit(end(&family[0], Status::Succeeded)).await.unwrap().unwrap();
    store.commit(end(&family[1], Status::Failed)).await.unwrap().unwrap();
    assert_eq!(item(&*store, &root, "p").await.status, ItemStatus::Running);
    store.commit(end(&family[2], Status::Cancelled)).await.unwrap().unwrap();
    let ended = item(&*store, &root, "p").await;
    assert_eq!(ended.status, ItemStatus::Failed);
    assert_eq!(ended.message().as_str(), Some("could not be completed"));
    close(store).await;
}

pub(crate) async fn a_bar_does_not_run_backwards(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    let set = |by: Id, sets, value| Contribution {
        updates: sets,
        set: Some((sets, value)),
        ..said(&root, by, "p")
    };
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

pub(crate) async fn a_repetition_after_a_resume_takes_nothing_back(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    let at = |updates, subtotal: f64| Contribution { updates, subtotal, ..said(&root, root.id, "p") };
    say(&*store, family[0].epoch, at(5, 5.0)).await;
    // The run resumes from where it had said less, and says it all again.
    for n in 3..=5 {
        say(&*store, family[0].epoch, at(n, n as f64)).await;
        assert_eq!(item(&*store, &root, "p").await.progress, 5.0);
    }
    say(&*store, family[0].epoch, at(6, 6.0)).await;
    assert_eq!(item(&*store, &root, "p").await.progress, 6.0);
    close(store).await;
}

pub(crate) async fn a_bar_ends_when_nobody_is_left_to_move_it(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    let (second, third) = (&family[1], &family[2]);
    start(&*store, NewRun { root: root.id, parent: Some(second.start.id), ..run(4) }).await;
    let under = super::claim(&*store).await;
    say(&*store, second.epoch, said(&root, second.start.id, "p")).await;
    store.commit(end(second, Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(item(&*store, &root, "p").await.status, ItemStatus::Running, "one under it is live");
    store.commit(end(&under, Status::Succeeded)).await.unwrap().unwrap();
    let ended = item(&*store, &root, "p").await;
    assert_eq!(ended.status, ItemStatus::Succeeded, "though its tree is live");
    // Another run of the tree goes on with it.
    say(&*store, third.epoch, Contribution { subtotal: 2.0, ..said(&root, third.start.id, "p") }).await;
    let moving = item(&*store, &root, "p").await;
    assert_eq!((moving.status, moving.progress, moving.ignored), (ItemStatus::Running, 2.0, 0));
    assert!(moving.seq > ended.seq);
    store.commit(end(third, Status::Cancelled)).await.unwrap().unwrap();
    assert_eq!(item(&*store, &root, "p").await.status, ItemStatus::Cancelled);
    close(store).await;
    let store = open();
    assert_eq!(item(&*store, &root, "p").await.status, ItemStatus::Cancelled);
    close(store).await;
}

pub(crate) async fn a_bar_ends_so_after_a_restart_too(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let claimed = family(&*store).await;
    say(&*store, claimed[1].epoch, said(&root, claimed[1].start.id, "p")).await;
    close(store).await;
    let store = open();
    for claimed in store.claim(3).await.unwrap() {
        if claimed.start.id != root.id {
            store.commit(end(&claimed, Status::Succeeded)).await.unwrap().unwrap();
        }
    }
    assert_eq!(item(&*store, &root, "p").await.status, ItemStatus::Succeeded);
    close(store).await;
}

pub(crate) async fn updates_after_an_end_by_hand_are_counted(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    let status = Some(ItemStatus::Cancelled);
    let by_hand = Contribution { status, status_message: "no more".into(), ..said(&root, root.id, "p") };
    say(&*store, family[0].epoch, by_hand.clone()).await;
    let ended = item(&*store, &root, "p").await;
    assert_eq!((ended.status, ended.ignored), (ItemStatus::Cancelled, 0));
    let child = family[1].start.id;
    let late = |updates, status| Contribution { updates, subtotal: 3.0, status, ..said(&root, child, "p") };
    // `running` by hand does not bring it back; what was coalesced into one write counts as what it was; a repetition does not.
    for late in [late(1, None), late(4, Some(ItemStatus::Running)), late(4, None)] {
        say(&*store, family[1].epoch, late).await;
    }
    say(&*store, family[0].epoch, by_hand).await;
    let later = item(&*store, &root, "p").await;
    let kin = later.kin.clone();
    assert_eq!(later, Item { ignored: 4, kin, ..ended }, "and people see nothing else");
    for claimed in &family {
        store.commit(end(claimed, Status::Failed)).await.unwrap().unwrap();
    }
    close(store).await;
    let store = open();
    let later = item(&*store, &root, "p").await;
    assert_eq!((later.status, later.ignored), (ItemStatus::Cancelled, 4));
    assert_eq!(later.message().as_str(), Some("no more"));
    close(store).await;
}

pub(crate) async fn a_retry_opens_the_same_bar_again(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    start(&*store, root.clone()).await;
    let claimed = super::claim(&*store).await;
    let words = Contribution { status_message: "half".into(), subtotal: 5.0, ..said(&root, root.id, "p") };
    say(&*store, claimed.epoch, words.clone()).await;
    store.commit(end(&claimed, Status::Failed)).await.unwrap().unwrap();
    let failed = item(&*store, &root, "p").await;
    assert_eq!(
        (failed.status, failed.message().as_str()),
        (ItemStatus::Failed, Some("could not be completed"))
    );
    store.reopen(root.id, None, 50).await.unwrap();
    let again = item(&*store, &root, "p").await;
    assert_eq!((again.status, again.message().as_str()), (ItemStatus::Running, Some("half")));
    assert_eq!((again.progress, again.rate, again.since_ms), (5.0, None, 50));
    assert!(again.seq > failed.seq);
    let claimed = super::claim(&*store).await;
    say(&*store, claimed.epoch, words).await;
    assert_eq!(item(&*store, &root, "p").await, again, "what it had said is a repetition");
    store.commit(end(&claimed, Status::Succeeded)).await.unwrap().unwrap();
    assert_eq!(item(&*store, &root, "p").await.status, ItemStatus::Succeeded);
    close(store).await;
}

pub(crate) async fn the_next_attempt_is_told_until_the_run_speaks_again(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    let words = Contribution { status_message: "half".into(), ..said(&root, root.id, "p") };
    say(&*store, family[0].epoch, words.clone()).await;
    let again = Contribution { again: "trying again at 14:05".into(), ..words.clone() };
    say(&*store, family[0].epoch, again).await;
    let other = Contribution { subtotal: 1.0, ..said(&root, family[1].start.id, "p") };
    say(&*store, family[1].epoch, other).await;
    let told = item(&*store, &root, "p").await;
    assert_eq!((told.status, told.message().as_str()), (ItemStatus::Running, Some("trying again at 14:05")));
    say(&*store, family[0].epoch, words).await;
    assert_eq!(item(&*store, &root, "p").await.message().as_str(), Some("half"));
    close(store).await;
}

pub(crate) async fn the_first_guess_is_what_the_last_ones_took(open: &Open<'_>) {
    let store = open();
    let mut first = None;
    for (n, ended_at_ms) in [(1, 100_005), (2, 90_005), (3, 110_005), (4, 105)] {
        let root = run(n);
        start(&*store, root.clone()).await;
        let claimed = super::claim(&*store).await;
        say(&*store, claimed.epoch, said(&root, root.id, "p")).await;
        let moving = item(&*store, &root, "p").await;
        first = moving.eta_seconds;
        assert!(first.is_none() || n > 3, "two say nothing");
        // One that failed early says nothing either.
        let mut commit = end(&claimed, if n == 4 { Status::Failed } else { Status::Succeeded });
        commit.end.as_mut().unwrap().ended_at_ms = ended_at_ms;
        store.commit(commit).await.unwrap().unwrap();
    }
    assert_eq!(first, Some(100.0));
    close(store).await;
    let store = open();
    let root = run(5);
    start(&*store, root.clone()).await;
    let claimed = super::claim(&*store).await;
    let said = Contribution { subtotal: 5.0, at_ms: 20_000, ..said(&root, root.id, "p") };
    say(&*store, claimed.epoch, said.clone()).await;
    assert_eq!(item(&*store, &root, "p").await.eta_seconds, Some(50.0), "half of it is done");
    let other = Contribution { item: Item::id_of("shop", root.id, "q"), process: "q".into(), ..said };
    say(&*store, claimed.epoch, other).await;
    assert_eq!(item(&*store, &root, "q").await.eta_seconds, None);
    close(store).await;
}

pub(crate) async fn what_is_no_number_is_not_taken(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    let odd = |updates, total, value, subtotal| Contribution {
        updates,
        total: Some(total),
        set: Some((updates, value)),
        subtotal,
        title: Value::from(updates as i64),
        ..said(&root, root.id, "p")
    };
    for (n, (total, value, subtotal)) in
        [(f64::NAN, f64::NAN, f64::NAN), (f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY), (-1.0, -5.0, 0.0)]
            .into_iter()
            .enumerate()
    {
        say(&*store, family[0].epoch, odd(n as u64 + 1, total, value, subtotal)).await;
        let item = item(&*store, &root, "p").await;
        assert_eq!((item.total, item.progress, item.rate), (None, 0.0, None));
    }
    say(&*store, family[0].epoch, odd(4, 10.0, 12.0, 0.0)).await;
    let item = item(&*store, &root, "p").await;
    assert_eq!((item.total, item.progress), (Some(10.0), 10.0));
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

pub(crate) async fn a_bar_that_many_move_one_after_another_does_not_end_between_them(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    start(&*store, root.clone()).await;
    let parent = super::claim(&*store).await;
    for n in 2..=5 {
        start(&*store, NewRun { root: root.id, parent: Some(root.id), workflow: "Part".into(), ..run(n) })
            .await;
    }
    for left in (0..4).rev() {
        let part = super::claim(&*store).await;
        say(&*store, part.epoch, Contribution { subtotal: 1.0, ..said(&root, part.start.id, "p") }).await;
        store.commit(end(&part, Status::Succeeded)).await.unwrap().unwrap();
        let item = item(&*store, &root, "p").await;
        let status = if left > 0 { ItemStatus::Running } else { ItemStatus::Succeeded };
        assert_eq!((item.status, item.progress), (status, (4 - left) as f64));
        // Once for each, and once for the end.
        assert_eq!(item.seq, 4 - left + u64::from(left == 0));
    }
    store.commit(end(&parent, Status::Succeeded)).await.unwrap().unwrap();
    close(store).await;
}

pub(crate) async fn who_saw_an_item_before_it_was_private_is_known(open: &Open<'_>) {
    let store = open();
    let root = run(1);
    let family = family(&*store).await;
    let epoch = family[0].epoch;
    let hidden = |process, updates| Contribution { private: true, updates, ..said(&root, root.id, process) };
    say(&*store, epoch, hidden("never", 1)).await;
    say(&*store, epoch, said(&root, root.id, "turned")).await;
    say(&*store, epoch, hidden("turned", 2)).await;
    close(store).await;
    let store = open();
    for (process, was_public) in [("never", false), ("turned", true)] {
        let item = item(&*store, &root, process).await;
        assert_eq!((item.private, item.was_public), (true, was_public), "{process}");
    }
    close(store).await;
}
