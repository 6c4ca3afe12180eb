//! Workflows that start when another's run has failed for good: once for each such end, whoever dies, and never round in a circle.

use serde_json::{Value, json};
use store::{Change, Filter, Run, Status};
use testkit::{DEADLINE, provider::Provider};

use crate::{
    crashes::dying::{Dying, When},
    scene::Scene,
};

/// Gives back what it was told; `more` stands in its event.
fn told(name: &str, more: &Value) -> Value {
    handler(name, more, &json!({ "name": "then", "type": "action/response" }))
}

/// Fails itself.
fn failing(name: &str, more: &Value) -> Value {
    handler(name, more, &stop())
}

fn handler(name: &str, more: &Value, then: &Value) -> Value {
    let mut event = json!({ "identifier": "broke", "type": "failed" });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "identifier": name, "events": [event], "elements": [
        { "name": "broke", "type": "event/failed", "to": { "default": { "then": ["default"] } } }, then
    ] })
}

fn stop() -> Value {
    json!({ "name": "then", "type": "flow/stop", "options": { "status": "failed", "message": "no luck" } })
}

/// Fails at once.
fn work(is_async: bool) -> Value {
    json!({ "identifier": if is_async { "Behind" } else { "Inside" }, "async": is_async, "elements": [stop()] })
}

/// Every run of a workflow, oldest first.
async fn runs(scene: &Scene, workflow: &str) -> Vec<Run> {
    let filter = Filter { workflow: Some(workflow.into()), limit: 100, ..Filter::default() };
    let mut runs = scene.engine.store().runs(filter).await.unwrap().items;
    runs.reverse();
    runs
}

/// Works until nothing lives.
async fn still(scene: &mut Scene) {
    scene.work();
    let mut changes = scene.engine.store().changes();
    let still = async {
        loop {
            let account = scene.engine.store().account().await.unwrap();
            if account.queued + account.running + account.waiting == 0 {
                return;
            }
            while !changes
                .recv()
                .await
                .unwrap()
                .iter()
                .any(|(_, change)| matches!(change, Change::Run { .. }))
            {}
        }
    };
    tokio::time::timeout(DEADLINE, still).await.expect("everything ends");
}

fn said(run: &Run) -> Value {
    serde_json::from_str(&run.end.as_ref().unwrap().result.to_json()).unwrap()
}

#[tokio::test]
async fn it_knows_which_run_failed_and_why() {
    let workflows = [
        ("told", told("Told", &json!({}))),
        ("only", told("Only", &json!({ "workflow": "Behind" }))),
        ("behind", work(true)),
        ("inside", work(false)),
        (
            "fine",
            json!({ "identifier": "Fine", "async": true, "elements": [{ "name": "one", "type": "flow/empty" }] }),
        ),
    ];
    let mut scene = Scene::of(&workflows, &[]).await;
    let behind = scene.queue("Behind").await;
    scene.queue("Fine").await;
    let cancelled = scene.queue("Behind").await;
    scene.engine.cancel(cancelled, true).await.unwrap();
    still(&mut scene).await;
    let mut changes = scene.engine.store().changes();
    scene.start("Inside", json!({})).await;
    // Its answer waits for nothing, and its end is written with others.
    let told = async {
        let is_of = |change: &Change| matches!(change, Change::Run { start, stands } if &*start.workflow == "Told" && stands.status.ended());
        while !changes.recv().await.unwrap().iter().any(|(_, change)| is_of(change)) {}
    };
    tokio::time::timeout(DEADLINE, told).await.expect("it is told");
    let inside = runs(&scene, "Inside").await.remove(0);
    let all = runs(&scene, "Told").await;
    let [of_behind, of_inside] = &all[..] else { panic!("{} runs", all.len()) };
    let error = json!({ "code": "stopped", "message": "no luck", "element": "then", "retryable": false });
    let user = json!({ "id": "local", "name": "local" });
    assert_eq!(
        said(of_behind),
        json!({ "run": behind.to_string(), "workflow": "Behind", "error": error, "user": user })
    );
    assert_eq!(said(of_inside)["run"], json!(inside.start.id.to_string()));
    assert_eq!(
        (of_behind.start.user.clone(), of_behind.start.root, of_behind.start.parent),
        (None, of_behind.start.id, None)
    );
    assert_eq!(runs(&scene, "Only").await.len(), 1);
    scene.close().await;
}

