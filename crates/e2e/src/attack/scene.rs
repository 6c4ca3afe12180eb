//! What is attacked: a server that people sign in to, another that is open to its own machine, and an internet around them.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::{
    client::Client,
    process::{self, Hefe},
    project::Project,
    provider::Provider,
};

use super::{
    tokens::Issuer,
    wire::{self, Ask, FORM, Reply},
};
use crate::proof::Sabotage;

/// The largest body that the server takes, bytes.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;

/// How long it waits for heads and bodies, seconds.
pub(crate) const TIMEOUT_S: u64 = 2;

/// Stands in `other`, and `eve` may not see it.
pub(crate) const SECRET: &str = "the-secret-of-other";

/// `ada` is an operator of `shop` and the one who is attacked; `eve` is signed in there and the one who attacks.
pub(crate) struct Scene {
    pub(crate) hefe: Hefe,
    /// Nobody signs in to it.
    pub(crate) open: Hefe,
    /// On 127.0.0.2, which calls take for a public address.
    pub(crate) public: Provider,
    /// On 127.0.0.1 and that port, which no call may reach.
    pub(crate) inside: Provider,
    /// On ::1 and that port, where there is IPv6.
    inside6: Option<Provider>,
    /// What the environment calls a proxy.
    pub(crate) proxy: Provider,
    pub(crate) issuer: Issuer,
    pub(crate) keys: Keys,
    pub(crate) project: Project,
    _open: Project,
    _internet: tempfile::TempDir,
}

pub(crate) struct Keys {
    pub(crate) root: String,
    pub(crate) ada: String,
    pub(crate) eve: String,
}

impl Scene {
    pub(crate) async fn start(sabotage: &Sabotage) -> Scene {
        let inside = Provider::start().await;
        let port = inside.port();
        let public = Provider::start_at(&format!("127.0.0.2:{port}")).await;
        let inside6 = match tokio::net::TcpListener::bind(format!("[::1]:{port}")).await {
            Ok(free) => {
                drop(free);
                Some(Provider::start_at(&format!("[::1]:{port}")).await)
            }
            Err(_) => None,
        };
        let (proxy, issuer) = (Provider::start().await, Issuer::new());
        let internet = tempfile::tempdir().expect("a folder");
        let names = names(internet.path());
        let project = project(&issuer);
        let mut command = process::command();
        for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            command.env(variable, proxy.url(""));
        }
        command
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .env("LD_PRELOAD", names)
            .env("HEFE_LOG", "debug");
        command.arg("serve").arg(project.path()).args(["--listen", "127.0.0.1:0"]);
        sabotage.ask(&mut command);
        let hefe = Hefe::start(command).await;
        let other = Project::new();
        other.workflow("main", "echo", echo().to_string());
        let mut command = process::command();
        command.arg("serve").arg(other.path()).args(["--listen", "127.0.0.1:0"]);
        sabotage.ask(&mut command);
        let open = Hefe::start(command).await;
        let keys = Keys {
            root: user(&project, "root", "admin", None).await,
            ada: user(&project, "ada", "operator", Some("shop")).await,
            eve: user(&project, "eve", "user", Some("shop")).await,
        };
        let scene = Scene {
            hefe,
            open,
            public,
            inside,
            inside6,
            proxy,
            issuer,
            keys,
            project,
            _open: other,
            _internet: internet,
        };
        let said = scene.root().post("/other/webhook/echo", &json!({ "secret": SECRET })).await;
        assert_eq!(said.status, 200, "{}", said.text());
        scene
    }

    /// `127.0.0.1:PORT` of the server that people sign in to.
    pub(crate) fn address(&self) -> &str {
        self.hefe.base().trim_start_matches("http://")
    }

    pub(crate) fn nobody(&self) -> Client {
        self.hefe.client()
    }

    pub(crate) fn root(&self) -> Client {
        self.hefe.client().with("x-api-key", &self.keys.root)
    }

    pub(crate) fn ada(&self) -> Client {
        self.hefe.client().with("x-api-key", &self.keys.ada)
    }

    pub(crate) fn eve(&self) -> Client {
        self.hefe.client().with("x-api-key", &self.keys.eve)
    }

    /// The cookie of a browser that signs in with that key: `NAME=VALUE`.
    pub(crate) async fn cookie(&self, key: &str) -> String {
        let entered =
            self.nobody().request("POST", "/ui/signin", &[FORM], Bytes::from(format!("key={key}"))).await;
        let cookie = entered.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {}", entered.text()));
        cookie.split(';').next().unwrap_or_default().to_owned()
    }

    /// The address at which somebody without an account answers what the run asks, without scheme and host.
    pub(crate) async fn signal_of(&self, run: &str) -> String {
        let shown = self.ada().get(&format!("/shop/runs/{run}")).await.json();
        let said = shown["log"].as_array().into_iter().flatten().filter_map(|line| line["message"].as_str());
        let base = self.hefe.base();
        let found = said.filter_map(|line| line.strip_prefix(base)).find(|path| path.contains("/signal/"));
        found.unwrap_or_else(|| panic!("no address in the log: {}", shown["log"])).to_owned()
    }

    pub(crate) async fn send(&self, ask: &Ask<'_>) -> Reply {
        wire::exchange(self.address(), &wire::bytes(self.address(), ask)).await
    }

    /// How many connections came to what no call may reach.
    pub(crate) fn reached(&self) -> usize {
        self.inside.connections()
            + self.inside6.as_ref().map_or(0, Provider::connections)
            + self.proxy.connections()
    }

    /// Starts a background run and waits until it stands so; its id.
    pub(crate) async fn run(&self, by: &Client, webhook: &str, input: &Value, until: &[&str]) -> String {
        let mut events = self.root().events("/shop/events").await;
        let started = by.post(&format!("/shop/webhook/{webhook}"), input).await;
        assert_eq!(started.status, 202, "{webhook}: {}", started.text());
        let id = started.json()["run"].as_str().expect("its id").to_owned();
        let is_there =
            |event: &Value| event["id"] == *id && until.iter().any(|word| event["status"] == *word);
        events.until(|event| event.event == "run" && is_there(&event.json())).await;
        id
    }
}

