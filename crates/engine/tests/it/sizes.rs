//! `job.maxStored` and `job.keep`: what a run may hold, and how long it stays.

use serde_json::{Value, json};
use store::{Run, Status};
use testkit::provider::{Answer, Provider};

use crate::scene::Scene;

/// A loop of 40 calls whose answers are of 8 KiB each, under a job that lets a run hold 100 KiB.
async fn looped(collect: &str) -> (Scene, Run) {
    let provider = Provider::start().await;
    provider.answer("/big", Answer::json(&json!({ "big": "x".repeat(8 << 10) })));
    let each = json!({ "name": "each", "type": "flow/each", "in": { "default": "range(0, 40)" },
        "options": { "collect": collect }, "to": { "each": { "call": ["default"] }, "next": { "tell": ["default"] } } });
    let workflow = json!({ "identifier": "Loop", "async": true, "entry": "each", "job": { "maxStored": "100KiB" },
        "elements": [each,
            { "name": "call", "type": "api/http", "options": { "uri": provider.url("/big") }, "set": { "got": "default:" } },
            { "name": "tell", "type": "action/response", "options": { "body": "done" } }] });
    let mut scene = Scene::of(&[("Loop", workflow)], &[&provider.host()]).await;
    scene.work();
    let run = scene.queue("Loop").await;
    let run = scene.end(run).await;
    (scene, run)
}

fn error(run: &Run) -> Value {
    let end = run.end.as_ref().expect("its end");
    serde_json::from_str(&end.error.to_json()).unwrap()
}

#[tokio::test]
async fn a_journal_that_is_over_its_size_loses_its_oldest_part() {
    let (scene, run) = looped("1").await;
    assert_eq!(run.status, Status::Succeeded, "{}", error(&run));
    let bytes = scene.engine.store().stored_bytes(run.start.id).await.unwrap();
    assert!(bytes <= 100 << 10, "{bytes}");
    let trace = scene.engine.trace(&run).await.unwrap();
    assert!(trace.gone > 0, "the page says how many entries are gone");
    scene.close().await;
}

#[tokio::test]
async fn a_state_that_alone_is_over_it_fails_the_run() {
    let (scene, run) = looped("$got.big # this").await;
    assert_eq!((run.status, &error(&run)["code"]), (Status::Failed, &json!("state_too_large")));
    assert!(error(&run)["message"].as_str().unwrap().contains("job.maxStored"), "{}", error(&run));
    scene.close().await;
}

#[tokio::test]
async fn a_large_list_is_kept_once_over_all_checkpoints_of_its_loop() {
    // Each turn starts a run and waits for it: two effects, and a park.
    let workflow = json!({ "identifier": "Loop", "async": true, "entry": "each", "elements": [
        { "name": "each", "type": "flow/each", "in": { "default": "$list" }, "set": { "same": ":default" },
          "options": { "collect": "1" }, "to": { "each": { "start": ["default"] }, "next": { "tell": ["default"] } } },
        { "name": "start", "type": "action/run", "options": { "workflow": "Child", "async": true },
          "to": { "default": { "all": ["default"] } } },
        { "name": "all", "type": "flow/await" },
        { "name": "tell", "type": "action/response", "options": { "body": "${$same.length}" } }] });
    let child = json!({ "identifier": "Child", "async": true, "entry": "tell",
        "elements": [{ "name": "tell", "type": "action/response" }] });
    let mut scene = Scene::of(&[("Loop", workflow), ("Child", child)], &[]).await;
    let list: Vec<String> = (0..100).map(|n| format!("{n} ").repeat(5_000)).collect();
    let bytes: usize = list.iter().map(String::len).sum();
    assert!(bytes > 1 << 20);
    let run = match scene.start("Loop", json!({ "list": list })).await {
        engine::Started::Queued { run, .. } => run,
        engine::Started::Done(answer) => panic!("{answer:?} was not queued"),
    };
    scene.work();
    let run = scene.end(run).await;
    assert_eq!(run.status, Status::Succeeded, "{}", error(&run));
    let (newest, _) = scene.engine.store().resume(run.start.id).await.unwrap();
    let newest = newest.expect("a checkpoint");
    // The texts, and the variables, which refer to each of them twice.
    assert!(newest.at > 100 && newest.blobs.len() == 101, "{} {}", newest.at, newest.blobs.len());
    let stored = scene.engine.store().stored_bytes(run.start.id).await.unwrap() as usize;
    assert!(stored > bytes && stored < bytes + bytes / 4, "{stored} for a list of {bytes}");
    scene.close().await;
}

#[tokio::test]
async fn a_run_goes_when_its_workflow_says_so() {
    let workflow = |keep: Value| {
        json!({ "identifier": "Tell", "async": true, "entry": "tell", "job": { "keep": keep },
            "elements": [{ "name": "tell", "type": "action/response" }] })
    };
    let mut scene = Scene::of(&[("tell", workflow(json!("0s")))], &[]).await;
    scene.work();
    let run = scene.queue("Tell").await;
    // Whoever looks for work takes it away.
    loop {
        let mut changes = scene.engine.store().changes();
        if scene.engine.store().run(run).await.unwrap().is_none() {
            break;
        }
        scene.queue("Tell").await;
        changes.recv().await.unwrap();
    }
    scene.close().await;
}