#[tokio::test]
async fn handlers_that_fail_do_not_go_round() {
    let child = json!({ "name": "then", "type": "action/run", "options": { "workflow": "Behind" } });
    let workflows = [
        ("one", failing("One", &json!({}))),
        ("two", failing("Two", &json!({}))),
        // What it starts fails as well, and is as good as its own failure.
        ("three", handler("Three", &json!({}), &child)),
        ("behind", work(true)),
    ];
    let mut scene = Scene::of(&workflows, &[]).await;
    scene.queue("Behind").await;
    still(&mut scene).await;
    let count = async |name| runs(&scene, name).await.len();
    // Of the run: One, Two, Three. Of One: Two, Three; of Two: One, Three; of the child of Three: One, Two.
    assert_eq!((count("One").await, count("Two").await, count("Three").await), (3, 3, 3));
    assert_eq!(count("Behind").await, 4);
    let run = runs(&scene, "One").await.remove(0);
    assert_eq!(run.attempts, 1, "its failure is none that another try may mend");
    scene.close().await;
}

#[tokio::test]
async fn many_failures_are_one_start_under_one_key_and_a_key_that_fails_is_told() {
    let mut sole = told("Sole", &json!({}));
    sole["job"] = json!({ "unique": { "key": "workflow", "for": "1h" } });
    let mut wrong = told("Wrong", &json!({}));
    wrong["job"] = json!({ "concurrency": { "key": "{} * 2", "limit": 1 } });
    let mut scene = Scene::of(&[("sole", sole), ("wrong", wrong), ("behind", work(true))], &[]).await;
    let run = scene.queue("Behind").await;
    scene.queue("Behind").await;
    still(&mut scene).await;
    assert_eq!((runs(&scene, "Behind").await.len(), runs(&scene, "Sole").await.len()), (2, 1));
    assert_eq!(runs(&scene, "Wrong").await.len(), 0);
    let log = scene.engine.store().logs(run).await.unwrap();
    assert!(log[0].message.to_text().contains("`Wrong` was not told"), "{log:?}");
    scene.close().await;
}

#[tokio::test]
async fn it_has_three_tries_and_a_retry_that_fails_is_another_failure() {
    let call = json!({ "name": "then", "type": "api/http", "options": { "uri": "http://127.0.0.1:1/" } });
    let mut told = handler("Told", &json!({}), &call);
    told["job"] = json!({ "backoff": { "base": "1ms" } });
    let mut scene = Scene::of(&[("told", told), ("behind", work(true))], &["127.0.0.1:1"]).await;
    let run = scene.queue("Behind").await;
    still(&mut scene).await;
    let all = runs(&scene, "Told").await;
    assert_eq!((all.len(), all[0].attempts), (1, 3));
    scene.engine.retry(run, engine::RetryFrom::Failure { current: false }).await.unwrap();
    still(&mut scene).await;
    assert_eq!(runs(&scene, "Told").await.len(), 2);
    scene.close().await;
}

#[tokio::test]
async fn it_starts_once_with_a_crash_anywhere() {
    let provider = Provider::start().await;
    let elements = json!([
        { "name": "call", "type": "api/http", "options": { "uri": provider.url("/") }, "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/notify", "options": { "notification": "it begins" }, "to": { "default": { "then": ["default"] } } },
        stop()
    ]);
    let work = json!({ "identifier": "Behind", "async": true, "entry": "call", "elements": elements });
    for when in [When::Before, When::After] {
        let mut crashes = 0;
        for nth in 1.. {
            let workflows = [("behind", work.clone()), ("told", told("Told", &json!({})))];
            let mut scene = Scene::of(&workflows, &[&provider.host()]).await;
            let run = scene.queue("Behind").await;
            let dying = Dying::new(when, nth);
            scene = scene.opened_over(|store| dying.over(store)).await;
            scene.work();
            let dies = dying.dies_before(&scene, run).await;
            scene = scene.dropped().await;
            still(&mut scene).await;
            assert_eq!(scene.status(run).await, Status::Failed);
            assert_eq!(runs(&scene, "Told").await.len(), 1, "a crash {when:?} submission {nth}");
            scene.close().await;
            if !dies {
                break;
            }
            crashes += 1;
        }
        assert!(crashes >= 1, "{crashes} crashes");
    }
}
