//! hefe runs: what there is, one of them, the end of one or another try, and the account of all.

use std::process::ExitCode;

use hyper::Method;
use serde_json::{Value, json};

use super::bulk::{self, Which};
use crate::{
    Project,
    client::Client,
    say::{self, Trouble},
};

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    project: Project,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// The newest runs
    List {
        /// Only with this status
        #[arg(long)]
        status: Option<String>,
        /// Only of this workflow
        #[arg(long)]
        workflow: Option<String>,
    },
    /// One run with its journal
    Show {
        /// Its id
        id: String,
    },
    /// Ask for the end of a run and of what it started, or of all that a filter finds
    Cancel {
        /// Its id
        id: Option<String>,
        /// What it started goes on
        #[arg(long, requires = "id")]
        keep_children: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Try one again that failed or was cancelled, or all that a filter finds
    Retry {
        /// Its id
        id: Option<String>,
        /// From its failure, in the same run, or from the start, as a new one
        #[arg(long, default_value = "failure", value_parser = ["failure", "start"])]
        from: String,
        /// `current`: go on under the files as they are now
        #[arg(long, value_parser = ["current"])]
        version: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// accepted = succeeded + failed + cancelled + queued + running + waiting
    Account,
}

pub(crate) async fn main(args: Args) -> ExitCode {
    let client = match Client::connect(&args.project.project).await {
        Ok(client) => client,
        Err(trouble) => return trouble.exit(),
    };
    let result = act(&args, &client).await;
    client.close().await;
    match result {
        Ok(code) => code,
        Err(trouble) => trouble.exit(),
    }
}

async fn act(args: &Args, client: &Client) -> Result<ExitCode, Trouble> {
    let systems = Client::systems(&args.project.project);
    match &args.what {
        What::List { status, workflow } => {
            let mut all = Vec::new();
            for system in &systems {
                let query = [("status", status), ("workflow", workflow)]
                    .iter()
                    .filter_map(|(key, value)| Some(format!("{key}={}", value.as_deref()?)))
                    .collect::<Vec<_>>()
                    .join("&");
                let page = client.get(&format!("/{system}/runs?{query}")).await?;
                all.extend(page.get("items").and_then(Value::as_array).cloned().unwrap_or_default());
            }
            list(&all, args.json);
        }
        What::Show { id } => {
            let (_, run) = find(client, &systems, id).await?;
            if args.json { say::line(&run.to_string()) } else { say::line(&pretty(&run)) }
        }
        What::Cancel { id: None, which, .. } => {
            bulk::act(client, &systems, which, json!({ "action": "cancel" })).await?;
        }
        What::Cancel { id: Some(id), keep_children, .. } => {
            let (system, _) = find(client, &systems, id).await?;
            let children = if *keep_children { "?children=keep" } else { "" };
            let path = format!("/{system}/runs/{id}/cancel{children}");
            let answer = client.send(Method::POST, &path, None).await?.good()?;
            say::line(&answer.to_string());
        }
        What::Retry { id: None, from, version, which } => {
            let asked = json!({ "action": "retry", "from": from, "version": version });
            bulk::act(client, &systems, which, asked).await?;
        }
        What::Retry { id: Some(id), from, version, .. } => {
            let (system, _) = find(client, &systems, id).await?;
            let version = version.as_deref().unwrap_or_default();
            let path = format!("/{system}/runs/{id}/retry?from={from}&version={version}");
            let answer = client.send(Method::POST, &path, None).await?.good()?;
            say::line(&answer.to_string());
        }
        What::Account => {
            let account = client.get("/account").await?;
            say::line(&if args.json { account.to_string() } else { pretty(&account) });
            let balanced = account.get("balanced").and_then(Value::as_bool) == Some(true);
            return Ok(if balanced { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The run of that id, in whichever system it is.
async fn find(client: &Client, systems: &[String], id: &str) -> Result<(String, Value), Trouble> {
    for system in systems {
        let answer = client.send(Method::GET, &format!("/{system}/runs/{id}"), None).await?;
        if answer.status.is_success() {
            return Ok((system.clone(), answer.body));
        }
    }
    Err(Trouble::new(format!("there is no run `{id}`"), "`hefe runs list` shows the newest"))
}

fn list(runs: &[Value], json: bool) {
    if json {
        return say::line(&Value::Array(runs.to_vec()).to_string());
    }
    for run in runs {
        let text = |key: &str| say::inline(run.get(key).and_then(Value::as_str).unwrap_or_default());
        say::line(&format!(
            "{}  {:9}  {}  {}",
            text("id"),
            text("status"),
            text("created_at"),
            text("workflow")
        ));
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}
