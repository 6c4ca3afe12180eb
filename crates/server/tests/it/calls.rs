//! What is answered to which call.

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::{
    project::Project,
    provider::{self, Gate, Provider},
};

use crate::scene::{Scene, hook, is_over};

fn responds() -> Value {
    hook(
        "echo",
        "answer",
        &[json!({ "name": "answer", "type": "action/response",
        "options": { "status": 201, "body": "$request", "headers": { "x-kind": "echo", "content-length": "1" } },
        "in": { "default": "this" } })],
    )
}

fn plain() -> Value {
    hook("plain", "go", &[json!({ "name": "go", "type": "action/redirect", "options": { "url": "/there" } })])
}

fn fails() -> Value {
    hook(
        "fails",
        "stop",
        &[json!({ "name": "stop", "type": "flow/stop",
        "options": { "status": "failed", "message": "the inner reason" } })],
    )
}

fn validates() -> Value {
    hook(
        "validates",
        "check",
        &[json!({ "name": "check", "type": "action/validate",
        "options": { "recipes": { "id": "id > 0 || invalid(\"name what to do\")" } } })],
    )
}

fn background() -> Value {
    json!({ "identifier": "Background", "async": true, "entry": "answer", "elements": [
        { "name": "answer", "type": "action/response", "options": { "body": { "n": "${n}" } } }] })
}

async fn scene() -> Scene {
    let all = [("a", responds()), ("b", plain()), ("c", fails()), ("d", validates()), ("e", background())];
    Scene::of(&all, None).await
}

#[tokio::test]
async fn health_is_told_to_those_who_watch() {
    let scene = scene().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(scene.client.get(path).await.status, 200, "{path}");
        let head = scene.client.request("HEAD", path, &[], Bytes::new()).await;
        assert_eq!((head.status, head.body.len()), (200, 0));
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_run_inside_the_request_is_answered_with_its_effects() {
    let scene = scene().await;
    let (answer, run) = scene.inside("plain", &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["success"], true);
    assert_eq!(body["effects"][0]["type"], "redirect");
    assert_eq!(run["status"], "succeeded");
    scene.stop().await;
}

#[tokio::test]
async fn a_response_element_decides_status_body_and_headers_but_not_the_framing() {
    let scene = scene().await;
    let answer = scene.client.post("/main/webhook/echo", &json!({ "a": [1, 2.5] })).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("x-kind"), Some("echo"));
    assert_eq!(answer.header("content-length").unwrap(), answer.body.len().to_string());
    scene.stop().await;
}

#[tokio::test]
async fn an_invalid_input_is_422_and_any_other_failure_a_neutral_500() {
    let scene = scene().await;
    let invalid = scene.client.post("/main/webhook/validates", &json!({ "id": 0 })).await;
    assert_eq!(invalid.status, 422);
    assert_eq!(invalid.json()["errors"], json!({ "id": ["name what to do"] }));
    assert_eq!((&invalid.json()["success"], &invalid.json()["status"]), (&json!(false), &json!(422)));
    let (failed, run) = scene.inside("fails", &json!({})).await;
    assert_eq!(failed.status, 500);
    assert!(!failed.text().contains("inner reason"), "{}", failed.text());
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("stopped")));
    scene.stop().await;
}

#[tokio::test]
async fn a_background_run_is_202_with_its_place_and_its_whole_row() {
    let scene = scene().await;
    let answer = scene.client.post("/main/workflows/Background/run", &json!({ "n": 7 })).await;
    assert_eq!(answer.status, 202);
    let id = answer.json()["run"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), Some(&*format!("/main/runs/{id}")));
    let run = scene.run("Background", &json!({ "n": 7 })).await;
    for field in [
        "id",
        "workflow",
        "version",
        "status",
        "queue",
        "user",
        "root",
        "parent",
        "retry_of",
        "attempts",
        "created_at",
        "started_at",
        "ended_at",
        "input",
        "result",
        "error",
        "why",
        "progress",
        "children",
        "effects",
        "log",
        "journal",
    ] {
        assert!(run.get(field).is_some(), "{field} is missing in {run}");
    }
    assert_eq!(
        (&run["input"], &run["result"], &run["user"]),
        (&json!({ "n": 7 }), &json!({ "n": 7 }), &json!("local"))
    );
    assert!(run["created_at"].as_str().unwrap().ends_with('Z'));
    let cancelled =
        scene.client.post(&format!("/main/runs/{}/cancel", run["id"].as_str().unwrap()), &json!(null)).await;
    assert_eq!(cancelled.status, 409, "a run that is over");
    let mine = scene.client.get("/main/mine").await.json();
    assert_eq!(mine["items"].as_array().unwrap().len(), 2);
    scene.stop().await;
}

