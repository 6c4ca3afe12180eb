//! Runs that wait: no worker, no memory, and nothing lost when the process goes away meanwhile.

use engine::{Retried, RetryFrom, Settings, Stop};
use serde_json::{Value, json};
use store::Status;
use testkit::provider::{Answer, Provider};

use crate::scene::Scene;

fn workflow(identifier: &str, elements: Value) -> Value {
    json!({ "identifier": identifier, "async": true, "entry": elements[0]["name"], "elements": elements })
}

fn result(run: &store::Run) -> Value {
    let end = run.end.as_ref().expect("its end");
    assert_eq!(run.status, Status::Succeeded, "{}", end.error.to_json());
    serde_json::from_str(&end.result.to_json()).unwrap()
}

#[tokio::test]
async fn a_wait_over_a_second_parks_and_ends_after_a_restart() {
    let elements = json!([
        { "name": "pause", "type": "flow/wait", "options": { "for": "1500ms" }, "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/response", "options": { "body": "woken" } }
    ]);
    let mut scene = Scene::of(&[("Sleeper", workflow("Sleeper", elements))], &[]).await;
    scene.work();
    let run = scene.queue("Sleeper").await;
    scene.until(run, Status::Waiting).await;
    let mut scene = scene.dropped().await;
    assert_eq!(scene.engine.store().run(run).await.unwrap().unwrap().status, Status::Waiting);
    scene.work();
    let run = scene.end(run).await;
    assert_eq!((result(&run), run.attempts), (json!("woken"), 1));
    let waited = run.end.as_ref().unwrap().ended_at_ms - run.start.created_at_ms;
    assert!(waited >= 1_500, "it ended after {waited} ms");
    scene.close().await;
}

#[tokio::test]
async fn children_are_awaited_with_what_became_of_each() {
    let start = |name: &str, n: i32, to: &str| {
        json!({ "name": name, "type": "action/run", "options": { "workflow": "Child", "async": true, "input": { "n": n } },
            "to": { "default": { to: ["default"] } } })
    };
    let parent = json!([
        start("first", 1, "second"),
        start("second", 2, "all"),
        { "name": "all", "type": "flow/await", "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/response" }
    ]);
    let child = json!([{ "name": "tell", "type": "action/response", "options": { "body": { "twice": "${$n * 2}" } } }]);
    let mut scene =
        Scene::of(&[("Parent", workflow("Parent", parent)), ("Child", workflow("Child", child))], &[]).await;
    let run = scene.queue("Parent").await;
    scene.work();
    let list = result(&scene.end(run).await);
    let twice: Vec<&Value> = list.as_array().unwrap().iter().map(|child| &child["result"]["twice"]).collect();
    assert_eq!(twice, [2, 4], "{list}");
    scene.close().await;
}

#[tokio::test]
async fn children_that_take_too_long_are_waited_for_no_longer() {
    let parent = json!([
        { "name": "start", "type": "action/run", "options": { "workflow": "Child", "async": true },
          "to": { "default": { "all": ["default"] } } },
        { "name": "all", "type": "flow/await", "options": { "timeout": "1200ms" },
          "to": { "default": { "tell": ["default"] }, "timeout": { "late": ["default"] } } },
        { "name": "tell", "type": "action/response" },
        { "name": "late", "type": "action/response", "options": { "body": "late" } }
    ]);
    let child = json!([{ "name": "ask", "type": "flow/await", "options": { "signal": "never" } }]);
    let mut scene =
        Scene::of(&[("Parent", workflow("Parent", parent)), ("Child", workflow("Child", child))], &[]).await;
    scene.work();
    let run = scene.queue("Parent").await;
    scene.until(run, Status::Waiting).await;
    let found = scene.engine.store().run(run).await.unwrap().unwrap();
    let child = scene.engine.store().children(run).await.unwrap()[0].start.id;
    let why = scene.engine.why(&found).await.unwrap();
    assert!(why.starts_with(&format!("`all` waits for run `{child}`, at ")), "{why}");
    scene.until(child, Status::Waiting).await;
    let waits = scene.engine.store().run(child).await.unwrap().unwrap();
    assert_eq!(scene.engine.why(&waits).await.unwrap(), "`ask` waits for the signal `never`");
    assert_eq!(result(&scene.end(run).await), json!("late"));
    assert_eq!(scene.engine.store().run(child).await.unwrap().unwrap().status, Status::Waiting);
    scene.close().await;
}