/// `hefe user add NAME --role ROLE [--system SYSTEM] --print-key`
async fn user(project: &Project, name: &str, role: &str, system: Option<&str>) -> String {
    let folder = project.path().display().to_string();
    let mut arguments = vec!["user", "add", name, "--role", role, "--print-key", "--project", &folder];
    arguments.extend(system.into_iter().flat_map(|system| ["--system", system]));
    let made = process::run(&arguments).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

/// The library of names, built by the compiler that builds the store's SQLite too.
fn names(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("names.c"), folder.join("names.so"));
    std::fs::write(&source, include_str!("names.c")).expect("a file");
    let mut compiler = std::process::Command::new("cc");
    let built =
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).arg("-ldl").status();
    assert!(built.is_ok_and(|status| status.success()), "`cc` is needed to build the attacker's names");
    library
}

fn project(issuer: &Issuer) -> Project {
    let project = Project::new();
    std::fs::remove_dir_all(project.path().join("systems/main")).expect("the empty system");
    for (name, workflow) in workflows() {
        project.workflow("shop", name, workflow.to_string());
    }
    // Names that stand at the beginning of addresses of ours.
    for system in ["other", "app", "users", "ui", "docs", "audit"] {
        project.workflow(system, "echo", echo().to_string());
    }
    project.write("jwks.json", issuer.keys().to_string());
    let limits = format!(
        "body_bytes_max = {BODY_BYTES_MAX}\nhead_timeout_s = {TIMEOUT_S}\nbody_timeout_s = {TIMEOUT_S}\n"
    );
    let tokens = "[tokens]\nalgorithm = \"RS256\"\njwks_file = \"jwks.json\"\nissuer = \"https://id.example\"\naudience = \"hefe\"\n";
    project.settings(format!("{limits}{tokens}"));
    project
}

