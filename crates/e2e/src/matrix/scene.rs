//! A server with two systems of the same workflows, people who were made as people make them, and what `owner` and nobody started.

use std::collections::HashMap;

use serde_json::{Value, json};
use testkit::{
    client::{Client, Events},
    process::{self, Hefe},
    project::Project,
};

use super::people::{Person, USERS, Way};
use crate::proof::Sabotage;

pub(crate) struct Scene {
    hefe: Hefe,
    pub(crate) people: Vec<Person>,
    /// Ids by the names that rules know them by.
    things: HashMap<&'static str, String>,
    _project: Project,
}

impl Scene {
    pub(crate) async fn start(sabotage: &Sabotage) -> Scene {
        let project = Project::new();
        for system in ["shop", "other"] {
            for (name, workflow) in workflows() {
                project.workflow(system, name, workflow.to_string());
            }
        }
        std::fs::remove_dir_all(project.path().join("systems/main")).expect("the empty system");
        let mut command = process::command();
        command.arg("serve").arg(project.path()).args(["--listen", "127.0.0.1:0"]);
        sabotage.ask(&mut command);
        let hefe = Hefe::start(command).await;
        let base = hefe.client();
        let mut people = vec![Person::nobody(&base)];
        for user in USERS {
            let key = add(&project, user.0, user.1, user.2).await;
            if people.len() == 1 {
                people.push(Person::impostor(&base, &key));
            }
            people.push(Person::signed_in(&base, *user, key).await);
        }
        let mut scene = Scene { hefe, people, things: HashMap::new(), _project: project };
        scene.begin().await;
        scene
    }

    pub(crate) fn nobody(&self) -> Client {
        self.hefe.client()
    }

    pub(crate) fn person(&self, name: &str) -> Client {
        let found = self.people.iter().find(|person| person.name == name);
        found.expect("a person of the scene").client(Way::Key)
    }

    /// An address with the names in braces filled in.
    pub(crate) fn path(&self, path: &str, system: &str) -> String {
        let filled = path.replace("{system}", system);
        self.things.iter().fold(filled, |path, (name, id)| path.replace(&format!("{{{name}}}"), id))
    }

    async fn begin(&mut self) {
        let root = self.person("root");
        let mut events = root.events("/shop/events").await;
        let owner = self.person("owner");
        let mine = Scene::run(&owner, "/shop/webhook/private", &mut events).await;
        Scene::run(&owner, "/shop/webhook/public", &mut events).await;
        let theirs = Scene::run(&self.nobody(), "/shop/webhook/orphan", &mut events).await;
        for (by, webhook) in [
            (&owner, "/shop/webhook/heldprivate"),
            (&owner, "/shop/webhook/heldpublic"),
            (&self.nobody(), "/shop/webhook/heldorphan"),
        ] {
            Scene::start_and(by, webhook, &mut events, |event| event["status"] == "waiting").await;
        }
        let bulk = json!({ "action": "cancel", "filter": { "workflow": "None" } });
        let action =
            root.post("/shop/runs/bulk", &bulk).await.json()["action"].as_str().expect("its id").to_owned();
        let ticket = owner.post("/shop/events/ticket", &Value::Null).await.json()["ticket"]
            .as_str()
            .expect("one")
            .to_owned();
        let notes = owner.get("/shop/notifications").await.json();
        let note = notes["items"][0]["id"].as_str().expect("a note").to_owned();
        let own = item(&owner, "private bar").await;
        let public = item(&owner, "public bar").await;
        let orphan = item(&root, "orphan bar").await;
        let schedule = loop {
            let all = root.get("/shop/schedules").await;
            assert_eq!(all.status, 200, "{}", all.text());
            let all = all.json();
            if let Some(id) = all["items"][0]["id"].as_str() {
                break id.to_owned();
            }
        };
        let versions = root.get("/shop/versions").await.json();
        let version = versions["items"][0]["version"].as_str().expect("a version").to_owned();
        self.things.extend([
            ("version", version),
            ("schedule", schedule),
            ("mine", mine),
            ("theirs", theirs),
            ("action", action),
            ("ticket", ticket),
            ("note", note),
            ("own", own),
            ("public", public),
            ("orphan", orphan),
        ]);
    }

