//! hefe config: what `hefe serve` would go by, where each of it came from, and the systems' keys.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::{
    client::Client,
    commands::serve,
    say::{self, Trouble},
    settings::{self, File},
};

/// Its arguments: those of `hefe serve`, to see what they would change.
#[derive(clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    #[command(flatten)]
    serve: serve::Args,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One setting.
struct Setting {
    name: &'static str,
    value: String,
    from: String,
}

pub(crate) async fn main(args: Args) -> ExitCode {
    serve::log("warn");
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.exit(),
    }
}

async fn run(args: Args) -> Result<(), Trouble> {
    let file = File::alone(&args.serve.project)?;
    let settings = settings(&args.serve, &file);
    let client = Client::connect(&args.serve.project).await?;
    let keys = keys(&client, &args).await;
    client.close().await;
    let keys = keys?;
    if args.json {
        let setting = |it: &Setting| json!({ "name": it.name, "value": it.value, "from": it.from });
        let settings: Vec<Value> = settings.iter().map(setting).collect();
        say::line(&json!({ "settings": settings, "systems": keys }).to_string());
        return Ok(());
    }
    for Setting { name, value, from } in &settings {
        let value = if value.is_empty() { "-" } else { value };
        say::line(&format!("{name:<14} {value:<32} {from}"));
    }
    for key in &keys {
        let text = |name: &str| key[name].as_str().unwrap_or_default();
        say::line(&format!("{:<14} {:<32} key of {}", "system", text("key"), text("system")));
    }
    Ok(())
}

async fn keys(client: &Client, args: &Args) -> Result<Vec<Value>, Trouble> {
    let mut keys = Vec::new();
    for system in Client::systems(&args.serve.project) {
        let shown = client.get(&format!("/{}/broadcasting", interpreter::escaped(&system))).await?;
        keys.push(json!({ "system": system, "key": shown["key"] }));
    }
    Ok(keys)
}

fn settings(args: &serve::Args, file: &File) -> Vec<Setting> {
    let number = |number: Option<usize>| number.map(|number| number.to_string());
    let percent = |percent: Option<u8>| percent.map(|percent| percent.to_string());
    let runs_max = engine::Settings::default().runs_max.to_string();
    let listed = |name, list: Vec<String>| from_file(name, list.join(", "));
    vec![
        chosen("listen", args.listen.clone(), file.listen.clone(), serve::LISTEN),
        chosen("public_url", args.public_url.clone(), file.public_url.clone(), ""),
        chosen("runs", number(args.runs), number(file.runs), &runs_max),
        chosen(
            "disk_percent",
            percent(args.disk_percent),
            percent(file.disk_percent),
            &settings::DISK_PERCENT.to_string(),
        ),
        listed("hosts", file.hosts.keys().cloned().collect()),
        listed("users", file.users.iter().map(|user| user.name.clone()).collect()),
        listed("tokens", file.tokens.iter().map(|tokens| tokens.algorithm.clone()).collect()),
        listed("origins", file.origins.clone()),
        listed("proxies", file.proxies.clone()),
        chosen("log", std::env::var("HEFE_LOG").ok(), None, "info"),
    ]
}

/// `given`: by a flag or the variable, whose place the argument parser takes.
fn chosen(name: &'static str, given: Option<String>, file: Option<String>, usual: &str) -> Setting {
    let variable = format!("HEFE_{}", name.to_uppercase());
    let given = given.filter(|given| !given.is_empty());
    if let Some(value) = given {
        let from = match std::env::var(&variable) {
            Ok(set) if set == value => variable,
            _ => format!("--{}", name.replace('_', "-")),
        };
        return Setting { name, value, from };
    }
    match file {
        Some(value) => Setting { name, value, from: "hefe.toml".to_owned() },
        None => Setting { name, value: usual.to_owned(), from: "default".to_owned() },
    }
}

fn from_file(name: &'static str, value: String) -> Setting {
    let from = if value.is_empty() { "default" } else { "hefe.toml" };
    Setting { name, value, from: from.to_owned() }
}
