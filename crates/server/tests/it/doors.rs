//! Who comes in, how far, and for how long.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use server::{Settings, key};
use store::{Grant, UserEdit};
use testkit::{
    client::{Answer, Client},
    project::Project,
};

use crate::scene::{Scene, hook};

fn hooks() -> Vec<(&'static str, Value)> {
    let stop = || json!({ "name": "go", "type": "flow/stop" });
    let with = |name: &str, options: Value| {
        let mut file = hook(name, "go", &[stop()]);
        file["events"][0].as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        file
    };
    vec![
        ("plain", with("plain", json!({}))),
        ("public", with("public", json!({ "public": true }))),
        ("editors", with("editors", json!({ "roles": ["editor"] }))),
        ("worker", json!({ "identifier": "Worker", "async": true, "elements": [stop()] })),
    ]
}

pub(crate) async fn scene_with(settings: Settings) -> Scene {
    let project = Project::new();
    for (name, workflow) in hooks() {
        project.workflow("main", name, workflow.to_string());
        project.workflow("other", name, workflow.to_string());
    }
    Scene::start(project, None, settings).await
}

pub(crate) async fn scene() -> Scene {
    scene_with(Settings::default()).await
}

/// A user with that role there; its key.
pub(crate) async fn user(scene: &Scene, name: &str, role: &str, system: Option<&str>) -> String {
    let (shown, kept) = key::fresh(0).unwrap();
    let grants = vec![Grant { system: system.map(Into::into), role: role.into() }];
    let edit = UserEdit::Add { name: name.into(), grants, key: Some(kept), at_ms: 0 };
    scene.engine.store().edit_user(edit).await.unwrap().unwrap();
    shown
}

/// Users are read after the store has them: the key lets in, and nobody comes in without one, once they are.
pub(crate) async fn known(scene: &Scene, key: &str) -> Client {
    let client = scene.client.with("x-api-key", key);
    let status = async |client: &Client| client.get("/main/runs").await.status;
    testkit::until("the key is known", async || {
        status(&scene.client).await == 401 && status(&client).await != 401
    })
    .await;
    client
}

pub(crate) async fn status(client: &Client, method: &str, path: &str) -> u16 {
    client.request(method, path, &[("content-type", "application/json")], Bytes::new()).await.status
}

#[tokio::test]
async fn a_role_says_how_far_a_key_lets_in() {
    let scene = scene().await;
    let admin = user(&scene, "ada", "admin", None).await;
    let admin = known(&scene, &admin).await;
    let key = async |name: &str, role: &str, system: &str| {
        let key = user(&scene, name, role, Some(system)).await;
        known(&scene, &key).await
    };
    let (user, viewer, operator) = (
        key("bob", "user", "main").await,
        key("cy", "viewer", "main").await,
        key("di", "operator", "main").await,
    );
    let (editor, stranger) = (key("ed", "editor", "main").await, key("eve", "admin", "other").await);
    let nobody = scene.client.clone();
    let run = user.post("/main/webhook/plain", &json!({})).await;
    assert_eq!(run.status, 200, "{}", run.text());
    let id = run.json()["run"].as_str().unwrap().to_owned();
    let path = format!("/main/runs/{id}");
    // nobody, of another system, signed in (its own run), editor, viewer, operator, admin
    let all = [&nobody, &stranger, &user, &editor, &viewer, &operator, &admin];
    let rows: [(&str, &str, [u16; 7]); 12] = [
        ("POST", "/main/webhook/plain", [401, 404, 200, 200, 200, 200, 200]),
        ("POST", "/main/webhook/public", [200; 7]),
        ("POST", "/main/webhook/editors", [401, 404, 403, 200, 403, 403, 200]),
        ("POST", "/main/webhook/none", [401, 404, 404, 404, 404, 404, 404]),
        ("POST", "/main/workflows/Worker/run", [401, 404, 403, 403, 403, 202, 202]),
        ("POST", "/main/workflows/plainFlow/run", [401, 404, 200, 200, 200, 200, 200]),
        ("GET", &path, [401, 404, 200, 404, 200, 200, 200]),
        ("GET", "/main/workflows", [401, 404, 403, 403, 200, 200, 200]),
        ("POST", "/main/runs/bulk", [401, 404, 403, 403, 403, 400, 400]),
        ("GET", "/main/audit", [401, 404, 403, 403, 403, 403, 200]),
        ("GET", "/account", [401, 403, 403, 403, 403, 403, 200]),
        ("GET", "/users", [401, 403, 403, 403, 403, 403, 200]),
    ];
    for (method, path, expected) in rows {
        for (client, expected) in all.iter().zip(expected) {
            assert_eq!(status(client, method, path).await, expected, "{method} {path} {:?}", client.headers);
        }
    }
    // How much of it each sees.
    let seen = async |client: &Client| client.get(&path).await.json();
    assert!(seen(&operator).await["journal"].is_array() && seen(&viewer).await["journal"].is_null());
    assert!(!seen(&operator).await["input"].is_null() && seen(&viewer).await["input"].is_null());
    assert_eq!(status(&viewer, "POST", &format!("{path}/cancel")).await, 403);
    assert_eq!(status(&user, "POST", &format!("{path}/cancel")).await, 409, "it is its own, and over");
    let rows =
        async |client: &Client| client.get("/main/runs").await.json()["items"].as_array().unwrap().len();
    assert!(rows(&viewer).await > rows(&user).await, "others' runs are the viewer's business");
    scene.stop().await;
}