    /// Starts at an address and waits for the end.
    pub(crate) async fn run(by: &Client, webhook: &str, watched: &mut Events) -> String {
        Scene::start_and(by, webhook, watched, |event| !event["ended_at"].is_null()).await
    }

    async fn start_and(
        by: &Client,
        webhook: &str,
        watched: &mut Events,
        until: impl Fn(&Value) -> bool,
    ) -> String {
        let started = by.post(webhook, &json!({ "say": "a secret input" })).await;
        assert_eq!(started.status, 202, "{webhook}: {}", started.text());
        let id = started.json()["run"].as_str().expect("its id").to_owned();
        let is_there = |event: &Value| event["id"] == *id && until(event);
        watched.until(|event| event.event == "run" && is_there(&event.json())).await;
        id
    }
}

/// `hefe user add NAME --role ROLE [--system SYSTEM] --print-key`
async fn add(project: &Project, name: &str, role: &str, system: &str) -> String {
    let folder = project.path().display().to_string();
    let mut arguments = vec!["user", "add", name, "--role", role, "--print-key", "--project", &folder];
    if !system.is_empty() {
        arguments.extend(["--system", system]);
    }
    let made = process::run(&arguments).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

async fn item(client: &Client, title: &str) -> String {
    let all = client.get("/shop/progress").await.json();
    let found = all["items"].as_array().expect("items").iter().find(|item| item["title"] == title);
    found.unwrap_or_else(|| panic!("no `{title}` in {all}"))["id"].as_str().expect("its id").to_owned()
}

fn workflows() -> Vec<(&'static str, Value)> {
    let inside = |name: &str, event: Value| {
        let mut event = event;
        event["type"] = json!("webhook");
        event["identifier"] = json!(name.to_lowercase());
        json!({ "identifier": name, "events": [event], "elements": [
            { "name": name.to_lowercase(), "type": "event/webhook", "to": { "default": { "stop": ["default"] } } },
            { "name": "stop", "type": "flow/stop" } ] })
    };
    let timed = json!({ "identifier": "Timed", "async": true,
        "events": [{ "identifier": "timer", "type": "cron", "expression": "@yearly" }],
        "elements": [{ "name": "timer", "type": "event/cron" }] });
    let bar = |name: &str, public: bool, private: bool| {
        let mut elements = vec![
            json!({ "name": name.to_lowercase(), "type": "event/webhook", "to": { "default": { "bar": ["default"] } } }),
            json!({ "name": "bar", "type": "cast/progress", "to": { "default": { "tell": ["default"] } },
                "options": { "title": format!("{} bar", name.to_lowercase()), "total": 2, "progress": 1, "send_to_user": private } }),
        ];
        let note = json!({ "title": format!("{} note", name.to_lowercase()), "message": "done",
            "actions": [{ "name": "act", "event": "any" }] });
        let tell = match public {
            _ if name.starts_with("Held") => {
                json!({ "name": "tell", "type": "flow/await", "options": { "signal": "go" } })
            }
            true => json!({ "name": "tell", "type": "flow/stop" }),
            false => json!({ "name": "tell", "type": "action/notify", "options": { "notification": note } }),
        };
        elements.push(tell);
        let event = json!({ "identifier": name.to_lowercase(), "type": "webhook", "public": public });
        json!({ "identifier": name, "async": true, "events": [event], "elements": elements })
    };
    vec![
        ("timed", timed),
        ("open", inside("Open", json!({ "public": true }))),
        ("any", inside("Any", json!({}))),
        ("staff", inside("Staff", json!({ "roles": ["staff"] }))),
        ("module", inside("Moduled", json!({ "module": "wares" }))),
        ("private", bar("Private", false, true)),
        ("public", bar("Public", false, false)),
        ("orphan", bar("Orphan", true, true)),
        ("held private", bar("HeldPrivate", false, true)),
        ("held public", bar("HeldPublic", false, false)),
        ("held orphan", bar("HeldOrphan", true, true)),
    ]
}
