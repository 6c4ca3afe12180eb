//! The product's main job: a launcher answers at once, the worker goes on, whatever happens to the server.

use std::time::Instant;

use serde_json::{Value, json};
use testkit::{
    client::Client,
    process::Hefe,
    project::Project,
    provider::{Answer, Gate, Provider},
};

/// What the provider says when it fails, and nobody may see.
const MARKER: &str = "replica-db-7-is-gone";

fn launcher() -> Value {
    json!({
        "identifier": "Launch",
        "events": [{ "identifier": "launch", "type": "webhook" }],
        "elements": [
            { "name": "launch", "type": "event/webhook", "to": { "default": { "check": ["default"] } } },
            { "name": "check", "type": "action/validate",
              "options": { "recipes": { "id": "id > 0 || invalid(\"name what to do\")" } },
              "to": { "valid": { "start": ["default"] } } },
            { "name": "start", "type": "action/run",
              "options": { "workflow": "Work", "async": true, "scope": true, "input": { "id": "${id}" } } }
        ]
    })
}

/// Two calls with a bar before, between and after them.
fn worker(provider: &Provider) -> Value {
    let bar = |name: &str, progress: i32, to: &str| {
        json!({ "name": name, "type": "cast/progress", "to": { "default": { to: ["default"] } },
            "options": { "process": "work", "title": "Working", "total": 3, "progress": progress, "statusMessage": name } })
    };
    let call = |name: &str, to: &str| {
        json!({ "name": name, "type": "api/http", "to": { "default": { to: ["default"] }, "error": { "failed": ["default"] } },
            "options": { "uri": provider.url(&format!("/{name}/$id")), "timeout": "60s" } })
    };
    json!({
        "identifier": "Work", "async": true, "entry": "begun",
        "elements": [
            bar("begun", 1, "first"), call("first", "half"), bar("half", 2, "second"), call("second", "done"),
            bar("done", 3, "tell"),
            { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "done", "message": "work $id is done" } } },
            { "name": "failed", "type": "action/log", "options": { "level": "error" }, "to": { "default": { "sorry": ["default"] } } },
            { "name": "sorry", "type": "action/notify", "options": { "notification": { "title": "sorry", "message": "it did not work" } } }
        ]
    })
}

pub(crate) async fn scene() -> (Provider, Project) {
    let provider = Provider::start().await;
    for path in ["/first/1", "/second/1"] {
        provider.answer(path, Answer::json(&json!({ "ok": true })));
    }
    let project = Project::new();
    project.workflow("shop", "launch", launcher().to_string());
    project.workflow("shop", "work", worker(&provider).to_string());
    project.settings(format!("[hosts.\"{}\"]\nallow_private = true\n", provider.host()));
    (provider, project)
}

/// The worker's run, once it has ended.
async fn ended(client: &Client, launcher: &str) -> Value {
    let mut events = client.events("/shop/events").await;
    loop {
        let run = client.get(&format!("/shop/runs/{launcher}")).await.json();
        let child = run["children"][0]["id"].as_str().unwrap().to_owned();
        let child = client.get(&format!("/shop/runs/{child}")).await.json();
        if ["succeeded", "failed", "cancelled"].contains(&child["status"].as_str().unwrap()) {
            return child;
        }
        events.until(|event| event.event == "run").await;
    }
}

pub(crate) async fn launch(client: &Client) -> String {
    let answer = client.post("/shop/webhook/launch", &json!({ "id": 1 })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["run"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_launcher_answers_while_its_worker_takes_its_time() {
    let (provider, project) = scene().await;
    let gate = Gate::new();
    provider.answer("/first/1", Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) });
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    let begin = Instant::now();
    let run = launch(&client).await;
    // The provider holds the worker; the answer does not wait for it, however long that is.
    provider.arrived_at("/first/1", 1).await;
    assert!(begin.elapsed().as_secs() < 20);
    let item = &client.get("/shop/progress").await.json()["items"][0];
    assert_eq!((item["progress"].as_f64(), item["status"].as_str()), (Some(1.0), Some("running")));
    gate.open();
    let worker = ended(&client, &run).await;
    assert_eq!(worker["status"], "succeeded");
    let item = &client.get("/shop/progress").await.json()["items"][0];
    assert_eq!((item["progress"].as_f64(), item["status"].as_str()), (Some(3.0), Some("succeeded")));
    let notes = client.get("/shop/notifications").await.text();
    assert!(notes.contains("work 1 is done"), "{notes}");
}

#[tokio::test]
async fn bad_input_to_the_launcher_is_422_with_the_messages() {
    let (_provider, project) = scene().await;
    let hefe = Hefe::serve(project.path(), &[]).await;
    let answer = hefe.client().post("/shop/webhook/launch", &json!({ "id": 0 })).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.json()["errors"], json!({ "id": ["name what to do"] }));
}

