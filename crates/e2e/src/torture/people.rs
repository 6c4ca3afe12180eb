//! People: they launch as long as little is under way, and signal what waits for them, until their server dies.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use testkit::client::Client;
use tokio::{sync::watch, task::JoinSet};

use super::{
    PEOPLE, Scene,
    ledger::Todo,
    load::{self, Deed},
    text,
};
use crate::dice::Dice;

/// A run that is to be tried again is looked at again after so long at the latest.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A server whose database is away is asked again after so long.
const AWAY: Duration = Duration::from_millis(50);

/// Those of one server.
pub(crate) struct People {
    set: JoinSet<()>,
    gone: watch::Sender<bool>,
}

/// They begin.
pub(crate) fn work(scene: &Arc<Scene>, client: &Client, dice: &mut Dice) -> People {
    work_at(0, scene, client, dice)
}

/// They begin at one of several servers.
pub(crate) fn work_at(place: usize, scene: &Arc<Scene>, client: &Client, dice: &mut Dice) -> People {
    let (gone, _) = watch::channel(false);
    let mut set = JoinSet::new();
    for _ in 0..PEOPLE {
        let (scene, client, dice, mut gone) = (scene.clone(), client.clone(), dice.split(), gone.subscribe());
        set.spawn(async move {
            tokio::select! {
                () = person(&scene, &client, dice) => {}
                _ = gone.wait_for(|gone| *gone) => {}
            }
        });
    }
    let (scene, client, mut gone_too) = (scene.clone(), client.clone(), gone.subscribe());
    set.spawn(async move {
        tokio::select! {
            () = onlooker(place, &scene, &client) => {}
            _ = gone_too.wait_for(|gone| *gone) => {}
        }
    });
    People { set, gone }
}

/// Watches the bars: over all lives of the server none goes back.
async fn onlooker(place: usize, scene: &Scene, client: &Client) {
    let mut events = client.events("/main/events").await;
    while let Some(event) = events.next().await {
        if event.event == "progress" {
            scene.ledger.bar(place, &event.json());
        }
    }
}

impl People {
    /// Their server is dead.
    pub(crate) async fn leave(mut self) {
        self.gone.send_replace(true);
        while self.set.join_next().await.is_some() {}
    }
}

async fn person(scene: &Scene, client: &Client, mut dice: Dice) {
    let mut beat = scene.firings.beat();
    loop {
        let Some(live) = live(scene, client).await else { return };
        let went_on = match live < scene.live {
            true if dice.below(4) > 0 => launch(scene, client, dice.roll()).await,
            _ => match scene.ledger.todo() {
                Some(todo) => act(scene, client, todo).await,
                None if live < scene.live => launch(scene, client, dice.roll()).await,
                None => beat.changed().await.is_ok(),
            },
        };
        if !went_on {
            return;
        }
    }
}

/// How many runs have not ended; None: the server is dead.
async fn live(scene: &Scene, client: &Client) -> Option<u64> {
    let account = loop {
        let answer = client.attempt("GET", "/account", None).await?;
        if !scene.is_away(&answer) {
            break answer.json();
        }
        tokio::time::sleep(AWAY).await;
    };
    if account["balanced"] != true {
        scene.ledger.unbalanced(&account);
    }
    Some(["queued", "running", "waiting"].iter().filter_map(|word| account[word].as_u64()).sum())
}

async fn launch(scene: &Scene, client: &Client, roll: u64) -> bool {
    let launch = scene.ledger.begin(roll);
    let mut input = json!({ "n": launch.n, "kind": launch.kind });
    if scene.bulk > 0 {
        input["bulk"] = "x".repeat(scene.bulk).into();
    }
    let path = match launch.through {
        true => "/main/webhook/launch".to_owned(),
        false => format!("/main/workflows/{}/run", launch.kind),
    };
    let Some(answer) = client.attempt("POST", &path, Some(&input)).await else { return false };
    if scene.is_away(&answer) {
        // It may be there or not, as if no answer had come.
        tokio::time::sleep(AWAY).await;
        return true;
    }
    assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    let run = text(&answer.json(), if launch.through { "started" } else { "run" });
    scene.ledger.answered(&launch, run);
    true
}

/// False: the server is dead.
async fn act(scene: &Scene, client: &Client, todo: Todo) -> bool {
    let run = &todo.run;
    let (path, body) = match todo.deed {
        Deed::Signal => (format!("/main/runs/{run}/signal/go"), json!({ "word": load::word(todo.n) })),
        Deed::Cancel => (format!("/main/runs/{run}/cancel"), Value::Null),
        Deed::Retry => (format!("/main/runs/{run}/retry?from=failure"), Value::Null),
    };
    match client.attempt("POST", &path, Some(&body)).await {
        Some(answer) if scene.is_away(&answer) => {
            scene.ledger.put_back(todo);
            tokio::time::sleep(AWAY).await;
            true
        }
        // It was not to be tried again yet; or it was before, and the answer was lost.
        Some(answer) if todo.deed == Deed::Retry && answer.status == 409 => {
            let Some(found) = client.attempt("GET", &format!("/main/runs/{run}"), None).await else {
                scene.ledger.put_back(todo);
                return false;
            };
            if scene.is_away(&found) || found.json()["status"] != "succeeded" {
                scene.ledger.put_back(todo);
                let _ = tokio::time::timeout(LOOK_AGAIN, scene.firings.beat().changed()).await;
            }
            true
        }
        Some(answer) if todo.deed == Deed::Retry && answer.status == 202 => {
            scene.ledger.had_failed(run);
            true
        }
        // It may have been done before: the answer was lost, not the deed. A run that was answered for and is not there is the
        // verdict's matter.
        Some(_) => true,
        None => {
            scene.ledger.put_back(todo);
            false
        }
    }
}

/// What is left to do to runs of that kind.
async fn act_on_all(scene: &Scene, client: &Client, kind: &str, status: &str) {
    let Some(deed) = Deed::of(kind) else { return };
    let found = client.get(&format!("/main/runs?status={status}&workflow={kind}")).await.json();
    for run in found["items"].as_array().into_iter().flatten() {
        let whole = client.get(&format!("/main/runs/{}", text(run, "id"))).await.json();
        let n = whole["input"]["n"].as_u64().unwrap_or(u64::MAX);
        act(scene, client, Todo { deed, n, run: text(run, "id") }).await;
    }
}

/// Does what is still to be done, and awaits the end of all; else says what has not ended.
pub(crate) async fn finish(scene: &Scene, client: &Client) -> Result<(), String> {
    let mut beat = scene.firings.beat();
    let mut last = None;
    let mut still = 0;
    loop {
        for (kind, status) in [("Signals", "waiting"), ("Doomed", "waiting"), ("Mended", "failed")] {
            act_on_all(scene, client, kind, status).await;
        }
        let account: Value = client.get("/account").await.json();
        let live: u64 =
            ["queued", "running", "waiting"].iter().filter_map(|word| account[word].as_u64()).sum();
        if live == 0 && account["failed"] == 0 {
            return Ok(());
        }
        still = if last.as_ref() == Some(&account) { still + 1 } else { 0 };
        if still > scene.still_max {
            return Err(format!("{live} runs do not end: {account}"));
        }
        last = Some(account);
        // A wait and a backoff make no call: they are looked at again.
        let _ = tokio::time::timeout(Duration::from_millis(100), beat.changed()).await;
    }
}
