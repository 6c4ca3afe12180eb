//! Where the runs of a measurement are kept: SQLite in a folder of its own, or a PostgreSQL, by default one that is started for it with the
//! machine's own settings (fsync and synchronous_commit are on).

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use clap::ValueEnum;
use store::{Store, postgres::Postgres, sqlite::Sqlite};
use testkit::postgres::Server;

use crate::{Failure, figures::Figures};

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Kind {
    /// In a file
    #[default]
    Sqlite,
    /// On a server
    Postgres,
}

static SERVER: OnceLock<Address> = OnceLock::new();

enum Address {
    Started(Server),
    Named(String),
}

/// From here on what is opened is kept there.
pub(crate) fn choose(kind: Kind, database: Option<String>) {
    if kind == Kind::Postgres {
        SERVER.get_or_init(|| database.map_or_else(|| Address::Started(Server::start()), Address::Named));
    }
}

/// The name of the store, for figures.
pub(crate) fn name() -> &'static str {
    if SERVER.get().is_some() { "postgres" } else { "sqlite" }
}

/// A database of its own.
pub(crate) fn fresh() -> Result<Option<String>, Failure> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    Ok(match SERVER.get() {
        None => None,
        Some(Address::Named(url)) => Some(url.clone()),
        Some(Address::Started(server)) => {
            let name = format!("bench{}", COUNT.fetch_add(1, Ordering::Relaxed));
            server.create(&name);
            Some(server.url(&name))
        }
    })
}

pub(crate) fn open_file(folder: &Path, kept: store::sqlite::Settings) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(Sqlite::open(&folder.join(".hefe/hefe.db"), kept)?))
}

/// `queue`: the one that is worked; None: all.
pub(crate) async fn open_shared(
    database: String,
    queue: Option<&'static str>,
) -> Result<Arc<dyn Store>, Failure> {
    // How many runs are worked at once is the engine's matter.
    let queues = queue.map(|queue| [(Arc::from(queue), usize::MAX)].into());
    let settings = store::postgres::Settings { name: "bench".into(), queues, ..Default::default() };
    let opened = tokio::task::spawn_blocking(move || Postgres::open(&database, settings)).await?;
    Ok(Arc::new(opened?))
}

/// What PostgreSQL itself can do stands beside what Hefe does; nothing on SQLite.
pub(crate) fn add_scale(figures: &mut Figures, quick: bool) -> Result<(), Failure> {
    for (clients, name) in [(1, "inserts_per_s_1"), (16, "inserts_per_s_16")] {
        if let Some(per_s) = inserts_per_s(clients, if quick { 1 } else { 5 })? {
            figures.scale(name, per_s);
        }
    }
    Ok(())
}

/// Rows a second that so many clients insert, each its own commit.
pub(crate) fn inserts_per_s(clients: u32, seconds: u32) -> Result<Option<f64>, Failure> {
    let Some(url) = fresh()? else { return Ok(None) };
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("insert.sql");
    std::fs::write(
        &script,
        "INSERT INTO scale_rows (body) VALUES ('a row of about a hundred bytes, as a job of other systems would be, more or less, on the whole');\n",
    )?;
    let table = "CREATE TABLE IF NOT EXISTS scale_rows (id bigserial PRIMARY KEY, body text)";
    let made = Command::new("psql").args(["-q", "-c", table, &url]).status()?;
    if !made.success() {
        return Err("the table of pgbench could not be made".into());
    }
    let (clients, seconds, threads) = (clients.to_string(), seconds.to_string(), clients.min(2).to_string());
    let run = Command::new(pgbench())
        .args(["-n", "-M", "prepared", "-c", &clients, "-j", &threads, "-T", &seconds, "-f"])
        .arg(&script)
        .arg(&url)
        .output()?;
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    tps.map(Some)
        .ok_or_else(|| format!("pgbench said nothing: {}", String::from_utf8_lossy(&run.stderr)).into())
}

/// Debian keeps it beside the server.
fn pgbench() -> String {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> =
        versions.map(|entry| entry.path().join("bin/pgbench")).filter(|path| path.exists()).collect();
    found.sort();
    found.pop().map_or_else(|| "pgbench".to_owned(), |path| path.to_string_lossy().into_owned())
}
