//! The same load and the same verdict with several servers on one PostgreSQL: any of them is killed at random moments, some are held
//! up beyond their lease and then go on, and the database itself goes away and comes back.
//!
//! ```text
//! people -> server 0 --\             /-- killed, started again
//! people -> server 1 ----> PostgreSQL --- stopped at once and started again, paused
//! people -> server 2 --/             \-- a server that is held up: others have its runs, its own commits come too late
//! ```

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use testkit::{
    client::Client,
    postgres::Server,
    process::{self, Hefe},
    project::Project,
    provider::Provider,
};

use super::{
    Asked, Scene, load,
    people::{self, People},
    verdict,
};
use crate::{
    dice::Dice,
    proof::{Report, Sabotage},
};

/// Servers, if only the database is named.
pub(crate) const SERVERS: usize = 3;

/// Between two kills, milliseconds: at least, and what is random of it.
const KILLS_MS: (u64, u64) = (150, 700);

/// One kill in so many goes with a server that is held up, one with a crash of PostgreSQL, one with a PostgreSQL that stands still.
const HELD_UP: u64 = 40;
const CRASHES: u64 = 20;
const PAUSES: u64 = 20;

/// A server that is held up has worked for so long before.
const AT_WORK: Duration = Duration::from_millis(1_500);

/// Longer than a lease (15 s), and the look that finds it over (5 s).
const BEYOND_LEASE: Duration = Duration::from_secs(21);

/// All moves again so soon after a cause has ended.
pub(crate) const MOVES: Duration = Duration::from_secs(60);

/// What a server may say of what is done to it.
const EXPECTED: [&str; 2] = ["nothing that was answered is lost", "left to a hefe that can load it"];

/// One launched process and the people at its door.
struct Place {
    server: Hefe,
    people: Option<People>,
}

/// Several processes on one database.
pub(crate) struct Crowd {
    pub(crate) scene: Arc<Scene>,
    project: Project,
    sabotage: Sabotage,
    url: String,
    /// Set in every process.
    settings: Vec<(String, String)>,
    places: Vec<Place>,
    held_up: Option<(usize, Instant)>,
    visits: usize,
    pub(crate) broken: Vec<String>,
}

impl Crowd {
    pub(crate) async fn new(
        servers: usize,
        url: &str,
        settings: &[(&str, &str)],
        sabotage: &Sabotage,
    ) -> Crowd {
        let provider = Provider::start().await;
        let scene = Scene { live: 24 * servers as u64, still_max: 700, away: true, ..Scene::new(provider) };
        let project = Project::new();
        load::write(&project, &scene.provider);
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut crowd = Crowd {
            scene: Arc::new(scene),
            project,
            sabotage: sabotage.clone(),
            url: url.to_owned(),
            settings,
            places: Vec::new(),
            held_up: None,
            visits: 0,
            broken: Vec::new(),
        };
        for _ in 0..servers {
            let server = crowd.start(crowd.places.len()).await;
            crowd.places.push(Place { server, people: None });
        }
        crowd
    }

