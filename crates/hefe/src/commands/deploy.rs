//! hefe deploy: makes the folder's files current, or an earlier version again. Exit code 0: they are; 1: they have errors, and nothing was
//! done; 2: it could not be tried.

use std::{path::PathBuf, process::ExitCode};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    changes::{self, Change, Folder, short},
    client::Client,
    say::{self, Trouble},
};

/// How much of a version has to be named.
const PREFIX_MIN: usize = 4;

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The project's folder
    #[arg(env = "HEFE_PROJECT", default_value = ".", value_name = "PROJECT")]
    project: PathBuf,
    /// Only this system
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// What is said of it in the list of versions and in the trail
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    note: String,
    /// No files: an earlier version again, by the beginning of its hash [default: the one before]
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_name = "VERSION")]
    rollback: Option<String>,
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
    let folders = match args.rollback {
        Some(_) => Vec::new(),
        None => Folder::read(&args.project, args.system.as_deref())?,
    };
    let client = Client::connect_as_it_is(&args.project).await?;
    let done = match &args.rollback {
        Some(version) => roll_back(&client, &args, version).await,
        None => deploy(&client, &args, &folders).await,
    };
    client.close().await;
    let all = done?;
    let errors = changes::report(&all);
    if args.json {
        let list = all.into_iter().map(|change| change.0).collect();
        say::line(&Value::Array(list).to_string());
    } else if errors == 0 {
        all.iter().for_each(|change| say::line(&change.text()));
    }
    if errors > 0 {
        say::note("error: nothing was deployed, as there are errors in the files");
        say::note("help: mend what is shown and deploy again; what is current stays so");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// All of them, or none where one has errors.
async fn deploy(client: &Client, args: &Args, folders: &[Folder]) -> Result<Vec<Change>, Trouble> {
    let planned = changes::planned(client, folders, None).await?;
    if planned.iter().any(|change| change.errors() > 0) {
        return Ok(planned);
    }
    let mut all = Vec::new();
    for folder in folders {
        let body = json!({ "files": folder.files, "note": args.note });
        let answer = client.send(Method::POST, &folder.path(), Some(body.to_string())).await?;
        all.push(Change(match answer.status {
            // Whoever answers knows less than whoever looked.
            StatusCode::UNPROCESSABLE_ENTITY => answer.body,
            _ => answer.good()?,
        }));
    }
    Ok(all)
}

async fn roll_back(client: &Client, args: &Args, version: &str) -> Result<Vec<Change>, Trouble> {
    let system = system(args)?;
    let path = changes::versions_of(&system);
    let listed = client.get(&path).await?;
    let kept: Vec<&str> =
        listed["items"].as_array().into_iter().flatten().filter_map(|it| it["version"].as_str()).collect();
    let wanted = wanted(&system, &kept, version)?;
    let body = json!({ "note": args.note }).to_string();
    let answer = client.send(Method::POST, &format!("{path}/{wanted}/current"), Some(body)).await?;
    Ok(vec![Change(match answer.status {
        StatusCode::UNPROCESSABLE_ENTITY => answer.body,
        _ => answer.good()?,
    })])
}

/// The kept version that is meant; the first one is current.
fn wanted<'a>(system: &str, kept: &[&'a str], version: &str) -> Result<&'a str, Trouble> {
    let list = || kept.iter().map(|hash| short(hash)).collect::<Vec<_>>().join(", ");
    if version.is_empty() {
        return kept.get(1).copied().ok_or_else(|| {
            let says = format!("`{system}` has no earlier version");
            Trouble::new(says, "deploy another before there is anything to go back from")
        });
    }
    let version = version.to_lowercase();
    let found: Vec<&str> = kept.iter().filter(|hash| hash.starts_with(&version)).copied().collect();
    match found.as_slice() {
        [one] if version.len() >= PREFIX_MIN => Ok(one),
        [_] | [_, _, ..] => {
            let says = format!("`{version}` is too little of a version's hash");
            Err(Trouble::new(says, format!("name one of these: {}", list())))
        }
        [] => Err(Trouble::new(
            format!("`{system}` has no version `{version}`"),
            format!(
                "name one of these, the newest first: {}; the project stands before `--rollback`",
                list()
            ),
        )),
    }
}

/// The one that is named, or the only one of the folder.
fn system(args: &Args) -> Result<String, Trouble> {
    if let Some(system) = &args.system {
        return Ok(system.clone());
    }
    match Client::systems(&args.project).as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Trouble::new(
            format!("`{}` has no systems", args.project.display()),
            "name the system with `--system NAME`",
        )),
        several => Err(Trouble::new(
            format!("the project has several systems: {}", several.join(", ")),
            "name the one that goes back with `--system NAME`",
        )),
    }
}
