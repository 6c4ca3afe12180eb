//! Files that were damaged: refused, or what can be read is read; never a panic, never a silent loss.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use recipe::Value;
use store::{
    Commit, Entries, Error, Filter, Log, Status, Store, Write,
    sqlite::{Disk, Settings, Sqlite},
};

use crate::conformance::{claim, end, run, said, start};

const PAGE: usize = 4096;

/// A database in that folder with runs that ended, wait and are queued, closed in order.
async fn made(folder: &Path) -> PathBuf {
    let path = folder.join(".hefe/hefe.db");
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(&path, Settings::default()).unwrap());
    store.secret("signals", [1; 32]).await.unwrap();
    for n in 1..=30 {
        start(&*store, run(n)).await;
    }
    for _ in 1..=10 {
        let claimed = claim(&*store).await;
        let id = claimed.start.id;
        let entries = Entries { at: 0, count: 1, bytes: vec![7; 3_000] };
        let line = Log {
            at_ms: 1,
            level: "info".into(),
            element: "a".into(),
            message: Value::from("m"),
            data: Value::Null,
        };
        let writes = vec![Write::Progress(said(&claimed.start, id, "bar")), Write::Log(line)];
        let commit = Commit { entries: Some(entries), writes, ..end(&claimed, Status::Succeeded) };
        store.commit(commit).await.unwrap().unwrap();
    }
    store.close().await.unwrap();
    path
}

/// Everything that reads, and a write; what each said.
async fn used(store: &dyn Store) -> Vec<Error> {
    let mut errors = Vec::new();
    errors.extend(store.runs(Filter { limit: 50, ..Filter::default() }).await.err());
    for n in 1..=30 {
        let id = run(n).id;
        errors.extend(store.run(id).await.err());
        errors.extend(store.children(id).await.err());
        errors.extend(store.trace(id).await.err());
        errors.extend(store.logs(id).await.err());
        errors.extend(store.items_of(id).await.err());
        errors.extend(store.heard(id, "go".into()).await.err());
    }
    errors.extend(store.items("shop".into(), 0).await.err());
    errors.extend(store.current().await.err());
    let commit = Commit { run: run(99).id, writes: vec![Write::Start(run(99))], ..Commit::default() };
    errors.extend(store.commit(commit).await.unwrap().err());
    errors.extend(store.signal(run(25).id, "go".into(), Value::Null).await.err());
    errors.extend(store.close().await.err());
    errors
}

/// A copy of the database, damaged by `damage`, opened and used.
async fn after(bytes: &[u8], damage: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<Error>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hefe.db");
    let mut bytes = bytes.to_vec();
    damage(&mut bytes);
    fs::write(&path, bytes).unwrap();
    let store = Sqlite::open(&path, Settings::default())?;
    Ok(used(&store).await)
}

fn junk(seed: usize) -> impl FnMut() -> u8 {
    let mut state = seed as u64 + 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    }
}

#[tokio::test]
async fn whichever_page_is_damaged_nothing_panics() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(made(folder.path()).await).unwrap();
    assert_eq!(after(&bytes, |_| {}).await, Ok(vec![]), "as it is it is whole");
    let mut refused = 0;
    for page in 0..bytes.len() / PAGE {
        for kind in 0..4 {
            let result = after(&bytes, |bytes| {
                let page = &mut bytes[page * PAGE..(page + 1) * PAGE];
                match kind {
                    0 => page.fill(0),
                    1 => page.fill_with(junk(kind)),
                    2 => page[200..].fill_with(junk(kind)),
                    _ => page[PAGE - 64..].fill_with(junk(kind)),
                }
            });
            match result.await {
                Err(Error::Corrupt(_)) => refused += 1,
                Err(error) => panic!("page {page}, kind {kind}: {error:?}"),
                // A thread that panicked answers nobody any more.
                Ok(errors) => {
                    assert!(!errors.contains(&Error::Closed), "page {page}, kind {kind}: {errors:?}");
                    refused += usize::from(!errors.is_empty());
                }
            }
        }
    }
    assert!(refused > bytes.len() / PAGE, "damage was told only {refused} times");
}

