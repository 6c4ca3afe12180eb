//! What a provider takes, over all processes that work one database.

use std::time::Duration;

use serde_json::json;
use testkit::{
    process::Hefe,
    project::Project,
    provider::{Answer, Gate, Provider, Seen},
};

/// How long the provider takes for a call.
const TAKES: Duration = Duration::from_millis(50);

/// A project whose workflow calls that provider, which takes so much.
fn project(provider: &Provider, limits: &str) -> Project {
    let project = Project::new();
    let call = json!({ "uri": provider.url("/a"), "method": "POST", "json": { "n": "$.n" } });
    let work = json!({ "identifier": "Work", "async": true, "events": [{ "identifier": "work", "type": "webhook" }], "elements": [
        { "name": "work", "type": "event/webhook", "to": { "default": { "call": ["default"] } } },
        { "name": "call", "type": "api/http", "options": call } ] });
    project.workflow("main", "work", work.to_string());
    project.settings(format!("[hosts.\"{}\"]\nallow_private = true\n{limits}\n", provider.host()));
    project
}

async fn start(hefe: &Hefe, n: usize) -> String {
    let started = hefe.client().post("/main/webhook/work", &json!({ "n": n })).await;
    assert_eq!(started.status, 202, "{}", started.text());
    started.json()["run"].as_str().expect("its id").to_owned()
}

/// What a run says that it waits for.
async fn why(hefe: &Hefe, run: &str) -> String {
    let run = hefe.client().get(&format!("/main/runs/{run}")).await.json();
    run["why"].as_str().unwrap_or_default().to_owned()
}

/// Until that run has left its worker, as its turn is not near.
async fn has_left(hefe: &Hefe, run: &str) {
    let left = async {
        while !why(hefe, run).await.starts_with("it waits for its turn at ") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    testkit::within(left, || format!("run {run} waits for its turn")).await;
}

/// With one call at once: that none began while another was under way.
fn none_beside_another(seen: &[Seen]) {
    for two in seen.windows(2) {
        let apart = two[1].at - two[0].at;
        assert!(apart >= TAKES, "one begins {apart:?} after another that takes {TAKES:?}");
    }
}

#[tokio::test]
async fn two_processes_work_a_backlog_off_and_call_a_host_no_more_at_once_than_it_takes() {
    const RUNS: usize = 40;
    let provider = Provider::start().await;
    provider.answer("/a", Answer { delay: TAKES, ..Answer::default() });
    let database = testkit::postgres::shared().database();
    let url = database.url();
    let (one, other) = (project(&provider, "concurrent = 1"), project(&provider, "concurrent = 1"));
    let first = Hefe::serve(one.path(), &["--database", &url]).await;
    let second = Hefe::serve(other.path(), &["--database", &url]).await;
    let gate = Gate::new();
    provider.queue("/a", [Answer { held: Some(gate.clone()), ..Answer::default() }]);
    let mut runs = vec![start(&first, 0).await];
    provider.arrived(1).await;
    for n in 1..RUNS {
        runs.push(start(if n % 2 == 0 { &first } else { &second }, n).await);
    }
    for run in &runs[1..] {
        has_left(&first, run).await;
    }
    gate.open();
    let seen = provider.arrived(RUNS).await;
    assert_eq!(provider.by_key().len(), RUNS, "each is made once");
    // The first one took as long as its gate was shut.
    none_beside_another(&seen[1..]);
    eprintln!("{RUNS} calls in {:?}", seen[RUNS - 1].at - seen[1].at);
}
