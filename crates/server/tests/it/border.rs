//! A provider's words: in the journal for operators, and in no other byte that is sent.

use serde_json::json;
use testkit::provider::{Answer, Provider};

use crate::scene::Scene;

const MARKER: &str = "replica-db-7-is-gone";

/// Takes a good answer's words everywhere they could go, then meets a failing one.
fn leaky(provider: &Provider) -> serde_json::Value {
    json!({ "identifier": "Leaky", "async": true, "entry": "good", "elements": [
        { "name": "good", "type": "api/http", "options": { "uri": provider.url("/good"), "timeout": "10s" },
          "set": { "said": "default:" }, "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "${$said.words}", "message": "it said ${$said.words}" } },
          "to": { "default": { "log": ["default"] } } },
        { "name": "log", "type": "action/log", "options": { "level": "info", "message": "called: $said.words", "data": "${$said}" },
          "to": { "default": { "answer": ["default"] } } },
        { "name": "answer", "type": "action/response", "options": { "body": "${$said}" }, "to": { "default": { "bad": ["default"] } } },
        { "name": "bad", "type": "api/http", "options": { "uri": provider.url("/bad"), "timeout": "10s" } }
    ] })
}

#[tokio::test]
async fn a_providers_words_are_in_the_journal_alone() {
    let provider = Provider::start().await;
    provider.answer("/good", Answer::json(&json!({ "words": MARKER, "count": 3 })));
    provider.answer("/bad", Answer::of(500, &[("x-trace", MARKER)], MARKER));
    let scene = Scene::of(&[("leaky", leaky(&provider))], Some(&provider)).await;
    let mut events = scene.client.events("/main/events").await;
    let mut run = scene.run("Leaky", &json!({})).await;
    let id = run["id"].as_str().unwrap().to_owned();
    assert_eq!(run["status"], "failed", "{run}");
    let journal = run.as_object_mut().unwrap().remove("journal").unwrap();
    assert!(journal.to_string().contains(MARKER), "operators find it in the journal: {journal}");
    assert!(!run.to_string().contains(MARKER), "{run}");
    let pages = ["mine", "runs", "progress", "workflows", &format!("runs/{id}")]
        .map(|page| format!("/ui/main/{page}"));
    let calls =
        ["mine", "runs", "progress", "workflows", "notifications"].map(|call| format!("/main/{call}"));
    for path in pages.iter().chain(&calls) {
        let answer = scene.client.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text().contains(MARKER), "{path}: {}", answer.text());
    }
    let mut last = false;
    while !last {
        let event = events.next().await.unwrap();
        assert!(!event.data.contains(MARKER), "{event:?}");
        last = event.event == "run" && event.json()["status"] == "failed";
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_bar_says_nothing_of_a_providers_words() {
    let provider = Provider::start().await;
    provider.answer("/good", Answer::json(&json!({ "words": MARKER })));
    let bar = json!({ "identifier": "Bar", "async": true, "entry": "good", "elements": [
        { "name": "good", "type": "api/http", "options": { "uri": provider.url("/good"), "timeout": "10s" },
          "to": { "default": { "bar": ["default"] } } },
        { "name": "bar", "type": "cast/progress", "options": { "title": "it said ${this.words}", "total": 1, "progress": 1, "statusMessage": "${this.words}" } }
    ] });
    let scene = Scene::of(&[("bar", bar)], Some(&provider)).await;
    let run = scene.run("Bar", &json!({})).await;
    assert!(!run["progress"].to_string().contains(MARKER), "{run}");
    scene.stop().await;
}

#[tokio::test]
async fn headers_names_of_bars_and_messages_say_nothing_of_a_providers_words() {
    let provider = Provider::start().await;
    provider.answer("/good", Answer::json(&json!({ "words": MARKER })));
    let call = json!({ "name": "good", "type": "api/http", "options": { "uri": provider.url("/good"), "timeout": "10s" },
        "set": { "said": "default:" }, "to": { "default": { "bar": ["default"] } } });
    let bar = json!({ "name": "bar", "type": "cast/progress", "options": { "process": "$said.words", "total": 1 },
        "to": { "default": { "answer": ["default"] } } });
    let answer = json!({ "name": "answer", "type": "action/response", "options": { "body": 1, "headers": { "x-said": "$said.words" } },
        "to": { "default": { "run": ["default"] } } });
    let run = json!({ "name": "run", "type": "action/run", "options": { "workflow": "$said.words" } });
    let hook = |identifier: &str, elements: serde_json::Value| {
        crate::scene::hook(identifier, "good", elements.as_array().unwrap())
    };
    let files = [
        (
            "headers",
            hook(
                "headers",
                json!([call, bar, { "name": "answer", "type": "action/response", "options": answer["options"] }]),
            ),
        ),
        ("fails", hook("fails", json!([call, bar, answer, run]))),
    ];
    let scene = Scene::of(&files, Some(&provider)).await;
    let (answer, run) = scene.inside("headers", &json!({})).await;
    assert_eq!(answer.header("x-said"), Some("[withheld]"));
    assert!(!run["progress"].to_string().contains(MARKER), "{run}");
    let (_, run) = scene.inside("fails", &json!({})).await;
    assert_eq!(run["error"]["code"], "missing_workflow");
    assert!(!run["error"].to_string().contains(MARKER), "{run}");
    scene.stop().await;
}

#[test]
fn only_marked_texts_are_withheld() {
    let outside = recipe::Value::from_json(r#"{"words": "secret", "n": [1, true, null]}"#)
        .unwrap()
        .tainted_with(recipe::Taint::External);
    let mut map = recipe::Map::new();
    map.insert("own", recipe::Value::from("kept"));
    map.insert("theirs", outside);
    let shown = server::withhold(&recipe::Value::Object(map));
    assert_eq!(shown.to_json(), r#"{"own":"kept","theirs":{"words":"[withheld]","n":[1,true,null]}}"#);
}
