//! action/modal over two requests, and over what may happen between them.

use serde_json::{Value, json};
use testkit::{
    client::{Answer, Client},
    provider::{self, Gate, Provider},
};

use crate::scene::{Scene, hook};

fn modal(name: &str, confirm: &str, cancel: &str) -> Value {
    json!({ "name": name, "type": "action/modal", "options": { "title": "${'Of ' # name}", "layout": name, "fields": ["x"] },
        "to": { "confirm": { confirm: ["default"] }, "cancel": { cancel: ["default"] } } })
}

fn redirect(name: &str, to: Option<&str>) -> Value {
    let mut element = json!({ "name": name, "type": "action/redirect", "options": { "url": name } });
    if let Some(to) = to {
        element["to"] = json!({ "default": { to: ["default"] } });
    }
    element
}

/// Two modals, one after the other; what the first gave is kept, what the second gave is its answer.
fn wizard() -> Value {
    let tell = json!({ "name": "tell", "type": "action/notify", "options": { "notification": "named ${name}" },
        "to": { "default": { "second": ["default"] } } });
    let answer = json!({ "name": "answer", "type": "action/response", "options": { "status": 201, "headers": { "x-kind": "own" } } });
    hook(
        "ask",
        "begin",
        &[
            redirect("begin", Some("first")),
            modal("first", "tell", "gone"),
            tell,
            modal("second", "answer", "gone"),
            answer,
            redirect("gone", None),
        ],
    )
}

/// One modal, and then a call that the provider holds.
fn slow(provider: &Provider) -> Value {
    let call = json!({ "name": "call", "type": "api/http", "options": { "uri": provider.url("/held"), "timeout": "60s" },
        "to": { "default": { "after": ["default"] } } });
    hook("ask", "first", &[modal("first", "call", "after"), call, redirect("after", None)])
}

struct Asked {
    scene: Scene,
    run: String,
    checkpoint: String,
}

