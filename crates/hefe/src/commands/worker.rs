//! hefe worker: works the queues of a PostgreSQL that servers share; answers nobody.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, sync::Arc};

use engine::Publishes;

use crate::{
    home::Home,
    say::{self, Trouble},
    settings::{File, RUNS_MAX, Works},
};

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The project's folder, for its hefe.toml; what is worked comes from the database
    #[arg(env = "HEFE_PROJECT", default_value = ".", value_name = "PROJECT")]
    project: PathBuf,
    /// Where PostgreSQL is, postgres://USER:PASSWORD@HOST:PORT/NAME
    #[arg(long, env = "HEFE_DATABASE", value_name = "URL", hide_env_values = true)]
    database: Option<String>,
    /// Queues, each with how many of its runs are worked at once [default: all, 16 runs at once]
    #[arg(long, env = "HEFE_QUEUES", value_name = "NAME:N,...")]
    queues: Option<String>,
}

pub(crate) async fn main(args: Args) -> ExitCode {
    crate::log::begin("info");
    server::raise_descriptors();
    match work(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.exit(),
    }
}

async fn work(args: Args) -> Result<(), Trouble> {
    let mut file = File::read(&args.project)?;
    file.database = args.database.or(file.database);
    if file.database.is_none() {
        return Err(Trouble::new(
            "a worker needs a database that others have too, and SQLite's belongs to one process",
            "name PostgreSQL with `--database postgres://USER:PASSWORD@HOST:PORT/NAME`, or let `hefe serve` do the work",
        ));
    }
    let queues = args.queues.as_deref().map(queues).transpose()?;
    if let Some(queues) = &queues {
        file.runs = Some(queues.values().sum());
    }
    let works = queues.map_or(Works::All, Works::Queues);
    let home = Home::open_and(&args.project, &file, Publishes::Nothing, works).await?;
    home.heed_signals();
    say::line("hefe working");
    home.work().await;
    home.close().await;
    Ok(())
}

/// `mail:4,default:16`
fn queues(text: &str) -> Result<BTreeMap<Arc<str>, usize>, Trouble> {
    let one = |part: &str| {
        let (name, count) = part.trim().rsplit_once(':')?;
        let count: usize = count.parse().ok().filter(|count| (1..=RUNS_MAX as usize).contains(count))?;
        (!name.is_empty()).then(|| (Arc::from(name), count))
    };
    let wrong = |part: &str| {
        Trouble::new(
            format!("`{part}` is no queue with a number of runs"),
            format!("give `--queues` names with numbers from 1 to {RUNS_MAX}, such as mail:4,default:16"),
        )
    };
    text.split(',').map(|part| one(part).ok_or_else(|| wrong(part))).collect()
}
