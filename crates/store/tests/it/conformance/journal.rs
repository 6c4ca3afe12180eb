use store::{Blob, Checkpoint, Claimed, Commit, Deed, Entries, Hash, Moved, NewRun, Status};

use super::{Open, claim, close, end, keep::look_for_work, run, start};

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
    let checkpoint = Checkpoint { at: 4, bytes: b"state".to_vec(), needs: Vec::new(), blobs: Vec::new() };
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
        checkpoint: Some(Checkpoint { at: at + 10, bytes: vec![0; 200], needs: vec![], blobs: vec![] }),
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

fn large(byte: u8) -> Blob {
    Blob::of(vec![byte; 5_000])
}

/// Ten entries of 1,000 bytes, and a state of 200 after them that needs those and hands those over.
fn with_blobs(claimed: &Claimed, at: u64, needs: &[u8], hands_over: &[u8]) -> Commit {
    let checkpoint = Checkpoint {
        at: at + 10,
        bytes: vec![0; 200],
        needs: needs.iter().map(|byte| Hash(large(*byte).hash)).collect(),
        blobs: hands_over.iter().map(|byte| large(*byte)).collect(),
    };
    Commit {
        run: claimed.start.id,
        epoch: claimed.epoch,
        entries: Some(Entries { at, count: 10, bytes: vec![0; 1_000] }),
        checkpoint: Some(checkpoint),
        ..Commit::default()
    }
}

pub(crate) async fn a_large_value_is_kept_once_over_many_checkpoints(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    start(&*store, run(2)).await;
    let claimed = claim(&*store).await;
    store.commit(with_blobs(&claimed, 0, &[1, 2], &[1, 2])).await.unwrap().unwrap();
    store.commit(with_blobs(&claimed, 10, &[1, 2], &[])).await.unwrap().unwrap();
    store.commit(with_blobs(&claimed, 20, &[3, 1], &[3])).await.unwrap().unwrap();
    // Handed over again, it is the same.
    store.commit(with_blobs(&claimed, 30, &[3, 1], &[1, 3])).await.unwrap().unwrap();
    close(store).await;
    let store = open();
    let bytes = store.stored_bytes(claimed.start.id).await.unwrap();
    assert_eq!(bytes, 4 * (1_000 + 200 + 2 * 32) + 3 * 5_000);
    let (newest, _) = store.resume(claimed.start.id).await.unwrap();
    let newest = newest.expect("the checkpoint");
    assert_eq!((newest.at, newest.blobs), (40, vec![large(3), large(1)]), "in the order of needs");
    // Another run's are its own.
    let both = store.claim(2).await.unwrap();
    let other = both.into_iter().find(|other| other.start.id != claimed.start.id).expect("the other");
    store.commit(with_blobs(&other, 0, &[3], &[])).await.unwrap().unwrap();
    let (newest, _) = store.resume(other.start.id).await.unwrap();
    assert_eq!(newest.expect("the checkpoint").blobs, vec![]);
    close(store).await;
}