    async fn start(&self, at: usize) -> Hefe {
        let mut command = process::command();
        command.arg("serve").arg(self.project.path()).args(["--listen", "127.0.0.1:0"]);
        command.env("HEFE_LOG", "warn").env("HEFE_DATABASE", &self.url);
        for (name, value) in &self.settings {
            // A setting may be of one server only: NAME@2.
            match name.split_once('@') {
                Some((name, place)) if place == at.to_string() => drop(command.env(name, value)),
                Some(_) => {}
                None => drop(command.env(name, value)),
            }
        }
        self.sabotage.ask(&mut command);
        Hefe::start(command).await
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn client(&self) -> Client {
        self.places[0].server.client()
    }

    /// People come to every server that answers.
    pub(crate) fn come(&mut self, dice: &mut Dice) {
        for (at, place) in self.places.iter_mut().enumerate() {
            if place.people.is_none() && self.held_up.is_none_or(|(held_up, _)| held_up != at) {
                // Each has a stream of its own, in which no bar goes back. A new server may tell once more what it has heard of late.
                self.visits += 1;
                place.people = Some(people::work_at(self.visits, &self.scene, &place.server.client(), dice));
            }
        }
    }

    /// Whoever is at that server goes.
    pub(crate) async fn go_from(&mut self, at: usize) {
        if let Some(people) = self.places[at].people.take() {
            people.leave().await;
        }
    }

    async fn go(&mut self) {
        for at in 0..self.places.len() {
            self.go_from(at).await;
        }
    }

    /// The same workflows as an older hefe cannot load them; from now on they are current. The one at that place is older.
    pub(crate) async fn deploy_newer(&mut self, older: usize) {
        self.go_from(older).await;
        let project = Project::new();
        load::write_newer(&project, &self.scene.provider);
        let mut command = process::command();
        command.arg("deploy").arg(project.path()).env("HEFE_DATABASE", &self.url);
        let output = command.output().await.expect("a command");
        if !output.status.success() {
            let says = String::from_utf8_lossy(&output.stderr);
            self.broken.push(format!("the newer version is not deployed: {says}"));
        }
        let server = &self.places[older].server;
        let left =
            async || server.messages().iter().any(|line| line.contains("left to a hefe that can load it"));
        testkit::until("the older one has heard of it", left).await;
    }

    /// SIGKILL, and another one in its place.
    pub(crate) async fn kill(&mut self, at: usize) {
        if self.held_up.is_some_and(|(held_up, _)| held_up == at) {
            return;
        }
        let fresh = self.start(at).await;
        let Place { server, people } =
            std::mem::replace(&mut self.places[at], Place { server: fresh, people: None });
        self.complaints(&server);
        server.kill().await;
        if let Some(people) = people {
            people.leave().await;
        }
    }

    /// SIGSTOP in the middle of its work: nobody waits for it.
    async fn hold_up(&mut self, at: usize) {
        tokio::time::sleep(AT_WORK).await;
        self.places[at].server.pause();
        self.held_up = Some((at, Instant::now()));
        self.go_from(at).await;
    }

    /// SIGCONT, once its lease is over.
    async fn proceed(&mut self) {
        let Some((at, since)) = self.held_up.take() else { return };
        tokio::time::sleep(BEYOND_LEASE.saturating_sub(since.elapsed())).await;
        self.places[at].server.proceed();
        // What it was in the middle of shows.
        tokio::time::sleep(AT_WORK).await;
    }

    /// What a server says that is no word of what is done to it.
    fn complaints(&mut self, server: &Hefe) {
        let bad = |line: &&String| {
            line.contains("panicked")
                || (line.contains("ERROR") && !EXPECTED.iter().any(|words| line.contains(words)))
        };
        self.broken
            .extend(server.messages().iter().filter(bad).map(|line| format!("the server says: {line}")));
    }

    /// How long it takes until the provider is called again.
    pub(crate) async fn moves(&mut self, after: &str) -> Duration {
        let since = Instant::now();
        let mut beat = self.scene.firings.beat();
        beat.mark_unchanged();
        if tokio::time::timeout(MOVES, beat.changed()).await.is_err() {
            self.broken.push(format!("nothing moved within {} s after {after}", MOVES.as_secs()));
        }
        since.elapsed()
    }

    /// Everything ends, and is as it must be.
    pub(crate) async fn verdict(&mut self) -> u64 {
        self.proceed().await;
        self.go().await;
        let client = self.client();
        if let Err(says) = people::finish(&self.scene, &client).await {
            self.broken.push(says);
        }
        let runs = verdict::verdict(&self.scene, &client, &mut self.broken).await;
        for place in std::mem::take(&mut self.places) {
            self.complaints(&place.server);
        }
        self.broken.extend(self.scene.ledger.complaints());
        runs
    }

    pub(crate) fn figures(&self, runs: u64) -> Map<String, Value> {
        let mut figures = Map::new();
        figures.insert("runs".to_owned(), runs.into());
        figures.insert("launched".to_owned(), self.scene.ledger.len().into());
        figures.insert("firings".to_owned(), self.scene.firings.len().into());
        figures.insert("repeated".to_owned(), self.scene.firings.repeated().into());
        figures.insert("bars_seen".to_owned(), self.scene.ledger.bars().into());
        figures
    }
}

/// Nothing is left of runs that have ended, in the tables of those that live: who wrote it held the run no more.
pub(crate) fn left_over(ask: &dyn Fn(&str) -> String, broken: &mut Vec<String>) {
    for table in ["live", "parks", "ready", "awaits", "journal", "checkpoints", "blobs", "logs", "signals"] {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = {table}.run)"
        );
        let count = ask(&sql);
        if count != "0" {
            broken.push(format!("{count} rows of `{table}` belong to no live run"));
        }
    }
}

/// Kills, holds up, starts again, and looks.
pub(crate) async fn check(asked: &Asked, servers: usize, sabotage: &Sabotage) -> Report {
    let mut own = asked.database.is_none().then(Server::start);
    if let Some(own) = &own {
        own.create("torture");
    }
    let own_url = own.as_ref().map(|own| own.url("torture"));
    let url = asked.database.clone().or(own_url).unwrap_or_default();
    let mut dice = Dice::new(asked.seed);
    let mut crowd = Crowd::new(servers.max(1), &url, &[], sabotage).await;
    let holds = asked.stops.unwrap_or(asked.kills.div_ceil(HELD_UP));
    let (mut held_up, mut crashes, mut pauses, mut moved) = (0, 0, 0, Duration::ZERO);
    for n in 0..asked.kills {
        crowd.come(&mut dice);
        tokio::time::sleep(Duration::from_millis(KILLS_MS.0 + dice.below(KILLS_MS.1))).await;
        let at = dice.below(crowd.len() as u64) as usize;
        if held_up < holds && n * holds >= held_up * asked.kills {
            crowd.hold_up(at).await;
            held_up += 1;
            tokio::time::sleep(BEYOND_LEASE / 2).await;
            crowd.kill((at + 1) % crowd.len()).await;
            crowd.come(&mut dice);
            crowd.proceed().await;
        }
        crowd.kill(at).await;
        let Some(own) = own.as_mut() else { continue };
        if dice.once_in(CRASHES) || n == asked.kills / 3 {
            crashes += 1;
            own.stop_at_once();
            tokio::time::sleep(Duration::from_millis(dice.below(3_000))).await;
            own.start_again();
            moved = moved.max(crowd.moves("a crash of PostgreSQL").await);
        } else if dice.once_in(PAUSES) || n == asked.kills / 2 {
            pauses += 1;
            own.pause();
            tokio::time::sleep(Duration::from_millis(1_000 + dice.below(5_000))).await;
            own.resume();
            moved = moved.max(crowd.moves("a PostgreSQL that stood still").await);
        }
    }
    let runs = crowd.verdict().await;
    if let Some(own) = &own {
        left_over(&|sql| own.psql("torture", sql), &mut crowd.broken);
    }
    let mut figures = crowd.figures(runs);
    let more = json!({ "kills": asked.kills + held_up, "seed": asked.seed, "servers": servers, "held_up": held_up,
        "crashes": crashes, "pauses": pauses, "moved_again_s": moved.as_millis() as f64 / 1_000.0 });
    figures.extend(more.as_object().cloned().unwrap_or_default());
    Report { proof: "torture", figures, broken: std::mem::take(&mut crowd.broken), ..Report::default() }
}
