//! Attempts that resume, and runs that are tried again by hand.

use engine::{Retried, RetryFrom, Settings};
use serde_json::{Value, json};
use store::{Id, ItemStatus, Run, Status};
use testkit::provider::{Answer, Provider};

use crate::scene::Scene;

/// Calls two providers, with a bar between them; what the second says is its result.
fn workflow(provider: &Provider, job: &Value) -> Value {
    let call = |name: &str, to: &str| {
        json!({ "name": name, "type": "api/http", "options": { "uri": provider.url(&format!("/{name}")) },
            "to": { "default": { to: ["default"] } } })
    };
    json!({ "identifier": "Work", "async": true, "entry": "first", "job": job, "elements": [
        call("first", "bar"),
        { "name": "bar", "type": "cast/progress", "options": { "process": "p", "title": "Working", "total": 2, "progress": 1 },
          "to": { "default": { "second": ["default"] } } },
        call("second", "tell"),
        { "name": "tell", "type": "action/response" }
    ] })
}

async fn scene(job: Value) -> (Provider, Scene) {
    let provider = Provider::start().await;
    provider.answer("/first", Answer::json(&json!({ "n": 1 })));
    provider.answer("/second", Answer::of(503, &[], "busy"));
    let mut scene = Scene::of(&[("work", workflow(&provider, &job))], &[&provider.host()]).await;
    scene.work();
    (provider, scene)
}

fn mend(provider: &Provider) {
    provider.answer("/second", Answer::json(&json!({ "n": 2 })));
}

fn result(run: &Run) -> String {
    run.end.as_ref().expect("its end").result.to_json()
}

async fn bar(scene: &Scene, run: Id) -> (ItemStatus, String) {
    let items = scene.engine.store().items_of(run).await.unwrap();
    (items[0].status, items[0].message().to_text())
}