pub(crate) async fn a_large_value_goes_with_the_last_checkpoint_that_needs_it(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let claimed = claim(&*store).await;
    let id = claimed.start.id;
    let bytes = async || store.stored_bytes(id).await.unwrap();
    store.commit(with_blobs(&claimed, 0, &[1, 2], &[1, 2])).await.unwrap().unwrap();
    store.commit(with_blobs(&claimed, 10, &[1], &[])).await.unwrap().unwrap();
    store.commit(with_blobs(&claimed, 20, &[3, 1], &[3])).await.unwrap().unwrap();
    assert_eq!(bytes().await, 3 * 1_200 + 5 * 32 + 3 * 5_000);
    // The goal is 15,000: two segments go, and of the large values the one that the first state alone needed.
    let trims = Commit { stored_max: Some(20_000), ..with_blobs(&claimed, 30, &[1], &[]) };
    store.commit(trims).await.unwrap().unwrap();
    assert_eq!(bytes().await, 2 * 1_000 + 3 * 200 + 4 * 32 + 2 * 5_000);
    let (oldest, trace) = store.trace(id).await.unwrap();
    let oldest = oldest.expect("the oldest checkpoint");
    assert_eq!((oldest.at, oldest.blobs, trace.len()), (20, vec![large(1)], 2));
    let trims = Commit { stored_max: Some(100), ..with_blobs(&claimed, 40, &[4], &[4]) };
    store.commit(trims).await.unwrap().unwrap();
    assert_eq!(bytes().await, 200 + 32 + 5_000, "what a resuming run needs stays");
    // More entries than a trace keeps come after the checkpoint.
    let mut long = with_blobs(&claimed, 50, &[5], &[5]);
    long.checkpoint.as_mut().expect("one").at = 20_050;
    long.entries.as_mut().expect("some").count = 20_000;
    store.commit(long).await.unwrap().unwrap();
    store.commit(with_blobs(&claimed, 20_050, &[5], &[])).await.unwrap().unwrap();
    assert_eq!(bytes().await, 2 * 1_000 + 3 * 232 + 2 * 5_000);
    let mut longer = with_blobs(&claimed, 20_060, &[6], &[6]);
    longer.checkpoint.as_mut().expect("one").at = 40_060;
    longer.entries.as_mut().expect("some").count = 20_000;
    store.commit(longer).await.unwrap().unwrap();
    assert_eq!(bytes().await, 1_000 + 2 * 232 + 2 * 5_000, "a value goes with its segment");
    close(store).await;
}

pub(crate) async fn large_values_go_with_their_run_and_with_a_state_that_is_replaced(open: &Open<'_>) {
    let store = open();
    for n in [1, 2] {
        start(&*store, NewRun { keep_ms: Some(0), ..run(n) }).await;
    }
    let [gone, moved] = &store.claim(2).await.unwrap()[..] else { panic!("two") };
    for claimed in [gone, moved] {
        store.commit(with_blobs(claimed, 0, &[1], &[1])).await.unwrap().unwrap();
    }
    store.commit(end(moved, Status::Failed)).await.unwrap().unwrap();
    let checkpoint = with_blobs(moved, 0, &[2], &[2]).checkpoint.expect("one");
    let to = Moved { version: Hash::default(), checkpoint };
    store.act(Deed::Reopen { run: moved.start.id, moved: Some(to), at_ms: 3 }).await.unwrap();
    assert_eq!(store.stored_bytes(moved.start.id).await.unwrap(), 1_000 + 232 + 5_000);
    let (newest, _) = store.resume(moved.start.id).await.unwrap();
    assert_eq!(newest.expect("the checkpoint").blobs, vec![large(2)]);
    let again = claim(&*store).await;
    store.commit(end(gone, Status::Succeeded)).await.unwrap().unwrap();
    look_for_work(&*store).await;
    assert_eq!(store.stored_bytes(gone.start.id).await.unwrap(), 0);
    assert_eq!(store.stored_bytes(again.start.id).await.unwrap(), 1_000 + 232 + 5_000);
    close(store).await;
}

pub(crate) async fn the_last_entries_come_with_the_end_and_stay_when_it_is_taken_back(open: &Open<'_>) {
    let store = open();
    start(&*store, run(1)).await;
    let claimed = claim(&*store).await;
    let entries = |at, bytes: &[u8]| Entries { at, count: 2, bytes: bytes.to_vec() };
    let (id, epoch) = (claimed.start.id, claimed.epoch);
    let first = Commit { run: id, epoch, entries: Some(entries(0, b"one")), ..Commit::default() };
    store.commit(first).await.unwrap().unwrap();
    let last = Commit { entries: Some(entries(2, b"last")), ..super::end(&claimed, store::Status::Failed) };
    store.commit(last).await.unwrap().unwrap();
    let whole = vec![entries(0, b"one"), entries(2, b"last")];
    assert_eq!(store.trace(id).await.unwrap().1, whole);
    assert_eq!(store.stored_bytes(id).await.unwrap(), 7);
    store.reopen(id, None, 9).await.unwrap();
    assert_eq!(store.resume(id).await.unwrap().1, whole);
    close(store).await;
}
