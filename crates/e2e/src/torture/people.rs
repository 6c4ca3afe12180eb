//! People: they launch as long as little is under way, and signal what waits for them, until their server dies.

use std::sync::Arc;

use serde_json::{Value, json};
use testkit::client::Client;
use tokio::{sync::watch, task::JoinSet};

use super::{PEOPLE, Scene, dice::Dice, load, text};

/// Live runs above which nobody launches.
const LIVE: u64 = 24;

/// Those of one server.
pub(crate) struct People {
    set: JoinSet<()>,
    gone: watch::Sender<bool>,
}

/// They begin.
pub(crate) fn work(scene: &Arc<Scene>, client: &Client, dice: &mut Dice) -> People {
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
            () = onlooker(&scene, &client) => {}
            _ = gone_too.wait_for(|gone| *gone) => {}
        }
    });
    People { set, gone }
}

/// Watches the bars: over all lives of the server none goes back.
async fn onlooker(scene: &Scene, client: &Client) {
    let mut events = client.events("/main/events").await;
    while let Some(event) = events.next().await {
        if event.event == "progress" {
            scene.ledger.bar(&event.json());
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
        let went_on = match live < LIVE {
            true if dice.below(4) > 0 => launch(scene, client, dice.roll()).await,
            _ => match scene.ledger.silent() {
                Some(silent) => signal(scene, client, silent).await,
                None if live < LIVE => launch(scene, client, dice.roll()).await,
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
    let account = client.attempt("GET", "/account", None).await?.json();
    if account["balanced"] != true {
        scene.ledger.unbalanced(&account);
    }
    Some(["queued", "running", "waiting"].iter().filter_map(|word| account[word].as_u64()).sum())
}

async fn launch(scene: &Scene, client: &Client, roll: u64) -> bool {
    let launch = scene.ledger.begin(roll);
    let input = json!({ "n": launch.n, "kind": launch.kind });
    let path = match launch.through {
        true => "/main/webhook/launch".to_owned(),
        false => format!("/main/workflows/{}/run", launch.kind),
    };
    let Some(answer) = client.attempt("POST", &path, Some(&input)).await else { return false };
    assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    let run = text(&answer.json(), if launch.through { "started" } else { "run" });
    scene.ledger.answered(&launch, run);
    true
}

async fn signal(scene: &Scene, client: &Client, silent: (u64, String)) -> bool {
    let path = format!("/main/runs/{}/signal/go", silent.1);
    let body = json!({ "word": load::word(silent.0) });
    match client.attempt("POST", &path, Some(&body)).await {
        // It may have been kept before: the answer was lost, not the signal.
        Some(answer) if answer.status == 202 || answer.status == 409 => true,
        // One that was answered for and is not there is the verdict's matter.
        Some(_) => true,
        None => {
            scene.ledger.put_back(silent);
            false
        }
    }
}

/// Signals whatever still waits, and awaits the end of all; else says what has not ended.
pub(crate) async fn finish(scene: &Scene, client: &Client) -> Result<(), String> {
    let mut beat = scene.firings.beat();
    let mut last = None;
    let mut still = 0;
    loop {
        let waiting = client.get("/main/runs?status=waiting&workflow=Signals").await.json();
        for run in waiting["items"].as_array().into_iter().flatten() {
            let id = text(run, "id");
            let whole = client.get(&format!("/main/runs/{id}")).await.json();
            let n = whole["input"]["n"].as_u64().unwrap_or(u64::MAX);
            signal(scene, client, (n, id)).await;
        }
        let account: Value = client.get("/account").await.json();
        let live: u64 =
            ["queued", "running", "waiting"].iter().filter_map(|word| account[word].as_u64()).sum();
        if live == 0 {
            return Ok(());
        }
        still = if last.as_ref() == Some(&account) { still + 1 } else { 0 };
        if still > 100 {
            return Err(format!("{live} runs do not end: {account}"));
        }
        last = Some(account);
        // A wait and a backoff make no call: they are looked at again.
        let _ = tokio::time::timeout(std::time::Duration::from_millis(100), beat.changed()).await;
    }
}
