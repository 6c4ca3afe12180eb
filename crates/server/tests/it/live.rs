//! Live delivery over a real stream.

use serde_json::{Value, json};
use testkit::{
    client::{Client, Event},
    provider::{Answer, Gate, Provider},
};

use crate::{
    doors::{known, user},
    scene::{Scene, bars, hook, is_over},
};

/// A run whose bar stands at 1 of 2 until the gate opens.
async fn held() -> (Scene, Provider, Gate, String) {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider.answer("/held", Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) });
    let scene = Scene::of(&[("bars", bars(&provider, "Rising"))], Some(&provider)).await;
    let run = scene.client.post("/main/workflows/Bars/run", &json!({})).await.json()["run"]
        .as_str()
        .unwrap()
        .to_owned();
    provider.arrived_at("/held", 1).await;
    (scene, provider, gate, run)
}

fn at(event: &Event, progress: i64) -> bool {
    event.event == "progress" && event.json()["progress"] == progress
}

fn ended(event: &Event, run: &str) -> bool {
    event.event == "run" && event.json()["id"] == run && is_over(&event.json()["status"])
}

#[tokio::test]
async fn who_comes_late_sees_the_bar_at_once_and_then_its_end() {
    let (scene, _provider, gate, run) = held().await;
    let mut events = scene.client.events("/main/events").await;
    let first = events.until(|event| event.event == "progress").await.json();
    assert_eq!(
        (&first["progress"], &first["percent"], &first["status"]),
        (&json!(1), &json!(50), &json!("running"))
    );
    let listed = scene.client.get(&format!("/main/progress/{}", first["id"].as_str().unwrap())).await.json();
    assert_eq!(listed["title"], first["title"], "an event's data is the item as its call gives it");
    gate.open();
    events.until(|event| at(event, 2) && event.json()["status"] == "succeeded").await;
    assert_eq!(
        scene.client.get(&format!("/main/runs/{run}")).await.json()["progress"][0]["status"],
        "succeeded"
    );
    scene.stop().await;
}

#[tokio::test]
async fn every_client_gets_every_state() {
    let (scene, _provider, gate, run) = held().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut events = scene.client.events("/main/events").await;
        events.until(|event| at(event, 1)).await;
        streams.push(events);
    }
    gate.open();
    for events in &mut streams {
        events.until(|event| ended(event, &run)).await;
    }
    scene.stop().await;
}

/// The states a client gets who has seen `last`, up to the mark of where it stands.
async fn since(client: &Client, last: &str, until: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut events = client.with("last-event-id", last).events("/main/events").await;
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        let over = until(&event);
        all.push(event);
        if over {
            break;
        }
    }
    all
}

#[tokio::test]
async fn who_comes_back_gets_the_newest_state_of_what_changed_each_once() {
    let (scene, _provider, gate, run) = held().await;
    let mut events = scene.client.events("/main/events").await;
    let seen = events.until(|event| at(event, 1)).await;
    drop(events);
    let mut other = scene.client.events("/main/events").await;
    gate.open();
    other.until(|event| ended(event, &run)).await;
    let missed = since(&scene.client, &seen.id, |event| ended(event, &run)).await;
    let of_item: Vec<Value> =
        missed.iter().filter(|event| event.event == "progress").map(Event::json).collect();
    assert!(of_item.len() <= 1, "each once: {of_item:?}");
    scene.stop().await;
}

#[tokio::test]
async fn a_page_misses_nothing_that_happens_before_its_stream_is_open() {
    let (scene, _provider, gate, run) = held().await;
    let page = scene.client.get("/ui/main/mine").await.text();
    let (_, head) = page.split_once("data-head=\"").expect("where the page stands");
    let (head, _) = head.split_once('"').unwrap();
    let later = scene.client.post("/main/workflows/Bars/run", &json!({})).await.json();
    let mut other = scene.client.events("/main/events").await;
    gate.open();
    other.until(|event| ended(event, &run)).await;
    let mut events = scene.client.events(&format!("/main/events?page={head}")).await;
    events.until(|event| event.event == "run" && event.json()["id"] == later["run"]).await;
    scene.stop().await;
}

#[tokio::test]
async fn a_restart_between_loses_nothing() {
    let (scene, provider, gate, run) = held().await;
    let seen = scene.client.events("/main/events").await.until(|event| at(event, 1)).await;
    let mut other = scene.client.events("/main/events").await;
    gate.open();
    other.until(|event| ended(event, &run)).await;
    let project = scene.stop().await;
    let scene = Scene::start(project, Some(provider.host()), server::Settings::default()).await;
    let missed = since(&scene.client, &seen.id, |event| ended(event, &run)).await;
    let last = missed.iter().rfind(|event| event.event == "progress").expect("the item's end").json();
    assert_eq!((&last["progress"], &last["status"]), (&json!(2), &json!("succeeded")));
    scene.stop().await;
}

