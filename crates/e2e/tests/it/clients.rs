//! Live delivery to clients that people have: pusher-js and Laravel Echo as npm has them, unmodified.
//!
//! Where they or node are missing the tests say so and pass, but not in the gate (`CI`), which installs them.

use std::{path::Path, process::Stdio};

use serde_json::{Value, json};
use testkit::{
    client::Client,
    process::{self, Hefe},
    project::Project,
    provider::{Answer, Gate, Provider},
    within,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{browser, jobs};

/// A process with the clients in it.
struct Clients {
    _process: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
    /// What was passed over while something else was waited for.
    passed: Vec<Value>,
}

impl Clients {
    /// None: they are not installed.
    fn start() -> Option<Clients> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
        if !folder.join("node_modules").is_dir() {
            assert!(
                std::env::var_os("CI").is_none(),
                "the clients are not there: `.ci/browser` installs them"
            );
            eprintln!("skipped: `.ci/browser` installs the clients");
            return None;
        }
        let mut process = Command::new("node")
            .current_dir(&folder)
            .arg("live.mjs")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (to, from) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Some(Clients { _process: process, to, from: BufReader::new(from).lines(), passed: Vec::new() })
    }

    async fn tell(&mut self, what: &str, with: Value) {
        let mut command = with;
        command["do"] = json!(what);
        self.to.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    /// The first thing told that fits, from now on.
    async fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let (lines, passed) = (&mut self.from, &mut self.passed);
        let found = tokio::time::timeout(testkit::DEADLINE, async {
            while let Some(line) = lines.next_line().await.unwrap() {
                let told: Value = serde_json::from_str(&line).unwrap();
                if fits(&told) {
                    return Some(told);
                }
                passed.push(told);
            }
            None
        });
        found.await.ok().flatten().unwrap_or_else(|| panic!("{what} was not told; but {:#?}", self.passed))
    }

    /// The same, or before.
    async fn ever(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        match self.passed.iter().position(&fits) {
            Some(at) => self.passed.remove(at),
            None => self.until(what, fits).await,
        }
    }

    async fn connected(&mut self) -> String {
        let state = self.until("a connection", |told| told["state"] == "connected").await;
        state["socket"].as_str().unwrap().to_owned()
    }

    async fn subscribe(&mut self, channel: &str) {
        self.tell("subscribe", json!({ "channel": channel })).await;
        self.subscribed(channel).await;
    }

    async fn subscribed(&mut self, channel: &str) {
        self.until(channel, |told| {
            told["channel"] == channel && told["event"] == "pusher:subscription_succeeded"
        })
        .await;
    }

    /// The first bar on a channel that has come so far.
    async fn bar(&mut self, channel: &str, progress: u32, status: &str) -> Value {
        self.until(&format!("{progress}, {status}"), |told| {
            let data = &told["data"];
            told["event"] == "progress"
                && told["channel"] == channel
                && data["progress"] == progress
                && data["status"] == status
        })
        .await
    }
}

/// How a client finds the server.
fn place(hefe: &Hefe, key: &str, shown: &str) -> Value {
    let (host, port) = hefe.base().strip_prefix("http://").unwrap().split_once(':').unwrap();
    let headers =
        if shown.is_empty() { json!({}) } else { json!({ "Authorization": format!("Bearer {shown}") }) };
    json!({ "key": key, "host": host, "port": port.parse::<u16>().unwrap(), "headers": headers,
        "auth": format!("{}/shop/broadcasting/auth", hefe.base()) })
}

async fn hefe(arguments: &[&str], project: &Project) -> String {
    let path = project.path().to_str().unwrap();
    let output =
        process::run(arguments.iter().map(|part| if *part == "PROJECT" { path } else { part })).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The system's key, as whoever sets up a page finds it.
async fn key(project: &Project) -> String {
    let shown = hefe(&["config", "PROJECT", "--json"], project).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let mut systems = shown["systems"].as_array().unwrap().iter();
    systems.find(|system| system["system"] == "shop").unwrap()["key"].as_str().unwrap().to_owned()
}

/// A server at the address of another that is gone.
pub(crate) async fn again_at(address: &str, project: &Project) -> Hefe {
    let mut command = process::command();
    command.arg("serve").arg(project.path()).args(["--listen", address.strip_prefix("http://").unwrap()]);
    Hefe::start(command).await
}

/// A worker that stands at its first call until the gate opens.
pub(crate) async fn held() -> (Provider, Gate, Project) {
    let (provider, project) = jobs::scene().await;
    let gate = Gate::new();
    provider.answer("/first/1", Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) });
    (provider, gate, project)
}

