use store::{
    Action, Bulk, Commit, Contribution, Deed, Did, Error, Filter, Id, ItemStatus, NewRun, Status, Step,
    Store, Write,
};

use super::{Open, claim, close, end, run, said, start};

fn action(n: u128) -> Action {
    Action {
        id: Id::at(100, n),
        system: "shop".into(),
        user: "ada".into(),
        at_ms: 100,
        bulk: Bulk::Retry { current: false },
        filter: Filter { status: Some(Status::Failed), ..Filter::default() },
        total: 3,
        more: false,
        done: 0,
        passed: 0,
        differ: 0,
        cancel_at_ms: None,
        ended_at_ms: None,
    }
}

fn step(runs: &[u128], from: Option<&str>, to: Option<&str>) -> Step {
    let reopen = |n: &u128| Deed::Reopen { run: run(*n).id, moved: None, at_ms: 101 };
    Step {
        action: action(1).id,
        from: from.map(str::to_owned),
        deeds: runs.iter().map(reopen).collect(),
        passed: 0,
        differ: 0,
        to: to.map(str::to_owned),
        at_ms: 102,
    }
}

async fn record(store: &dyn Store, action: Action) -> bool {
    matches!(store.act(Deed::Record(Box::new(action))).await.unwrap(), Did::Recorded(true))
}

async fn failed(store: &dyn Store, n: u128) {
    start(store, run(n)).await;
    let claimed = claim(store).await;
    store.commit(end(&claimed, Status::Failed)).await.unwrap().unwrap();
}

pub(crate) async fn a_page_of_an_action_is_done_once_with_its_cursor(open: &Open<'_>) {
    let store = open();
    for n in 1..=3 {
        failed(&*store, n).await;
    }
    assert!(record(&*store, action(1)).await);
    assert!(!record(&*store, Action { total: 9, ..action(1) }).await, "it is there already");
    let came = store.step(step(&[3, 2], None, Some("2"))).await.unwrap();
    assert_eq!((came.done, came.passed, came.filter.cursor.as_deref()), (2, 0, Some("2")));
    let again = store.step(step(&[3, 2], None, Some("2"))).await;
    assert!(matches!(again, Err(Error::Conflict(_))));
    close(store).await;
    let store = open();
    assert_eq!(store.open_actions().await.unwrap(), [came]);
    // The second of the page has gone on meanwhile.
    let came = store.step(step(&[1, 2], Some("2"), None)).await.unwrap();
    assert_eq!((came.done, came.passed, came.ended_at_ms, came.seen()), (3, 1, Some(102), 4));
    assert_eq!(store.open_actions().await.unwrap(), []);
    assert_eq!(store.actions("shop".into()).await.unwrap(), [came]);
    assert!(matches!(store.step(step(&[1], None, None)).await, Err(Error::Conflict(_))));
    let account = store.account().await.unwrap();
    assert_eq!((account.queued, account.failed, account.accepted), (3, 0, 3));
    close(store).await;
}

pub(crate) async fn an_action_that_is_stopped_does_nothing_more(open: &Open<'_>) {
    let store = open();
    failed(&*store, 1).await;
    failed(&*store, 2).await;
    record(&*store, action(1)).await;
    store.step(step(&[2], None, Some("2"))).await.unwrap();
    let asked = store.stop_action(action(1).id, 101).await.unwrap().unwrap();
    assert_eq!((asked.cancel_at_ms, asked.ended_at_ms), (Some(101), None));
    let came = store.step(step(&[1], Some("2"), None)).await.unwrap();
    assert_eq!((came.done, came.ended_at_ms), (1, Some(102)));
    assert_eq!(store.run(run(1).id).await.unwrap().unwrap().status, Status::Failed);
    assert_eq!(store.stop_action(action(7).id, 101).await.unwrap(), None);
    close(store).await;
}

pub(crate) async fn runs_are_found_by_how_they_stand_and_when_they_came(open: &Open<'_>) {
    let store = open();
    for n in 1..=4 {
        failed(&*store, n).await;
    }
    for n in 5..=6 {
        start(&*store, run(n)).await;
    }
    let claimed = claim(&*store).await;
    store.commit(end(&claimed, Status::Cancelled)).await.unwrap().unwrap();
    let found = async |filter: Filter| -> Vec<Id> {
        store.runs(filter).await.unwrap().items.iter().map(|run| run.start.id).collect()
    };
    let ids = |all: &[u128]| all.iter().map(|n| run(*n).id).collect::<Vec<_>>();
    let failed = Filter { status: Some(Status::Failed), ..Filter::default() };
    assert_eq!(found(failed.clone()).await, ids(&[4, 3, 2, 1]));
    assert_eq!(found(Filter { after_ms: Some(2), before_ms: Some(4), ..failed.clone() }).await, ids(&[3, 2]));
    assert_eq!(found(Filter { cursor: Some(run(3).id.to_string()), ..failed.clone() }).await, ids(&[2, 1]));
    assert_eq!(found(Filter { status: Some(Status::Cancelled), ..Filter::default() }).await, ids(&[5]));
    assert_eq!(found(Filter { live: true, ..Filter::default() }).await, ids(&[6]));
    assert_eq!(found(Filter { live: true, ..failed.clone() }).await, ids(&[]));
    assert_eq!(found(Filter { code: Some("http".into()), ..failed }).await, ids(&[]));
    close(store).await;
}

pub(crate) async fn with_an_old_action_its_bar_goes_and_all_that_was_put_into_it(open: &Open<'_>) {
    let store = open();
    let old = action(1);
    assert!(record(&*store, old.clone()).await);
    let root = NewRun { id: old.id, root: old.id, ..run(1) };
    let says = async || {
        let ends =
            Contribution { updates: 1, status: Some(ItemStatus::Succeeded), ..said(&root, old.id, "bulk") };
        let writes = vec![Write::Progress(ends)];
        store.commit(Commit { run: old.id, writes, ..Commit::default() }).await.unwrap().unwrap();
        let items = store.items_of(old.id).await.unwrap();
        items.iter().map(|item| item.title.to_text()).collect::<Vec<_>>()
    };
    assert_eq!(says().await, ["Title"]);
    store.step(step(&[], None, None)).await.unwrap();
    let at_ms = old.at_ms + 91 * 86_400_000;
    assert!(record(&*store, Action { id: Id::at(at_ms, 2), at_ms, ..action(2) }).await);
    assert!(
        store.action(old.id).await.unwrap().is_none() && store.items_of(old.id).await.unwrap().is_empty()
    );
    assert_eq!(
        says().await,
        ["Title"],
        "nothing of it is left that would take the same words for a repetition"
    );
    close(store).await;
}
