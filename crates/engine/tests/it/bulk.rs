//! Many runs at once: what a page of an action does, and what it leaves alone.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use engine::{
    Clock, RetryFrom, Settings, Stop,
    bulk::{Asked, narrowed},
};
use serde_json::{Value, json};
use store::{Action, Bulk, Deed, Filter, Id, ItemStatus, Status};
use tokio::sync::watch;

use crate::scene::Scene;

/// Fails at once.
fn fails() -> Value {
    json!({ "identifier": "Fails", "async": true, "entry": "stop", "elements": [
        { "name": "stop", "type": "flow/stop", "options": { "status": "failed" } } ] })
}

/// Over a clock that goes on at every look, so that nothing happens at the same time.
async fn scene() -> Scene {
    let now = Arc::new(AtomicI64::new(Clock::default().now_ms()));
    let clock = Clock::new(move || now.fetch_add(1, Ordering::Relaxed));
    Scene::with(&[("fails", fails())], &[], Settings { clock, ..Settings::default() }).await
}

async fn failed(scene: &Scene) -> Id {
    let run = scene.queue("Fails").await;
    works(scene, run).await;
    run
}

/// Works that run and nothing else.
async fn works(scene: &Scene, run: Id) {
    let (_goes_on, stop) = watch::channel(Stop::No);
    scene.engine.work_tree(run, stop).await;
    assert_eq!(scene.status(run).await, Status::Failed);
}

async fn plan(scene: &Scene, bulk: Bulk) -> Action {
    let filter = narrowed(bulk, Filter::default()).unwrap();
    let asked = Asked { system: "main".into(), user: "local".into(), id: None, bulk, filter };
    scene.engine.plan_bulk(asked).await.unwrap()
}

async fn record(scene: &Scene, action: &Action) {
    scene.engine.act(Deed::Record(Box::new(action.clone()))).await.unwrap();
}

/// What became of it, and of its bar.
async fn done(scene: &Scene, action: &Action) -> (Action, ItemStatus, String) {
    scene.engine.work_off_bulk().await.unwrap();
    let action = scene.engine.store().action(action.id).await.unwrap().unwrap();
    let items = scene.engine.store().items_of(action.id).await.unwrap();
    assert_eq!(items.len(), 1);
    (action, items[0].status, items[0].status_message.to_text())
}

#[tokio::test]
async fn what_failed_again_after_it_was_asked_for_is_not_tried_a_second_time() {
    let scene = scene().await;
    let (one, two) = (failed(&scene).await, failed(&scene).await);
    let action = plan(&scene, Bulk::Retry { current: false }).await;
    assert_eq!((action.total, action.more), (2, false));
    scene.engine.retry(one, RetryFrom::Failure { current: false }).await.unwrap();
    works(&scene, one).await;
    let younger = failed(&scene).await;
    record(&scene, &action).await;
    let (_, status, says) = done(&scene, &action).await;
    assert_eq!((status, says.as_str()), (ItemStatus::Succeeded, "1 retried, 1 had gone on"));
    assert_eq!((scene.status(one).await, scene.status(two).await), (Status::Failed, Status::Queued));
    assert_eq!(scene.status(younger).await, Status::Failed, "it came later");
    scene.close().await;
}

#[tokio::test]
async fn one_that_is_stopped_leaves_the_rest_as_they_are() {
    let scene = scene().await;
    let run = failed(&scene).await;
    let action = plan(&scene, Bulk::Restart).await;
    record(&scene, &action).await;
    scene.engine.stop_bulk(action.id).await.unwrap();
    let (action, status, says) = done(&scene, &action).await;
    assert_eq!((action.done, status, says.as_str()), (0, ItemStatus::Cancelled, "0 retried"));
    assert_eq!(scene.status(run).await, Status::Failed);
    scene.close().await;
}

#[tokio::test]
async fn what_cannot_go_on_under_the_current_version_is_counted() {
    let scene = scene().await;
    let run = failed(&scene).await;
    let mut renamed = fails();
    renamed["identifier"] = json!("Renamed");
    scene.project.workflow("main", "fails", renamed.to_string());
    scene.engine.publish().await.unwrap();
    let action = plan(&scene, Bulk::Retry { current: true }).await;
    record(&scene, &action).await;
    let (action, status, says) = done(&scene, &action).await;
    assert_eq!((action.differ, status), (1, ItemStatus::Succeeded));
    assert_eq!(says, "0 retried, 1 cannot go on under the current version");
    assert_eq!(scene.status(run).await, Status::Failed);
    scene.close().await;
}
