//! cast/event, as those who listen meet it.

use serde_json::{Value, json};
use testkit::{
    client::Event,
    provider::{Answer, Provider},
};

use crate::scene::{Scene, hook};

/// A webhook that casts, one after the other.
fn casts(list: &[Value]) -> Value {
    let elements: Vec<Value> = list
        .iter()
        .enumerate()
        .map(|(n, options)| {
            let mut element = json!({ "name": format!("cast{n}"), "type": "cast/event", "options": options });
            if n + 1 < list.len() {
                element["to"] = json!({ "default": { format!("cast{}", n + 1): ["default"] } });
            }
            element
        })
        .collect();
    hook("casts", "cast0", &elements)
}

/// What a stream tells under other names than the server's own, up to an event.
async fn until(events: &mut testkit::client::Events, last: &str) -> Vec<Event> {
    let mut all = Vec::new();
    loop {
        let event = events.next().await.expect("the stream goes on");
        let over = event.event == last;
        if !["run", "progress", ""].contains(&&*event.event) {
            all.push(event);
        }
        if over {
            return all;
        }
    }
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| &*event.event).collect()
}

#[tokio::test]
async fn a_message_goes_out_under_its_own_name_and_to_a_channel_only_where_it_is_asked_for() {
    let list = [
        json!({ "event": "order.${n}", "data": { "n": "${n}" } }),
        json!({ "event": "own", "data": "me", "send_to_user": true }),
        json!({ "event": "a", "channel": "A" }),
        json!({ "event": "b", "channel": "B=1" }),
        json!({ "event": "last" }),
    ];
    let scene = Scene::of(&[("casts", casts(&list))], None).await;
    let mut plain = scene.client.events("/main/events").await;
    let mut one = scene.client.events("/main/events?channel=B%3D1&channel=C").await;
    let mut both = scene.client.events("/main/events?channel=A&channel=B%3D1&channel=A").await;
    let answer = scene.client.post("/main/webhook/casts", &json!({ "n": 7 })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let heard = until(&mut plain, "last").await;
    assert_eq!(names(&heard), ["order.7", "own", "last"]);
    assert_eq!(
        (heard[0].json(), heard[1].json(), heard[2].json()),
        (json!({ "n": 7 }), json!("me"), Value::Null)
    );
    assert_eq!(names(&until(&mut one, "last").await), ["order.7", "own", "b", "last"]);
    assert_eq!(names(&until(&mut both, "last").await), ["order.7", "own", "a", "b", "last"]);
    scene.stop().await;
}

#[tokio::test]
async fn who_comes_back_hears_what_was_said_meanwhile_and_who_is_new_does_not() {
    let list = [json!({ "event": "a", "channel": "A" }), json!({ "event": "last", "send_to_user": true })];
    let scene = Scene::of(&[("casts", casts(&list))], None).await;
    let mut events = scene.client.events("/main/events?channel=A").await;
    scene.client.post("/main/webhook/casts", &json!({})).await;
    let seen = until(&mut events, "last").await;
    drop(events);
    scene.client.post("/main/webhook/casts", &json!({})).await;
    let again = scene.client.with("last-event-id", &seen[1].id);
    let mut events = again.events("/main/events?channel=A").await;
    assert_eq!(names(&until(&mut events, "last").await), ["a", "last"]);
    let mut fresh = scene.client.events("/main/events?channel=A").await;
    scene.client.post("/main/webhook/casts", &json!({})).await;
    assert_eq!(names(&until(&mut fresh, "last").await), ["a", "last"], "once");
    scene.stop().await;
}

#[tokio::test]
async fn a_failed_request_sends_nothing_and_a_providers_words_are_withheld() {
    let provider = Provider::start().await;
    provider.answer("/good", Answer::json(&json!({ "words": "db-7 is gone", "count": 3 })));
    let call = json!({ "name": "call", "type": "api/http", "options": { "uri": provider.url("/good") },
        "to": { "default": { "cast": ["default"] } } });
    let cast =
        json!({ "name": "cast", "type": "cast/event", "options": { "event": "said", "data": "${this}" } });
    let fails = [
        json!({ "name": "cast", "type": "cast/event", "options": { "event": "never" }, "to": { "default": { "stop": ["default"] } } }),
        json!({ "name": "stop", "type": "flow/stop", "options": { "status": "failed" } }),
    ];
    let workflows = [("says", hook("says", "call", &[call, cast])), ("fails", hook("fails", "cast", &fails))];
    let scene = Scene::of(&workflows, Some(&provider)).await;
    let mut events = scene.client.events("/main/events").await;
    assert_eq!(scene.client.post("/main/webhook/fails", &json!({})).await.status, 500);
    assert_eq!(scene.client.post("/main/webhook/says", &json!({})).await.status, 200);
    let heard = until(&mut events, "said").await;
    assert_eq!(names(&heard), ["said"]);
    assert_eq!(heard[0].json(), json!({ "words": "[withheld]", "count": 3 }));
    scene.stop().await;
}

#[tokio::test]
async fn a_stream_listens_to_a_bounded_number_of_channels() {
    let scene = Scene::of(&[], None).await;
    let many: String = (0..33).map(|n| format!("channel=c{n}&")).collect();
    for query in [many, "channel=".to_owned(), format!("channel={}", "x".repeat(101))] {
        let answer = scene.client.get(&format!("/main/events?{query}")).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    scene.stop().await;
}