/// A webhook of that name, and what it leads to.
fn hook(name: &str, is_async: bool, mut elements: Vec<Value>) -> Value {
    let to = elements[0]["name"].clone();
    let to = json!({ "default": { to.as_str().expect("a name"): ["default"] } });
    elements.insert(0, json!({ "name": name, "type": "event/webhook", "to": to }));
    json!({ "identifier": format!("{name}Flow"), "async": is_async,
        "events": [{ "identifier": name, "type": "webhook" }], "elements": elements })
}

fn then(element: Value, to: &str) -> Value {
    let mut element = element;
    element["to"] = json!({ "default": { to: ["default"] } });
    element
}

fn echo() -> Value {
    let said = json!({ "name": "said", "type": "action/response", "options": { "body": "${this}" } });
    hook("echo", false, vec![said])
}

fn workflows() -> Vec<(&'static str, Value)> {
    let call = json!({ "name": "http", "type": "api/http",
        "options": { "uri": "${uri}", "headers": "${headers}", "timeout": "1s" },
        "to": { "default": { "good": ["default"] }, "error": { "bad": ["default"] } } });
    let good = json!({ "name": "good", "type": "action/response", "options": { "body": { "ok": true } } });
    let bad =
        json!({ "name": "bad", "type": "action/response", "options": { "body": { "code": "${code}" } } });
    let respond = json!({ "name": "said", "type": "action/response",
        "options": { "headers": "${headers}", "body": "${text}" } });
    let log = json!({ "name": "logs", "type": "action/log", "options": { "message": "${text}", "level": "${level}" } });
    let cast =
        json!({ "name": "casts", "type": "cast/event", "options": { "event": "${name}", "data": "x" } });
    let bar = |private: bool| {
        let bar = json!({ "name": "bar", "type": "cast/progress",
            "options": { "title": "a bar", "total": 2, "progress": 1, "send_to_user": private } });
        vec![then(bar, "end"), json!({ "name": "end", "type": "flow/stop" })]
    };
    vec![
        ("echo", echo()),
        ("call", hook("call", false, vec![call, good, bad])),
        ("respond", hook("respond", false, vec![respond])),
        ("log", hook("log", false, vec![then(log, "end"), json!({ "name": "end", "type": "flow/stop" })])),
        ("cast", hook("cast", false, vec![cast])),
        ("secret-bar", hook("secretbar", true, bar(true))),
        ("public-bar", hook("publicbar", true, bar(false))),
        ("laid", laid()),
    ]
}

/// What somebody typed, everywhere a workflow can put it; then it fails with it, or waits for an answer that has it.
fn laid() -> Value {
    let bar = json!({ "name": "bar", "type": "cast/progress", "options": { "title": "${text}", "total": 2,
        "progress": 1, "statusMessage": "${text}", "link": "${link}" } });
    let note = json!({ "title": "${text}", "message": "${text}", "link": "${link}",
        "actions": [{ "name": "act", "title": "${text}", "event": "echo" }] });
    let tell = json!({ "name": "tell", "type": "action/notify",
        "options": { "notification": note, "toast": { "title": "${text}", "message": "${text}", "link": "${link}" } } });
    let log = json!({ "name": "log", "type": "action/log", "options": { "message": "${text}" } });
    let fork = json!({ "name": "fork", "type": "flow/if", "options": { "condition": "asks" },
        "to": { "default": { "ask": ["default"] }, "else": { "fail": ["default"] } } });
    let ask = json!({ "name": "ask", "type": "flow/await",
        "options": { "signal": "go", "question": "${text}", "answers": ["<b>yes</b>", "no"], "timeout": "1h" } });
    let fail = json!({ "name": "fail", "type": "flow/stop", "options": { "status": "failed", "message": "${text}" } });
    let url = json!({ "name": "url", "type": "action/log", "options": { "message": { ".recipe": "run().signalUrl" } } });
    hook(
        "lay",
        true,
        vec![then(bar, "tell"), then(tell, "log"), then(log, "url"), then(url, "fork"), fork, ask, fail],
    )
}
