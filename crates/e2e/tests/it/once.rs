//! `Idempotency-Key` over the death of the server.

use serde_json::{Value, json};
use testkit::{
    process::Hefe,
    project::Project,
    provider::{Answer, Gate, Provider},
};

/// Calls the provider inside the request, then answers.
fn asks(provider: &Provider) -> Value {
    json!({ "identifier": "Asks", "events": [{ "identifier": "asks", "type": "webhook" }], "elements": [
        { "name": "asks", "type": "event/webhook", "to": { "default": { "call": ["default"] } } },
        { "name": "call", "type": "api/http", "options": { "uri": provider.url("/held"), "timeout": "60s" },
          "to": { "default": { "answer": ["default"] } } },
        { "name": "answer", "type": "action/response", "options": { "status": 201, "body": { "done": true } } } ] })
}

#[tokio::test]
async fn who_asks_again_after_the_server_was_killed_takes_over_and_is_answered_once() {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider.answer("/held", Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) });
    let project = Project::new();
    project.workflow("shop", "asks", asks(&provider).to_string());
    project.settings(format!("[hosts.\"{}\"]\nallow_private = true\n", provider.host()));
    let path = "/shop/webhook/asks";

    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client().with("idempotency-key", "one");
    let body = json!({ "n": 1 });
    // The key is on disk before the run begins, so it is when the call arrives.
    let (lost, ()) = tokio::join!(client.attempt("POST", path, Some(&body)), async {
        provider.arrived_at("/held", 1).await;
        hefe.kill().await;
    });
    assert!(lost.is_none());

    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client().with("idempotency-key", "one");
    assert_eq!(client.post(path, &json!({ "n": 2 })).await.status, 422, "the body is on disk too");
    gate.open();
    let answer = client.post(path, &body).await;
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (201, None), "{}", answer.text());
    let keys: Vec<_> =
        provider.seen().iter().map(|seen| seen.header("idempotency-key").map(str::to_owned)).collect();
    assert!(keys.len() == 2 && keys[0].is_some() && keys[0] == keys[1], "it is the same run again: {keys:?}");
    hefe.kill().await;

    let hefe = Hefe::serve(project.path(), &[]).await;
    let again = hefe.client().with("idempotency-key", "one").post(path, &body).await;
    assert_eq!((again.status, &again.body), (201, &answer.body));
    assert_eq!(again.header("x-hefe-run"), answer.header("x-hefe-run"));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(provider.seen().len(), 2);
    let account = hefe.client().get("/account").await.json();
    assert_eq!((&account["accepted"], &account["balanced"]), (&json!(1), &json!(true)));
}
