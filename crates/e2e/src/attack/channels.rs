//! What is another's, on channels and streams: signatures that are forged, and streams that are taken up again.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use testkit::{client::Client, within};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::{
    Rows,
    scene::Scene,
    wire::{Ask, FORM, POST},
};

pub(super) async fn all(scene: &Scene, mut rows: Rows) -> Rows {
    signatures(scene, &mut rows).await;
    asked(scene, &mut rows).await;
    streams(scene, &mut rows).await;
    rows
}

/// A connection of the Pusher protocol.
struct Socket {
    stream: WebSocketStream<TcpStream>,
    id: String,
}

impl Socket {
    async fn connect(scene: &Scene, key: &str) -> Socket {
        let tcp = TcpStream::connect(scene.address()).await.expect("a server that takes connections");
        let address = format!("ws://{}/app/{key}?protocol=7", scene.address());
        let (stream, _) = client_async(address, tcp).await.expect("a WebSocket");
        let mut socket = Socket { stream, id: String::new() };
        let first = socket.next().await;
        let data: Value =
            first["data"].as_str().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default();
        Socket { id: data["socket_id"].as_str().unwrap_or_default().to_owned(), ..socket }
    }

    async fn say(&mut self, message: &Value) {
        // One that was closed meanwhile says so when it is read.
        let _ = self.stream.send(Message::Text(message.to_string().into())).await;
    }

