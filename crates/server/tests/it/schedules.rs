//! What is due by the clock, over HTTP.

use serde_json::{Value, json};

use crate::scene::Scene;

fn timed() -> Value {
    json!({ "identifier": "Timed", "async": true,
        "elements": [{ "name": "timer", "type": "event/cron", "to": { "default": { "tell": ["default"] } } },
            { "name": "tell", "type": "action/response" }],
        "events": [{ "identifier": "timer", "type": "cron", "expression": "30 2 29 2 *", "timezone": "Europe/Berlin" }] })
}

/// The one schedule, once the server has read it.
async fn schedule(scene: &Scene) -> Value {
    loop {
        let list = scene.client.get("/main/schedules").await.json();
        if let Some(first) = list["items"].get(0) {
            return first.clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_schedule_is_listed_paused_and_run_by_hand() {
    let scene = Scene::of(&[("timed", timed())], None).await;
    let found = schedule(&scene).await;
    assert_eq!(
        (&found["workflow"], &found["event"], &found["paused"]),
        (&json!("Timed"), &json!("timer"), &Value::Null)
    );
    let next = found["next"].as_array().unwrap();
    assert!(
        next.len() == 5 && next.iter().all(|at| at.as_str().unwrap().ends_with("-02-29T01:30:00.000Z")),
        "{found}"
    );
    let at = format!("/main/schedules/{}", found["id"].as_str().unwrap());

    let paused = scene.client.post(&format!("{at}/pause"), &Value::Null).await.json();
    assert_eq!(paused["paused"]["by"], "local");
    let ran = scene.client.post(&format!("{at}/run"), &Value::Null).await;
    assert_eq!((ran.status, &ran.json()["fate"]), (202, &json!("by_hand")));
    let ledger = scene.client.get(&format!("{at}/ledger")).await.json();
    assert_eq!(ledger["items"].as_array().unwrap().len(), 1);
    assert_eq!((&ledger["items"][0]["run"], &ledger["cursor"]), (&ran.json()["run"], &Value::Null));
    let resumed = scene.client.post(&format!("{at}/resume"), &Value::Null).await.json();
    assert_eq!(resumed["paused"], Value::Null);
    let audit = scene.client.get("/main/audit").await.json();
    let done: Vec<&str> =
        audit["items"].as_array().unwrap().iter().map(|line| line["what"].as_str().unwrap()).collect();
    for what in ["paused", "run_by_hand", "resumed"] {
        assert!(done.contains(&what), "{done:?}");
    }

    let unknown = scene.client.get("/main/schedules/00000000-0000-0000-0000-000000000000/ledger").await;
    assert_eq!(unknown.status, 404);
    assert_eq!(scene.client.get(&format!("{at}/ledger?cursor=soon")).await.status, 400);
    scene.stop().await;
}
