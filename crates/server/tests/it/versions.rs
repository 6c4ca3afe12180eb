//! What a system's workflows are and were, over HTTP.

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::client::{Answer, Client};

use crate::scene::{Scene, hook};

fn says(word: &str) -> Value {
    let answer = json!({ "name": "answer", "type": "action/response", "options": { "body": word } });
    hook("say", "answer", &[answer])
}

async fn said(client: &Client) -> Value {
    client.post("/main/webhook/say", &Value::Null).await.json()
}

fn files(workflow: &Value) -> Value {
    json!({ "files": { "workflows/say.workflow.json": workflow.to_string() } })
}

async fn send(client: &Client, path: &str, body: &Value) -> Answer {
    let headers = [("content-type", "application/json")];
    client.request("POST", path, &headers, Bytes::from(body.to_string())).await
}

#[tokio::test]
async fn a_deploy_is_current_from_the_next_start_on_and_can_be_taken_back() {
    let scene = Scene::of(&[("say", says("old"))], None).await;
    let client = &scene.client;
    let listed = client.get("/main/versions").await.json();
    let first = &listed["items"][0];
    assert_eq!(
        (&first["current"], &first["by"], &first["until"]),
        (&json!(true), &json!(null), &json!(null))
    );
    let mut body = files(&says("new"));
    body["preview"] = json!(true);
    let planned = send(client, "/main/versions", &body).await;
    assert_eq!((planned.status, &planned.json()["deployed"]), (200, &json!(false)));
    assert_eq!(said(client).await, "old");
    body["preview"] = json!(false);
    body["note"] = json!("new words");
    let deployed = send(client, "/main/versions", &body).await;
    let change = deployed.json();
    assert_eq!((deployed.status, &change["from"]), (201, &first["version"]), "{change}");
    assert_eq!(change["files"], json!([{ "name": "workflows/say.workflow.json", "change": "changed" }]));
    assert_eq!(change["workflows"], json!([{ "name": "sayFlow", "change": "changed" }]));
    assert_eq!(said(client).await, "new");
    let again = send(client, "/main/versions", &body).await;
    assert_eq!((again.status, &again.json()["deployed"]), (200, &json!(false)), "it is current already");
    let path = format!("/main/versions/{}/current", first["version"].as_str().unwrap());
    let back = send(client, &path, &json!({ "note": "too new" })).await;
    assert_eq!((back.status, &back.json()["deployed"]), (200, &json!(true)));
    assert_eq!(said(client).await, "old");
    let listed = client.get("/main/versions").await.json();
    let lines: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|it| (&it["version"], &it["note"])).collect();
    assert_eq!(lines, [(&first["version"], &json!("too new")), (&change["version"], &json!("new words"))]);
    let trail = client.get("/main/audit").await.json();
    let lines = trail["items"].as_array().unwrap().iter().filter(|line| line["what"] != "started");
    let done: Vec<_> = lines.map(|line| (line["what"].clone(), line["user"].clone())).collect();
    assert_eq!(done, [("rolled_back".into(), "local".into()), ("deployed".into(), "local".into())]);
    scene.stop().await;
}

#[tokio::test]
async fn files_with_errors_are_refused_with_the_lines() {
    let scene = Scene::of(&[("say", says("old"))], None).await;
    let client = &scene.client;
    let refused = send(client, "/main/versions", &files(&json!({ "elements": [{ "name": "x" }] }))).await;
    let body = refused.json();
    assert_eq!((refused.status, &body["code"]), (422, &json!("errors")), "{body}");
    let finding = &body["findings"][0];
    assert_eq!((&finding["severity"], &finding["line"]), (&json!("error"), &json!(1)), "{finding}");
    assert!(finding["text"].as_str().unwrap().contains("-->"), "{finding}");
    assert_eq!(said(client).await, "old");
    // What has errors can be looked at.
    let mut body = files(&json!({ "elements": [{ "name": "x" }] }));
    body["preview"] = json!(true);
    let planned = send(client, "/main/versions", &body).await;
    assert_eq!((planned.status, planned.json()["findings"].as_array().unwrap().is_empty()), (200, false));
    scene.stop().await;
}

#[tokio::test]
async fn a_system_comes_with_its_first_deploy() {
    let scene = Scene::of(&[("say", says("old"))], None).await;
    let client = &scene.client;
    assert_eq!(client.get("/fresh/versions").await.status, 404);
    let mut body = files(&says("fresh"));
    body["preview"] = json!(true);
    let planned = send(client, "/fresh/versions", &body).await;
    assert_eq!((planned.status, &planned.json()["from"]), (200, &json!(null)));
    assert_eq!(client.get("/fresh/versions").await.status, 404, "looking makes none");
    assert_eq!(send(client, "/fresh/versions", &files(&says("fresh"))).await.status, 201);
    assert_eq!(client.post("/fresh/webhook/say", &Value::Null).await.json(), "fresh");
    scene.stop().await;
}

#[tokio::test]
async fn what_is_no_deploy_is_refused_with_what_to_do() {
    let scene = Scene::of(&[("say", says("old"))], None).await;
    let client = &scene.client;
    let file = |path: &str, content: Value| json!({ "files": { path: content } });
    for (path, body, words) in [
        ("/main/versions", json!({ "files": {} }), "there are no files"),
        ("/main/versions", json!({ "file": {} }), "unknown field `file`"),
        ("/main/versions", file("workflows/../../x.txt", json!("x")), "is no file of a system"),
        ("/main/versions", file("/views/x.txt", json!("x")), "is no file of a system"),
        ("/main/versions", file("views/x.md", json!("x")), "is no file of a system"),
        ("/main/versions", file("views/x.txt", json!({ "base64": "?" })), "is no base64"),
        ("/a%2Fb/versions", file("views/x.txt", json!("x")), "no system has such a name"),
        ("/.a/versions", file("views/x.txt", json!("x")), "no system has such a name"),
    ] {
        let refused = send(client, path, &body).await;
        let said = refused.json();
        assert_eq!(refused.status, 400, "{path} {said}");
        assert!(said["message"].as_str().unwrap().contains(words), "{said}");
        assert!(!said["help"].as_str().unwrap().is_empty(), "{said}");
    }
    for version in ["none".to_owned(), "7".repeat(64)] {
        let refused = send(client, &format!("/main/versions/{version}/current"), &json!({})).await;
        assert_eq!(refused.status, 404, "{}", refused.text());
    }
    assert_eq!(said(client).await, "old");
    scene.stop().await;
}
