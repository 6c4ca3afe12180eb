//! hefe config: what `hefe serve` would go by, where each of it came from, and the systems' keys.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::{
    client::Client,
    commands::serve,
    say::{self, Trouble},
    settings::{self, File, Publish},
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
    crate::log::begin("warn");
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
    let (engine, server) = (engine::Settings::default(), server::Settings::default());
    let listed = |name, list: Vec<String>| from_file(name, list.join(", "));
    vec![
        chosen("listen", args.listen.clone(), file.listen.clone(), serve::LISTEN),
        chosen("database", args.database.as_deref().map(hidden), file.database.as_deref().map(hidden), ""),
        without_flag("pooled", text(file.pooled), "false".to_owned()),
        chosen("public_url", args.public_url.clone(), file.public_url.clone(), ""),
        chosen("base_path", args.base_path.clone(), file.base_path.clone(), ""),
        chosen("runs", text(args.runs), text(file.runs), &engine.runs_max.to_string()),
        chosen("publish", word(args.publish), word(file.publish), Publish::Changes.word()),
        chosen(
            "disk_percent",
            text(args.disk_percent),
            text(file.disk_percent),
            &settings::DISK_PERCENT.to_string(),
        ),
        without_flag("body_bytes_max", text(file.body_bytes_max), server.body_bytes_max.to_string()),
        without_flag("head_timeout_s", text(file.head_timeout_s), server.head_timeout.as_secs().to_string()),
        without_flag("body_timeout_s", text(file.body_timeout_s), server.body_timeout.as_secs().to_string()),
        without_flag("queued_max", text(file.queued_max), engine.queued_max.to_string()),
        without_flag("starts_per_s", text(file.starts_per_s), engine.starts_per_s.to_string()),
        without_flag("streams_max", text(file.streams_max), server.streams_max.to_string()),
        listed("hosts", file.hosts.iter().map(host).collect()),
        listed("users", file.users.iter().map(|user| user.name.clone()).collect()),
        listed("tokens", file.tokens.iter().map(|tokens| tokens.algorithm.clone()).collect()),
        listed("origins", file.origins.clone()),
        listed("proxies", file.proxies.clone()),
        listed("check", file.check.keys().cloned().collect()),
        chosen("log", std::env::var("HEFE_LOG").ok(), None, "info"),
    ]
}

/// Its name, and what is set for it.
fn host((name, host): (&String, &settings::Host)) -> String {
    format!("{name} {host}").trim_end().to_owned()
}

/// Without its password.
fn hidden(url: &str) -> String {
    match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (user, place))) => {
            let user = user.split_once(':').map_or(user, |(user, _)| user);
            format!("{scheme}://{user}@{place}")
        }
        None => url.to_owned(),
    }
}

fn word(publish: Option<Publish>) -> Option<String> {
    publish.map(|publish| publish.word().to_owned())
}

fn text<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// What the file says or the variable.
fn without_flag(name: &'static str, file: Option<String>, usual: String) -> Setting {
    chosen(name, settings::set(&variable(name)), file, &usual)
}

fn variable(name: &str) -> String {
    format!("HEFE_{}", name.to_uppercase())
}

/// `given`: by a flag or the variable, whose place the argument parser takes.
fn chosen(name: &'static str, given: Option<String>, file: Option<String>, usual: &str) -> Setting {
    let variable = variable(name);
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
