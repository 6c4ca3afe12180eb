//! hefe serve: server and workers in one process.

use std::{path::PathBuf, process::ExitCode};

use clap::builder::RangedU64ValueParser;

use crate::{
    home::Home,
    say::{self, Trouble},
    settings::{File, Publish, RUNS_MAX},
};

/// Where it answers if nothing says otherwise.
pub(crate) const LISTEN: &str = "127.0.0.1:8086";

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The project's folder
    #[arg(env = "HEFE_PROJECT", default_value = ".", value_name = "PROJECT")]
    pub(crate) project: PathBuf,
    /// Address and port; port 0 picks a free one [default: 127.0.0.1:8086]
    #[arg(long, env = "HEFE_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Where PostgreSQL is, postgres://USER:PASSWORD@HOST:PORT/NAME [default: SQLite in the project's folder]
    #[arg(long, env = "HEFE_DATABASE", value_name = "URL", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// Where people reach the server, for the addresses that runs hand out [default: the address listened on]
    #[arg(long, env = "HEFE_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// The path under which everything is served, behind a proxy that shares its host with others [default: none]
    #[arg(long, env = "HEFE_BASE_PATH", value_name = "PATH")]
    pub(crate) base_path: Option<String>,
    /// How full the disk may be before new starts are refused, percent [default: 95]
    #[arg(long, env = "HEFE_DISK_PERCENT", value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) disk_percent: Option<u8>,
    /// Runs worked at once [default: 16]
    #[arg(long, env = "HEFE_RUNS", value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=RUNS_MAX))]
    pub(crate) runs: Option<usize>,
    /// What makes the folder's content current: that it has changed, or `hefe deploy` [default: changes]
    #[arg(long, env = "HEFE_PUBLISH", value_name = "WHEN", hide_possible_values = true)]
    pub(crate) publish: Option<Publish>,
}

pub(crate) async fn main(args: Args) -> ExitCode {
    crate::log::begin("info");
    server::raise_descriptors();
    match serve(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.exit(),
    }
}

async fn serve(args: Args) -> Result<(), Trouble> {
    let mut file = File::read(&args.project)?;
    file.database = args.database.or(file.database);
    file.runs = args.runs.or(file.runs);
    file.publish = args.publish.or(file.publish);
    file.disk_percent = args.disk_percent.or(file.disk_percent);
    file.public_url = args.public_url.or(file.public_url);
    file.base_path = args.base_path.or(file.base_path);
    let listen = args.listen.or(file.listen.clone()).unwrap_or_else(|| LISTEN.to_owned());
    let mut home = Home::open(&args.project, &file).await?;
    for published in home.engine.systems() {
        for finding in &published.system.findings {
            say::note(&format!("{}: {finding}\n", published.system.name));
        }
    }
    // Whoever reads that it is ready may end it at once.
    home.heed_signals();
    let address = home.listen_on(&listen).await?;
    if file.database.is_none() {
        home.listen_on_socket()?;
    }
    say::line(&format!("hefe ready {address}"));
    home.work().await;
    home.close().await;
    Ok(())
}
