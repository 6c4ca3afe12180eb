//! The load and the verdicts of `torture` while the database moves: its primary is killed at a random moment and the synchronous standby
//! takes over, a server is cut off from it for longer than its lease, PgBouncer in transaction mode stands between, the clock
//! of one machine is an hour ahead, and one of them has an older hefe.

mod wire;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use testkit::postgres::{Bouncer, Server};

use self::wire::Wire;
use crate::{
    dice::Dice,
    proof::{Report, Sabotage},
    torture::many::Crowd,
};

/// Servers on the one database.
const SERVERS: usize = 3;

/// How long people work before something happens, milliseconds: at least, and what is random of it.
const WORK_MS: (u64, u64) = (1_500, 2_500);

/// Longer than a lease, and the look that finds it over.
const BEYOND_LEASE: Duration = Duration::from_secs(21);

/// Kills of servers behind PgBouncer, and beside a clock that is wrong.
const KILLS: u64 = 3;

/// PostgreSQL's connections from PgBouncer.
const POOL: u16 = 8;

const DATABASE: &str = "failover";

/// What shows who should have moved a run that did not end.
const LEFT: [&str; 2] = [
    "SELECT string_agg(format('%s is held by %s under %s', run, worker, epoch), '; ') FROM live",
    "SELECT string_agg(format('%s has a lease until %s', worker, lease_until), '; ') FROM workers",
];

/// A load while the database moves, is cut off, pooled, or has another clock.
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {
    /// How often a primary is killed, each time another one
    #[arg(long, default_value_t = 3)]
    pub rounds: u64,
    /// All that is random comes from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// One case alone: standby, cut, pooled, clock or upgrade
    #[arg(long)]
    pub only: Option<String>,
}

/// What all cases come to.
#[derive(Default)]
struct Cases {
    figures: Map<String, Value>,
    broken: Vec<String>,
    moved: Duration,
    runs: u64,
}

impl Cases {
    async fn end(&mut self, case: &str, database: &Server, mut crowd: Crowd) {
        let runs = crowd.verdict().await;
        if !crowd.broken.is_empty() {
            crowd
                .broken
                .extend(LEFT.iter().map(|sql| format!("what is left: {}", database.psql(DATABASE, sql))));
        }
        self.runs += runs;
        self.figures.insert(case.to_owned(), Value::Object(crowd.figures(runs)));
        self.broken.extend(crowd.broken.into_iter().map(|what| format!("{case}: {what}")));
    }
}

/// Each case with servers and a database of its own.
pub async fn check(asked: Asked, sabotage: Sabotage) -> Report {
    let mut dice = Dice::new(asked.seed);
    let mut cases = Cases::default();
    let wanted = |case: &str| asked.only.as_ref().is_none_or(|only| only == case);
    if wanted("standby") {
        for round in 1..=asked.rounds {
            standby(&format!("standby_{round}"), &mut cases, &mut dice, &sabotage).await;
        }
    }
    if wanted("cut") {
        cut(&mut cases, &mut dice, &sabotage).await;
    }
    if wanted("pooled") {
        pooled(&mut cases, &mut dice, &sabotage).await;
    }
    if wanted("clock") {
        clock(&mut cases, &mut dice, &sabotage).await;
    }
    if wanted("upgrade") {
        upgrade(&mut cases, &mut dice, &sabotage).await;
    }
    let mut figures = cases.figures;
    let more = json!({ "seed": asked.seed, "rounds": asked.rounds, "all_runs": cases.runs, "moved_again_s": cases.moved.as_millis() as f64 / 1_000.0 });
    figures.extend(more.as_object().cloned().unwrap_or_default());
    Report { proof: "failover", figures, broken: cases.broken, ..Report::default() }
}

async fn work(dice: &mut Dice) {
    tokio::time::sleep(Duration::from_millis(WORK_MS.0 + dice.below(WORK_MS.1))).await;
}

/// The primary is killed under load; the standby that has all that was answered takes over.
async fn standby(case: &str, cases: &mut Cases, dice: &mut Dice, sabotage: &Sabotage) {
    let mut primary = Server::start();
    primary.create(DATABASE);
    let standby = primary.standby();
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/{DATABASE}?target_session_attrs=read-write",
        primary.port(),
        standby.port()
    );
    let mut crowd = Crowd::new(SERVERS, &url, &[], sabotage).await;
    crowd.come(dice);
    work(dice).await;
    primary.stop_at_once();
    let killed = Instant::now();
    tokio::time::sleep(Duration::from_millis(dice.below(2_000))).await;
    standby.promote();
    let promoted = Instant::now();
    crowd.moves("the standby had taken over").await;
    cases.moved = cases.moved.max(promoted.elapsed());
    work(dice).await;
    // A server that dies now leaves its runs to others, as ever.
    let at = dice.below(SERVERS as u64) as usize;
    crowd.kill(at).await;
    cases.figures.insert(format!("{case}_away_ms"), (promoted - killed).as_millis().to_string().into());
    cases.end(case, &standby, crowd).await;
}

