//! `Idempotency-Key`: what is asked for twice is done once.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::{
    client::{Answer, Client},
    project::Project,
    provider::{self, Gate, Provider},
};

use crate::scene::{Scene, hook};

/// Calls the provider inside the request, and answers with what it was asked.
fn asks(provider: &Provider) -> Value {
    hook(
        "asks",
        "call",
        &[
            json!({ "name": "call", "type": "api/http", "options": { "uri": provider.url("/held"), "timeout": "60s" },
                "to": { "default": { "answer": ["default"] }, "error": { "answer": ["default"] } } }),
            json!({ "name": "answer", "type": "action/response",
                "options": { "status": 201, "body": { "n": 1 }, "headers": { "x-kind": "own" } }, "in": { "default": "this" } }),
        ],
    )
}

fn responds(identifier: &str, status: u16, body: &Value) -> Value {
    hook(
        identifier,
        "answer",
        &[
            json!({ "name": "answer", "type": "action/response", "options": { "status": status, "body": body } }),
        ],
    )
}

fn background(more: &Value) -> Value {
    let mut workflow = json!({ "identifier": "Background", "async": true, "entry": "note", "elements": [
        { "name": "note", "type": "action/log", "options": { "level": "info" } } ] });
    workflow.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    workflow
}

fn waits() -> Value {
    json!({ "identifier": "Waits", "async": true, "entry": "wait", "elements": [
        { "name": "wait", "type": "flow/await", "options": { "signal": "go" } } ] })
}

fn keyed(client: &Client, key: &str) -> Client {
    client.with("idempotency-key", key)
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

async fn accepted(scene: &Scene) -> u64 {
    scene.client.get("/account").await.json()["accepted"].as_u64().unwrap()
}

#[tokio::test]
async fn two_at_once_are_one_run_and_get_one_answer() {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider
        .answer("/held", provider::Answer { held: Some(gate.clone()), ..provider::Answer::json(&json!({})) });
    let scene = Scene::of(&[("asks", asks(&provider))], Some(&provider)).await;
    let client = keyed(&scene.client, "one");
    let body = json!({ "n": 1 });
    let both = async {
        tokio::join!(client.post("/main/webhook/asks", &body), client.post("/main/webhook/asks", &body))
    };
    let open = async {
        provider.arrived_at("/held", 1).await;
        gate.open();
    };
    let ((first, second), ()) = tokio::join!(both, open);
    assert_eq!((first.status, first.json()), (201, body.clone()));
    assert_eq!((second.status, &second.body), (201, &first.body));
    for name in ["x-kind", "x-hefe-run", "content-type"] {
        assert_eq!(first.header(name), second.header(name), "{name}");
    }
    assert!(replayed(&first) != replayed(&second));
    assert_eq!((provider.seen().len(), accepted(&scene).await), (1, 1));
    let project = scene.stop().await;
    let scene = Scene::start(project, Some(provider.host()), server::Settings::default()).await;
    let later = keyed(&scene.client, "one").post("/main/webhook/asks", &body).await;
    assert_eq!((later.status, &later.body, replayed(&later)), (201, &first.body, true), "after a restart");
    scene.stop().await;
}

#[tokio::test]
async fn who_waits_too_long_is_told_that_it_is_under_way_and_a_client_that_hangs_up_finds_its_answer() {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider
        .answer("/held", provider::Answer { held: Some(gate.clone()), ..provider::Answer::json(&json!({})) });
    let project = Project::new();
    project.workflow("main", "asks", asks(&provider).to_string());
    let settings = server::Settings { once_wait: Duration::from_millis(20), ..Default::default() };
    let scene = Scene::start(project, Some(provider.host()), settings).await;
    let client = keyed(&scene.client, "one");
    let body = json!({ "n": 1 });
    let first = client.post("/main/webhook/asks", &body);
    tokio::select! {
        answer = first => panic!("{}", answer.text()),
        _ = provider.arrived_at("/held", 1) => {}
    }
    let second = client.post("/main/webhook/asks", &body).await;
    assert_eq!((second.status, &second.json()["code"]), (409, &json!("under_way")), "{}", second.text());
    gate.open();
    let answer = loop {
        let answer = client.post("/main/webhook/asks", &body).await;
        if answer.status != 409 {
            break answer;
        }
    };
    assert_eq!((answer.status, answer.json(), replayed(&answer)), (201, body, true));
    assert_eq!(provider.seen().len(), 1);
    scene.stop().await;
}

#[tokio::test]
async fn another_body_or_query_is_422_and_another_scope_is_another_request() {
    let all = [("b", background(&json!({}))), ("r", responds("plain", 200, &json!("here")))];
    let project = Project::new();
    for system in ["main", "other"] {
        for (name, workflow) in &all {
            project.workflow(system, name, workflow.to_string());
        }
    }
    let scene = Scene::start(project, None, server::Settings::default()).await;
    let client = keyed(&scene.client, "one");
    let path = "/main/workflows/Background/run";
    let first = client.post(path, &json!({ "n": 1 })).await;
    assert_eq!(first.status, 202);
    let again = client.post(path, &json!({ "n": 1 })).await;
    assert_eq!((again.status, &again.body, replayed(&again)), (202, &first.body, true));
    assert_eq!(again.header("location"), first.header("location"));
    for (path, body) in [(path.to_owned(), json!({ "n": 2 })), (format!("{path}?x"), json!({ "n": 1 }))] {
        let other = client.post(&path, &body).await;
        assert_eq!((other.status, &other.json()["code"]), (422, &json!("idempotency_key")));
    }
    let mut runs = vec![first.json()["run"].clone()];
    for answer in [
        client.post("/other/workflows/Background/run", &json!({ "n": 1 })).await,
        keyed(&scene.client, "two").post(path, &json!({ "n": 1 })).await,
        scene.client.post(path, &json!({ "n": 1 })).await,
    ] {
        assert_eq!((answer.status, replayed(&answer)), (202, false), "{}", answer.text());
        runs.push(answer.json()["run"].clone());
    }
    let plain = client.post("/main/webhook/plain", &json!({ "n": 1 })).await;
    assert_eq!((plain.status, replayed(&plain)), (200, false), "another route");
    runs.sort_by_key(Value::to_string);
    runs.dedup();
    assert_eq!(runs.len(), 4);
    scene.stop().await;
}

#[tokio::test]
async fn an_answer_that_blames_the_client_is_not_kept_and_one_that_blames_us_is() {
    let fails = hook(
        "fails",
        "stop",
        &[json!({ "name": "stop", "type": "flow/stop", "options": { "status": "failed" } })],
    );
    let all = [("g", responds("gone", 410, &json!({}))), ("f", fails)];
    let scene = Scene::of(&all, None).await;
    let client = keyed(&scene.client, "one");
    for (path, status, kept) in [
        ("/main/webhook/gone", 410, false),
        ("/main/webhook/fails", 500, true),
        ("/main/webhook/none", 404, false),
    ] {
        for nth in 0..2 {
            let answer = client.post(path, &json!({})).await;
            assert_eq!((answer.status, replayed(&answer)), (status, kept && nth == 1), "{path}");
        }
    }
    assert_eq!(accepted(&scene).await, 3, "two that were gone, one that failed");
    assert_eq!(
        client.post("/main/webhook/gone", &json!({ "other": 1 })).await.status,
        410,
        "its key is free"
    );
    scene.stop().await;
}

#[tokio::test]
async fn a_name_that_is_none_is_400() {
    let scene = Scene::of(&[("b", background(&json!({})))], None).await;
    let path = "/main/workflows/Background/run";
    for name in ["", "with space", &"x".repeat(256)] {
        let answer = keyed(&scene.client, name).post(path, &json!({})).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("idempotency_key")), "{name}");
    }
    let two = keyed(&keyed(&scene.client, "a"), "b").post(path, &json!({})).await;
    assert_eq!(two.status, 400);
    assert_eq!(keyed(&scene.client, &"x".repeat(255)).post(path, &json!({})).await.status, 202);
    scene.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_kept_but_what_it_answered_is_not_done_again() {
    let large = "x".repeat(2 << 20);
    let scene = Scene::of(&[("l", responds("large", 200, &json!(large)))], None).await;
    let client = keyed(&scene.client, "one");
    let first = client.post("/main/webhook/large", &json!({})).await;
    assert_eq!((first.status, first.body.len()), (200, large.len() + 2));
    let second = client.post("/main/webhook/large", &json!({})).await;
    assert_eq!(
        (second.status, &second.json()["code"]),
        (409, &json!("answer_not_kept")),
        "{}",
        second.text()
    );
    assert_eq!(second.json()["run"].as_str(), first.header("x-hefe-run"));
    assert_eq!(accepted(&scene).await, 1);
    scene.stop().await;
}

