//! hefe run: one workflow to its end, with its bars.

use std::process::ExitCode;

use hyper::Method;
use serde_json::Value;

use crate::{
    Project,
    client::Client,
    follow::{Events, follow},
    say::{self, Trouble},
};

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The workflow's identifier; SYSTEM/IDENTIFIER where the project has several systems
    #[arg(value_name = "WORKFLOW")]
    workflow: String,
    /// Its input: variables, and what its entry gets
    #[arg(long, default_value = "null", value_name = "JSON")]
    input: String,
    /// For whom it runs
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    #[command(flatten)]
    project: Project,
    /// Print the run as GET runs/ID gives it
    #[arg(long)]
    json: bool,
}

pub(crate) async fn main(args: Args) -> ExitCode {
    // Where a disk is full it waits, and says why.
    crate::log::begin("warn");
    let client = match Client::connect(&args.project.project).await {
        Ok(client) => client,
        Err(trouble) => return trouble.exit(),
    };
    let result = run(&args, &client).await;
    client.close().await;
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => trouble.exit(),
    }
}

async fn run(args: &Args, client: &Client) -> Result<bool, Trouble> {
    if let Err(error) = recipe::Value::from_json(&args.input) {
        let says = format!("`--input` is no JSON: {error}");
        return Err(Trouble::new(says, "quote it for the shell: --input '{\"a\": 1}'"));
    }
    let (system, workflow) = find(args)?;
    let events = Events::open(client, &system).await?;
    let path = format!("/{system}/workflows/{workflow}/run");
    let started = client.send_as(args.user.as_deref(), Method::POST, &path, Some(args.input.clone())).await?;
    // The body may be the workflow's own; without the header nothing was started.
    let Some(id) = started.run.clone() else {
        return Err(started.trouble());
    };
    follow(client, &system, std::slice::from_ref(&id), events).await?;
    let run = client.get(&format!("/{system}/runs/{id}")).await?;
    let succeeded = run.get("status").and_then(Value::as_str) == Some("succeeded");
    if args.json {
        say::line(&run.to_string());
    } else if succeeded {
        say::line(&run.get("result").unwrap_or(&Value::Null).to_string());
    } else {
        let error = run.get("error").filter(|error| !error.is_null());
        let words = error.and_then(|error| error.get("message")).and_then(Value::as_str);
        let status = run.get("status").and_then(Value::as_str).unwrap_or("gone");
        say::note(&format!(
            "error: the run {id} {}",
            words.map_or(status.to_owned(), |words| format!("{status}: {}", say::inline(words)))
        ));
        say::note(&format!("help: `hefe runs show {id}` shows what it did"));
    }
    Ok(succeeded)
}

/// Which system: the one that is named, or the only one.
fn find(args: &Args) -> Result<(String, String), Trouble> {
    if let Some((system, workflow)) = args.workflow.split_once('/') {
        return Ok((system.to_owned(), workflow.to_owned()));
    }
    let systems = Client::systems(&args.project.project);
    match systems.as_slice() {
        [one] => Ok((one.clone(), args.workflow.clone())),
        [] => Err(Trouble::new(
            format!("`{}` has no systems", args.project.project.display()),
            "name the project with `--project PROJECT`",
        )),
        several => Err(Trouble::new(
            format!("the project has several systems: {}", several.join(", ")),
            format!("name one: `hefe run {}/{}`", several[0], args.workflow),
        )),
    }
}
