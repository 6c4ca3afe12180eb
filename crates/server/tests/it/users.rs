//! Who is there, and how users, keys and roles come and go.

use bytes::Bytes;
use serde_json::{Value, json};
use server::{Settings, key};
use store::Grant;
use testkit::client::Client;

use crate::doors::{known, scene, scene_with, status, user};

/// What GET /users says of that user: its roles with their systems, and whether hefe.toml names it.
async fn listed(client: &Client, name: &str) -> (Vec<(String, Option<String>)>, Value) {
    let users = client.get("/users").await.json();
    let user = users["items"].as_array().unwrap().iter().find(|user| user["name"] == name);
    let user = user.unwrap_or_else(|| panic!("no {name} in {users}"));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let grants = user["grants"].as_array().unwrap().iter();
    (
        grants.map(|grant| (text(&grant["role"]).unwrap(), text(&grant["system"]))).collect(),
        user["in_file"].clone(),
    )
}

/// A user as hefe.toml names it, and its key.
fn first(name: &str, role: &str) -> (store::User, String) {
    let (shown, kept) = key::fresh(0).unwrap();
    let grants = vec![Grant { system: Some("main".into()), role: role.into() }];
    (store::User { name: name.into(), grants, keys: vec![kept], created_at_ms: 0 }, shown)
}

#[tokio::test]
async fn who_is_there_already_gets_a_key_and_no_role_with_it() {
    let (deploy, deploys) = first("deploy", "viewer");
    let doors = server::Doors { users: vec![deploy], tokens: None };
    let scene = scene_with(Settings { doors, ..Settings::default() }).await;
    let key = user(&scene, "ada", "admin", None).await;
    let ada = known(&scene, &key).await;
    let add = async |asked: Value| ada.post("/users", &asked).await;
    let main = |role: &str| vec![(role.to_owned(), Some("main".to_owned()))];
    let asked = json!({ "name": "bob", "roles": ["viewer"], "systems": ["main"] });
    assert_eq!(add(asked).await.status, 201);
    for name in ["bob", "deploy"] {
        let more = add(json!({ "name": name, "key": true })).await;
        assert_eq!(more.status, 201, "{}", more.text());
        assert_eq!(listed(&ada, name).await.0, main("viewer"), "a key alone");
        let with_it = scene.client.with("x-api-key", more.json()["key"].as_str().unwrap());
        assert_eq!(with_it.get("/main/runs").await.status, 200, "{name}");
        assert_eq!(with_it.get("/other/runs").await.status, 404, "{name}");
        let nothing = add(json!({ "name": name })).await;
        assert_eq!(
            (nothing.status, listed(&ada, name).await.0),
            (200, main("viewer")),
            "nothing was asked for"
        );
        let unnamed = add(json!({ "name": name, "systems": ["other"] })).await;
        assert_eq!((unnamed.status, listed(&ada, name).await.0), (400, main("viewer")), "{}", unnamed.text());
    }
    assert_eq!(scene.client.with("x-api-key", &deploys).get("/main/runs").await.status, 200);
    assert_eq!(add(json!({ "name": "new" })).await.status, 201);
    assert_eq!(
        listed(&ada, "new").await.0,
        [("user".to_owned(), None)],
        "who is new may start what takes no role"
    );
    scene.stop().await;
}

#[tokio::test]
async fn one_role_is_taken_away_and_the_others_stay() {
    let scene = scene().await;
    let key = user(&scene, "ada", "admin", None).await;
    let ada = known(&scene, &key).await;
    let asked = json!({ "name": "bob", "roles": ["viewer", "operator"], "systems": ["main"] });
    assert_eq!(ada.post("/users", &asked).await.status, 201);
    assert_eq!(
        status(&ada, "DELETE", "/users/bob/roles/operator").await,
        404,
        "it is had in one system only"
    );
    assert_eq!(status(&ada, "DELETE", "/users/bob/roles/operator?system=main").await, 200);
    assert_eq!(listed(&ada, "bob").await.0, [("viewer".to_owned(), Some("main".to_owned()))]);
    let newest = ada.get("/audit").await.json()["items"][0].clone();
    assert_eq!(
        (&newest["what"], &newest["detail"]),
        (&json!("role_withdrawn"), &json!("bob: operator in main"))
    );
    scene.stop().await;
}

#[tokio::test]
async fn users_of_the_file_are_listed_and_stay_until_it_changes() {
    let (deploy, key) = first("deploy", "admin");
    let id = deploy.keys[0].id.clone();
    let doors = server::Doors { users: vec![deploy], tokens: None };
    let scene = scene_with(Settings { doors, ..Settings::default() }).await;
    let admin = user(&scene, "ada", "admin", None).await;
    let ada = known(&scene, &admin).await;
    let of_file = (vec![("admin".to_owned(), Some("main".to_owned()))], json!(true));
    assert_eq!(listed(&ada, "deploy").await, of_file);
    assert_eq!(listed(&ada, "ada").await.1, json!(false));
    let id = format!("/users/deploy/keys/{id}");
    for path in ["/users/deploy", "/users/deploy/roles/admin?system=main", &id] {
        let refused = ada.request("DELETE", path, &[], Bytes::new()).await;
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("in_file")), "{path}");
        assert!(refused.text().contains("hefe.toml"), "{}", refused.text());
    }
    assert_eq!(scene.client.with("x-api-key", &key).get("/main/audit").await.status, 200, "it stays");
    let more = json!({ "name": "deploy", "roles": ["viewer"], "systems": ["other"] });
    let more = ada.post("/users", &more).await.json();
    assert_eq!(more["grants"].as_array().unwrap().len(), 2, "both count: {more}");
    assert_eq!(status(&ada, "DELETE", "/users/deploy/roles/viewer?system=other").await, 200);
    assert_eq!(listed(&ada, "deploy").await, of_file, "what was added to it goes");
    scene.stop().await;
}

#[tokio::test]
async fn nobody_is_named_as_nobody_could_be_told_from_others() {
    let scene = scene().await;
    let key = user(&scene, "ada", "admin", None).await;
    let ada = known(&scene, &key).await;
    for name in ["local", "", " ", " bob", "bob ", "b\nob", "b\u{1b}ob"] {
        let refused = ada.post("/users", &json!({ "name": name, "key": true })).await;
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("name")), "{name:?}");
    }
    for asked in [json!({ "name": "bob", "roles": [" "] }), json!({ "name": "bob", "systems": ["main "] })] {
        assert_eq!(ada.post("/users", &asked).await.status, 400, "{asked}");
    }
    assert_eq!(ada.get("/users").await.json()["items"].as_array().unwrap().len(), 1);
    scene.stop().await;
}
