use recipe::Value;
use store::{
    Commit, Deed, Did, Hash, KEPT_MS, Kept, Key, Once, Reopened, Signalled, Status, Store, Unique, Write,
};

use super::{Open, claim, close, end, run, start};

fn key(name: &str, body: &str) -> Key {
    Key { name: Hash::of(name.as_bytes()), body: Hash::of(body.as_bytes()), at_ms: 1_000 }
}

fn answer(says: &str) -> Kept {
    Kept { status: 202, headers: vec![("location".into(), b"/there".to_vec())], body: Some(says.into()) }
}

fn queues(n: u128) -> Deed {
    Deed::Start(Box::new(run(n)))
}

async fn accepted(store: &dyn Store) -> u64 {
    store.account().await.unwrap().accepted
}

pub(crate) async fn what_has_a_key_is_started_once(open: &Open<'_>) {
    let store = open();
    let first = store.once(key("a", "x"), queues(1), Some(answer("first"))).await.unwrap();
    assert!(matches!(first, Once::Did(Did::Started(started)) if started.id == run(1).id));
    let second = store.once(key("a", "x"), queues(2), Some(answer("second"))).await.unwrap();
    assert_eq!(second, Once::Answered(answer("first")));
    let other = store.once(key("a", "y"), queues(3), Some(answer("third"))).await.unwrap();
    assert_eq!(other, Once::Other);
    assert_eq!(accepted(&*store).await, 1);
    close(store).await;
    let store = open();
    assert_eq!(store.answered(key("a", "x")).await.unwrap(), Some(Once::Answered(answer("first"))));
    assert_eq!(store.answered(key("a", "y")).await.unwrap(), Some(Once::Other));
    assert_eq!(store.answered(key("b", "x")).await.unwrap(), None);
    close(store).await;
}

pub(crate) async fn a_key_without_an_answer_is_taken_over(open: &Open<'_>) {
    let store = open();
    let took = store.once(key("a", "x"), Deed::Take(run(1).id), None).await.unwrap();
    assert_eq!(took, Once::Did(Did::Taken(run(1).id)));
    close(store).await;
    let store = open();
    assert_eq!(store.once(key("a", "y"), Deed::Take(run(2).id), None).await.unwrap(), Once::Other);
    let took = store.once(key("a", "x"), Deed::Take(run(2).id), None).await.unwrap();
    assert_eq!(took, Once::Did(Did::Taken(run(1).id)), "under the same run's id");
    let keep = Write::Keep { name: key("a", "x").name, answer: Some(answer("done")) };
    let commit = Commit { run: run(1).id, writes: vec![keep], ..Commit::default() };
    store.commit(commit).await.unwrap().unwrap();
    let again = store.once(key("a", "x"), Deed::Take(run(3).id), None).await.unwrap();
    assert_eq!(again, Once::Answered(answer("done")));
    close(store).await;
}

pub(crate) async fn an_answer_that_is_not_kept_frees_its_key(open: &Open<'_>) {
    let store = open();
    store.once(key("a", "x"), Deed::Take(run(1).id), None).await.unwrap();
    let keep = Write::Keep { name: key("a", "x").name, answer: None };
    store.commit(Commit { run: run(1).id, writes: vec![keep], ..Commit::default() }).await.unwrap().unwrap();
    let took = store.once(key("a", "y"), Deed::Take(run(2).id), None).await.unwrap();
    assert_eq!(took, Once::Did(Did::Taken(run(2).id)));
    close(store).await;
}

pub(crate) async fn what_the_store_refuses_takes_no_key(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let reopen = || Deed::Reopen { run: run(1).id, moved: None, at_ms: 5 };
    let refused = store.once(key("a", "x"), reopen(), Some(answer("first"))).await.unwrap();
    assert_eq!(refused, Once::Did(Did::Reopened(Reopened::NotOver)));
    let signal = || Deed::Signal { run: run(1).id, name: "go".into(), body: Value::Null };
    let kept = store.once(key("b", "x"), signal(), Some(answer("kept"))).await.unwrap();
    assert_eq!(kept, Once::Did(Did::Signalled(Signalled::Kept)));
    let twice = store.once(key("b", "x"), signal(), Some(answer("kept"))).await.unwrap();
    assert_eq!(twice, Once::Answered(answer("kept")));
    let double = store.once(key("c", "x"), signal(), Some(answer("kept"))).await.unwrap();
    assert_eq!(double, Once::Did(Did::Signalled(Signalled::Double)));
    let claimed = claim(&*store).await;
    store.commit(end(&claimed, Status::Failed)).await.unwrap().unwrap();
    let reopened = store.once(key("a", "x"), reopen(), Some(answer("first"))).await.unwrap();
    assert_eq!(reopened, Once::Did(Did::Reopened(Reopened::Queued)));
    let again = store.once(key("a", "x"), reopen(), Some(answer("first"))).await.unwrap();
    assert_eq!(again, Once::Answered(answer("first")));
    close(store).await;
}

