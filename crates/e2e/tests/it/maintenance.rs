//! examples/maintenance: each schedule run twice comes to the same, and the second time there is nothing to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use testkit::{
    client::Client,
    process::Hefe,
    project::Project,
    provider::{Answer, Provider, Seen},
};

const WORKFLOWS: [&str; 4] = ["retry-failed", "collect-batch", "nightly-summary", "tell-operators"];

/// What the provider holds.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    failed: BTreeSet<i64>,
    /// Its state, and how often it is still seen running.
    batch: (&'static str, u32),
    sums: BTreeMap<String, Value>,
}

/// A provider with two operations that failed and a batch that is nearly ready.
async fn provider() -> (Provider, Arc<Mutex<Held>>) {
    let provider = Provider::start().await;
    let held = Held { failed: [7, 9].into(), batch: ("running", 1), sums: BTreeMap::new() };
    let held = Arc::new(Mutex::new(held));
    let on = |path: &str, answers: fn(&mut Held, &Seen) -> Answer| {
        let held = held.clone();
        provider.answer_with(path, move |seen| answers(&mut held.lock().unwrap(), seen));
    };
    on("/operations", |held, seen| {
        let mut all: Vec<Value> =
            held.failed.iter().map(|id| json!({ "id": id, "state": "failed", "host": "db-3" })).collect();
        if seen.query.starts_with("day=") {
            all.push(json!({ "id": 1, "state": "done" }));
        }
        Answer::json(&json!(all))
    });
    on("/operations/7/retry", |held, _| mended(held, 7));
    on("/operations/9/retry", |held, _| mended(held, 9));
    // Once it is not there, and the element tries again.
    provider.queue("/operations/9/retry", [Answer::status(503)]);
    on("/batch", |held, _| {
        let (state, runs) = held.batch;
        if state == "running" {
            held.batch = if runs == 0 { ("ready", 0) } else { (state, runs - 1) };
        }
        Answer::json(&json!({ "id": 3, "state": held.batch.0 }))
    });
    on("/batch/3/taken", |held, _| {
        held.batch = ("none", 0);
        Answer::json(&json!({}))
    });
    (provider, held)
}

fn mended(held: &mut Held, id: i64) -> Answer {
    held.failed.remove(&id);
    Answer::json(&json!({}))
}

/// The sums of whatever day they are for.
fn keeps_sums(provider: &Provider, held: &Arc<Mutex<Held>>, day: &str) {
    let (held, path) = (held.clone(), format!("/sums/{day}"));
    provider.answer_with(&path, move |seen| {
        let mut held = held.lock().unwrap();
        if seen.method == "PUT" {
            held.sums.insert(seen.path.clone(), seen.json());
            return Answer::status(204);
        }
        held.sums.get(&seen.path).map_or_else(|| Answer::status(404), Answer::json)
    });
}

/// The example as it lies there, but for the provider's port and what else is to be another.
fn example(provider: &Provider, change: impl Fn(&str) -> String) -> Project {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/maintenance");
    let project = Project::new();
    project.settings(std::fs::read(from.join("hefe.toml")).unwrap());
    for name in WORKFLOWS {
        let file = from.join(format!("systems/shop/workflows/{name}.workflow.json"));
        let text = std::fs::read_to_string(file).unwrap();
        project.workflow("shop", name, change(&text.replace("http://127.0.0.1:8087", &provider.url(""))));
    }
    project
}

/// How a run came out: its status, its result, the last line that it logged.
async fn ended(client: &Client, run: &str) -> (Value, Value, String) {
    let mut events = client.events("/shop/events").await;
    loop {
        let found = client.get(&format!("/shop/runs/{run}")).await.json();
        if !found["ended_at"].is_null() {
            let log = found["log"].as_array().and_then(|lines| lines.last()).cloned().unwrap_or_default();
            let line = log["message"].as_str().unwrap_or_default().to_owned();
            return (found["status"].clone(), found["result"].clone(), line);
        }
        events.until(|event| event.event == "run").await;
    }
}

/// Its schedule, once the server has read it.
async fn schedule(client: &Client, workflow: &str) -> String {
    loop {
        let all = client.get("/shop/schedules").await.json();
        let mut items = all["items"].as_array().unwrap().iter();
        if let Some(found) = items.find(|schedule| schedule["workflow"] == workflow) {
            return found["id"].as_str().unwrap().to_owned();
        }
        tokio::task::yield_now().await;
    }
}