#[tokio::test]
async fn runs_are_listed_by_what_is_asked_for() {
    let scene = scene().await;
    scene.inside("plain", &json!({})).await;
    scene.inside("fails", &json!({})).await;
    let names = async |query: &str| -> Vec<String> {
        let page = scene.client.get(&format!("/main/runs?{query}")).await.json();
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["workflow"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("status=failed").await, ["failsFlow"]);
    assert_eq!(names("workflow=plainFlow").await, ["plainFlow"]);
    assert_eq!(names("user=somebody").await, [""; 0]);
    assert_eq!(names("status=&workflow=").await.len(), 2);
    let wrong = scene.client.get("/main/runs?status=done").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.json()["help"].as_str().unwrap().contains("succeeded"));
    scene.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_words() {
    let scene = scene().await;
    let post = async |path: &str, headers: &[(&str, &str)], body: &str| {
        let answer = scene.client.request("POST", path, headers, Bytes::from(body.to_owned())).await;
        let json = answer.json();
        assert_eq!(json["success"], false);
        assert_eq!(json["status"], answer.status);
        assert!(json["message"].is_string());
        answer.status
    };
    let deep = "[".repeat(200) + &"]".repeat(200);
    assert_eq!(post("/main/webhook/plain", &[], "{\"a\":").await, 400);
    assert_eq!(post("/main/webhook/plain", &[], &deep).await, 400);
    assert_eq!(post("/main/webhook/plain", &[], &"1".repeat(11 << 20)).await, 413);
    let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    assert_eq!(post("/main/webhook/plain", &form, "a=1").await, 415);
    assert_eq!(post("/main/webhook/nothing", &[], "{}").await, 404);
    assert_eq!(post("/other/webhook/plain", &[], "{}").await, 404);
    assert_eq!(post("/main/runs", &[], "{}").await, 405);
    for path in ["/main/runs/x", "/main/progress/x", "/other/runs", "/nowhere"] {
        assert_eq!(scene.client.get(path).await.status, 404, "{path}");
    }
    let empty = scene.client.request("POST", "/main/webhook/plain", &[], Bytes::new()).await;
    assert_eq!(empty.status, 200, "no body is null");
    scene.stop().await;
}

#[tokio::test]
async fn a_body_of_unknown_length_has_the_same_limit() {
    let project = Project::new();
    project.workflow("main", "b", plain().to_string());
    let settings = server::Settings { body_bytes_max: 10, ..server::Settings::default() };
    let scene = Scene::start(project, None, settings).await;
    let answer = scene.client.post("/main/webhook/plain", &json!("longer than ten bytes")).await;
    assert_eq!(answer.status, 413);
    scene.stop().await;
}

#[tokio::test]
async fn a_broken_file_is_503_with_its_place_and_the_others_work() {
    let project = Project::new();
    project.workflow("main", "good", plain().to_string());
    project.workflow(
        "main",
        "bad",
        hook("bad", "go", &[json!({ "name": "go", "type": "no/such" })]).to_string(),
    );
    let scene = Scene::start(project, None, server::Settings::default()).await;
    let answer = scene.client.post("/main/webhook/bad", &json!({})).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.json()["place"]["path"], "workflows/bad.workflow.json");
    assert!(answer.json()["place"]["line"].as_u64().unwrap() > 0);
    assert_eq!(scene.client.post("/main/webhook/plain", &json!({})).await.status, 200);
    let listed = scene.client.get("/main/workflows").await.json();
    let bad =
        listed["items"].as_array().unwrap().iter().find(|file| file["loaded"] == false).unwrap().clone();
    assert_eq!(bad["findings"][0]["severity"], "error");
    scene.stop().await;
}