#[tokio::test]
async fn a_stop_ends_the_streams() {
    let (scene, _provider, gate, _run) = held().await;
    let mut events = scene.client.events("/main/events").await;
    events.until(|event| at(event, 1)).await;
    gate.open();
    let stopped = tokio::spawn(scene.stop());
    while events.next().await.is_some() {}
    stopped.await.unwrap();
}

/// Two bars of `ada`: one that was private from the first, and one that everyone saw until a child of its run said otherwise.
fn bars_of_ada() -> [(&'static str, Value); 4] {
    let bar = |process: &str, private: bool, to: Option<&str>| {
        let mut element = json!({ "name": process, "type": "cast/progress",
            "options": { "process": process, "title": process, "send_to_user": private } });
        if let Some(to) = to {
            element["to"] = json!({ "default": { to: ["default"] } });
        }
        element
    };
    let hidden = json!({ "identifier": "Hidden", "async": true, "entry": "hidden", "elements": [bar("hidden", true, None)] });
    let child =
        json!({ "name": "child", "type": "action/run", "options": { "workflow": "Child", "async": true } });
    let turned = json!({ "identifier": "Turned", "async": true, "entry": "turned",
        "elements": [bar("turned", false, Some("child")), child] });
    let child = json!({ "identifier": "Child", "async": true, "entry": "turned", "elements": [bar("turned", true, None)] });
    let shown = json!({ "identifier": "Shown", "async": true, "entry": "shown", "elements": [bar("shown", false, None)] });
    [("hidden", hidden), ("turned", turned), ("child", child), ("shown", shown)]
}

/// Sends one message.
fn say() -> Value {
    let cast =
        json!({ "name": "cast", "type": "cast/event", "options": { "event": "last", "data": "${n}" } });
    hook("say", "cast", &[cast])
}

#[tokio::test]
async fn who_comes_back_hears_that_a_bar_is_gone_only_if_it_was_there() {
    let scene = Scene::of(&[&bars_of_ada()[..], &[("say", say())]].concat(), None).await;
    let [ada, eve] = [user(&scene, "ada", "admin", None).await, user(&scene, "eve", "user", None).await];
    let [ada, eve] = [known(&scene, &ada).await, known(&scene, &eve).await];
    let mut events = ada.events("/main/events").await;
    for name in ["Hidden", "Turned", "Shown"] {
        let run = ada.post(&format!("/main/workflows/{name}/run"), &json!({})).await.json()["run"].clone();
        events.until(|event| ended(event, run.as_str().unwrap())).await;
    }
    testkit::until("the child has turned the bar private", async || {
        !eve.get("/main/progress").await.text().contains("turned")
    })
    .await;
    let items = ada.get("/main/progress").await.json();
    let id = |title: &str| {
        let mut all = items["items"].as_array().unwrap().iter();
        all.find(|item| item["title"] == title).unwrap_or_else(|| panic!("{items}"))["id"].clone()
    };
    // A place where this server never was: everything is read anew.
    let mut events = eve.with("last-event-id", "1.1.1").events("/main/events").await;
    ada.post("/main/webhook/say", &json!({})).await;
    let mut all = Vec::new();
    loop {
        let event = events.next().await.unwrap();
        match &*event.event {
            "progress" => all.push(event.json()),
            "last" => break,
            _ => {}
        }
    }
    assert!(all.iter().any(|told| told["id"] == id("shown") && told["gone"].is_null()), "{all:?}");
    assert!(all.contains(&json!({ "id": id("turned"), "gone": true })), "{all:?}");
    assert!(!all.iter().any(|told| told["id"] == id("hidden")), "{all:?}");
    scene.stop().await;
}

/// A message that is sent as soon as the client has its answer lies before the states that are read for it.
#[tokio::test]
async fn a_message_reaches_who_has_just_come_back() {
    let scene = Scene::of(&[("say", say())], None).await;
    for n in 0..100 {
        let mut events = scene.client.with("last-event-id", "1.1.1").events("/main/events").await;
        scene.client.post("/main/webhook/say", &json!({ "n": n })).await;
        events.until(|event| event.event == "last" && event.json() == json!(n)).await;
    }
    scene.stop().await;
}