pub(crate) async fn another_runs_id_is_not_kept_as_an_answer(open: &Open<'_>) {
    let store = open();
    let unique = Unique { key: "k".into(), queued: false, for_ms: 0, replace: false };
    let new = |n| Deed::Start(Box::new(store::NewRun { unique: Some(unique.clone()), ..run(n) }));
    store.once(key("a", "x"), new(1), Some(answer("1"))).await.unwrap();
    let found = store.once(key("b", "x"), new(2), Some(answer("2"))).await.unwrap();
    assert!(matches!(found, Once::Did(Did::Started(started)) if started.existing && started.id == run(1).id));
    let keep = Write::Keep { name: key("b", "x").name, answer: Some(answer("1, existing")) };
    store.commit(Commit { run: run(1).id, writes: vec![keep], ..Commit::default() }).await.unwrap().unwrap();
    let again = store.once(key("b", "x"), new(3), Some(answer("3"))).await.unwrap();
    assert_eq!(again, Once::Answered(answer("1, existing")));
    close(store).await;
}

pub(crate) async fn an_answer_is_kept_for_a_day(open: &Open<'_>) {
    let store = open();
    store.once(key("a", "x"), queues(1), Some(answer("first"))).await.unwrap();
    let later = |ms| Key { at_ms: 1_000 + ms, ..key("a", "x") };
    let within = store.once(later(KEPT_MS - 1), queues(2), Some(answer("second"))).await.unwrap();
    assert_eq!(within, Once::Answered(answer("first")));
    let after = store.once(later(KEPT_MS), queues(3), Some(answer("third"))).await.unwrap();
    assert!(matches!(after, Once::Did(Did::Started(started)) if started.id == run(3).id));
    let again = store.once(later(KEPT_MS + 1), queues(4), Some(answer("fourth"))).await.unwrap();
    assert_eq!(again, Once::Answered(answer("third")), "and the new one for another day");
    close(store).await;
}

pub(crate) async fn an_answer_to_a_modal_takes_its_key_for_its_run(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let answers = || Deed::Answer { run: run(1).id, name: "ask".into(), body: Value::from(1) };
    let kept = Once::Did(Did::Signalled(Signalled::Kept));
    assert_eq!(store.once(key("a", "x"), answers(), None).await.unwrap(), kept);
    let double = Once::Did(Did::Signalled(Signalled::Double));
    assert_eq!(store.once(key("b", "x"), answers(), None).await.unwrap(), double, "it is used");
    assert_eq!(store.act(answers()).await.unwrap(), Did::Signalled(Signalled::Double));
    let claimed = claim(&*store).await;
    let took = Commit {
        run: claimed.start.id,
        epoch: claimed.epoch,
        writes: vec![Write::Signal("ask".into())],
        ..Commit::default()
    };
    store.commit(took).await.unwrap().unwrap();
    close(store).await;
    let store = open();
    assert_eq!(
        store.once(key("a", "x"), answers(), None).await.unwrap(),
        kept,
        "its process died before it answered"
    );
    assert_eq!(store.once(key("a", "y"), answers(), None).await.unwrap(), Once::Other);
    assert_eq!(store.once(key("b", "x"), answers(), None).await.unwrap(), double, "also once it was taken");
    let keep = Write::Keep { name: key("a", "x").name, answer: Some(answer("done")) };
    let commit = Commit { run: run(1).id, writes: vec![keep], ..Commit::default() };
    store.commit(commit).await.unwrap().unwrap();
    assert_eq!(store.once(key("a", "x"), answers(), None).await.unwrap(), Once::Answered(answer("done")));
    close(store).await;
}
