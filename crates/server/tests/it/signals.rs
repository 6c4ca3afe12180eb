//! The signed address of a signal: anyone who has it answers, once, and opening it does nothing.

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::client::{Answer, Event};

use crate::scene::{Scene, is_over};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Hands out an address in a notification, and gives what came as its result.
fn asking(identifier: &str, link: &str, options: Value) -> Value {
    json!({ "identifier": identifier, "title": "Leave <b>", "async": true, "entry": "tell", "elements": [
        { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "t", "message": "m",
            "link": { ".recipe": link } } }, "to": { "default": { "ask": ["default"] } } },
        { "name": "ask", "type": "flow/await", "options": options, "to": { "default": { "done": ["default"] } } },
        { "name": "done", "type": "action/response" }
    ] })
}

struct Asked {
    scene: Scene,
    /// Path and query of the address.
    link: String,
    run: String,
}

impl Asked {
    /// Started and waiting, with the address as it was handed out.
    async fn of(link: &str, options: Value, input: &Value) -> Asked {
        let scene = Scene::of(&[("ask", asking("Ask", link, options))], None).await;
        let mut events = scene.client.events("/main/events").await;
        let started = scene.client.post("/main/workflows/Ask/run", input).await;
        let run = started.json()["run"].as_str().unwrap_or_else(|| panic!("{}", started.text())).to_owned();
        events.until(|event| event.event == "run" && event.json()["status"] == "waiting").await;
        let kept = scene.client.get("/main/notifications").await.json();
        let address = kept["items"][0]["link"].as_str().unwrap_or_else(|| panic!("{kept}")).to_owned();
        let link = address.strip_prefix("http://127.0.0.1:8086").expect(&address).to_owned();
        Asked { scene, link, run }
    }

    async fn open(&self) -> Answer {
        self.scene.client.get(&self.link).await
    }

    async fn send(&self, form: &'static str) -> Answer {
        self.scene.client.request("POST", &self.link, &[FORM], Bytes::from(form)).await
    }

    async fn end(&self) -> Value {
        let path = format!("/main/runs/{}", self.run);
        let mut events = self.scene.client.events("/main/events").await;
        let run = self.scene.client.get(&path).await.json();
        if is_over(&run["status"]) {
            return run;
        }
        let over = |event: &Event| event.event == "run" && is_over(&event.json()["status"]);
        events.until(over).await;
        self.scene.client.get(&path).await.json()
    }
}