/// One server's wire is cut for longer than its lease: its runs go on elsewhere; when the wire is mended it finds that out.
async fn cut(cases: &mut Cases, dice: &mut Dice, sabotage: &Sabotage) {
    let database = Server::start();
    database.create(DATABASE);
    let wire = Wire::to(database.port()).await;
    let through = format!("postgres://postgres@127.0.0.1:{}/{DATABASE}", wire.port());
    let mut crowd =
        Crowd::new(SERVERS, &database.url(DATABASE), &[("HEFE_DATABASE@1", &through)], sabotage).await;
    crowd.come(dice);
    work(dice).await;
    wire.cut();
    crowd.go_from(1).await;
    tokio::time::sleep(BEYOND_LEASE).await;
    wire.mend();
    let mended = Instant::now();
    crowd.moves("a wire was mended").await;
    cases.moved = cases.moved.max(mended.elapsed());
    crowd.come(dice);
    work(dice).await;
    cases.end("cut", &database, crowd).await;
}

/// PgBouncer gives each transaction another of its connections.
async fn pooled(cases: &mut Cases, dice: &mut Dice, sabotage: &Sabotage) {
    let mut database = Server::start();
    database.create(DATABASE);
    let bouncer = Bouncer::start(database.port(), POOL);
    let mut crowd = Crowd::new(SERVERS, &bouncer.url(DATABASE), &[("HEFE_POOLED", "true")], sabotage).await;
    kills(&mut crowd, dice).await;
    database.stop_at_once();
    database.start_again();
    let back = Instant::now();
    crowd.moves("PostgreSQL behind PgBouncer came back").await;
    cases.moved = cases.moved.max(back.elapsed());
    cases.end("pooled", &database, crowd).await;
}

/// One machine's clock is an hour ahead, another's an hour behind.
async fn clock(cases: &mut Cases, dice: &mut Dice, sabotage: &Sabotage) {
    let Some(library) = faketime() else {
        cases.broken.push("clock: libfaketime is not installed; type `sudo .ci/postgres`".to_owned());
        return;
    };
    let database = Server::start();
    database.create(DATABASE);
    let library = library.display().to_string();
    let settings = [
        ("LD_PRELOAD@1", &*library),
        ("LD_PRELOAD@2", &*library),
        ("FAKETIME@1", "+1h"),
        ("FAKETIME@2", "-1h"),
        // A machine whose clock is wrong still counts seconds.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("NO_FAKE_STAT", "1"),
    ];
    let mut crowd = Crowd::new(SERVERS, &database.url(DATABASE), &settings, sabotage).await;
    kills(&mut crowd, dice).await;
    cases.end("clock", &database, crowd).await;
}

/// Two machines are upgraded, one is not yet: what is started under the new version is worked by those that can load it, at once, and what began
/// under the old one by all.
async fn upgrade(cases: &mut Cases, dice: &mut Dice, sabotage: &Sabotage) {
    if !cfg!(feature = "sabotage") {
        cases.figures.insert(
            "upgrade".to_owned(),
            "needs `--features sabotage`: there is no older hefe without".into(),
        );
        return;
    }
    let database = Server::start();
    database.create(DATABASE);
    let settings = [("HEFE_SABOTAGE@1", "older"), ("HEFE_PUBLISH", "deploy")];
    let mut crowd = Crowd::new(SERVERS, &database.url(DATABASE), &settings, sabotage).await;
    crowd.come(dice);
    work(dice).await;
    crowd.deploy_newer(1).await;
    work(dice).await;
    work(dice).await;
    crowd.kill(2).await;
    cases.end("upgrade", &database, crowd).await;
}

async fn kills(crowd: &mut Crowd, dice: &mut Dice) {
    for _ in 0..KILLS {
        crowd.come(dice);
        work(dice).await;
        let at = dice.below(crowd.len() as u64) as usize;
        crowd.kill(at).await;
    }
    crowd.come(dice);
    work(dice).await;
}

fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let in_folder = |folder: PathBuf| folder.join(Path::new("faketime/libfaketime.so.1"));
    folders.map(in_folder).find(|path| path.is_file())
}