#[tokio::test]
async fn wherever_it_is_cut_off_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(made(folder.path()).await).unwrap();
    for pages in 1..bytes.len() / PAGE {
        for more in [0, 100] {
            let told = match after(&bytes, |bytes| bytes.truncate(pages * PAGE + more)).await {
                Ok(errors) => errors,
                Err(error) => vec![error],
            };
            assert!(told.iter().any(|error| matches!(error, Error::Corrupt(_))), "{pages} pages: {told:?}");
            assert!(!told.contains(&Error::Closed), "{pages} pages: {told:?}");
        }
    }
}

/// What opening says once `damage` was done beside or to a database that was used.
async fn opened(damage: impl FnOnce(&Path)) -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = made(folder.path()).await;
    damage(&path);
    Sqlite::open(&path, Settings::default()).map(drop)
}

#[tokio::test]
async fn what_is_no_database_or_no_log_is_never_begun_anew() {
    let damaged = |result: Result<(), Error>, part: &str| match result {
        Err(Error::Corrupt(why)) => assert!(why.contains(part), "{why}"),
        other => panic!("{part}: {other:?}"),
    };
    damaged(opened(|path| fs::write(path, "").unwrap()).await, "empty");
    damaged(opened(|path| fs::write(path, "my notes").unwrap()).await, "not a database");
    let log =
        |bytes: Vec<u8>| move |path: &Path| fs::write(path.with_file_name("hefe.db-wal"), bytes).unwrap();
    damaged(opened(log(vec![b'x'; 9_000])).await, "no write-ahead log");
    assert_eq!(
        opened(log(vec![0; 9_000])).await,
        Ok(()),
        "what a power cut leaves of a log that was never synced"
    );
    assert_eq!(opened(log(vec![])).await, Ok(()));
    let patch = |at: usize, bytes: [u8; 4]| {
        move |path: &Path| {
            let mut file = fs::read(path).unwrap();
            file[at..at + 4].copy_from_slice(&bytes);
            fs::write(path, file).unwrap();
        }
    };
    damaged(opened(patch(68, *b"Else")).await, "another program");
    let newer = opened(patch(60, 99_u32.to_be_bytes())).await;
    assert_eq!(newer, Err(Error::TooNew { found: 99, known: 1 }));
    let missing = |beside: &'static str| {
        move |result: Result<(), Error>| match result {
            Err(Error::Missing { beside: says }) => assert!(says.ends_with(beside), "{says:?}"),
            other => panic!("{beside}: {other:?}"),
        }
    };
    missing("held")(opened(|path| fs::remove_file(path).unwrap()).await);
    let only_log = |path: &Path| {
        fs::remove_file(path.with_file_name("held")).unwrap();
        fs::rename(path, path.with_file_name("hefe.db-wal")).unwrap();
    };
    missing("hefe.db-wal")(opened(only_log).await);
    // A first start that did not come to its end, or all of it taken away on purpose.
    let anew = |path: &Path| {
        fs::remove_file(path.with_file_name("held")).unwrap();
        fs::remove_file(path).unwrap();
    };
    assert_eq!(opened(anew).await, Ok(()));
}

#[tokio::test]
async fn a_disk_that_fills_takes_nothing_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hefe.db");
    let disk = |used: u64| -> store::sqlite::Probe {
        Arc::new(move |_: &Path| Some(Disk { used, free: 1_000 - used, read_only: false }))
    };
    for (used, expected) in [
        (899, Ok(())),
        (900, Err(Error::Filling { used: 90, limit: 90 })),
        (1_000, Err(Error::Filling { used: 100, limit: 90 })),
    ] {
        let settings = Settings { disk_percent: 90, disk: disk(used), ..Settings::default() };
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&path, settings).unwrap());
        assert_eq!(store.room(), expected);
        // What runs is not asked.
        assert!(store.commit(Commit { run: run(1).id, ..Commit::default() }).await.unwrap().is_ok());
        store.close().await.unwrap();
    }
}