#[tokio::test]
async fn a_request_waits_for_children_in_place() {
    let parent = json!({ "identifier": "Parent", "entry": "start", "elements": [
        { "name": "start", "type": "action/run", "options": { "workflow": "Child", "async": true },
          "to": { "default": { "all": ["default"] } } },
        { "name": "all", "type": "flow/await", "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/response" }
    ] });
    let child = json!([{ "name": "tell", "type": "action/response", "options": { "body": "done" } }]);
    let mut scene = Scene::of(&[("Parent", parent), ("Child", workflow("Child", child))], &[]).await;
    scene.work();
    let engine::Started::Done(answer) = scene.start("Parent", json!({})).await else { panic!("it is sync") };
    let body = answer.response.unwrap().body.to_json();
    assert!(body.contains(r#""result":"done""#), "{body}");
    scene.close().await;
}

#[tokio::test]
async fn a_signal_wakes_the_run_that_waits_for_it() {
    let elements = json!([
        { "name": "ask", "type": "flow/await", "options": { "signal": "approve", "timeout": "2h" },
          "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/response" }
    ]);
    let mut scene = Scene::of(&[("Ask", workflow("Ask", elements))], &[]).await;
    scene.work();
    let run = scene.queue("Ask").await;
    scene.until(run, Status::Waiting).await;
    let body = recipe::Value::from_json(r#"{"yes": true}"#).unwrap();
    let signalled = scene.engine.store().signal(run, "approve".into(), body).await.unwrap();
    assert_eq!(signalled, store::Signalled::Kept);
    assert_eq!(result(&scene.end(run).await), json!({ "yes": true }));
    scene.close().await;
}

#[tokio::test]
async fn an_address_that_a_run_handed_out_stays_when_the_server_moves() {
    let provider = Provider::start().await;
    provider.answer("/mail", Answer::json(&json!({})));
    // The address is in the options of a call that is recorded: a replay that came to another one would be a mismatch.
    let elements = json!([
        { "name": "mail", "type": "api/http",
          "options": { "uri": provider.url("/mail"), "method": "POST", "json": { ".recipe": "run().signalUrl" } },
          "to": { "default": { "ask": ["default"] } } },
        { "name": "ask", "type": "flow/await", "options": { "signal": "approve" }, "to": { "default": { "again": ["default"] } } },
        { "name": "again", "type": "action/response", "options": { "body": { ".recipe": "run().signalUrl('approve')" } } }
    ]);
    let settings = |url: &str| Settings { public_url: Some(url.to_owned()), ..Settings::default() };
    let workflows = [("Ask", workflow("Ask", elements))];
    let mut scene =
        Scene::with(&workflows, &[&provider.host()], settings("https://old.example.com/hefe/")).await;
    scene.work();
    let run = scene.queue("Ask").await;
    scene.until(run, Status::Waiting).await;
    let other = scene.queue("Ask").await;
    scene.until(other, Status::Waiting).await;
    scene.stop(Stop::Now);
    scene.stopped().await;
    let project = scene.close().await;
    let mut scene = Scene::over(project, &[&provider.host()], settings("https://new.example.com")).await;
    scene.work();
    scene.engine.store().signal(run, "approve".into(), recipe::Value::Null).await.unwrap();
    let sent: Value = serde_json::from_slice(&provider.seen()[0].body).unwrap();
    assert_eq!(result(&scene.end(run).await), sent);
    let expected = format!("https://old.example.com/hefe/main/signal/{run}/approve?sig=");
    assert!(sent.as_str().unwrap().starts_with(&expected), "{sent}");
    // What begins anew begins where the server is now.
    scene.engine.cancel(other, false).await.unwrap();
    scene.end(other).await;
    let retried = scene.engine.retry(other, RetryFrom::Start).await.unwrap();
    let Retried::Queued(again) = retried else { panic!("{retried:?}") };
    scene.until(again, Status::Waiting).await;
    let new = serde_json::from_slice::<Value>(&provider.seen()[2].body).unwrap();
    assert!(new.as_str().unwrap().starts_with("https://new.example.com/main/signal/"), "{new}");
    scene.close().await;
}

#[tokio::test]
async fn a_poll_that_parks_at_every_turn_resumes_from_its_state() {
    let provider = Provider::start().await;
    provider.answer("/job", Answer::json(&json!({ "done": false })));
    let elements = json!([
        { "name": "ask", "type": "api/http", "options": { "uri": provider.url("/job") }, "to": { "default": { "done": ["default"] } } },
        { "name": "done", "type": "flow/if", "options": { "condition": "done" }, "to": { "default": { "tell": ["default"] }, "else": { "pause": ["default"] } } },
        { "name": "pause", "type": "flow/wait", "options": { "for": "1100ms" }, "to": { "default": { "ask": ["default"] } } },
        { "name": "tell", "type": "action/response" }
    ]);
    let mut scene = Scene::of(&[("Poll", workflow("Poll", elements))], &[&provider.host()]).await;
    scene.work();
    let run = scene.queue("Poll").await;
    provider.arrived_at("/job", 2).await;
    provider.answer("/job", Answer::json(&json!({ "done": true })));
    assert_eq!(result(&scene.end(run).await), json!({ "done": true }));
    assert_eq!(provider.by_key().len(), provider.seen().len(), "each turn's call has a key of its own");
    scene.close().await;
}

#[tokio::test]
async fn items_of_a_parallel_loop_are_called_for_side_by_side() {
    let provider = Provider::start().await;
    let gate = testkit::provider::Gate::new();
    provider.answer("/item", Answer { held: Some(gate.clone()), ..Answer::json(&json!({ "ok": 1 })) });
    let elements = json!([
        { "name": "loop", "type": "flow/each", "options": { "parallel": 3, "collect": "$got.ok" },
          "in": { "default": [1, 2, 3] }, "to": { "each": { "call": ["default"] }, "next": { "tell": ["default"] } } },
        { "name": "call", "type": "api/http", "options": { "uri": provider.url("/item") }, "set": { "got": "default:" } },
        { "name": "tell", "type": "action/response" }
    ]);
    let mut scene = Scene::of(&[("Loop", workflow("Loop", elements))], &[&provider.host()]).await;
    scene.work();
    let run = scene.queue("Loop").await;
    // All three have arrived before any is answered.
    provider.arrived_at("/item", 3).await;
    gate.open();
    assert_eq!(result(&scene.end(run).await), json!([1, 1, 1]));
    scene.close().await;
}
