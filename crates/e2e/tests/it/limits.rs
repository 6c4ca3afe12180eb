//! Limits as a project sets them.

use serde_json::json;
use testkit::{process::Hefe, project::Project};

#[tokio::test]
async fn a_project_sets_its_limits() {
    let project = Project::new();
    let echo = json!({ "identifier": "Echo", "events": [{ "identifier": "echo", "type": "webhook" }], "elements": [
        { "name": "echo", "type": "event/webhook", "to": { "default": { "stop": ["default"] } } },
        { "name": "stop", "type": "flow/stop" } ] });
    project.workflow("main", "echo", echo.to_string());
    project.settings("body_bytes_max = 100\nstarts_per_s = 0\nstreams_max = 0\n");
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    let large = client.post("/main/webhook/echo", &json!({ "text": "x".repeat(100) })).await;
    assert_eq!(large.status, 413, "{}", large.text());
    let started = client.post("/main/webhook/echo", &json!({})).await;
    assert_eq!((started.status, started.header("retry-after")), (429, Some("1")), "{}", started.text());
    let stream = client.get("/main/events").await;
    assert_eq!(stream.status, 503, "{}", stream.text());
    assert!(stream.header("retry-after").is_some());
}