/// Runs it by hand, to its end.
async fn run(client: &Client, workflow: &str) -> (Value, Value, String) {
    let schedule = schedule(client, workflow).await;
    let answer = client.post(&format!("/shop/schedules/{schedule}/run"), &json!({})).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    ended(client, answer.json()["run"].as_str().unwrap()).await
}

#[tokio::test]
async fn each_comes_to_the_same_when_it_runs_twice() {
    let (provider, held) = provider().await;
    let today = recipe::time_zone("Europe/Berlin").unwrap().to_datetime(jiff::Timestamp::now()).date();
    let yesterday = today.yesterday().unwrap();
    // It may be midnight just now.
    for day in [yesterday, today] {
        keeps_sums(&provider, &held, &day.to_string());
    }
    let project = example(&provider, str::to_owned);
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    let workflows = client.get("/shop/workflows").await.json();
    assert_eq!(workflows["items"].as_array().map(Vec::len), Some(4), "{workflows}");
    assert!(!workflows.to_string().contains("HF0"), "{workflows}");

    // By hand alone: one of them may come due just now.
    for workflow in ["NightlySummary", "RetryFailedOperations", "CollectBatch"] {
        let schedule = schedule(&client, workflow).await;
        assert_eq!(client.post(&format!("/shop/schedules/{schedule}/pause"), &json!({})).await.status, 200);
    }
    let (status, sums, says) = run(&client, "NightlySummary").await;
    assert_eq!((&status, &sums["operations"], &sums["failed"]), (&json!("succeeded"), &json!(3), &json!(2)));
    assert!(says.ends_with("3 operations, 2 of them failed"), "{says}");
    let (status, result, says) = run(&client, "RetryFailedOperations").await;
    assert_eq!((status, result), (json!("succeeded"), json!({ "mended": 2, "failed": 0 })));
    assert_eq!(says, "2 failed operations went well this time, 0 failed again");
    let (status, result, says) = run(&client, "CollectBatch").await;
    assert_eq!((status, result, &*says), (json!("succeeded"), json!({ "batch": 3 }), "batch 3 is collected"));

    let before = held.lock().unwrap().clone();
    assert_eq!((before.failed.len(), before.batch.0, before.sums.len()), (0, "none", 1));
    let writes = |provider: &Provider| provider.seen().iter().filter(|seen| seen.method != "GET").count();
    assert_eq!(writes(&provider), 5, "one retry was asked for twice");
    for workflow in ["NightlySummary", "RetryFailedOperations", "CollectBatch"] {
        let (status, _, says) = run(&client, workflow).await;
        assert!(status == "succeeded" && says.starts_with("there was nothing to do: "), "{workflow}: {says}");
    }
    assert_eq!(*held.lock().unwrap(), before);
    assert_eq!(writes(&provider), 5);
}

#[tokio::test]
async fn one_runs_when_it_is_due_and_a_failure_is_told() {
    let (provider, held) = provider().await;
    let project = example(&provider, |text| {
        text.replace("5 * * * *", "* * * * * *").replace("/batch/$batch.id/taken", "/nobody")
    });
    provider.answer("/nobody", Answer::status(404));
    held.lock().unwrap().batch = ("ready", 0);
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    let mut events = client.events("/shop/events").await;
    let is_over = |event: &testkit::client::Event, workflow: &str, status: &str| {
        event.event == "run" && event.json()["workflow"] == workflow && event.json()["status"] == status
    };
    let failed = events.until(|event| is_over(event, "CollectBatch", "failed")).await.json();
    let told = events.until(|event| is_over(event, "TellOperators", "succeeded")).await.json();
    let (_, _, says) = ended(&client, told["id"].as_str().unwrap()).await;
    assert_eq!(says, format!("CollectBatch failed with http_status: run {}", failed["id"].as_str().unwrap()));
    // From then on it can be taken.
    provider.answer("/nobody", Answer::json(&json!({})));
    events.until(|event| is_over(event, "CollectBatch", "succeeded")).await;
    let ledger = client
        .get(&format!("/shop/schedules/{}/ledger", schedule(&client, "CollectBatch").await))
        .await
        .json();
    let lines = ledger["items"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["run"] == failed["id"] && line["status"] == "failed"), "{ledger}");
}