    /// Null: the connection has ended.
    async fn next(&mut self) -> Value {
        let message =
            within(self.stream.next(), || "the server says nothing on its WebSocket".to_owned()).await;
        let text = message.and_then(Result::ok).and_then(|message| message.into_text().ok());
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Whether the channel is heard, and what was said.
    async fn subscribe(&mut self, channel: &str, auth: &Value) -> (bool, String) {
        self.say(&json!({ "event": "pusher:subscribe", "data": { "channel": channel, "auth": auth } })).await;
        loop {
            let told = self.next().await;
            match told["event"].as_str() {
                Some("pusher_internal:subscription_succeeded") => return (true, told.to_string()),
                Some("pusher:error") | None => return (false, told.to_string()),
                Some(_) => {}
            }
        }
    }
}

async fn key_of(client: &Client, system: &str) -> String {
    client.get(&format!("/{system}/broadcasting")).await.json()["key"].as_str().expect("a key").to_owned()
}

async fn sign(client: &Client, socket: &str, channel: &str) -> Value {
    let asked = json!({ "socket_id": socket, "channel_name": channel });
    client.post("/shop/broadcasting/auth", &asked).await.json()["auth"].clone()
}

/// Signatures for a channel of `ada`, made of what `eve` can get.
async fn signatures(scene: &Scene, rows: &mut Rows) {
    let (eve, ada) = (scene.eve(), scene.ada());
    let key = key_of(&eve, "shop").await;
    let mut socket = Socket::connect(scene, &key).await;
    let mut adas = Socket::connect(scene, &key).await;
    let own = sign(&eve, &socket.id, "private-user.eve").await;
    let good = socket.subscribe("private-user.eve", &own).await;
    rows.control("eve hears her own channel", good.0, &good.1);
    let wanted = "private-user.ada";
    let of_ada = sign(&ada, &adas.id, wanted).await;
    let good = adas.subscribe(wanted, &of_ada).await;
    rows.control("ada hears hers", good.0, &good.1);
    let signature = own.as_str().and_then(|own| own.split_once(':')).map_or("", |(_, signature)| signature);
    let other = key_of(&scene.root(), "other").await;
    for (auth, trick) in [
        (Value::Null, "no signature"),
        (json!(""), "an empty signature"),
        (json!(key), "the key alone"),
        (json!(format!("{key}:")), "no signature behind the key"),
        (json!(format!("{key}:{}", "0".repeat(64))), "zeros"),
        (own.clone(), "that of an own channel"),
        (of_ada.clone(), "that of another's connection"),
        (json!(format!("{other}:{signature}")), "under another system's key"),
        (json!(format!("{key}:{}", &signature[..32])), "half of one"),
        (json!(format!("{key}:{signature}:{signature}")), "two"),
        (json!(["a"]), "a list"),
        (json!({ "key": key }), "an object"),
    ] {
        let (through, told) = socket.subscribe(wanted, &auth).await;
        rows.add(&format!("a channel's signature: {trick}"), &auth.to_string(), &told, through);
        if told == "null" {
            socket = Socket::connect(scene, &key).await;
        }
    }
    for channel in [
        "private-user.ada\0",
        "private-user.ada ",
        "private-user.ADA",
        "private-user.",
        "private-user.eve.ada",
        "private-system.other",
        "private-system.shop/../other",
        "presence-user.ada",
        "private-encrypted-user.ada",
        "user.ada",
    ] {
        let (through, told) = socket.subscribe(channel, &own).await;
        rows.add("a channel by another name", channel, &told, through);
        if told == "null" {
            socket = Socket::connect(scene, &key).await;
        }
    }
    socket.say(&json!({ "event": "client-notification", "channel": "private-user.ada", "data": "{}" })).await;
    let told = socket.next().await;
    rows.add(
        "an event of a client's",
        "client-notification",
        &told.to_string(),
        told["event"] != "pusher:error",
    );
}

/// What the server would sign for `eve`.
async fn asked(scene: &Scene, rows: &mut Rows) {
    let key = scene.keys.eve.as_str();
    for (form, trick) in [
        ("socket_id=1.1&channel_name=private-user.ada", "another's channel"),
        ("socket_id=1.1:private-user.ada&channel_name=private-user.eve", "another's in the connection"),
        ("socket_id=1.1&channel_name=private-user.eve:private-user.ada", "another's behind it"),
        ("socket_id=1.1&channel_name=private-user.eve&channel_name=private-user.ada", "two channels"),
        ("socket_id=1.1&channel_name=private-user.eve%00", "a NUL"),
        ("socket_id=1.1&channel_name=private-user.%65%76%65%2fada", "a slash"),
        ("socket_id=1.1&channel_name=private-system.other", "another system's"),
        ("socket_id=1.1&channel_name=presence-system.shop", "another kind"),
        ("socket_id=&channel_name=private-user.eve", "no connection"),
        ("socket_id=1.1%0a2.2&channel_name=private-user.eve", "two connections"),
        ("socket_id=-1.1&channel_name=private-user.eve", "a negative connection"),
    ] {
        let ask = Ask {
            target: "/shop/broadcasting/auth",
            headers: &[("x-api-key", key), FORM],
            body: form.as_bytes(),
            ..POST
        };
        let answer = scene.send(&ask).await;
        rows.add(&format!("asking for a signature: {trick}"), form, &answer.says(), answer.is_good());
    }
}

/// A stream that is taken up again at a place where this server never was reads the states anew.
async fn streams(scene: &Scene, rows: &mut Rows) {
    let (ada, eve) = (scene.ada(), scene.eve());
    let hidden = scene.run(&ada, "secretbar", &json!({}), &["succeeded"]).await;
    let public = scene.run(&ada, "publicbar", &json!({}), &["succeeded"]).await;
    let items = ada.get("/shop/progress").await.json();
    let item = |run: &str| {
        let found = items["items"].as_array().into_iter().flatten().find(|item| item["run"] == *run);
        found
            .and_then(|item| item["id"].as_str())
            .unwrap_or_else(|| panic!("no bar of {run}: {items}"))
            .to_owned()
    };
    let (hidden_item, public_item) = (item(&hidden), item(&public));
    for place in ["1.1.1", "ffffffffffffffff.1.1", "0.0.0", "1.ffffffffffffffff.0"] {
        let mut stream = eve.with("last-event-id", place).events("/shop/events").await;
        let ask = json!({ "name": "end" });
        ada.post("/shop/webhook/cast", &ask).await;
        let mut came = Vec::new();
        loop {
            let event = stream.next().await.expect("the stream goes on");
            if event.event == "end" {
                break;
            }
            came.push(event.data);
        }
        let all = came.join(" ");
        rows.control("a public bar is told", place.ends_with("0") || all.contains(&public_item), &all);
        let through = [&hidden, &hidden_item, &public]
            .iter()
            .any(|id| came.iter().any(|data| data.contains(*id) && !data.contains(&public_item)));
        rows.add("a stream that is taken up again", place, &format!("{} events", came.len()), through);
    }
    for target in [
        format!("/shop/progress/{hidden_item}"),
        format!("/shop/runs/{hidden}"),
        "/shop/runs?user=ada".to_owned(),
        "/shop/mine?user=ada".to_owned(),
    ] {
        let answer = eve.get(&target).await;
        let text = answer.text();
        let shows = [&hidden, &hidden_item].iter().any(|id| text.contains(id.as_str()));
        let through = answer.status >= 500 || answer.status < 400 && shows;
        rows.add("what is another's", &target, &format!("{} {text}", answer.status), through);
    }
    let ticket = eve.post("/shop/events/ticket", &json!({})).await.json()["ticket"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let good =
        scene.nobody().status("GET", &format!("/shop/events?ticket={ticket}"), &[], Default::default()).await;
    rows.control("a ticket opens a stream", good.status == 200, "GET /shop/events");
    let (body, signature) = ticket.split_once('.').expect("two parts");
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    for (target, trick) in [
        (format!("/other/events?ticket={ticket}"), "for another system"),
        (format!("/shop/runs?ticket={ticket}"), "for something else"),
        (format!("/shop/events?ticket={body}."), "without its signature"),
        (format!("/shop/events?ticket={body}.{flipped}{}", &signature[1..]), "with another signature"),
        (format!("/shop/events?ticket=A{body}.{signature}"), "with another body"),
    ] {
        let answer = scene.nobody().status("GET", &target, &[], Default::default()).await;
        rows.add(&format!("a ticket {trick}"), &target, &answer.status.to_string(), answer.status == 200);
    }
}