#[tokio::test]
async fn pusher_js_hears_a_bar_and_finds_it_again_after_the_server_died() {
    let Some(mut clients) = Clients::start() else { return };
    let (provider, gate, project) = held().await;
    let server = Hefe::serve(project.path(), &[]).await;
    let key = key(&project).await;
    clients.tell("connect", place(&server, &key, "")).await;
    let first = clients.connected().await;
    clients.subscribe("private-system.shop").await;
    clients.subscribe("private-user.local").await;
    jobs::launch(&server.client()).await;
    provider.arrived_at("/first/1", 1).await;
    clients.bar("private-system.shop", 1, "running").await;
    // Whoever subscribes late sees it at once.
    clients.tell("unsubscribe", json!({ "channel": "private-system.shop" })).await;
    clients.subscribe("private-system.shop").await;
    clients.bar("private-system.shop", 1, "running").await;
    let address = server.base().to_owned();
    server.kill().await;
    let server = again_at(&address, &project).await;
    assert_ne!(clients.connected().await, first);
    clients.bar("private-system.shop", 1, "running").await;
    gate.open();
    clients.bar("private-system.shop", 3, "succeeded").await;
    let told = clients.ever("the notification", |told| told["event"] == "notification").await;
    assert_eq!((&told["channel"], &told["data"]["title"]), (&json!("private-user.local"), &json!("done")));
    drop(server);
}

#[tokio::test]
async fn a_bar_that_ended_while_pusher_js_was_away_is_told() {
    let Some(mut clients) = Clients::start() else { return };
    let (provider, gate, project) = held().await;
    let server = Hefe::serve(project.path(), &[]).await;
    let key = key(&project).await;
    jobs::launch(&server.client()).await;
    provider.arrived_at("/first/1", 1).await;
    let mut events = server.client().events("/shop/events").await;
    gate.open();
    events.until(|event| event.event == "progress" && event.json()["status"] == "succeeded").await;
    clients.tell("connect", place(&server, &key, "")).await;
    clients.subscribe("private-system.shop").await;
    clients.bar("private-system.shop", 3, "succeeded").await;
}

/// A workflow that tells its person much.
fn loud() -> Value {
    json!({ "identifier": "Loud", "events": [{ "identifier": "loud", "type": "webhook" }], "elements": [
        { "name": "loud", "type": "event/webhook", "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "long", "message": "ä\"".repeat(5_000) },
          "toast": { "message": "hello" } } }
    ] })
}

/// Someone who may no more than every user, with a key.
pub(crate) async fn user(name: &str, project: &Project) -> String {
    hefe(
        &["user", "add", name, "--role", "user", "--system", "shop", "--print-key", "--project", "PROJECT"],
        project,
    )
    .await
}

#[tokio::test]
async fn each_hears_its_own_channels_only_and_only_as_long_as_its_key_lets_it_in() {
    let Some(mut clients) = Clients::start() else { return };
    let project = Project::new();
    project.workflow("shop", "loud", loud().to_string());
    let [ada, bob] = [user("ada", &project).await, user("bob", &project).await];
    let server = Hefe::serve(project.path(), &[]).await;
    let key = server.client().with("x-api-key", &ada).get("/shop/broadcasting").await.json()["key"]
        .as_str()
        .unwrap()
        .to_owned();
    clients.tell("connect", place(&server, &key, &ada)).await;
    let socket = clients.connected().await;
    clients.subscribe("private-user.ada").await;

    // Another person's, another system's, one that there is not.
    for channel in ["private-user.bob", "private-system.main", "private-shop", "presence-shop"] {
        clients.tell("subscribe", json!({ "channel": channel })).await;
        let told = clients.until("a refusal", |told| told["event"] == "pusher:subscription_error").await;
        assert_eq!((&told["channel"], &told["data"]["status"]), (&json!(channel), &json!(403)));
    }
    // Signed by nobody, or for another.
    let signed = |shown: &str, channel: &str| {
        let client = Client::new(server.base()).with("x-api-key", shown);
        let asked = json!({ "socket_id": socket, "channel_name": channel });
        async move { client.post("/shop/broadcasting/auth", &asked).await.json()["auth"].clone() }
    };
    let bobs = signed(&bob, "private-user.bob").await;
    for auth in [json!(format!("{key}:{}", "0".repeat(64))), json!(""), Value::Null, bobs.clone()] {
        let data = json!({ "channel": "private-system.shop", "auth": auth });
        clients.tell("send", json!({ "event": "pusher:subscribe", "data": data })).await;
        let error = clients.until("an error", |told| told.get("error").is_some()).await;
        assert!([4009, 4200].contains(&error["error"]["code"].as_i64().unwrap()), "{error}");
    }
    clients.tell("send", json!({ "event": "client-x", "data": {}, "channel": "private-user.ada" })).await;
    clients.until("an error", |told| told["error"]["code"] == 4301).await;

    // bob's are bob's.
    let of = |shown: &str| server.client().with("x-api-key", shown);
    for shown in [&bob, &ada] {
        assert_eq!(of(shown).post("/shop/webhook/loud", &json!({})).await.status, 200);
    }
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let told = clients
            .until("both", |told| ["notification", "toast"].iter().any(|name| told["event"] == *name))
            .await;
        assert_eq!(told["channel"], "private-user.ada");
        heard.push(told["data"]["message"].as_str().unwrap().to_owned());
    }
    heard.sort();
    assert_eq!(heard, ["hello".to_owned(), "ä\"".repeat(5_000)]);

    // The key goes: what it opened closes, and opens no more.
    hefe(&["user", "remove", "ada", "--project", "PROJECT"], &project).await;
    clients.until("an end", |told| told["error"]["code"] == 4200).await;
    clients.connected().await;
    let of_own =
        |told: &Value| told["channel"] == "private-user.ada" && told["event"] == "pusher:subscription_error";
    assert_eq!(clients.until("a refusal", of_own).await["data"]["status"], 401);
}