#[tokio::test]
async fn the_first_user_closes_the_door_and_nothing_opens_it_again() {
    let scene = scene().await;
    assert_eq!(scene.client.get("/main/runs").await.status, 200, "open to its own machine");
    let key = user(&scene, "ada", "admin", None).await;
    let ada = known(&scene, &key).await;
    testkit::until("the door is closed", async || scene.client.get("/main/runs").await.status == 401).await;
    assert_eq!(ada.get("/main/runs").await.status, 200);
    let through = ada.with("x-forwarded-for", "10.0.0.1");
    assert_eq!(through.get("/main/runs").await.status, 200, "a proxy may stand in front now");
    scene.engine.store().edit_user(UserEdit::Remove { name: "ada".into() }).await.unwrap();
    testkit::until("the key is gone", async || ada.get("/main/runs").await.status == 401).await;
    assert_eq!(scene.client.get("/main/runs").await.status, 401, "nobody is left, and it stays closed");
    scene.stop().await;
}

#[tokio::test]
async fn what_is_no_key_lets_nobody_in() {
    let scene = scene().await;
    let key = user(&scene, "ada", "admin", None).await;
    known(&scene, &key).await;
    let (id, secret) = key.strip_prefix("hefe_").unwrap().split_once('_').unwrap();
    let wrong = format!("hefe_{id}_{}", secret.chars().rev().collect::<String>());
    for shown in [&wrong, &format!("hefe_{id}_"), "hefe__", "x", &key[..key.len() - 1], &key.to_uppercase()] {
        assert_eq!(scene.client.with("x-api-key", shown).get("/main/runs").await.status, 401, "{shown}");
        let bearer = format!("Bearer {shown}");
        assert_eq!(
            scene.client.with("authorization", &bearer).get("/main/runs").await.status,
            401,
            "{shown}"
        );
        // Not even where nobody has to sign in: whoever shows something wants to be somebody.
        let public = scene.client.with("x-api-key", shown).post("/main/webhook/public", &json!({})).await;
        assert_eq!(public.status, 401, "{shown}");
    }
    let bearer = format!("bearer {key}");
    assert_eq!(scene.client.with("authorization", &bearer).get("/main/runs").await.status, 200);
    assert_eq!(scene.client.with("authorization", "Basic YTpi").get("/main/runs").await.status, 401);
    scene.stop().await;
}

#[tokio::test]
async fn a_stream_ends_with_what_was_shown_for_it() {
    let scene = scene().await;
    let key = user(&scene, "ada", "viewer", Some("main")).await;
    let ada = known(&scene, &key).await;
    let edit = async |edit: UserEdit| scene.engine.store().edit_user(edit).await.unwrap().unwrap();
    let mut stream = ada.events("/main/events").await;
    let more = Grant { system: Some("main".into()), role: "operator".into() };
    edit(UserEdit::Add { name: "ada".into(), grants: vec![more], key: None, at_ms: 0 }).await;
    stream.end().await;
    let mut stream = ada.events("/main/events").await;
    let withdraw = |role: &str| UserEdit::Withdraw {
        name: "ada".into(),
        grant: Grant { system: Some("main".into()), role: role.into() },
    };
    edit(withdraw("viewer")).await;
    edit(withdraw("operator")).await;
    stream.end().await;
    assert_eq!(ada.get("/main/events").await.status, 404);
    let back = Grant { system: Some("main".into()), role: "viewer".into() };
    edit(UserEdit::Add { name: "ada".into(), grants: vec![back], key: None, at_ms: 0 }).await;
    testkit::until("the role is back", async || ada.get("/main/runs").await.status == 200).await;
    let (mut stream, ticket) = (ada.events("/main/events").await, ticket(&ada).await);
    let mut by_ticket = scene.client.events(&format!("/main/events?ticket={ticket}")).await;
    let id: Arc<str> = key.split('_').nth(1).unwrap().into();
    edit(UserEdit::Revoke { name: "ada".into(), key: id }).await;
    stream.end().await;
    by_ticket.end().await;
    assert_eq!(scene.client.get(&format!("/main/events?ticket={ticket}")).await.status, 401);
    scene.stop().await;
}

