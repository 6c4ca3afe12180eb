//! hefe diff: what a deploy would change, and for how many runs under way. Exits as `diff` does: 0 nothing, 1 something, 2 trouble.

use std::{path::PathBuf, process::ExitCode};

use serde_json::Value;

use crate::{
    changes::{self, Change, Folder},
    client::Client,
    say::{self, Trouble},
};

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The project's folder
    #[arg(env = "HEFE_PROJECT", default_value = ".", value_name = "PROJECT")]
    project: PathBuf,
    /// Only this system
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// Goes through the journals of so many ended runs too, beside those under way: which would go another way
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    last: u32,
    /// Print JSON: a list with an object for each system
    #[arg(long)]
    json: bool,
}

pub(crate) async fn main(args: Args) -> ExitCode {
    crate::log::begin("warn");
    match run(args).await {
        Ok(code) => code,
        Err(trouble) => trouble.exit(),
    }
}

async fn run(args: Args) -> Result<ExitCode, Trouble> {
    let folders = Folder::read(&args.project, args.system.as_deref())?;
    let client = Client::connect_as_it_is(&args.project).await?;
    let all = changes::planned(&client, &folders, Some(args.last)).await;
    client.close().await;
    let all = all?;
    if args.json {
        let list = all.iter().map(|change| change.0.clone()).collect();
        say::line(&Value::Array(list).to_string());
    } else {
        all.iter().for_each(|change| say::line(&change.text()));
    }
    if changes::report(&all) > 0 {
        return Err(Trouble::new("`hefe deploy` would refuse these files", "mend the errors that are shown"));
    }
    Ok(if all.iter().all(Change::is_empty) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