#[tokio::test]
async fn the_run_of_an_answer_is_there_for_whoever_asks_at_once() {
    let scene = Scene::of(
        &[(
            "wrong",
            hook(
                "wrong",
                "stop",
                &[json!({ "name": "stop", "type": "flow/stop", "options": { "status": "failed" } })],
            ),
        )],
        None,
    )
    .await;
    for _ in 0..20 {
        let answer = scene.client.post("/main/webhook/wrong", &json!({})).await;
        let run = answer.json()["run"].as_str().unwrap().to_owned();
        assert_eq!(answer.header("x-hefe-run"), Some(&*run));
        assert_eq!(scene.client.get(&format!("/main/runs/{run}")).await.json()["status"], "failed");
    }
    scene.stop().await;
}

#[tokio::test]
async fn what_the_workflow_got_wrong_is_no_fault_of_the_input() {
    let push = json!({ "name": "push", "type": "flow/each", "in": { "default": "'text'" } });
    let scene = Scene::of(&[("wrong", hook("wrong", "push", &[push]))], None).await;
    let answer = scene.client.post("/main/webhook/wrong", &json!({})).await;
    assert_eq!(answer.status, 500, "{}", answer.text());
    scene.stop().await;
}

#[tokio::test]
async fn a_request_that_waits_too_long_is_504() {
    let pause = json!({ "name": "pause", "type": "flow/wait", "options": { "for": "1h" } });
    let scene = Scene::impatient(&[("slow", hook("slow", "pause", &[pause]))]).await;
    let answer = scene.client.post("/main/webhook/slow", &json!({})).await;
    assert_eq!(answer.status, 504, "{}", answer.text());
    let run = answer.json()["run"].as_str().unwrap().to_owned();
    assert_eq!(scene.client.get(&format!("/main/runs/{run}")).await.json()["error"]["code"], "timeout");
    scene.stop().await;
}

#[tokio::test]
async fn a_call_that_takes_as_long_as_a_request_may_is_504_too() {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider
        .answer("/held", provider::Answer { held: Some(gate.clone()), ..provider::Answer::json(&json!({})) });
    let call = json!({ "name": "call", "type": "api/http", "options": { "uri": provider.url("/held"), "timeout": "100ms" } });
    let scene = Scene::impatient_with(&[("slow", hook("slow", "call", &[call]))], &provider).await;
    for _ in 0..5 {
        let answer = scene.client.post("/main/webhook/slow", &json!({})).await;
        assert_eq!(answer.status, 504, "{}", answer.text());
    }
    gate.open();
    scene.stop().await;
}

