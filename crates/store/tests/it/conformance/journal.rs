use store::{Checkpoint, Commit, Entries};

use super::{Open, claim, close, run, start};

pub(crate) async fn what_is_resumed_is_what_was_written(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let claimed = claim(&*store).await;
    let entries = |at, bytes: &[u8]| Entries { at, count: 2, bytes: bytes.to_vec() };
    let commit = |at, bytes: &[u8], checkpoint| Commit {
        run: claimed.start.id,
        epoch: claimed.epoch,
        entries: Some(entries(at, bytes)),
        checkpoint,
        ..Commit::default()
    };
    let checkpoint = Checkpoint { at: 4, bytes: b"state".to_vec() };
    store.commit(commit(0, b"one", None)).await.unwrap().unwrap();
    store.commit(commit(2, b"two", Some(checkpoint.clone()))).await.unwrap().unwrap();
    store.commit(commit(4, b"three", None)).await.unwrap().unwrap();
    close(store).await;
    let store = open();
    let (found, after) = store.resume(run(1).id).await.unwrap();
    assert_eq!((found, after), (Some(checkpoint), vec![entries(4, b"three")]));
    let (oldest, trace) = store.trace(run(1).id).await.unwrap();
    assert_eq!((oldest, trace.len()), (None, 3));
    close(store).await;
}

pub(crate) async fn the_oldest_of_a_journal_goes_when_it_is_over_its_size(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let claimed = claim(&*store).await;
    let commit = |at, stored_max| Commit {
        run: claimed.start.id,
        epoch: claimed.epoch,
        entries: Some(Entries { at, count: 10, bytes: vec![0; 1_000] }),
        checkpoint: Some(Checkpoint { at: at + 10, bytes: vec![0; 200] }),
        stored_max,
        ..Commit::default()
    };
    for n in 0..20 {
        store.commit(commit(n * 10, None)).await.unwrap().unwrap();
    }
    let bytes = async || store.stored_bytes(run(1).id).await.unwrap();
    assert_eq!(bytes().await, 20 * 1_200);
    store.commit(commit(200, Some(8_000))).await.unwrap().unwrap();
    assert_eq!(bytes().await, 4 * 1_000 + 5 * 200, "whole segments, down to three quarters");
    let (oldest, trace) = store.trace(run(1).id).await.unwrap();
    assert_eq!(oldest.map(|checkpoint| checkpoint.at), trace.first().map(|entries| entries.at));
    let (newest, after) = store.resume(run(1).id).await.unwrap();
    assert_eq!((newest.map(|checkpoint| checkpoint.at), after.len()), (Some(210), 0));
    store.commit(commit(210, Some(100))).await.unwrap().unwrap();
    assert_eq!(bytes().await, 200, "what a resuming run needs stays");
    close(store).await;
}
