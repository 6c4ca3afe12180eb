//! A mixed load under a server that is killed with SIGKILL at random moments and started again, and what must be true of it
//! at the end: nothing that was answered is lost, no run ended twice, every own effect happened once, the provider was
//! called under one key a firing and never before what the call depends on was durable, every bar ended at its total and none
//! went back, the account balanced all the while.
//!
//! ```text
//! people --launch, signal--> server (killed, started) --calls--> provider
//!    \--> ledger (what was answered)     killer: probe file        \--> firings (which keys)
//!            \-----------------> verdict <---------------------------/
//! ```

pub(crate) mod firings;
mod killer;
pub(crate) mod ledger;
pub(crate) mod load;
pub(crate) mod many;
pub(crate) mod people;
pub(crate) mod verdict;

use std::{process::Stdio, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use testkit::{
    client::Answer,
    process::{self, Hefe},
    project::Project,
    provider::Provider,
};
use tokio::process::Command;

use self::{firings::Firings, killer::Killer, ledger::Ledger};
use crate::{
    dice::Dice,
    proof::{Report, Sabotage},
};

/// After the server is ready it lives at least so long: no run's effect takes longer.
const LIFE_MS_MIN: u64 = 150;

/// What is random of a life's length.
const LIFE_MS_SPREAD: u64 = 400;

/// One start in so many is killed before the server is ready, within so many milliseconds.
const CUT_STARTS: (u64, u64) = (6, 80);

/// One life in so many ends with SIGTERM, as a deploy would end it.
const STOPS: u64 = 8;

/// People who launch and signal at once.
const PEOPLE: u64 = 4;

/// A mixed load under a server that is killed at random moments and started again.
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {
    /// How often it is killed
    #[arg(long, default_value_t = 200)]
    pub kills: u64,
    /// All that is random comes from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// So many servers on one PostgreSQL, instead of one on SQLite
    #[arg(long)]
    pub servers: Option<usize>,
    /// An empty database for them; it is not killed [default: a PostgreSQL of the proof's own, which is]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// How often one of them is held up longer than its lease [default: one kill in 40]
    #[arg(long)]
    pub stops: Option<u64>,
}

/// What the parts share.
pub(crate) struct Scene {
    pub(crate) provider: Provider,
    pub(crate) firings: Arc<Firings>,
    pub(crate) ledger: Ledger,
    /// Bytes that each input brings beside what it says.
    pub(crate) bulk: usize,
    /// Live runs above which nobody launches.
    pub(crate) live: u64,
    /// So often in a row, a tenth of a second apart, nothing may get on at the end before that counts as standing still.
    pub(crate) still_max: u32,
    /// The database may be away for a while: then a server says so.
    pub(crate) away: bool,
}

impl Scene {
    pub(crate) fn new(provider: Provider) -> Scene {
        let firings = Firings::watch(&provider);
        let ledger = Ledger::default();
        Scene { provider, firings, ledger, bulk: 0, live: 24, still_max: 100, away: false }
    }

    /// The server says that its database is away: nothing is known then.
    fn is_away(&self, answer: &Answer) -> bool {
        self.away && answer.status == 503
    }
}

/// Kills, starts again, and looks.
pub async fn check(asked: Asked, sabotage: Sabotage) -> Report {
    match asked.servers.or(asked.database.as_ref().map(|_| many::SERVERS)) {
        Some(servers) => many::check(&asked, servers, &sabotage).await,
        None => one(asked, sabotage).await,
    }
}

async fn one(asked: Asked, sabotage: Sabotage) -> Report {
    let provider = Provider::start().await;
    let scene = Arc::new(Scene::new(provider));
    let project = Project::new();
    load::write(&project, &scene.provider);
    let mut killer = Killer::new(project.path());
    let mut dice = Dice::new(asked.seed);
    let (mut broken, mut cut, mut stopped) = (Vec::new(), 0, 0);
    for n in 0..asked.kills {
        if dice.below(STOPS) == 0 {
            stopped += 1;
            let mut server = start(&project, &killer, &sabotage).await;
            let people = people::work(&scene, &server.client(), &mut dice);
            tokio::time::sleep(Duration::from_millis(LIFE_MS_MIN + dice.below(LIFE_MS_SPREAD))).await;
            server.terminate();
            let status = server.wait().await;
            if !status.success() {
                broken.push(format!("a server that was asked to end said {status}"));
            }
            complaints(&server, &mut broken);
            people.leave().await;
        }
        if dice.below(CUT_STARTS.0) == 0 {
            cut += 1;
            cut_off(&project, &killer, &sabotage, Duration::from_millis(dice.below(CUT_STARTS.1))).await;
        }
        let server = start(&project, &killer, &sabotage).await;
        let people = people::work(&scene, &server.client(), &mut dice);
        tokio::time::sleep(Duration::from_millis(LIFE_MS_MIN + dice.below(LIFE_MS_SPREAD))).await;
        killer.aim(n, asked.kills, &mut dice).await;
        complaints(&server, &mut broken);
        server.kill().await;
        killer.look();
        people.leave().await;
    }
    let server = start(&project, &killer, &sabotage).await;
    if let Err(says) = people::finish(&scene, &server.client()).await {
        broken.push(says);
    }
    let runs = verdict::verdict(&scene, &server.client(), &mut broken).await;
    complaints(&server, &mut broken);
    broken.extend(scene.ledger.complaints());
    if !sabotage.on() {
        // One that was broken on purpose must be seen to be, not killed too seldom.
        broken.extend(killer.missing(asked.kills));
    }
    let mut figures = Map::new();
    figures.insert("kills".to_owned(), asked.kills.into());
    figures.insert("seed".to_owned(), asked.seed.into());
    figures.insert("runs".to_owned(), runs.into());
    figures.insert("launched".to_owned(), scene.ledger.len().into());
    figures.insert("firings".to_owned(), scene.firings.len().into());
    figures.insert("repeated".to_owned(), scene.firings.repeated().into());
    figures.insert("bars_seen".to_owned(), scene.ledger.bars().into());
    figures.insert("stopped".to_owned(), stopped.into());
    figures.insert("cut_starts".to_owned(), cut.into());
    figures.insert("aimed".to_owned(), killer.aimed().into());
    figures.insert("histogram".to_owned(), killer.histogram());
    Report { proof: "torture", figures, broken, ..Report::default() }
}

async fn start(project: &Project, killer: &Killer, sabotage: &Sabotage) -> Hefe {
    Hefe::start(command(project, killer, sabotage)).await
}

/// A start that is killed wherever it is after so long.
async fn cut_off(project: &Project, killer: &Killer, sabotage: &Sabotage, after: Duration) {
    let mut command = command(project, killer, sabotage);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut server = command.spawn().expect("a server that starts");
    tokio::time::sleep(after).await;
    server.kill().await.expect("a server to kill");
}

fn command(project: &Project, killer: &Killer, sabotage: &Sabotage) -> Command {
    killer.clear();
    let mut command = process::command();
    command.arg("serve").arg(project.path()).args(["--listen", "127.0.0.1:0"]);
    command.env("HEFE_PROBE", killer.path()).env("HEFE_LOG", "warn");
    sabotage.ask(&mut command);
    command
}

/// A server that is well has nothing to say.
pub(crate) fn complaints(server: &Hefe, broken: &mut Vec<String>) {
    let bad = |line: &&String| line.contains("ERROR") || line.contains("panicked");
    broken.extend(server.messages().iter().filter(bad).map(|line| format!("the server says: {line}")));
}

/// The fields of an object as text, for messages.
pub(crate) fn text(value: &Value, field: &str) -> String {
    match &value[field] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