#[tokio::test]
async fn it_is_opened_as_often_as_one_likes_and_answered_once() {
    let options = json!({ "signal": "leave", "question": "May $name go?", "answers": ["Yes <i>", "No"] });
    let asked = Asked::of("run().signalUrl", options, &json!({ "name": "Ada <script>" })).await;
    let other = |method: &'static str| {
        let proxied =
            [("host", "hefe.example.com"), ("x-forwarded-for", "10.0.0.1"), ("sec-purpose", "prefetch")];
        let (client, link) = (asked.scene.client.clone(), asked.link.clone());
        async move { client.request(method, &link, &proxied, Bytes::new()).await }
    };
    for page in [asked.open().await, asked.open().await, other("GET").await] {
        assert_eq!(page.status, 200, "{}", page.text());
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(page.header("x-robots-tag").unwrap().contains("noindex"));
        let text = page.text();
        assert!(text.contains("May Ada &lt;script&gt; go?") && text.contains("Leave &lt;b&gt;"), "{text}");
        assert!(text.contains(r#"value="Yes &lt;i&gt;""#) && text.contains(r#"value="No""#), "{text}");
        assert!(!text.contains("<script") && !text.contains(" style="), "{text}");
    }
    assert_eq!(other("HEAD").await.status, 200);
    assert_eq!(asked.send("answer=Perhaps").await.status, 422);
    assert_eq!(asked.send("").await.status, 422);
    let path = format!("/main/runs/{}", asked.run);
    assert_eq!(asked.scene.client.get(&path).await.json()["status"], "waiting", "nothing was delivered");
    // As a browser sends it from a page that tells nobody its address.
    let headers = [FORM, ("origin", "null"), ("host", "hefe.example.com"), ("sec-fetch-site", "same-origin")];
    let form = Bytes::from("answer=Yes+%3Ci%3E");
    let taken = asked.scene.client.request("POST", &asked.link, &headers, form).await;
    assert!(taken.status == 200 && taken.text().contains("Yes &lt;i&gt;"), "{}", taken.text());
    let ended = asked.end().await;
    assert_eq!(ended["result"]["answer"], "Yes <i>", "{ended}");
    assert!(ended["result"]["at"].as_str().unwrap().ends_with('Z'), "{ended}");
    for again in [asked.send("answer=No").await, asked.send("answer=Yes+%3Ci%3E").await] {
        assert!(again.status == 409 && again.text().contains("answered already"), "{}", again.text());
    }
    assert_eq!(asked.open().await.status, 200);
    asked.scene.stop().await;
}

#[tokio::test]
async fn a_signature_that_is_not_the_addresses_finds_nothing() {
    let asked = Asked::of("run().signalUrl('leave')", json!({ "signal": "leave" }), &json!({})).await;
    let (before, signature) = asked.link.split_once("?sig=").unwrap();
    let first = if signature.starts_with('0') { "1" } else { "0" };
    let zeros = "0".repeat(64);
    let wrong = [
        before.to_owned(),
        format!("{before}?sig="),
        format!("{before}?sig={zeros}"),
        format!("{before}?sig={first}{}", &signature[1..]),
        format!("{before}?sig={signature}0"),
        format!("{before}?sig={signature}&sig={signature}"),
        asked.link.replace("/leave?", "/other?"),
        asked.link.replace("/main/", "/other/"),
        asked.link.replace(&asked.run, "01a212b0-c6de-76ed-8331-c1ff82a79e79"),
        asked.link.replace(&asked.run, "nothing"),
    ];
    for link in wrong {
        for method in ["GET", "POST"] {
            let answer = asked.scene.client.request(method, &link, &[], Bytes::new()).await;
            assert_eq!(answer.status, 404, "{method} {link}: {}", answer.text());
        }
    }
    // The pages around it stay this machine's own.
    let host = [("host", "hefe.example.com")];
    let runs = asked.scene.client.request("GET", "/main/runs", &host, Bytes::new()).await;
    assert_eq!(runs.status, 403);
    let other = asked.scene.client.request("DELETE", &asked.link, &[], Bytes::new()).await;
    assert_eq!((other.status, &other.json()["success"]), (405, &json!(false)));
    // Nothing to choose: a program sends no form.
    let link = &asked.link;
    assert_eq!(asked.scene.client.post(link, &json!(null)).await.status, 200);
    assert_eq!(asked.end().await["result"]["answer"], "Confirm");
    asked.scene.stop().await;
}

#[tokio::test]
async fn a_run_that_has_ended_says_so() {
    let asked = Asked::of("run().signalUrl", json!({ "signal": "leave" }), &json!({})).await;
    let cancelled = asked.scene.client.post(&format!("/main/runs/{}/cancel", asked.run), &json!(null)).await;
    assert_eq!(cancelled.status, 200);
    asked.end().await;
    for (answer, status) in [(asked.open().await, 410), (asked.send("answer=Confirm").await, 409)] {
        assert!(answer.status == status && answer.text().contains("has ended"), "{}", answer.text());
    }
    asked.scene.stop().await;
}

#[tokio::test]
async fn an_answer_that_comes_early_is_kept() {
    // It waits for another signal first; the second one's name is known only as it fires.
    let elements = json!([
        { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "t", "message": "m",
            "link": { ".recipe": "run().signalUrl('b' # 1)" } } }, "to": { "default": { "first": ["default"] } } },
        { "name": "first", "type": "flow/await", "options": { "signal": "a" }, "to": { "default": { "second": ["default"] } } },
        { "name": "second", "type": "flow/await", "options": { "signal": "b${1}", "answers": ["One", "Two"] },
          "to": { "default": { "done": ["default"] } } },
        { "name": "done", "type": "action/response" }
    ]);
    let workflow = json!({ "identifier": "Ask", "async": true, "entry": "tell", "elements": elements });
    let scene = Scene::of(&[("ask", workflow)], None).await;
    let mut events = scene.client.events("/main/events").await;
    let run = scene.client.post("/main/workflows/Ask/run", &json!({})).await.json()["run"].clone();
    events.until(|event| event.event == "run" && event.json()["status"] == "waiting").await;
    let kept = scene.client.get("/main/notifications").await.json();
    let link =
        kept["items"][0]["link"].as_str().unwrap().strip_prefix("http://127.0.0.1:8086").unwrap().to_owned();
    let form = Bytes::from("answer=Two");
    assert_eq!(scene.client.request("POST", &link, &[FORM], form.clone()).await.status, 200);
    assert_eq!(scene.client.request("POST", &link, &[FORM], form).await.status, 409);
    let signal = format!("/main/runs/{}/signal/a", run.as_str().unwrap());
    assert_eq!(scene.client.post(&signal, &json!(null)).await.status, 202);
    events.until(|event| event.event == "run" && event.json()["status"] == "succeeded").await;
    let ended = scene.client.get(&format!("/main/runs/{}", run.as_str().unwrap())).await.json();
    assert_eq!(ended["result"]["answer"], "Two", "{ended}");
    scene.stop().await;
}