async fn ticket(client: &Client) -> String {
    let made = client.post("/main/events/ticket", &json!({})).await;
    assert_eq!(made.status, 200, "{}", made.text());
    made.json()["ticket"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_ticket_is_for_one_system_and_as_it_was_made() {
    let scene = scene().await;
    let key = user(&scene, "ada", "admin", None).await;
    let ada = known(&scene, &key).await;
    let ticket = ticket(&ada).await;
    drop(scene.client.events(&format!("/main/events?ticket={ticket}")).await);
    assert_eq!(scene.client.get(&format!("/other/events?ticket={ticket}")).await.status, 401);
    let (body, signature) = ticket.split_once('.').unwrap();
    for forged in [
        format!("{body}.{}", &signature[1..]),
        format!("{body}."),
        format!("A{body}.{signature}"),
        ".".into(),
    ] {
        assert_eq!(scene.client.get(&format!("/main/events?ticket={forged}")).await.status, 401, "{forged}");
    }
    assert_eq!(scene.client.get(&format!("/main/runs?ticket={ticket}")).await.status, 401, "streams only");
    scene.stop().await;
}

fn form(client: &Client, next: &str, key: &str) -> impl Future<Output = Answer> {
    let client = client.clone();
    let body = Bytes::from(format!("key={key}&next={next}"));
    async move {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        client.request("POST", "/ui/signin", &headers, body).await
    }
}

#[tokio::test]
async fn a_browser_signs_in_and_out() {
    let scene = scene().await;
    let key = user(&scene, "ada", "admin", None).await;
    known(&scene, &key).await;
    let wanted = scene.client.get("/ui/main/runs?status=failed").await;
    assert_eq!(
        (wanted.status, wanted.header("location")),
        (303, Some("/ui/signin?next=%2Fui%2Fmain%2Fruns%3Fstatus%3Dfailed"))
    );
    assert!(scene.client.get("/ui/signin?next=/ui/main/runs").await.text().contains("type=\"password\""));
    let wrong = form(&scene.client, "", "hefe_a_b").await;
    assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None));
    // One that somebody has slipped into the browser before is not what it gets.
    let fixed = "0".repeat(64);
    let slipped = scene.client.with("cookie", &format!("hefe_session={fixed}"));
    let signed = form(&slipped, "/ui/main/runs", &key).await;
    assert_eq!((signed.status, signed.header("location")), (303, Some("/ui/main/runs")));
    let cookie = signed.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly; SameSite=Lax") && !cookie.contains(&fixed), "{cookie}");
    assert_eq!(slipped.get("/main/runs").await.status, 401);
    let cookie = cookie.split(';').next().unwrap();
    let browser = scene.client.with("cookie", cookie);
    assert_eq!(browser.get("/ui/main/runs").await.status, 200);
    // What a browser sends unasked writes for our own pages only.
    let from = |origin: &str| browser.with("origin", origin);
    assert_eq!(status(&from("http://evil.example"), "POST", "/main/webhook/plain").await, 403);
    assert_eq!(status(&browser, "POST", "/main/webhook/plain").await, 200);
    // A path that leads elsewhere is not gone to.
    for next in ["//evil.example", "https://evil.example", "/ui\\..", "/main/runs", "/ui/signin"] {
        assert_eq!(form(&scene.client, next, &key).await.header("location"), Some("/ui"), "{next}");
    }
    let foreign = form(&scene.client.with("origin", "http://evil.example"), "", &key).await;
    assert_eq!(
        (foreign.status, foreign.header("set-cookie")),
        (403, None),
        "signs nobody in as somebody else"
    );
    let mut stream = browser.events("/main/events").await;
    let out = browser.request("POST", "/ui/signout", &[], Bytes::new()).await;
    assert_eq!((out.status, out.header("location")), (303, Some("/ui/signin")));
    assert!(out.header("set-cookie").unwrap().starts_with("hefe_session=; "));
    stream.end().await;
    assert_eq!(browser.get("/main/runs").await.status, 401, "a copy of the cookie is worth nothing");
    let what: Vec<Value> = scene.client.with("x-api-key", &key).get("/audit").await.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["what"].clone())
        .collect();
    assert_eq!(what.first(), Some(&json!("signed_out")));
    assert!(what.contains(&json!("signed_in")));
    scene.stop().await;
}

