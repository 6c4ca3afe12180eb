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
