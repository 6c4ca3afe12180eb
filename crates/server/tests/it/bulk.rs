//! The same for many runs at once.

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::{
    client::Event,
    provider::{Answer, Gate, Provider},
};

use crate::scene::Scene;

/// Fails while the provider does.
fn asks(provider: &Provider) -> Value {
    json!({ "identifier": "Asks", "async": true, "entry": "call", "elements": [
        { "name": "call", "type": "api/http", "options": { "uri": provider.url("/ask"), "timeout": "60s" } } ] })
}

fn waits(name: &str) -> Value {
    json!({ "identifier": name, "async": true, "entry": "wait", "elements": [
        { "name": "wait", "type": "flow/await", "options": { "signal": "go" } } ] })
}

/// Starts one that waits, and waits too.
fn parent() -> Value {
    json!({ "identifier": "Parent", "async": true, "entry": "start", "elements": [
        { "name": "start", "type": "action/run", "options": { "workflow": "Child", "async": true }, "to": { "default": { "wait": ["default"] } } },
        { "name": "wait", "type": "flow/await", "options": { "signal": "go" } } ] })
}

async fn scene() -> (Scene, Provider) {
    let provider = Provider::start().await;
    provider.answer("/ask", Answer::status(503));
    let all = [("a", asks(&provider)), ("p", parent()), ("c", waits("Child")), ("w", waits("Other"))];
    (Scene::of(&all, Some(&provider)).await, provider)
}

/// Starts `count` and waits until they stand so.
async fn stand(scene: &Scene, workflow: &str, count: usize, status: &str) {
    let mut events = scene.client.events("/main/events").await;
    for n in 0..count {
        let started = scene.client.post(&format!("/main/workflows/{workflow}/run"), &json!({ "n": n })).await;
        assert_eq!(started.status, 202, "{}", started.text());
    }
    until_count(scene, &mut events, &format!("status={status}"), count).await;
}

async fn until_count(scene: &Scene, events: &mut testkit::client::Events, query: &str, count: usize) {
    loop {
        let page = scene.client.get(&format!("/main/runs?{query}")).await.json();
        if page["items"].as_array().unwrap().len() == count {
            return;
        }
        events.until(|event| event.event == "run").await;
    }
}

async fn over(events: &mut testkit::client::Events, action: &Value) -> Event {
    let wanted = |event: &Event| {
        event.event == "progress" && event.json()["run"] == *action && event.json()["status"] != "running"
    };
    events.until(wanted).await
}

#[tokio::test]
async fn what_failed_is_counted_then_tried_again_with_a_bar_that_says_how_far_it_is() {
    let (scene, provider) = scene().await;
    stand(&scene, "Asks", 7, "failed").await;
    let filter = json!({ "workflow": "Asks", "element": "call" });
    let post = async |body: &Value| scene.client.post("/main/runs/bulk", body).await;
    let preview = post(&json!({ "action": "retry", "filter": filter, "preview": true })).await;
    assert_eq!(preview.status, 200, "{}", preview.text());
    assert_eq!((&preview.json()["count"], &preview.json()["more"]), (&json!(7), &json!(false)));
    assert_eq!(preview.json()["sample"].as_array().unwrap().len(), 7);
    let none = post(&json!({ "action": "retry", "filter": { "code": "nothing" }, "preview": true })).await;
    assert_eq!(none.json()["count"], 0);
    let empty = post(&json!({ "action": "cancel", "filter": { "workflow": "" } })).await;
    assert_eq!(empty.status, 400, "a variable that is not set does not mean all: {}", empty.text());

    provider.answer("/ask", Answer::json(&json!({})));
    let mut events = scene.client.events("/main/events").await;
    let begun = post(&json!({ "action": "retry", "filter": filter })).await;
    assert_eq!((begun.status, &begun.json()["count"]), (202, &json!(7)), "{}", begun.text());
    let action = begun.json()["action"].clone();
    let place = format!("/main/runs/bulk/{}", action.as_str().unwrap());
    assert_eq!(begun.header("location"), Some(&*place));
    let item = over(&mut events, &action).await.json();
    assert_eq!((&item["status"], &item["status_message"]), (&json!("succeeded"), &json!("7 retried")));
    assert_eq!((&item["title"], &item["progress"]), (&json!("retrying 7 runs"), &json!(7)));
    assert_eq!(item["user"], "local");
    until_count(&scene, &mut events, "status=succeeded", 7).await;
    let shown = scene.client.get(&place).await.json();
    assert_eq!(
        (&shown["status"], &shown["done"], &shown["user"]),
        (&json!("succeeded"), &json!(7), &json!("local"))
    );
    assert_eq!(shown["filter"]["status"], "failed");
    assert_eq!(scene.client.post(&format!("{place}/cancel"), &json!({})).await.status, 409, "it is over");
    assert_eq!(scene.client.get("/main/runs/bulk").await.json()["items"][0]["id"], action);
    assert_eq!(provider.seen_at("/ask").len(), 14, "each was tried again once");
    scene.stop().await;
}

