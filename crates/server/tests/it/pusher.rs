//! The Pusher protocol, word by word; clients that people have are in crate e2e.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use server::Settings;
use testkit::{client::Client, project::Project, within};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::{
    doors::{known, user},
    scene::{Scene, hook},
};

/// A connection.
struct Socket {
    stream: WebSocketStream<TcpStream>,
    id: String,
}

impl Socket {
    /// With so small a buffer for what it does not read.
    async fn open(client: &Client, query: &str) -> Socket {
        let key = client.get("/main/broadcasting").await.json()["key"].as_str().unwrap().to_owned();
        let host = client.base().strip_prefix("http://").unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let tcp = socket.connect(host.parse().unwrap()).await.unwrap();
        let (stream, _) = client_async(format!("ws://{host}/app/{key}{query}"), tcp).await.unwrap();
        Socket { stream, id: String::new() }
    }

    async fn connect(client: &Client) -> Socket {
        let mut socket = Socket::open(client, "?protocol=7&client=js&version=8.6.0").await;
        let first = socket.next().await;
        assert_eq!(first["event"], "pusher:connection_established");
        let data: Value = serde_json::from_str(first["data"].as_str().unwrap()).unwrap();
        assert!(data["activity_timeout"].as_u64().unwrap() > 0);
        Socket { id: data["socket_id"].as_str().unwrap().to_owned(), ..socket }
    }

    async fn say(&mut self, message: &Value) {
        self.stream.send(Message::Text(message.to_string().into())).await.unwrap();
    }

    async fn subscribe(&mut self, client: &Client, channel: &str) {
        let asked = json!({ "socket_id": self.id, "channel_name": channel });
        let auth = client.post("/main/broadcasting/auth", &asked).await.json()["auth"].clone();
        let data = json!({ "channel": channel, "auth": auth });
        self.say(&json!({ "event": "pusher:subscribe", "data": data })).await;
        let told = self.until("pusher_internal:subscription_succeeded").await;
        assert_eq!(told["channel"], channel);
    }

    /// None: the connection has ended.
    async fn read(&mut self) -> Option<Message> {
        within(self.stream.next(), || "nothing was told".to_owned()).await?.ok()
    }