#[tokio::test]
async fn a_signed_in_page_hears_by_pusher_js_and_by_event_source() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    if browser::missing(&folder).is_some() || Clients::start().is_none() {
        assert!(std::env::var_os("CI").is_none(), "`.ci/browser` installs what is missing");
        return;
    }
    let project = Project::new();
    project.workflow("shop", "loud", loud().to_string());
    let ada = user("ada", &project).await;
    let server = Hefe::serve(project.path(), &[]).await;
    let mut page = Command::new("node")
        .current_dir(&folder)
        .args(["live.mjs", server.base(), "shop", "ada", &ada])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(page.stdout.take().unwrap()).lines();
    let mut told = async || -> Value {
        let line = within(lines.next_line(), || "the page says nothing".to_owned()).await;
        serde_json::from_str(&line.unwrap().expect("what the page heard")).unwrap()
    };
    assert_eq!(told().await["ready"], true);
    let client = server.client().with("x-api-key", &ada);
    assert_eq!(client.post("/shop/webhook/loud", &json!({})).await.status, 200);
    let kept = client.get("/shop/notifications").await.json()["items"][0].clone();
    assert_eq!(told().await, json!([kept, kept]));
}

#[tokio::test]
async fn an_unknown_key_is_refused_for_good() {
    let Some(mut clients) = Clients::start() else { return };
    let (_provider, project) = jobs::scene().await;
    let server = Hefe::serve(project.path(), &[]).await;
    clients.tell("connect", place(&server, "unknown", "")).await;
    clients.until("an error", |told| told["error"]["code"] == 4001).await;
    clients.until("an end", |told| told["state"] == "disconnected").await;
}

#[tokio::test]
async fn laravel_echo_listens_by_plain_names() {
    let Some(mut clients) = Clients::start() else { return };
    let (_provider, project) = jobs::scene().await;
    let server = Hefe::serve(project.path(), &[]).await;
    let mut asked = place(&server, &key(&project).await, "");
    (asked["channel"], asked["listen"]) = (json!("system.shop"), json!(".progress"));
    clients.tell("echo", asked).await;
    clients.until("its channel", |told| told["subscribed"] == "system.shop").await;
    jobs::launch(&server.client()).await;
    clients
        .until("the end", |told| told["heard"] == ".progress" && told["data"]["status"] == "succeeded")
        .await;
}

#[tokio::test]
async fn a_server_that_stops_lets_its_connections_end() {
    let Some(mut clients) = Clients::start() else { return };
    let (_provider, project) = jobs::scene().await;
    let mut server = Hefe::serve(project.path(), &[]).await;
    clients.tell("connect", place(&server, &key(&project).await, "")).await;
    clients.subscribe("private-system.shop").await;
    server.terminate();
    clients.until("an end", |told| told["error"]["code"] == 4200).await;
    assert!(within(server.wait(), || "the server goes on".to_owned()).await.success());
    assert!(!server.messages().iter().any(|line| line.contains("cut off")), "{:?}", server.messages());
}