async fn asked(scene: Scene) -> Asked {
    let answer = scene.client.post("/main/webhook/ask", &json!({ "name": "Ada" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (run, checkpoint) = (answer.header("x-hefe-run").unwrap().to_owned(), checkpoint(&answer));
    Asked { scene, run, checkpoint }
}

fn checkpoint(answer: &Answer) -> String {
    let effects = answer.json()["effects"].clone();
    let modal = effects.as_array().unwrap().iter().find(|effect| effect["type"] == "modal");
    modal.unwrap_or_else(|| panic!("{effects}"))["checkpoint"].as_str().unwrap().to_owned()
}

impl Asked {
    fn confirm(&self, data: &Value) -> Value {
        json!({ "checkpoint": self.checkpoint, "data": data })
    }

    async fn says(&self, body: &Value) -> Answer {
        self.scene.client.post("/main/webhook/ask", body).await
    }

    async fn state(&self) -> Value {
        self.scene.client.get(&format!("/main/runs/{}", self.run)).await.json()
    }

    async fn restarted(self) -> Asked {
        let project = self.scene.stop().await;
        let scene = Scene::start(project, None, server::Settings::default()).await;
        Asked { scene, ..self }
    }
}

fn titles(answer: &Answer) -> Vec<String> {
    let effects = answer.json()["effects"].clone();
    let of = |effect: &Value| effect["layout"].as_str().or(effect["url"].as_str()).unwrap().to_owned();
    effects.as_array().unwrap_or_else(|| panic!("{effects}")).iter().map(of).collect()
}

fn refused(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
}

#[tokio::test]
async fn each_request_is_answered_with_what_came_since_the_one_before() {
    let scene = Scene::of(&[("ask", wizard())], None).await;
    let first = scene.client.post("/main/webhook/ask", &json!({ "name": "Ada" })).await;
    let told = first.json();
    assert_eq!(
        (first.status, &told["success"], titles(&first)),
        (200, &json!(true), vec!["begin".into(), "first".into()])
    );
    let effect = &told["effects"][1];
    assert_eq!(
        (&effect["type"], &effect["title"], &effect["fields"]),
        (&json!("modal"), &json!("Of Ada"), &json!(["x"]))
    );
    assert_eq!(effect["data"], json!({ "name": "Ada" }));
    let run = first.header("x-hefe-run").unwrap().to_owned();
    let path = format!("/main/runs/{run}");
    let waiting = scene.client.get(&path).await.json();
    assert_eq!((&waiting["status"], &waiting["result"]), (&json!("waiting"), &Value::Null), "{waiting}");
    assert!(waiting["why"].as_str().unwrap().contains("the modal of `first`"), "{waiting}");
    assert_eq!(scene.client.get("/account").await.json()["waiting"], 1);

    let body = json!({ "checkpoint": checkpoint(&first), "data": { "name": "Bob" } });
    let second = scene.client.post("/main/webhook/ask", &body).await;
    assert_eq!((second.status, titles(&second)), (200, vec!["second".into()]), "{}", second.text());
    assert_eq!(second.json()["effects"][0]["data"], json!({ "name": "Bob" }));
    let kept = scene.client.get("/main/notifications").await.json();
    assert_eq!(kept["items"][0]["message"], "named Bob", "what it writes happens as it goes on");

    let body = json!({ "checkpoint": checkpoint(&second), "data": [1, 2] });
    let third = scene.client.post("/main/webhook/ask", &body).await;
    assert_eq!((third.status, third.json(), third.header("x-kind")), (201, json!([1, 2]), Some("own")));
    assert_eq!(third.header("x-hefe-run"), Some(&*run));
    let ended = scene.client.get(&path).await.json();
    assert_eq!(
        (&ended["status"], ended["effects"].as_array().unwrap().len()),
        (&json!("succeeded"), 3),
        "{ended}"
    );
    for used in [checkpoint(&first), checkpoint(&second)] {
        let again = scene.client.post("/main/webhook/ask", &json!({ "checkpoint": used, "data": 1 })).await;
        refused(&again, 409);
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_closed_modal_cancels_with_the_input() {
    let stays = json!({ "name": "stays", "type": "action/response" });
    let ask = hook("ask", "first", &[modal("first", "no", "stays"), redirect("no", None), stays]);
    let scene = Scene::of(&[("ask", ask)], None).await;
    for how in [
        json!({ "cancel": true }),
        json!({ "data": { "cancel": true } }),
        json!({ "cancel": true, "data": { "x": 1 } }),
    ] {
        let first = scene.client.post("/main/webhook/ask", &json!({ "name": "Ada" })).await;
        let mut body = how;
        body["checkpoint"] = checkpoint(&first).into();
        let answer = scene.client.post("/main/webhook/ask", &body).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "name": "Ada" })), "{body}");
    }
    scene.stop().await;
}

#[tokio::test]
async fn it_is_answered_once_by_its_person_at_its_door() {
    let scene =
        Scene::of(&[("ask", wizard()), ("other", hook("other", "one", &[redirect("one", None)]))], None)
            .await;
    let asked = asked(scene).await;
    let client = &asked.scene.client;
    let body = asked.confirm(&json!({}));
    let mut damaged = asked.checkpoint.clone();
    let last = damaged.pop().unwrap();
    damaged.push(if last == '0' { '1' } else { '0' });
    for unknown in [damaged, "nothing".into(), String::new(), asked.checkpoint[..64].to_owned()] {
        refused(&asked.says(&json!({ "checkpoint": unknown, "data": {} })).await, 404);
    }
    refused(&client.post("/main/webhook/other", &body).await, 404);
    refused(&client.post("/main/workflows/askFlow/run", &body).await, 404);
    let firing = &asked.checkpoint[32..64];
    refused(
        &client.post(&format!("/main/runs/{}/signal/modal%2F{firing}", asked.run), &json!({})).await,
        400,
    );
    assert_eq!(asked.state().await["status"], "waiting");
    // A payload that has more in it is one.
    let payload = json!({ "checkpoint": asked.checkpoint, "data": {}, "name": "Bob" });
    let other = asked.says(&payload).await;
    assert_eq!(titles(&other), ["begin", "first"]);
    let (one, two) = tokio::join!(asked.says(&body), asked.says(&body));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.text(), two.text());
    asked.scene.stop().await;
}