#[tokio::test]
async fn a_run_goes_on_after_the_server_was_killed() {
    let (provider, project) = scene().await;
    let gate = Gate::new();
    provider.answer("/second/1", Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) });
    let hefe = Hefe::serve(project.path(), &[]).await;
    let mut events = hefe.client().events("/shop/events").await;
    let run = launch(&hefe.client()).await;
    provider.arrived_at("/second/1", 1).await;
    // A bar is written at most ten times a second: the kill comes once the second state has been shown.
    events.until(|event| event.event == "progress" && event.json()["progress"] == 2.0).await;
    hefe.kill().await;
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    // Between two updates: the bar is where it was.
    let item = client.get("/shop/progress").await.json()["items"][0].clone();
    assert_eq!((item["progress"].as_f64(), item["status"].as_str()), (Some(2.0), Some("running")));
    provider.arrived_at("/second/1", 2).await;
    gate.open();
    assert_eq!(ended(&client, &run).await["status"], "succeeded");
    // The first call is in the journal and was not made again; the second has one key for both.
    let calls: Vec<_> = provider.seen().iter().map(|seen| seen.path.clone()).collect();
    assert_eq!(calls, ["/first/1", "/second/1", "/second/1"]);
    assert_eq!(provider.by_key().len(), 2);
}

#[tokio::test]
async fn a_run_that_was_answered_for_is_worked_after_a_kill_before_its_work() {
    let (provider, project) = scene().await;
    let gate = Gate::new();
    provider.answer("/first/1", Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) });
    let hefe = Hefe::serve(project.path(), &["--runs", "1"]).await;
    // The first worker has the only place: the second run is answered for and not begun.
    launch(&hefe.client()).await;
    provider.arrived_at("/first/1", 1).await;
    let run = launch(&hefe.client()).await;
    hefe.kill().await;
    gate.open();
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    let worker = ended(&client, &run).await;
    assert_eq!((worker["status"].as_str(), worker["attempts"].as_i64()), (Some("succeeded"), Some(1)));
    let account = client.get("/account").await.json();
    assert_eq!((&account["accepted"], &account["balanced"]), (&json!(4), &json!(true)), "{account}");
}

#[tokio::test]
async fn a_stopping_server_hands_its_runs_back() {
    let (provider, project) = scene().await;
    let gate = Gate::new();
    provider.answer("/first/1", Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) });
    let mut hefe = Hefe::serve(project.path(), &[]).await;
    let run = launch(&hefe.client()).await;
    provider.arrived_at("/first/1", 1).await;
    hefe.terminate();
    // The call under way may finish; the run goes on elsewhere from there.
    gate.open();
    assert!(hefe.wait().await.success());
    let hefe = Hefe::serve(project.path(), &[]).await;
    assert_eq!(ended(&hefe.client(), &run).await["status"], "succeeded");
    assert_eq!(provider.seen_at("/first/1").len(), 1);
}