#[tokio::test]
async fn a_start_that_gave_back_another_run_says_so_again() {
    let unique = json!({ "job": { "unique": { "key": "order", "for": "1h" } } });
    let scene = Scene::of(&[("b", background(&unique))], None).await;
    let path = "/main/workflows/Background/run";
    let first = scene.client.post(path, &json!({ "order": 7 })).await;
    assert_eq!(first.status, 202, "{}", first.text());
    for nth in 0..2 {
        let answer = keyed(&scene.client, "one").post(path, &json!({ "order": 7 })).await;
        assert_eq!(answer.json(), json!({ "run": first.json()["run"], "existing": true }));
        assert_eq!((answer.status, replayed(&answer)), (202, nth == 1));
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_signal_and_a_retry_are_done_once() {
    let stops = json!({ "identifier": "Stops", "async": true, "entry": "stop", "elements": [
        { "name": "stop", "type": "flow/stop", "options": { "status": "failed" } } ] });
    let scene = Scene::of(&[("w", waits()), ("s", stops)], None).await;
    let started = scene.client.post("/main/workflows/Waits/run", &json!({})).await.json();
    let path = format!("/main/runs/{}/signal/go", started["run"].as_str().unwrap());
    let client = keyed(&scene.client, "one");
    for nth in 0..2 {
        let answer = client.post(&path, &json!({ "n": 1 })).await;
        assert_eq!((answer.status, replayed(&answer)), (202, nth == 1), "{}", answer.text());
    }
    let failed = scene.run("Stops", &json!({})).await;
    let path = format!("/main/runs/{}/retry?from=start", failed["id"].as_str().unwrap());
    let retry = async |path: &str| client.request("POST", path, &[], Bytes::new()).await;
    let (first, again) = (retry(&path).await, retry(&path).await);
    assert_eq!((first.status, &first.body, replayed(&again)), (202, &again.body, true), "{}", first.text());
    assert_eq!(retry(&path.replace("start", "failure")).await.status, 422);
    assert_eq!(accepted(&scene).await, 3);
    let on = format!("/main/runs/{}/retry", started["run"].as_str().unwrap());
    assert_eq!(retry(&on).await.status, 409, "it did not fail, and the key is free for when it has");
    scene.stop().await;
}
