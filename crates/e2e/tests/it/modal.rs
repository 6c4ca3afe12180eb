//! A modal over processes that are killed: before it is answered, and while the run goes on.

use serde_json::{Value, json};
use testkit::{
    client::Client,
    process::Hefe,
    project::Project,
    provider::{Answer, Gate, Provider},
};

/// One modal, and then a call that the provider holds.
fn workflow(provider: &Provider) -> Value {
    json!({ "identifier": "AskFlow", "events": [{ "identifier": "ask", "type": "webhook" }], "elements": [
        { "name": "ask", "type": "event/webhook", "to": { "default": { "modal": ["default"] } } },
        { "name": "modal", "type": "action/modal", "options": { "title": "Sure?" }, "to": { "confirm": { "call": ["default"] } } },
        { "name": "call", "type": "api/http", "options": { "uri": provider.url("/held"), "timeout": "60s" },
          "to": { "default": { "after": ["default"] } } },
        { "name": "after", "type": "action/redirect", "options": { "url": "after" } }
    ] })
}

async fn serve(project: &Project, provider: &Provider) -> Hefe {
    project.settings(format!("[hosts.\"{}\"]\nallow_private = true\n", provider.host()));
    Hefe::serve(project.path(), &[]).await
}

fn keyed(hefe: &Hefe, key: &str) -> Client {
    hefe.client().with("idempotency-key", key)
}

#[tokio::test]
async fn it_is_answered_after_a_crash_and_the_answer_comes_after_another() {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider.answer("/held", Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) });
    let project = Project::new();
    project.workflow("main", "ask", workflow(&provider).to_string());
    let hefe = serve(&project, &provider).await;
    let first = keyed(&hefe, "one").post("/main/webhook/ask", &json!({})).await;
    let body = json!({ "checkpoint": first.json()["effects"][0]["checkpoint"], "data": {} });
    hefe.kill().await;

    let hefe = serve(&project, &provider).await;
    let again = keyed(&hefe, "one").post("/main/webhook/ask", &json!({})).await;
    assert_eq!(again.body, first.body, "the same modal");
    let client = keyed(&hefe, "two");
    tokio::select! {
        answer = client.attempt("POST", "/main/webhook/ask", Some(&body)) => panic!("{answer:?}"),
        _ = provider.arrived_at("/held", 1) => {}
    }
    hefe.kill().await;

    let hefe = serve(&project, &provider).await;
    gate.open();
    let answer = keyed(&hefe, "two").post("/main/webhook/ask", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["effects"], json!([{ "type": "redirect", "url": "after" }]));
    assert_eq!(hefe.client().post("/main/webhook/ask", &body).await.status, 409);
    assert_eq!(provider.by_key().len(), 1, "one call, under one key");
    hefe.kill().await;
}