#[tokio::test]
async fn a_restart_of_many_makes_new_runs_and_a_key_makes_it_one_action() {
    let (scene, provider) = scene().await;
    stand(&scene, "Asks", 3, "failed").await;
    provider.answer("/ask", Answer::json(&json!({})));
    let mut events = scene.client.events("/main/events").await;
    let client = scene.client.with("idempotency-key", "one");
    let body = json!({ "action": "retry", "from": "start" });
    let first = client.post("/main/runs/bulk", &body).await;
    let again = client.post("/main/runs/bulk", &body).await;
    assert_eq!((first.status, &first.body), (202, &again.body), "{}", first.text());
    over(&mut events, &first.json()["action"]).await;
    until_count(&scene, &mut events, "status=succeeded", 3).await;
    let failed = scene.client.get("/main/runs?status=failed").await.json();
    let news = scene.client.get("/main/runs?status=succeeded").await.json();
    assert_eq!(failed["items"].as_array().unwrap().len(), 3, "the old ones stay");
    assert!(news["items"].as_array().unwrap().iter().all(|run| !run["retry_of"].is_null()));
    scene.stop().await;
}

#[tokio::test]
async fn a_cancel_of_many_reaches_what_they_started_and_leaves_the_others() {
    let (scene, _provider) = scene().await;
    stand(&scene, "Other", 1, "waiting").await;
    let mut events = scene.client.events("/main/events").await;
    for _ in 0..3 {
        scene.client.post("/main/workflows/Parent/run", &json!({})).await;
    }
    until_count(&scene, &mut events, "status=waiting", 7).await;
    let begun = scene
        .client
        .post("/main/runs/bulk", &json!({ "action": "cancel", "filter": { "workflow": "Parent" } }))
        .await;
    let item = over(&mut events, &begun.json()["action"]).await.json();
    assert_eq!(item["status_message"], "3 cancelled");
    until_count(&scene, &mut events, "status=cancelled", 6).await;
    let left = scene.client.get("/main/runs?status=waiting").await.json();
    assert_eq!(left["items"][0]["workflow"], "Other");
    scene.stop().await;
}

#[tokio::test]
async fn what_went_on_by_itself_is_left_alone() {
    let (scene, provider) = scene().await;
    stand(&scene, "Asks", 2, "failed").await;
    let gate = Gate::new();
    provider.answer("/ask", Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) });
    let ids = scene.client.get("/main/runs?status=failed").await.json();
    let id = ids["items"][0]["id"].as_str().unwrap();
    let mut events = scene.client.events("/main/events").await;
    scene.client.request("POST", &format!("/main/runs/{id}/retry"), &[], Bytes::new()).await;
    let begun = scene.client.post("/main/runs/bulk", &json!({ "action": "retry" })).await;
    assert_eq!(begun.json()["count"], 1, "the other is on its way");
    let item = over(&mut events, &begun.json()["action"]).await.json();
    assert_eq!(item["status_message"], "1 retried");
    gate.open();
    scene.stop().await;
}

#[tokio::test]
async fn what_is_misspelt_is_refused_and_widens_nothing() {
    let (scene, _provider) = scene().await;
    stand(&scene, "Other", 1, "waiting").await;
    for body in [
        json!({ "action": "cancel", "filter": { "worklow": "Asks" } }),
        json!({ "action": "cancel", "filters": {} }),
        json!({ "action": "cancel", "from": "start" }),
        json!({ "action": "cancel", "filter": { "status": "failed" } }),
        json!({ "action": "retry", "filter": { "status": "waiting" } }),
        json!({ "action": "retry", "from": "middle" }),
        json!({ "action": "retry", "filter": { "before": "soon" } }),
        json!({ "action": "delete" }),
        json!({}),
    ] {
        let answer = scene.client.post("/main/runs/bulk", &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["help"].is_string());
    }
    assert_eq!(scene.client.get("/main/runs/bulk").await.json()["items"], json!([]));
    for path in ["/main/runs/bulk/x", "/other/runs/bulk"] {
        assert_eq!(scene.client.get(path).await.status, 404, "{path}");
    }
    scene.stop().await;
}

#[tokio::test]
async fn the_page_asks_first_and_a_form_that_is_sent_twice_is_one_action() {
    let (scene, provider) = scene().await;
    stand(&scene, "Asks", 2, "failed").await;
    provider.answer("/ask", Answer::json(&json!({})));
    let list = scene.client.get("/ui/main/runs?status=failed&user=local").await.text();
    assert!(list.contains("formaction=\"/ui/main/runs/bulk\"") && list.contains("Retry all…"), "{list}");
    assert!(
        list.contains("type=\"hidden\" name=\"user\" value=\"local\""),
        "what narrows the list narrows the action"
    );
    let asks =
        scene.client.get("/ui/main/runs/bulk?status=failed&workflow=Asks&q=&action=retry").await.text();
    assert!(asks.contains("Retry 2 runs?"), "{asks}");
    let place = asks
        .split("method=\"post\" action=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&");
    assert!(place.contains("workflow=Asks"), "{place}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let mut events = scene.client.events("/main/events").await;
    let send = async || scene.client.request("POST", &place, &form, Bytes::from_static(b"how=failure")).await;
    let (first, second) = (send().await, send().await);
    assert_eq!(
        (first.status, first.header("location")),
        (303, second.header("location")),
        "{}",
        first.text()
    );
    let at = first.header("location").unwrap();
    over(&mut events, &json!(at.rsplit('/').next().unwrap())).await;
    let shown = scene.client.get(at).await;
    assert!(shown.status == 200 && shown.text().contains("2 retried"), "{}", shown.text());
    assert_eq!(scene.client.get("/main/runs/bulk").await.json()["items"].as_array().unwrap().len(), 1);
    let evil = scene.client.with("origin", "http://evil.example");
    assert_eq!(evil.request("POST", &place, &form, Bytes::from_static(b"how=failure")).await.status, 403);
    scene.stop().await;
}
