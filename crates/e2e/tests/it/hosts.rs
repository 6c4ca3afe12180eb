//! What a provider takes, over all processes that work one database.

use std::time::Duration;

use serde_json::json;
use testkit::{
    process::Hefe,
    project::Project,
    provider::{Answer, Provider},
};

/// How long the provider takes for a call.
const TAKES: Duration = Duration::from_millis(50);

#[tokio::test]
async fn two_processes_call_a_host_no_more_at_once_than_it_takes() {
    let provider = Provider::start().await;
    provider.answer("/a", Answer { delay: TAKES, ..Answer::default() });
    let work = json!({ "identifier": "Work", "async": true, "events": [{ "identifier": "work", "type": "webhook" }], "elements": [
        { "name": "work", "type": "event/webhook", "to": { "default": { "call": ["default"] } } },
        { "name": "call", "type": "api/http", "options": { "uri": provider.url("/a"), "method": "POST" } } ] });
    let database = testkit::postgres::shared().database();
    let url = database.url();
    let (one, other) = (Project::new(), Project::new());
    for project in [&one, &other] {
        project.workflow("main", "work", work.to_string());
        project.settings(format!("[hosts.\"{}\"]\nallow_private = true\nconcurrent = 1\n", provider.host()));
    }
    let first = Hefe::serve(one.path(), &["--database", &url]).await;
    let second = Hefe::serve(other.path(), &["--database", &url]).await;
    for n in 0..12 {
        let hefe = if n % 2 == 0 { &first } else { &second };
        let started = hefe.client().post("/main/webhook/work", &json!({})).await;
        assert!(matches!(started.status, 200 | 202), "{} {}", started.status, started.text());
    }
    let seen = provider.arrived(12).await;
    assert_eq!(provider.by_key().len(), 12, "each is made once");
    for two in seen.windows(2) {
        let apart = two[1].at - two[0].at;
        assert!(apart >= TAKES, "one begins {apart:?} after another that takes {TAKES:?}");
    }
}