#[tokio::test]
async fn the_next_attempt_resumes_with_the_effect_that_failed_under_its_own_key() {
    let (provider, scene) =
        scene(json!({ "attempts": 3, "backoff": { "base": "1500ms", "jitter": false } })).await;
    let run = scene.queue("Work").await;
    provider.arrived_at("/second", 1).await;
    scene.until(run, Status::Queued).await;
    let (status, says) = bar(&scene, run).await;
    assert!(status == ItemStatus::Running && says.starts_with("trying again at "), "{status:?} {says}");
    mend(&provider);
    let ended = scene.end(run).await;
    assert_eq!((ended.status, result(&ended).as_str(), ended.attempts), (Status::Succeeded, r#"{"n":2}"#, 2));
    assert_eq!(
        bar(&scene, run).await,
        (ItemStatus::Succeeded, String::new()),
        "it waits for no attempt any more"
    );
    assert_eq!(provider.seen_at("/first").len(), 1, "what was done is not done again");
    assert_eq!((provider.seen_at("/second").len(), provider.by_key().len()), (2, 2));
    scene.close().await;
}

#[tokio::test]
async fn after_the_last_attempt_it_fails_and_one_that_no_repetition_mends_fails_at_once() {
    let (provider, scene) = scene(json!({ "attempts": 2, "backoff": { "base": "1100ms" } })).await;
    let run = scene.queue("Work").await;
    let ended = scene.end(run).await;
    assert_eq!((ended.status, ended.attempts), (Status::Failed, 2));
    assert_eq!(bar(&scene, run).await.0, ItemStatus::Failed);
    provider.answer("/second", Answer::of(404, &[], "nothing"));
    let run = scene.queue("Work").await;
    let ended = scene.end(run).await;
    assert_eq!((ended.status, ended.attempts), (Status::Failed, 1));
    scene.close().await;
}

#[tokio::test]
async fn a_retry_from_the_failure_goes_on_in_the_same_run() {
    let (provider, scene) = scene(Value::Null).await;
    let run = scene.queue("Work").await;
    assert_eq!(scene.end(run).await.status, Status::Failed);
    mend(&provider);
    let retried = scene.engine.retry(run, RetryFrom::Failure { current: false }).await.unwrap();
    assert!(matches!(retried, Retried::Queued(id) if id == run), "{retried:?}");
    let ended = scene.end(run).await;
    assert_eq!((ended.status, result(&ended).as_str()), (Status::Succeeded, r#"{"n":2}"#));
    assert_eq!((provider.seen_at("/first").len(), provider.by_key().len()), (1, 2));
    assert_eq!(bar(&scene, run).await.0, ItemStatus::Succeeded, "the same bar, moving again and ended well");
    let account = scene.engine.store().account().await.unwrap();
    assert_eq!((account.accepted, account.succeeded, account.failed), (1, 1, 0));
    let again = scene.engine.retry(run, RetryFrom::Start).await.unwrap();
    assert!(matches!(again, Retried::NotOver), "{again:?}");
    scene.close().await;
}

#[tokio::test]
async fn a_retry_from_the_start_is_a_new_run_with_new_keys() {
    let (provider, scene) = scene(Value::Null).await;
    let old = scene.queue("Work").await;
    scene.end(old).await;
    mend(&provider);
    let Retried::Queued(run) = scene.engine.retry(old, RetryFrom::Start).await.unwrap() else { panic!() };
    let ended = scene.end(run).await;
    assert_eq!((ended.status, ended.start.retry_of), (Status::Succeeded, Some(old)));
    assert_eq!((provider.seen_at("/first").len(), provider.by_key().len()), (2, 4));
    scene.close().await;
}

#[tokio::test]
async fn what_is_no_workflow_any_more_is_not_tried_from_the_start() {
    let (_provider, scene) = scene(Value::Null).await;
    let old = scene.queue("Work").await;
    scene.end(old).await;
    let project = scene.close().await;
    for file in std::fs::read_dir(project.path().join("systems/main/workflows")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    project.workflow("main", "other", json!({ "identifier": "Other", "elements": [] }).to_string());
    let scene = Scene::over(project, &[], Settings::default()).await;
    let retried = scene.engine.retry(old, RetryFrom::Start).await.unwrap();
    assert!(matches!(&retried, Retried::Differs(says) if says.contains("`Work`")), "{retried:?}");
    assert_eq!(scene.engine.store().account().await.unwrap().accepted, 1);
    scene.close().await;
}

#[tokio::test]
async fn under_the_current_version_it_goes_on_if_all_that_was_recorded_still_happens() {
    let (provider, scene) = scene(Value::Null).await;
    let run = scene.queue("Work").await;
    scene.end(run).await;
    mend(&provider);
    // What comes after is mended; then what came before is broken.
    let mut file = workflow(&provider, &Value::Null);
    file["elements"][3]["options"] = json!({ "body": { "mended": "${n}" } });
    let mut other = file.clone();
    other["elements"][0]["options"]["method"] = json!("POST");
    scene.project.workflow("main", "work", other.to_string());
    scene.engine.publish().await.unwrap();
    let retried = scene.engine.retry(run, RetryFrom::Failure { current: true }).await.unwrap();
    assert!(matches!(&retried, Retried::Differs(says) if says.contains("`first`")), "{retried:?}");
    // Nor where the element that it stands at is not there any more.
    let mut renamed = file.clone();
    renamed["elements"][1]["to"] = json!({ "default": { "third": ["default"] } });
    renamed["elements"][2]["name"] = json!("third");
    scene.project.workflow("main", "work", renamed.to_string());
    scene.engine.publish().await.unwrap();
    let retried = scene.engine.retry(run, RetryFrom::Failure { current: true }).await.unwrap();
    assert!(matches!(&retried, Retried::Differs(says) if says.contains("`second`")), "{retried:?}");
    scene.project.workflow("main", "work", file.to_string());
    scene.engine.publish().await.unwrap();
    let retried = scene.engine.retry(run, RetryFrom::Failure { current: true }).await.unwrap();
    assert!(matches!(retried, Retried::Queued(_)), "{retried:?}");
    assert_eq!(result(&scene.end(run).await), r#"{"mended":2}"#);
    scene.close().await;
}

#[tokio::test]
async fn a_cancelled_run_goes_on_from_where_it_was() {
    let (provider, scene) = scene(Value::Null).await;
    let gate = testkit::provider::Gate::new();
    provider.answer("/second", Answer { held: Some(gate.clone()), ..Answer::json(&json!({ "n": 2 })) });
    let run = scene.queue("Work").await;
    provider.arrived_at("/second", 1).await;
    scene.engine.cancel(run, true).await.unwrap();
    assert_eq!(scene.end(run).await.status, Status::Cancelled);
    gate.open();
    scene.engine.retry(run, RetryFrom::Failure { current: false }).await.unwrap();
    assert_eq!(result(&scene.end(run).await), r#"{"n":2}"#);
    assert_eq!(provider.seen_at("/first").len(), 1);
    scene.close().await;
}
