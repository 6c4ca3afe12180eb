//! One action on many runs, over the death of the server.

use std::collections::HashSet;

use serde_json::{Value, json};
use testkit::{
    client::Client,
    process::{self, Hefe},
    project::Project,
};

const RUNS: usize = 800;

/// Fails at once.
fn fails() -> Value {
    json!({ "identifier": "Fails", "async": true, "entry": "stop", "elements": [
        { "name": "stop", "type": "flow/stop", "options": { "status": "failed", "message": "no" } } ] })
}

async fn until_failed(client: &Client, count: usize) {
    let mut events = client.events("/shop/events").await;
    while client.get("/account").await.json()["failed"] != count {
        events.until(|event| event.event == "run").await;
    }
}

/// Every run of the workflow, page after page.
async fn all(client: &Client) -> Vec<Value> {
    let (mut runs, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/shop/runs?workflow=Fails&cursor={cursor}")).await.json();
        runs.extend(page["items"].as_array().unwrap().clone());
        match page["cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return runs,
        }
    }
}

#[tokio::test]
async fn what_was_begun_before_the_server_was_killed_is_done_to_each_run_once() {
    let project = Project::new();
    project.workflow("shop", "fails", fails().to_string());
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    for _ in 0..RUNS {
        assert_eq!(client.post("/shop/workflows/Fails/run", &json!({})).await.status, 202);
    }
    until_failed(&client, RUNS).await;
    let begun = client.post("/shop/runs/bulk", &json!({ "action": "retry", "from": "start" })).await;
    assert_eq!((begun.status, &begun.json()["count"]), (202, &json!(RUNS)), "{}", begun.text());
    let place = begun.header("location").unwrap().to_owned();
    let middle = loop {
        let action = client.get(&place).await.json();
        if action["done"] != 0 {
            break action;
        }
    };
    assert!(middle["done"].as_u64().unwrap() < RUNS as u64, "it is in the middle: {middle}");
    hefe.kill().await;

    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    until_failed(&client, 2 * RUNS).await;
    let mut events = client.events("/shop/events").await;
    let action = loop {
        let action = client.get(&place).await.json();
        if action["status"] != "running" && action["progress"]["status"] != "running" {
            break action;
        }
        events.until(|event| event.event == "progress").await;
    };
    assert_eq!(
        (&action["status"], &action["done"], &action["passed"]),
        (&json!("succeeded"), &json!(RUNS), &json!(0))
    );
    assert_eq!(action["progress"]["status"], "succeeded");
    assert_eq!(action["progress"]["status_message"], format!("{RUNS} retried"));
    let runs = all(&client).await;
    let tried: Vec<&Value> = runs.iter().map(|run| &run["retry_of"]).filter(|id| !id.is_null()).collect();
    let different: HashSet<&str> = tried.iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!((runs.len(), tried.len(), different.len()), (2 * RUNS, RUNS, RUNS), "each once");
    let account = client.get("/account").await.json();
    assert_eq!((&account["accepted"], &account["balanced"]), (&json!(2 * RUNS), &json!(true)));
}

async fn hefe(project: &Project, arguments: &[&str]) -> (bool, String) {
    let path = project.path().to_str().unwrap();
    let output = process::run(arguments.iter().copied().chain(["--project", path])).await;
    let says = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), says(&output.stdout) + &says(&output.stderr))
}

#[tokio::test]
async fn the_command_line_does_it_beside_a_server_and_without_one() {
    let project = Project::new();
    project.workflow("shop", "fails", fails().to_string());
    let server = Hefe::serve(project.path(), &[]).await;
    for _ in 0..3 {
        server.client().post("/shop/workflows/Fails/run", &json!({})).await;
    }
    until_failed(&server.client(), 3).await;
    let (done, says) = hefe(&project, &["runs", "retry", "--workflow", "Fails", "--preview"]).await;
    assert!(done && says.contains("\"count\":3"), "{says}");
    let (done, says) = hefe(&project, &["runs", "retry", "--from", "start", "--code", "stopped"]).await;
    assert!(done && says.contains("\"action\""), "{says}");
    until_failed(&server.client(), 6).await;
    server.kill().await;

    let (done, says) = hefe(&project, &["runs", "retry", "--status", "failed"]).await;
    assert!(done && says.contains("6 retried"), "{says}");
    let (done, says) = hefe(&project, &["runs", "cancel", "--all"]).await;
    assert!(done && says.contains("6 cancelled"), "{says}");
    let (done, says) = hefe(&project, &["runs", "cancel"]).await;
    assert!(!done && says.contains("no run is named"), "{says}");
}
