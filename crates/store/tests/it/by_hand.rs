//! What falls into one batch, or into a batch that the disk refuses: only a writer that is worked by hand says so.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::FutureExt;
use store::{
    Cancelled, Claimed, Commit, Contribution, End, Id, ItemStatus, Items, NewRun, Park, Runs, Status, Write,
    sqlite::{ByHand, Settings, Sqlite},
};

use crate::conformance::{end, run, said};

struct Scene {
    store: Sqlite,
    writer: ByHand,
    now_ms: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let now_ms = Arc::new(AtomicU64::new(1_000));
        let clock = now_ms.clone();
        let settings =
            Settings { clock: Arc::new(move || clock.load(Ordering::Relaxed) * 1_000), ..Default::default() };
        let (store, writer) = ByHand::open(&folder.path().join("hefe.db"), settings).unwrap();
        Scene { store, writer, now_ms, _folder: folder }
    }

    /// All that was handed over, in one transaction.
    fn commit(&mut self) {
        assert!(self.writer.take() > 0);
        self.writer.commit(0).unwrap();
    }

    fn started(&mut self, runs: &[NewRun]) -> Vec<Claimed> {
        for new in runs {
            let writes = vec![Write::Start(new.clone())];
            drop(self.store.commit(Commit { run: new.id, writes, ..Commit::default() }));
        }
        self.commit();
        self.store.claim_now(runs.len())
    }

    fn parks(&self, claimed: &Claimed, wake_at_ms: Option<i64>) {
        let park = Park {
            status: Status::Waiting,
            wake_at_ms,
            awaits: vec![],
            signals: vec![],
            started_at_ms: 1,
            failed: false,
            host: None,
            worked_ms: 0,
            stored_bytes: 0,
        };
        let (run, epoch) = (claimed.start.id, claimed.epoch);
        drop(self.store.commit(Commit { run, epoch, park: Some(park), ..Commit::default() }));
    }

    async fn status(&self, run: Id) -> Status {
        self.store.run(run).await.unwrap().unwrap().status
    }
}

#[tokio::test]
async fn a_run_whose_time_has_come_is_woken_although_the_disk_refused_once() {
    let mut scene = Scene::new();
    let claimed = scene.started(&[run(1)]);
    scene.parks(&claimed[0], Some(2_000));
    scene.commit();
    scene.now_ms.store(3_000, Ordering::Relaxed);
    let store = scene.store.clone();
    let mut claim = store.claim(1);
    assert!((&mut claim).now_or_never().is_none());
    assert_eq!(scene.writer.take(), 1, "it asks for those that are due");
    scene.now_ms.store(9_000, Ordering::Relaxed);
    scene.writer.commit(2).unwrap();
    assert!((&mut claim).now_or_never().is_none());
    assert_eq!(scene.writer.take(), 1, "and once more");
    scene.writer.commit(0).unwrap();
    assert_eq!(claim.await.unwrap()[0].start.id, run(1).id);
}

#[tokio::test]
async fn children_beyond_a_page_are_asked_to_end_although_the_disk_refused_once() {
    let mut scene = Scene::new();
    let children = (2..=502).map(|n| NewRun { root: run(1).id, parent: Some(run(1).id), ..run(n) });
    let all: Vec<NewRun> = [run(1)].into_iter().chain(children).collect();
    let claimed = scene.started(&all);
    let store = scene.store.clone();
    let mut claim = store.claim(1);
    assert!((&mut claim).now_or_never().is_none());
    drop(scene.store.cancel(run(1).id, true, 5));
    let cancelled = End { cancel_at_ms: Some(5), ..End::new(Status::Cancelled, 1, 5) };
    let (id, epoch) = (claimed[0].start.id, claimed[0].epoch);
    drop(scene.store.commit(Commit { run: id, epoch, end: Some(cancelled), ..Commit::default() }));
    scene.commit();
    let asked = || (2..=502).filter(|n| scene.store.is_asked_to_end(run(*n).id)).count();
    assert_eq!(asked(), 500, "a page of them");
    assert!((&mut claim).now_or_never().is_none());
    assert_eq!(scene.writer.take(), 1, "it asks for the rest");
    scene.writer.commit(2).unwrap();
    scene.now_ms.store(9_000, Ordering::Relaxed);
    assert!((&mut claim).now_or_never().is_none());
    assert_eq!(scene.writer.take(), 1, "and once more");
    scene.writer.commit(0).unwrap();
    assert_eq!((2..=502).filter(|n| scene.store.is_asked_to_end(run(*n).id)).count(), 501);
}

#[tokio::test]
async fn a_run_that_parks_while_others_are_woken_is_woken_too() {
    let mut scene = Scene::new();
    let claimed = scene.started(&[run(1), run(2)]);
    scene.parks(&claimed[0], Some(2_000));
    scene.commit();
    scene.now_ms.store(3_000, Ordering::Relaxed);
    assert!(scene.store.claim_now(1).is_empty(), "it asks for those that are due");
    scene.parks(&claimed[1], Some(4_000));
    scene.commit();
    scene.now_ms.store(5_000, Ordering::Relaxed);
    let first = scene.store.claim_now(2);
    scene.commit();
    let woken = [first, scene.store.claim_now(2)].concat();
    let ids: Vec<Id> = woken.iter().map(|claimed| claimed.start.id).collect();
    assert_eq!(ids, [run(1).id, run(2).id]);
}

#[tokio::test]
async fn a_run_that_parks_and_is_cancelled_at_once_ends() {
    let mut scene = Scene::new();
    let claimed = scene.started(&[run(1)]);
    scene.parks(&claimed[0], None);
    let store = scene.store.clone();
    let cancelled = store.cancel(run(1).id, true, 5);
    scene.commit();
    assert_eq!(cancelled.await.unwrap(), Cancelled::Ended);
    assert_eq!(scene.status(run(1).id).await, Status::Cancelled);
    let account = scene.store.account().await.unwrap();
    assert_eq!((account.accepted, account.cancelled, account.waiting, account.running), (1, 1, 0, 0));
}

#[tokio::test]
async fn a_bar_that_moves_again_as_its_last_run_ends_is_not_left_behind() {
    let mut scene = Scene::new();
    let child = |n| NewRun { root: run(1).id, parent: Some(run(1).id), ..run(n) };
    let claimed = scene.started(&[run(1), child(2), child(3)]);
    for speaker in &claimed {
        let said: Contribution = said(&run(1), speaker.start.id, "p");
        let (run, epoch) = (speaker.start.id, speaker.epoch);
        drop(scene.store.commit(Commit {
            run,
            epoch,
            writes: vec![Write::Progress(said)],
            ..Commit::default()
        }));
    }
    drop(scene.store.commit(end(&claimed[0], Status::Succeeded)));
    drop(scene.store.commit(end(&claimed[1], Status::Failed)));
    scene.commit();
    drop(scene.store.commit(end(&claimed[2], Status::Succeeded)));
    drop(scene.store.reopen(claimed[1].start.id, None, 7));
    scene.commit();
    let again = scene.store.claim_now(1);
    drop(scene.store.commit(end(&again[0], Status::Succeeded)));
    scene.commit();
    let items = scene.store.items_of(run(1).id).await.unwrap();
    assert_eq!(items[0].status, ItemStatus::Succeeded);
}