#[tokio::test]
async fn pages_of_listed_origins_may_call_with_a_key() {
    let scene =
        scene_with(Settings { origins: vec!["https://app.example".into()], ..Settings::default() }).await;
    let key = user(&scene, "ada", "admin", None).await;
    let ada = known(&scene, &key).await;
    let asks = [("access-control-request-method", "POST"), ("access-control-request-headers", "x-api-key")];
    let preflight = async |origin: &str| {
        let client = scene.client.with("origin", origin);
        let answer = client.request("OPTIONS", "/main/webhook/plain", &asks, Bytes::new()).await;
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(preflight("https://app.example").await.as_deref(), Some("https://app.example"));
    assert_eq!(preflight("https://evil.example").await, None);
    let from = async |origin: &str| ada.with("origin", origin).post("/main/webhook/plain", &json!({})).await;
    let good = from("https://app.example").await;
    assert_eq!((good.status, good.header("access-control-allow-origin")), (200, Some("https://app.example")));
    assert_eq!(good.header("access-control-allow-credentials"), None, "cookies stay at home");
    assert_eq!(from("https://evil.example").await.status, 403);
    scene.stop().await;
}

#[tokio::test]
async fn what_people_did_is_in_the_trail() {
    let scene = scene().await;
    let key = user(&scene, "ada", "admin", None).await;
    let ada = known(&scene, &key).await;
    let key = user(&scene, "bob", "operator", Some("main")).await;
    let bob = known(&scene, &key).await;
    let run =
        bob.post("/main/workflows/Worker/run", &json!({})).await.json()["run"].as_str().unwrap().to_owned();
    testkit::until("it is over", async || {
        ada.get(&format!("/main/runs/{run}")).await.json()["status"] == "succeeded"
    })
    .await;
    assert_eq!(ada.post(&format!("/main/runs/{run}/cancel"), &json!({})).await.status, 409);
    let bulk = ada.post("/main/runs/bulk", &json!({ "action": "cancel", "filter": {} })).await;
    assert_eq!(bulk.status, 202, "{}", bulk.text());
    let trail = ada.get("/main/audit").await.json();
    let what = |what: &str| {
        let found = trail["items"].as_array().unwrap().iter().find(|line| line["what"] == what);
        found.unwrap_or_else(|| panic!("no {what} in {trail}")).clone()
    };
    assert_eq!((&what("started")["run"], &what("started")["user"]), (&json!(run), &json!("bob")));
    assert_eq!(
        (&what("read")["run"], &what("read")["user"]),
        (&json!(run), &json!("ada")),
        "its values were read"
    );
    assert_eq!(what("bulk")["detail"], "cancel");
    assert!(!trail.to_string().contains("\"cancelled\""), "what was refused was not done");
    scene.stop().await;
}

#[tokio::test]
async fn one_credential_is_shown_and_no_more() {
    let scene = scene().await;
    let key = user(&scene, "ada", "admin", None).await;
    let ada = known(&scene, &key).await;
    let bearer = format!("Bearer {key}");
    for second in [("authorization", "Bearer hefe_a_b"), ("authorization", &bearer), ("x-api-key", &key)] {
        let answer = ada.request("GET", "/main/runs", &[second], Bytes::new()).await;
        assert_eq!(answer.status, 401, "{second:?}");
        assert!(answer.text().contains("show one credential"), "{}", answer.text());
    }
    let twice = scene.client.with("authorization", &bearer).with("authorization", &bearer);
    assert_eq!(twice.get("/main/runs").await.status, 401);
    assert_eq!(ada.get("/main/runs").await.status, 200);
    scene.stop().await;
}