#[tokio::test]
async fn it_waits_over_a_restart_and_a_cancel_ends_it() {
    let scene = Scene::of(&[("ask", wizard())], None).await;
    let asked = asked(scene).await.restarted().await;
    let second = asked.says(&asked.confirm(&json!({ "name": "Bob" }))).await;
    assert_eq!(titles(&second), ["second"], "{}", second.text());
    let asked = Asked { checkpoint: checkpoint(&second), ..asked }.restarted().await;
    let cancel = asked.scene.client.post(&format!("/main/runs/{}/cancel", asked.run), &json!(null)).await;
    assert_eq!(cancel.status, 200, "{}", cancel.text());
    refused(&asked.says(&asked.confirm(&json!({}))).await, 409);
    assert_eq!(asked.state().await["status"], "cancelled");
    asked.scene.stop().await;
}

fn keyed(client: &Client, key: &str) -> Client {
    client.with("idempotency-key", key)
}

#[tokio::test]
async fn a_request_with_a_key_gets_its_answer_again() {
    let scene = Scene::of(&[("ask", wizard())], None).await;
    let input = json!({ "name": "Ada" });
    let (one, two) = (keyed(&scene.client, "one"), keyed(&scene.client, "two"));
    let first = one.post("/main/webhook/ask", &input).await;
    assert_eq!(one.post("/main/webhook/ask", &input).await.body, first.body);
    let body = json!({ "checkpoint": checkpoint(&first), "data": { "name": "Bob" } });
    let second = two.post("/main/webhook/ask", &body).await;
    assert_eq!(titles(&second), ["second"], "{}", second.text());
    let again = two.post("/main/webhook/ask", &body).await;
    assert_eq!((&again.body, again.header("idempotent-replayed")), (&second.body, Some("true")));
    refused(&keyed(&scene.client, "three").post("/main/webhook/ask", &body).await, 409);
    refused(&one.post("/main/webhook/ask", &body).await, 422);
    assert_eq!(scene.client.get("/account").await.json()["accepted"], 1);
    let project = scene.stop().await;
    let scene = Scene::start(project, None, server::Settings::default()).await;
    let later = keyed(&scene.client, "two").post("/main/webhook/ask", &body).await;
    assert_eq!((later.status, &later.body), (200, &second.body));
    scene.stop().await;
}

#[tokio::test]
async fn a_run_that_takes_longer_goes_on_and_who_has_the_key_asks_again() {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider
        .answer("/held", provider::Answer { held: Some(gate.clone()), ..provider::Answer::json(&json!({})) });
    let scene = Scene::impatient_with(&[("ask", slow(&provider))], &provider).await;
    let asked = asked(scene).await;
    let client = keyed(&asked.scene.client, "one");
    let body = asked.confirm(&json!({}));
    let first = client.post("/main/webhook/ask", &body).await;
    assert_eq!((first.status, first.json()), (202, json!({ "run": asked.run })), "{}", first.text());
    assert_eq!(first.header("location"), Some(&*format!("/main/runs/{}", asked.run)));
    gate.open();
    let answer = loop {
        let answer = client.post("/main/webhook/ask", &body).await;
        if answer.status != 202 {
            break answer;
        }
    };
    assert_eq!((answer.status, titles(&answer)), (200, vec!["after".into()]), "{}", answer.text());
    asked.scene.stop().await;
}

#[tokio::test]
async fn a_run_that_fails_after_its_modal_says_so_and_keeps_what_it_did() {
    let tell = json!({ "name": "tell", "type": "action/notify", "options": { "notification": "done" }, "to": { "default": { "go": ["default"] } } });
    let stop = json!({ "name": "stop", "type": "flow/stop", "options": { "status": "failed" } });
    let ask =
        hook("ask", "first", &[modal("first", "tell", "tell"), tell, redirect("go", Some("stop")), stop]);
    let asked = asked(Scene::of(&[("ask", ask)], None).await).await;
    let answer = asked.says(&asked.confirm(&json!({}))).await;
    assert_eq!((answer.status, titles(&answer)), (500, vec!["go".into()]), "{}", answer.text());
    assert_eq!(asked.state().await["status"], "failed");
    assert_eq!(asked.scene.client.get("/main/notifications").await.json()["items"][0]["message"], "done");
    asked.scene.stop().await;
}
