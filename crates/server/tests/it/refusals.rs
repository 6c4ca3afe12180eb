//! Whatever is asked wrongly is refused in one form, with words that say what to do: JSON for programs, a page for people.

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::client::Answer;

use crate::scene::{Scene, hook};

async fn scene() -> Scene {
    let go = json!({ "name": "go", "type": "flow/stop" });
    Scene::of(&[("x", hook("x", "go", &[go]))], None).await
}

/// The form of every refusal; its words.
fn refused(answer: &Answer, status: u16, what: &str) -> (String, String) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
    let body = answer.json();
    assert_eq!((&body["status"], &body["success"]), (&json!(status), &json!(false)), "{what}: {body}");
    let text =
        |key: &str| body[key].as_str().unwrap_or_else(|| panic!("{what}: no {key} in {body}")).to_owned();
    let words = (text("message"), text("help"));
    for word in ["serde", "deserialize", "expected", "struct", "line 1"] {
        assert!(!words.0.contains(word), "{what}: {body}");
    }
    words
}

#[tokio::test]
async fn a_wrong_bulk_action_is_told_which_field_it_is() {
    let scene = scene().await;
    let cancel = |filter: Value| json!({ "action": "cancel", "filter": filter }).to_string();
    for (body, says) in [
        ("[]".to_owned(), "the body must be an object, and is a list"),
        ("null".to_owned(), "the body must be an object, and is null"),
        (String::new(), "the body must be an object, and is null"),
        ("3".to_owned(), "the body must be an object, and is a number"),
        (cancel(json!([])), "`filter` must be an object, and is a list"),
        (cancel(json!(null)), "`filter` must be an object, and is null"),
        (
            cancel(json!({ "status": 3 })),
            "`status` must be a text with something in it, or left out, and is a number",
        ),
        (
            cancel(json!({ "workflow": "" })),
            "`workflow` must be a text with something in it, or left out, and is empty",
        ),
        (
            cancel(json!({ "user": null })),
            "`user` must be a text with something in it, or left out, and is null",
        ),
        (cancel(json!({ "worklow": "A" })), "`filter` has no field `worklow`"),
        (json!({ "action": "cancel", "filters": {} }).to_string(), "the body has no field `filters`"),
        (json!({ "action": ["cancel"] }).to_string(), "`action` must be a text, and is a list"),
        (
            json!({ "action": "cancel", "preview": "yes" }).to_string(),
            "`preview` must be true or false, and is a text",
        ),
        (
            r#"{ "action": "cancel", "filter": { "status": "queued" }, "filter": {} }"#.to_owned(),
            "a field stands twice in the body",
        ),
    ] {
        let answer = scene.client.request("POST", "/main/runs/bulk", &[], Bytes::from(body.clone())).await;
        assert_eq!(refused(&answer, 400, &body).0, says);
    }
    let broken =
        scene.client.request("POST", "/main/runs/bulk", &[], Bytes::from_static(b"{\"action\"")).await;
    assert!(broken.status == 400 && broken.json()["code"] == "json", "{}", broken.text());
    assert_eq!(scene.client.get("/main/runs/bulk").await.json()["items"], json!([]), "nothing was done");
    scene.stop().await;
}

#[tokio::test]
async fn a_wrong_address_is_refused_as_json() {
    let scene = scene().await;
    for (method, path, status) in [
        ("GET", "/main/notifications?page=x", 400),
        ("GET", "/main/notifications?page=0", 400),
        ("GET", "/main/runs?status=failed&status=queued", 400),
        ("GET", "/main/runs?cursor=x", 400),
        ("GET", "/main/mine?cursor=a&cursor=b", 400),
        ("GET", "/main/events?page=a&page=b", 400),
        ("GET", "/main/runs/%ff", 400),
        ("POST", "/main/runs/%ff/cancel", 400),
        ("POST", "/main/webhook/%ff", 400),
        ("GET", "/nowhere", 404),
        ("GET", "/main/nothing", 404),
        ("GET", "/other/runs", 404),
        ("GET", "/main/runs/x", 404),
        ("POST", "/main/webhook/nothing", 404),
        ("DELETE", "/main/runs", 405),
        ("GET", "/main/webhook/x", 405),
        ("PUT", "/healthz", 405),
    ] {
        let answer = scene.client.request(method, path, &[], Bytes::new()).await;
        refused(&answer, status, &format!("{method} {path}"));
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for path in ["/main/webhook/x", "/main/runs/bulk", "/main/workflows/xFlow/run"] {
        let answer = scene.client.request("POST", path, &form, Bytes::from_static(b"a=1")).await;
        refused(&answer, 415, path);
        let large = Bytes::from(vec![b' '; (10 << 20) + 1]);
        refused(&scene.client.request("POST", path, &[], large).await, 413, path);
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_wrong_address_of_a_page_is_refused_as_a_page() {
    let scene = scene().await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (method, path, header, status) in [
        ("GET", "/ui/main/nothing", form, 404),
        ("GET", "/ui/other", form, 404),
        ("GET", "/ui/main/runs/x", form, 404),
        ("GET", "/ui/main/runs/%ff", form, 400),
        ("GET", "/ui/main/runs?status=soon", form, 400),
        ("GET", "/ui/main/runs?q=a&q=b", form, 400),
        ("GET", "/ui/main/mine?cursor=x", form, 400),
        ("DELETE", "/ui/main/runs", form, 405),
        ("POST", "/ui/main/runs/bulk?action=cancel", ("content-type", "text/plain"), 415),
        ("POST", "/ui/main/runs/bulk?action=cancel", ("origin", "http://evil.example"), 403),
    ] {
        let answer =
            scene.client.request(method, path, &[header], Bytes::from_static(b"how=start&how=start")).await;
        let what = format!("{method} {path}: {}", answer.text());
        assert_eq!(answer.status, status, "{what}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{what}");
        assert!(answer.text().contains("<h1>") && answer.text().contains("/ui\""), "{what}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{what}");
    }
    let place = "/ui/main/runs/bulk?action=cancel";
    let signed = scene.client.get("/main/signal/%ff/name?sig=x").await;
    assert!(signed.status == 404 && signed.text().contains("<h1>"), "{}", signed.text());
    let twice = scene.client.request("POST", place, &[form], Bytes::from_static(b"how=a&how=b")).await;
    assert!(twice.status == 400 && twice.text().contains("the form cannot be read"), "{}", twice.text());
    scene.stop().await;
}
