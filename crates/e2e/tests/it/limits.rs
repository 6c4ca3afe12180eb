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
    project.settings("body_bytes_max = 100\nstarts_per_s = 1\nstreams_max = 1\n");
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    let large = client.post("/main/webhook/echo", &json!({ "text": "x".repeat(100) })).await;
    assert_eq!(large.status, 413, "{}", large.text());
    testkit::until("a second start within a second", async || {
        let started = client.post("/main/webhook/echo", &json!({})).await;
        assert!(started.status == 200 || started.header("retry-after") == Some("1"), "{}", started.text());
        started.status == 429
    })
    .await;
    let _open = client.events("/main/events").await;
    let stream = client.get("/main/events").await;
    assert_eq!(stream.status, 503, "{}", stream.text());
    assert!(stream.header("retry-after").is_some());
}
