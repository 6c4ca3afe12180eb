//! The write-ahead log under a load that never pauses.

use std::collections::VecDeque;

use store::{Commit, Entries, Runs, Store, sqlite::Sqlite};

use crate::conformance::{claim, run, start};

#[tokio::test]
async fn the_log_begins_anew_though_nobody_pauses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hefe.db");
    let store = Sqlite::open(&path, Default::default()).unwrap();
    start(&store, run(1)).await;
    let claimed = claim(&store).await;
    let (mut under_way, mut longest) = (VecDeque::new(), 0);
    // Of 150 MB a hundred and more are always on their way.
    for at in 0..40_000 {
        let entries = Some(Entries { at, count: 1, bytes: vec![1; 3_500] });
        let (run, epoch) = (claimed.start.id, claimed.epoch);
        under_way.push_back(store.commit(Commit { run, epoch, entries, ..Commit::default() }));
        if under_way.len() > 200 {
            under_way.pop_front().unwrap().await.unwrap().unwrap();
            longest = longest.max(std::fs::metadata(path.with_extension("db-wal")).unwrap().len());
        }
    }
    assert!(longest < 64 << 20, "{longest} bytes");
    store.close().await.unwrap();
}
