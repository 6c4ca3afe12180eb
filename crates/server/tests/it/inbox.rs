//! Notifications as Brezel's client calls for them, and as the person's other tabs hear of it.

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::client::{Answer, Client, Events};

use crate::{
    doors::{known, user},
    scene::{Scene, hook},
};

/// Tells its caller `title`, with two things to do about it; `ship` answers with what it got and for whom.
fn workflows() -> Vec<(&'static str, Value)> {
    let tell = json!({ "name": "say", "type": "action/notify", "options": { "notification": {
        "title": "${title}", "message": "an order", "actions": [
            { "name": "send", "title": "Send it", "event": "ship", "data": { "order": 7 } },
            { "name": "ship", "title": "The same without data" },
            { "name": "burn", "event": "burn" },
        ] } } });
    let answer = json!({ "name": "answer", "type": "action/response",
        "options": { "status": 201, "body": { "got": "${order}", "by": "${user().id}" } } });
    let mut burn = hook("burn", "answer", std::slice::from_ref(&answer));
    burn["events"][0]["roles"] = json!(["arsonist"]);
    vec![
        ("tells", hook("tell", "say", &[tell])),
        ("ships", hook("ship", "answer", &[answer])),
        ("burns", burn),
    ]
}

struct Inbox {
    scene: Scene,
    ada: Client,
    bob: Client,
}

impl Inbox {
    async fn new() -> Inbox {
        let scene = Scene::of(&workflows(), None).await;
        let [ada, bob] = [user(&scene, "ada", "user", None).await, user(&scene, "bob", "user", None).await];
        let (ada, bob) = (known(&scene, &ada).await, known(&scene, &bob).await);
        Inbox { scene, ada, bob }
    }

    /// Tells ada, and gives the ids by title.
    async fn told(&self, titles: &[&str]) -> Vec<String> {
        let mut ids = Vec::new();
        for title in titles {
            let answer = self.ada.post("/main/webhook/tell", &json!({ "title": title })).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            ids.push(listed(&self.ada).await[0]["id"].as_str().unwrap().to_owned());
        }
        ids
    }
}

async fn listed(client: &Client) -> Vec<Value> {
    client.get("/main/notifications").await.json()["items"].as_array().unwrap().clone()
}

/// As the client does: no body, or JSON.
async fn call(client: &Client, method: &str, path: &str, body: Option<Value>) -> Answer {
    let bytes = body.as_ref().map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
    let headers = [("content-type", "application/json")];
    let headers = if body.is_some() { &headers[..] } else { &[] };
    client.request(method, &format!("/main/{path}"), headers, bytes).await
}

/// The next state of a notification on a stream.
async fn hears(events: &mut Events) -> Value {
    events.until(|event| event.event == "notification").await.json()
}

#[tokio::test]
async fn reading_and_deleting_reach_the_other_tabs() {
    let inbox = Inbox::new().await;
    let ids = inbox.told(&["a", "b", "c"]).await;
    let mut tab = inbox.ada.events("/main/events").await;
    let answer = call(&inbox.ada, "POST", &format!("notification/{}/read", ids[0]), None).await;
    assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(ids[0])));
    let read_at = answer.json()["read_at"].clone();
    assert!(read_at.is_string());
    assert_eq!(hears(&mut tab).await["read_at"], read_at);
    // Once more changes nothing, and nobody is told; so the next that is heard is another.
    call(&inbox.ada, "POST", &format!("notification/{}/read", ids[0]), None).await;
    let both = json!({ "notifications": [ids[0], ids[1], "none"] });
    let answer = call(&inbox.ada, "PATCH", "notifications/read", Some(both)).await;
    assert_eq!(answer.json(), json!({ "success": true, "notifications": [ids[0], ids[1]] }));
    assert_eq!(hears(&mut tab).await["id"], json!(ids[1]));
    call(&inbox.ada, "POST", &format!("notification/{}/unread", ids[0]), None).await;
    let heard = hears(&mut tab).await;
    assert_eq!((&heard["id"], &heard["read_at"]), (&json!(ids[0]), &Value::Null));
    // The list stays in its order.
    let titles: Vec<Value> = listed(&inbox.ada).await.iter().map(|kept| kept["title"].clone()).collect();
    assert_eq!(titles, ["c", "b", "a"]);
    let one = json!({ "notifications": [ids[1]] });
    assert_eq!(call(&inbox.ada, "DELETE", "notifications/delete", Some(one)).await.status, 200);
    assert_eq!(hears(&mut tab).await, json!({ "id": ids[1], "gone": true }));
    assert_eq!(call(&inbox.ada, "POST", &format!("notification/{}/read", ids[1]), None).await.status, 404);
    let answer = call(&inbox.ada, "PATCH", "notifications/deleteAll", None).await;
    assert_eq!(answer.json()["notifications"], json!([ids[0], ids[2]]));
    assert!(listed(&inbox.ada).await.is_empty());
    inbox.scene.stop().await;
}

#[tokio::test]
async fn nobody_touches_anothers() {
    let inbox = Inbox::new().await;
    let ids = inbox.told(&["a"]).await;
    for path in ["read", "unread", "action/send"] {
        let path = format!("notification/{}/{path}", ids[0]);
        assert_eq!(call(&inbox.bob, "POST", &path, None).await.status, 404, "{path}");
    }
    let named = json!({ "notifications": ids });
    for (method, path, body) in [
        ("PATCH", "notifications/read", Some(named.clone())),
        ("DELETE", "notifications/delete", Some(named)),
        ("PATCH", "notifications/deleteAll", None),
    ] {
        let answer = call(&inbox.bob, method, path, body).await;
        assert_eq!(answer.json()["notifications"], json!([]), "{path}");
    }
    let kept = listed(&inbox.ada).await;
    assert_eq!((kept.len(), &kept[0]["read_at"]), (1, &Value::Null));
    for body in [None, Some(json!({})), Some(json!({ "notifications": "all" }))] {
        assert_eq!(call(&inbox.ada, "PATCH", "notifications/read", body).await.status, 400);
    }
    inbox.scene.stop().await;
}

#[tokio::test]
async fn an_action_starts_its_event_for_whom_it_was_told_and_is_read_then() {
    let inbox = Inbox::new().await;
    let ids = inbox.told(&["a"]).await;
    let act = async |name: &str| {
        call(&inbox.ada, "POST", &format!("notification/{}/action/{name}", ids[0]), None).await
    };
    assert_eq!(act("nothing").await.status, 404);
    assert_eq!(act("burn").await.status, 403, "its event says who may");
    assert_eq!(listed(&inbox.ada).await[0]["read_at"], Value::Null);
    let sent = act("send").await;
    assert_eq!((sent.status, sent.json()), (201, json!({ "got": 7, "by": "ada" })));
    assert!(listed(&inbox.ada).await[0]["read_at"].is_string());
    assert_eq!(act("ship").await.json(), json!({ "got": null, "by": "ada" }));
    inbox.scene.stop().await;
}