#[tokio::test]
async fn json_may_nest_128_levels_and_no_more() {
    let scene = Scene::of(
        &[("echo", hook("echo", "say", &[json!({ "name": "say", "type": "action/response" })]))],
        None,
    )
    .await;
    for (levels, status) in [(128, 200), (129, 400)] {
        let body = "[".repeat(levels) + &"]".repeat(levels);
        let answer = scene
            .client
            .request("POST", "/main/webhook/echo", &[("content-type", "application/json")], body.into())
            .await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_cursor_that_no_page_gave_is_refused() {
    let scene = Scene::of(&[], None).await;
    for path in ["/main/runs?cursor=bogus", "/main/mine?cursor=%00"] {
        assert!([400, 404].contains(&scene.client.get(path).await.status), "{path}");
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_cancelled_run_shows_when_its_end_was_asked_for() {
    let pause = json!({ "identifier": "Pause", "async": true, "elements": [{ "name": "pause", "type": "flow/wait", "options": { "for": "1h" } }] });
    let scene = Scene::of(&[("pause", pause)], None).await;
    let mut events = scene.client.events("/main/events").await;
    let run = scene.client.post("/main/workflows/Pause/run", &json!({})).await.json()["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let row = events.until(|event| event.event == "run" && event.json()["status"] == "waiting").await.json();
    assert_eq!((row["id"].as_str(), row["attempts"].as_i64()), (Some(&*run), Some(1)));
    let waiting = scene.client.get(&format!("/main/runs/{run}")).await.json();
    assert!(waiting["why"].as_str().unwrap().starts_with("`pause` waits, and goes on at "), "{waiting}");
    assert_eq!(scene.client.post(&format!("/main/runs/{run}/cancel"), &json!(null)).await.status, 200);
    let ended = scene.client.get(&format!("/main/runs/{run}")).await.json();
    assert_eq!(ended["status"], "cancelled");
    assert!(ended["cancel_asked_at"].is_string(), "{ended}");
    scene.stop().await;
}

#[tokio::test]
async fn a_signal_is_brought_once_and_a_failed_run_tried_again() {
    let ask = json!({ "identifier": "Ask", "async": true, "entry": "ask", "elements": [
        { "name": "ask", "type": "flow/await", "options": { "signal": "approve" }, "to": { "default": { "stop": ["default"] } } },
        { "name": "stop", "type": "flow/stop", "options": { "status": "failed", "message": "no" } }
    ] });
    let scene = Scene::of(&[("ask", ask)], None).await;
    let mut events = scene.client.events("/main/events").await;
    let run = scene.client.post("/main/workflows/Ask/run", &json!({})).await.json()["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let at = |status: &'static str| {
        move |event: &testkit::client::Event| event.event == "run" && event.json()["status"] == status
    };
    events.until(at("waiting")).await;
    let path = format!("/main/runs/{run}");
    assert_eq!(scene.client.post(&format!("{path}/retry"), &json!(null)).await.status, 409);
    assert_eq!(
        scene.client.post(&format!("{path}/signal/approve"), &json!({ "yes": true })).await.status,
        202
    );
    events.until(at("failed")).await;
    assert_eq!(scene.client.post(&format!("{path}/signal/approve"), &json!({})).await.status, 409);
    let again = scene.client.post(&format!("{path}/retry?from=start"), &json!(null)).await;
    assert_eq!((again.status, &again.json()["retry_of"]), (202, &json!(run)), "{}", again.text());
    assert_eq!(scene.client.post(&format!("{path}/retry?from=middle"), &json!(null)).await.status, 400);
    assert_eq!(scene.client.post(&format!("{path}/retry"), &json!(null)).await.status, 202);
    scene.stop().await;
}

#[tokio::test]
async fn a_queue_stands_still_until_it_is_resumed() {
    let workflow = json!({ "identifier": "Mail", "async": true, "queue": "mail", "entry": "go",
        "elements": [{ "name": "go", "type": "action/response", "options": { "body": "gone" } }] });
    let scene = Scene::of(&[("mail", workflow)], None).await;
    let empty = json!({ "queue": "mail", "ready": 0, "oldest_at": null, "running": 0, "paused_by": null, "paused_at": null });
    assert_eq!(scene.client.get("/main/queues").await.json()["items"], json!([empty]));
    let paused = scene.client.post("/main/queues/mail/pause", &json!(null)).await.json();
    assert_eq!((&paused["paused_by"], &paused["ready"]), (&json!("local"), &json!(0)));
    let mut events = scene.client.events("/main/events").await;
    let run = scene.client.post("/main/workflows/Mail/run", &json!({})).await.json()["run"].clone();
    let at = format!("/main/runs/{}", run.as_str().unwrap());
    let waits = scene.client.get(&at).await.json();
    assert_eq!(waits["status"], "queued");
    assert!(waits["why"].as_str().unwrap().starts_with("local has paused its queue `mail` "), "{waits}");
    let metrics = scene.client.get("/metrics").await.text();
    assert!(metrics.contains(r#"hefe_queue_paused{queue="mail",system="main"} 1"#), "{metrics}");
    let again = scene.client.post("/main/queues/mail/pause", &json!(null)).await.json();
    assert_eq!((&again["paused_at"], &again["ready"]), (&paused["paused_at"], &json!(1)), "the first stays");
    scene.client.post("/main/queues/mail/resume", &json!(null)).await;
    events
        .until(|event| event.event == "run" && event.json()["id"] == run && is_over(&event.json()["status"]))
        .await;
    assert_eq!(scene.client.get("/main/queues").await.json()["items"], json!([empty]));
    let trail = scene.client.get("/main/audit").await.json();
    let what: Vec<_> =
        trail["items"].as_array().unwrap().iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert!(what.contains(&"paused") && what.contains(&"resumed"), "{trail}");
    scene.stop().await;
}