#[tokio::test]
async fn a_cancelled_run_ends_and_drops_its_call() {
    let (provider, project) = scene().await;
    provider.answer("/first/1", Answer { held: Some(Gate::new()), ..Answer::json(&json!({})) });
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    let run = launch(&client).await;
    provider.arrived_at("/first/1", 1).await;
    let child = client.get(&format!("/shop/runs/{run}")).await.json()["children"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let answer = client.post(&format!("/shop/runs/{child}/cancel"), &json!(null)).await;
    assert!((200..300).contains(&answer.status), "{}", answer.text());
    provider.abandoned(1).await;
    assert_eq!(ended(&client, &run).await["status"], "cancelled");
    assert_eq!(client.post(&format!("/shop/runs/{child}/cancel"), &json!(null)).await.status, 409);
}

#[tokio::test]
async fn a_providers_words_reach_nobody_but_operators_in_the_journal() {
    let (provider, project) = scene().await;
    provider.answer("/second/1", Answer::of(503, &[("x-words", MARKER)], MARKER));
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client();
    let run = launch(&client).await;
    let mut worker = ended(&client, &run).await;
    assert_eq!(worker["status"], "succeeded", "the error port took it");
    assert!(worker["journal"].to_string().contains(MARKER), "operators see it");
    worker["journal"].take();
    assert!(!worker.to_string().contains(MARKER), "{worker}");
    for path in ["/shop/runs", "/shop/progress", "/shop/mine", "/shop/notifications", "/shop/workflows"] {
        let answer = client.get(path).await;
        assert!(!answer.text().contains(MARKER), "{path}");
    }
}

#[tokio::test]
async fn a_broken_file_is_named_and_the_others_load_and_a_mended_one_is_picked_up() {
    let (_provider, project) = scene().await;
    project.workflow(
        "shop",
        "broken",
        r#"{"identifier": "Broken", "elements": [{"name": "a", "type": "flow/iff"}]}"#,
    );
    let hefe = Hefe::serve(project.path(), &[]).await;
    let says = hefe.message("there is no element type `flow/iff`").await;
    assert!(says.contains("HF002"), "{says}");
    let client = hefe.client();
    let answer = client.post("/shop/workflows/Broken/run", &json!(null)).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    launch(&client).await;
    project.workflow(
        "shop",
        "broken",
        r#"{"identifier": "Broken", "elements": [{"name": "a", "type": "action/response", "options": {"body": {"mended": true}}}]}"#,
    );
    loop {
        let answer = client.post("/shop/workflows/Broken/run", &json!(null)).await;
        if answer.status == 200 {
            assert_eq!(answer.json()["mended"], true);
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_second_server_is_told_who_has_the_database() {
    let (_provider, project) = scene().await;
    let _hefe = Hefe::serve(project.path(), &[]).await;
    let path = project.path().to_str().unwrap().to_owned();
    let second = testkit::process::run(["serve", &path, "--listen", "127.0.0.1:0"]).await;
    assert_eq!(second.status.code(), Some(2));
    let says = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(says.contains("another process has the database"), "{says}");
    let account = testkit::process::run(["runs", "account", "--json", "--project", &path]).await;
    assert!(account.status.success(), "{}", String::from_utf8_lossy(&account.stderr));
}

#[tokio::test]
async fn a_run_from_the_command_line_ends_with_its_result_and_exit_code() {
    let project = Project::new();
    let answer = |identifier: &str, body: Value| json!({ "identifier": identifier, "elements": [{ "name": "say", "type": "action/response", "options": { "body": body, "status": 404 } }] });
    // A body that looks like an answer of ours, and one that is no object.
    project.workflow(
        "shop",
        "a",
        answer("Tricky", json!({ "run": "no-id", "message": "hello" })).to_string(),
    );
    project.workflow("shop", "b", answer("Plain", json!(7)).to_string());
    let stop = json!({ "identifier": "Stops", "elements": [{ "name": "stop", "type": "flow/stop", "options": { "status": "failed" } }] });
    project.workflow("shop", "c", stop.to_string());
    let path = project.path().to_str().unwrap().to_owned();
    let run = async |workflow: &str| {
        let output = testkit::process::run(["run", &format!("shop/{workflow}"), "--project", &path]).await;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.code(), said, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said, trouble) = run("Tricky").await;
    assert_eq!((code, said.as_str()), (Some(0), r#"{"run":"no-id","message":"hello"}"#), "{trouble}");
    assert_eq!(run("Plain").await.1, "7");
    let (code, _, trouble) = run("Stops").await;
    assert!(code == Some(1) && trouble.contains("failed"), "{trouble}");
    assert_eq!(run("Nothing").await.0, Some(2));
}

#[tokio::test]
async fn a_run_that_processes_die_of_is_worked_alone_and_then_given_up() {
    let (provider, project) = scene().await;
    for path in ["/first/1", "/first/2"] {
        provider.answer(path, Answer { held: Some(Gate::new()), ..Answer::json(&json!({})) });
    }
    provider.answer("/second/2", Answer::json(&json!({})));
    let start = async |id: i32| {
        let hefe = Hefe::serve(project.path(), &[]).await;
        if id > 0 {
            let answer = hefe.client().post("/shop/webhook/launch", &json!({ "id": id })).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        hefe
    };
    // Nothing is recorded before the call that is held: each kill counts.
    let hefe = start(1).await;
    let run = hefe.client().get("/shop/runs?workflow=Work").await.json()["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    provider.arrived_at("/first/1", 1).await;
    hefe.kill().await;
    let hefe = start(0).await;
    provider.arrived_at("/first/1", 2).await;
    hefe.kill().await;
    // From the second crash on nothing is worked beside it.
    let hefe = start(2).await;
    provider.arrived_at("/first/1", 3).await;
    let queued = hefe.client().get("/shop/runs?status=queued").await.json();
    assert_eq!(queued["items"].as_array().unwrap().len(), 1, "{queued}");
    hefe.kill().await;
    for times in 4..=5 {
        let hefe = start(0).await;
        provider.arrived_at("/first/1", times).await;
        hefe.kill().await;
    }
    let hefe = start(0).await;
    let mut events = hefe.client().events("/shop/events").await;
    let at = format!("/shop/runs/{run}");
    while hefe.client().get(&at).await.json()["status"] != "failed" {
        events.until(|event| event.event == "run").await;
    }
    assert_eq!(hefe.client().get(&at).await.json()["error"]["code"], "crash_loop");
    // And the other one has its turn.
    provider.arrived_at("/first/2", 1).await;
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nobody() {
    let project = Project::new();
    let work = json!({ "identifier": "Work", "async": true, "elements": [
        { "name": "log", "type": "action/log", "options": { "message": "said" }, "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/response", "options": { "body": "done" } }] });
    project.workflow("shop", "work", work.to_string());
    let folder = project.path().as_os_str();
    let mut command = testkit::process::command_under(
        "sh",
        &["-c".as_ref(), r#"exec "$@" 2> /dev/full"#.as_ref(), "sh".as_ref()],
    );
    command.arg("serve").arg(folder).args(["--listen", "127.0.0.1:0"]);
    let hefe = Hefe::start(command).await;
    let client = hefe.client();
    let mut events = client.events("/shop/events").await;
    client.post("/shop/workflows/Work/run", &json!({})).await;
    let ended = |event: &testkit::client::Event| event.event == "run" && event.json()["ended_at"].is_string();
    assert_eq!(events.until(ended).await.json()["status"], "succeeded");
}
