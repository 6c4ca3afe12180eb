//! `job.unique`, `job.concurrency` and `delay`.

use engine::Started;
use serde_json::{Value, json};
use store::{Id, Status};
use testkit::provider::{Answer, Gate, Provider};

use crate::scene::Scene;

/// A workflow that a provider holds until the gate opens.
async fn held(job: Value) -> (Provider, Gate, Scene) {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider.answer("/held", Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) });
    let work = json!({ "identifier": "Work", "async": true, "job": job, "elements": [
        { "name": "call", "type": "api/http", "options": { "uri": provider.url("/held") } }
    ] });
    let twice = json!({ "identifier": "Twice", "async": true, "entry": "first", "elements": [
        { "name": "first", "type": "action/run", "options": { "workflow": "Work", "input": { "order": 1 } }, "set": { "a": "default:" }, "to": { "default": { "second": ["default"] } } },
        { "name": "second", "type": "action/run", "options": { "workflow": "Work", "input": { "order": 1 } }, "set": { "b": "default:" }, "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/response", "options": { "body": ["$a", "$b"] } }
    ] });
    let later = json!({ "identifier": "Later", "async": true, "entry": "start", "elements": [
        { "name": "start", "type": "action/run", "options": { "workflow": "Work", "delay": "1h" } }
    ] });
    let scene = Scene::of(&[("work", work), ("twice", twice), ("later", later)], &[&provider.host()]).await;
    (provider, gate, scene)
}

async fn start(scene: &Scene, order: i64) -> (Id, bool) {
    match scene.start("Work", json!({ "order": order })).await {
        Started::Queued { run, existing } => (run, existing),
        Started::Done(answer) => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn a_second_start_gives_back_the_first_run_until_it_has_ended() {
    let (provider, gate, mut scene) = held(json!({ "unique": { "key": "order" } })).await;
    scene.work();
    let (first, existing) = start(&scene, 1).await;
    assert!(!existing);
    assert_eq!(start(&scene, 1).await, (first, true));
    assert!(!start(&scene, 2).await.1, "another key is another run");
    provider.arrived_at("/held", 2).await;
    assert_eq!(start(&scene, 1).await, (first, true), "while it is worked, too");
    gate.open();
    scene.end(first).await;
    assert!(!start(&scene, 1).await.1);
    scene.close().await;
}

#[tokio::test]
async fn while_queued_for_a_time_and_replaced() {
    let (provider, _gate, mut scene) = held(json!({ "unique": { "key": "order", "while": "queued" } })).await;
    let (first, _) = start(&scene, 1).await;
    assert_eq!(start(&scene, 1).await, (first, true));
    scene.work();
    provider.arrived_at("/held", 1).await;
    assert!(!start(&scene, 1).await.1, "what has been begun is no hindrance");
    scene.close().await;
    let (_provider, gate, mut scene) = held(json!({ "unique": { "key": "order", "for": "10m" } })).await;
    gate.open();
    scene.work();
    let (first, _) = start(&scene, 1).await;
    scene.end(first).await;
    assert_eq!(start(&scene, 1).await, (first, true), "it holds after the end");
    scene.close().await;
    let (_provider, _gate, scene) = held(json!({ "unique": { "key": "order", "then": "replace" } })).await;
    let (first, _) = start(&scene, 1).await;
    let (second, existing) = start(&scene, 1).await;
    assert!(!existing && second != first);
    assert_eq!(scene.status(first).await, Status::Cancelled);
    scene.close().await;
}

#[tokio::test]
async fn a_workflow_is_told_which_run_there_was() {
    let (_provider, gate, mut scene) = held(json!({ "unique": { "key": "order" } })).await;
    scene.work();
    let run = scene.queue("Twice").await;
    let ended = scene.end(run).await;
    let told: Value = serde_json::from_str(&ended.end.unwrap().result.to_json()).unwrap();
    assert_eq!((&told[0]["id"], &told[1]["existing"]), (&told[1]["id"], &json!(true)), "{told}");
    assert_eq!(told[0]["existing"], Value::Null);
    gate.open();
    scene.close().await;
}

#[tokio::test]
async fn a_unique_worker_that_a_request_started_is_its_persons_own_work() {
    let launcher = json!({ "identifier": "Launch", "entry": "start", "elements": [
        { "name": "start", "type": "action/run", "options": { "workflow": "Work", "unique": "one" }, "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/response" }
    ] });
    let work = json!({ "identifier": "Work", "async": true, "elements": [{ "name": "tell", "type": "action/response" }] });
    let scene = Scene::of(&[("launch", launcher), ("work", work)], &[]).await;
    for existing in [false, true] {
        let Started::Done(answer) = scene.start("Launch", json!({})).await else { panic!("it is sync") };
        let body = answer.response.unwrap().body.to_json();
        assert_eq!(body.contains(r#""existing":true"#), existing, "{body}");
    }
    let mine = scene.engine.store().mine("main".into(), "local".into(), None).await.unwrap();
    assert_eq!(mine.items.len(), 1);
    scene.close().await;
}

#[tokio::test]
async fn no_more_than_the_limit_are_worked_at_once_by_key() {
    let (provider, gate, mut scene) = held(json!({ "concurrency": { "key": "order", "limit": 2 } })).await;
    let mut runs = Vec::new();
    for order in [1, 1, 1, 1, 2] {
        runs.push(start(&scene, order).await.0);
    }
    scene.work();
    // Two of the first key and the one of the second: what is blocked holds nobody up.
    provider.arrived_at("/held", 3).await;
    let why = scene.engine.why(&scene.engine.store().run(runs[3]).await.unwrap().unwrap()).await.unwrap();
    assert!(why.contains("at once"), "{why}");
    let account = scene.engine.store().account().await.unwrap();
    assert_eq!((account.running, account.queued), (3, 2));
    gate.open();
    for run in runs {
        assert_eq!(scene.end(run).await.status, Status::Succeeded);
    }
    scene.close().await;
}

#[tokio::test]
async fn a_delayed_start_is_queued_until_its_time() {
    let (_provider, _gate, mut scene) = held(Value::Null).await;
    scene.work();
    let run = scene.queue("Later").await;
    scene.end(run).await;
    let tree = scene.engine.store().children(run).await.unwrap();
    assert_eq!((tree[0].status, tree[0].attempts), (Status::Queued, 0));
    let why = scene.engine.why(&tree[0]).await.unwrap();
    assert!(why.starts_with("it is to begin at "), "{why}");
    scene.close().await;
}

#[tokio::test]
async fn a_key_that_fails_refuses_the_start() {
    let (_provider, _gate, scene) = held(json!({ "unique": { "key": "{} * 2" } })).await;
    let call = engine::Call {
        system: "main".into(),
        door: engine::Door::Workflow("Work".into()),
        input: recipe::Value::Null,
        person: Some(engine::Person::local()),
    };
    assert!(matches!(scene.engine.call(call).await, Err(engine::Refusal::BadKey)));
    scene.close().await;
}