    async fn next(&mut self) -> Value {
        let message = self.read().await.expect("the connection goes on");
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    async fn until(&mut self, event: &str) -> Value {
        loop {
            let told = self.next().await;
            if told["event"] == event {
                return told;
            }
        }
    }

    /// The code of the error that comes next.
    async fn error(&mut self) -> u64 {
        let told = self.until("pusher:error").await;
        serde_json::from_str::<Value>(told["data"].as_str().unwrap()).unwrap()["code"].as_u64().unwrap()
    }
}

/// A webhook that sends one message `last`, to a channel if it is told one, and one before it to its person.
fn casts() -> Value {
    let own = json!({ "name": "own", "type": "cast/event", "to": { "default": { "cast": ["default"] } },
        "options": { "event": "own", "send_to_user": true } });
    let cast = json!({ "name": "cast", "type": "cast/event",
        "options": { "event": "last", "data": { "says": "ä\"" }, "channel": "${channel}" } });
    hook("casts", "own", &[own, cast])
}

fn everyone() -> Value {
    let cast = json!({ "name": "cast", "type": "cast/event", "options": { "event": "all" } });
    hook("everyone", "cast", &[cast])
}

#[tokio::test]
async fn each_channel_carries_what_is_for_it() {
    let scene = Scene::of(&[("casts", casts()), ("everyone", everyone())], None).await;
    let keys = [user(&scene, "ada", "user", None).await, user(&scene, "vera", "viewer", None).await];
    let [ada, vera] = [known(&scene, &keys[0]).await, known(&scene, &keys[1]).await];
    let mut sockets = Vec::new();
    for (client, channel) in [
        (&ada, "private-user.ada"),
        (&ada, "private-system.main"),
        (&ada, "private-system.main.kitchen"),
        (&vera, "private-user.vera"),
        (&vera, "private-system.main"),
    ] {
        let mut socket = Socket::connect(client).await;
        socket.subscribe(client, channel).await;
        sockets.push(socket);
    }
    let [own, system, kitchen, viewers_own, viewers] = &mut sockets[..] else { unreachable!() };
    assert_eq!(ada.post("/main/webhook/casts", &json!({ "channel": "kitchen" })).await.status, 200);
    let last = kitchen.next().await;
    assert_eq!(
        last,
        json!({ "event": "last", "channel": "private-system.main.kitchen", "data": "{\"says\":\"ä\\\"\"}" })
    );
    assert_eq!(own.until("own").await["channel"], "private-user.ada");
    // A run is its person's, and on the system's channel for viewers alone.
    assert_eq!(own.until("run").await["channel"], "private-user.ada");
    assert_eq!(viewers.next().await["event"], "run");
    assert_eq!(vera.post("/main/webhook/everyone", &json!({})).await.status, 200);
    assert_eq!(system.next().await["event"], "all");
    assert_eq!(viewers_own.next().await["event"], "run");
    viewers.until("all").await;
    scene.stop().await;
}

#[tokio::test]
async fn what_is_no_part_of_the_protocol_is_answered_with_its_codes() {
    let scene = Scene::of(&[], None).await;
    for (query, code) in [("", 4008), ("?protocol=x", 4006), ("?protocol=4", 4007)] {
        let mut socket = Socket::open(&scene.client, query).await;
        assert_eq!(socket.error().await, code);
        let Some(Message::Close(Some(frame))) = socket.read().await else { panic!("it is closed") };
        assert_eq!(u64::from(u16::from(frame.code)), code);
    }
    let mut socket = Socket::connect(&scene.client).await;
    socket.say(&json!({ "event": "pusher:ping", "data": {} })).await;
    assert_eq!(socket.next().await, json!({ "event": "pusher:pong", "data": "{}" }));
    let asked = json!({ "socket_id": socket.id, "channel_name": "private-user.local" });
    let auth = scene.client.post("/main/broadcasting/auth", &asked).await.json()["auth"].clone();
    let forged = format!("{}:{}", auth.as_str().unwrap().split(':').next().unwrap(), "0".repeat(64));
    for (said, code) in [
        (json!("words"), 4200),
        (json!({ "event": "pusher:subscribe" }), 4200),
        (json!({ "event": "pusher:subscribe", "data": { "channel": "private-user.local" } }), 4009),
        (
            json!({ "event": "pusher:subscribe", "data": { "channel": "private-user.local", "auth": forged } }),
            4009,
        ),
        (json!({ "event": "pusher:signin", "data": {} }), 4009),
        (json!({ "event": "client-x", "channel": "private-user.local", "data": {} }), 4301),
    ] {
        socket.say(&said).await;
        assert_eq!(socket.error().await, code, "{said}");
    }
    // It goes on, and data may be a text.
    let data = json!({ "channel": "private-user.local", "auth": auth }).to_string();
    socket.say(&json!({ "event": "pusher:subscribe", "data": data })).await;
    socket.until("pusher_internal:subscription_succeeded").await;
    // A signature that is right, and that nobody asked for here, says nothing of who hears.
    let mut other = Socket::connect(&scene.client).await;
    other.say(&json!({ "event": "pusher:subscribe", "data": data })).await;
    assert_eq!(other.error().await, 4009);
    scene.stop().await;
}

#[tokio::test]
async fn a_close_is_answered_and_what_is_no_websocket_is_told_so() {
    let scene = Scene::of(&[], None).await;
    let mut socket = Socket::connect(&scene.client).await;
    let frame = CloseFrame { code: CloseCode::Away, reason: "bye".into() };
    socket.stream.send(Message::Close(Some(frame.clone()))).await.unwrap();
    assert_eq!(socket.read().await, Some(Message::Close(Some(frame))));
    assert_eq!(socket.read().await, None);
    for (bytes, code) in [
        // A masked text of two bytes that are no UTF-8; a text without a mask; one of 64 KiB and a byte.
        (&b"\x81\x82\0\0\0\0\xff\xff"[..], 1007),
        (b"\x81\x02{}", 1002),
        (b"\x81\xff\0\0\0\0\0\x01\0\x01\0\0\0\0", 1009),
    ] {
        let mut socket = Socket::connect(&scene.client).await;
        socket.stream.get_mut().write_all(bytes).await.unwrap();
        let Some(Message::Close(Some(frame))) = socket.read().await else { panic!("{code} is said") };
        assert_eq!(u16::from(frame.code), code);
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_connection_that_hears_nothing_gives_its_place_up() {
    let settings = Settings { unheard_max: Duration::from_secs(1), streams_max: 2, ..Settings::default() };
    let scene = Scene::start(Project::new(), None, settings).await;
    let mut hears = Socket::connect(&scene.client).await;
    hears.subscribe(&scene.client, "private-user.local").await;
    let mut idle = Socket::connect(&scene.client).await;
    assert_eq!(idle.error().await, 4202);
    let Some(Message::Close(Some(frame))) = idle.read().await else { panic!("it is closed") };
    assert_eq!(u16::from(frame.code), 4202);
    hears.say(&json!({ "event": "pusher:ping", "data": {} })).await;
    assert_eq!(hears.next().await["event"], "pusher:pong");
    hears.say(&json!({ "event": "pusher:unsubscribe", "data": { "channel": "private-user.local" } })).await;
    assert_eq!(hears.error().await, 4202);
    scene.stop().await;
}

/// Four hundred messages of 10 kB: more than the buffers between the two hold.
fn flood() -> Value {
    let each = json!({ "name": "each", "type": "flow/each", "in": { "default": "range(400)" },
        "to": { "each": { "cast": ["default"] } } });
    let cast = json!({ "name": "cast", "type": "cast/event", "options": { "event": "drop", "data": "x".repeat(9_990) } });
    hook("flood", "each", &[each, cast])
}

#[tokio::test]
async fn who_reads_nothing_is_dropped_and_costs_the_others_nothing() {
    let project = Project::new();
    project.workflow("main", "flood", flood().to_string());
    let settings =
        Settings { streams_max: 2, stream_idle_max: Duration::from_millis(300), ..Settings::default() };
    let scene = Scene::start(project, None, settings).await;
    let mut slow = Socket::connect(&scene.client).await;
    slow.subscribe(&scene.client, "private-system.main").await;
    let mut quick = Socket::connect(&scene.client).await;
    quick.subscribe(&scene.client, "private-system.main").await;
    assert_eq!(Socket::open(&scene.client, "?protocol=7").await.error().await, 4100, "there is no room");
    for _ in 0..3 {
        let answer = scene.client.post("/main/webhook/flood", &json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        for _ in 0..400 {
            quick.until("drop").await;
        }
    }
    testkit::until("there is room again", async || {
        let mut third = Socket::open(&scene.client, "?protocol=7").await;
        third.next().await["event"] == "pusher:connection_established"
    })
    .await;
    let mut heard = 0;
    while let Some(message) = slow.read().await {
        heard += usize::from(message.is_text());
    }
    assert!(heard < 1_200, "{heard}");
    scene.stop().await;
}

#[tokio::test]
async fn only_channels_of_ones_own_are_signed_by_form_or_as_json() {
    let scene = Scene::of(&[], None).await;
    let ada = user(&scene, "ada", "user", Some("main")).await;
    let client = known(&scene, &ada).await;
    let form = async |text: &str| {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        client.request("POST", "/main/broadcasting/auth", &headers, Bytes::from(text.to_owned())).await
    };
    let key = client.get("/main/broadcasting").await.json()["key"].as_str().unwrap().to_owned();
    let asked = json!({ "socket_id": "1.2", "channel_name": "private-user.ada" });
    let json = client.post("/main/broadcasting/auth", &asked).await.json();
    let same = form("socket_id=1.2&channel_name=private-user.ada").await.json();
    assert_eq!(json, same);
    let auth = json["auth"].as_str().unwrap();
    let signature = auth.strip_prefix(&format!("{key}:")).unwrap();
    assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()));
    for (channel, status) in [
        ("private-system.main", 200),
        ("private-system.main.kitchen", 200),
        ("private-system.main.", 403),
        ("private-system.mains", 403),
        ("private-system.other", 403),
        ("private-user.bob", 403),
        ("presence-main", 403),
        ("main", 403),
    ] {
        assert_eq!(form(&format!("socket_id=1.2&channel_name={channel}")).await.status, status, "{channel}");
    }
    // A part of the channel in the connection's name would sign another channel.
    for socket in ["", "1", "1.2:private-user.bob", "1.2:x", "a.b"] {
        assert_eq!(
            form(&format!("socket_id={socket}&channel_name=private-user.ada")).await.status,
            400,
            "{socket}"
        );
    }
    assert_eq!(form("socket_id=1.2").await.status, 400);
    assert_eq!(scene.client.post("/main/broadcasting/auth", &asked).await.status, 401);
    assert_eq!(client.post("/other/broadcasting/auth", &asked).await.status, 404);
    assert_eq!(client.get("/app/x").await.status, 426);
    assert_eq!(scene.client.get("/main/broadcasting").await.json()["key"], Value::Null);
    scene.stop().await;
}
