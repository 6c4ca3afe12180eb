//! hefe user: who may sign in.

use std::{path::PathBuf, process::ExitCode};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    client::Client,
    say::{self, Trouble},
};

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The project's folder
    #[arg(long, env = "HEFE_PROJECT", default_value = ".", global = true)]
    project: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make a user, or give one more roles or another key
    Add {
        name: String,
        /// viewer, operator, admin, or a role that events name; may be given more than once [default: `user` for one who is new]
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// Where; may be given more than once [default: every system]
        #[arg(long = "system", value_name = "SYSTEM")]
        systems: Vec<String>,
        /// Make a key and print it alone: it is shown this once
        #[arg(long)]
        print_key: bool,
    },
    /// All users with what they may do
    List,
    /// Remove a user, one of its keys, or one of its roles
    Remove {
        name: String,
        /// The id of the key; the user stays
        #[arg(long, value_name = "ID", conflicts_with = "role")]
        key: Option<String>,
        /// The role; the user stays
        #[arg(long, value_name = "ROLE")]
        role: Option<String>,
        /// The system that the role is had in [default: the role that is had everywhere]
        #[arg(long, value_name = "SYSTEM", requires = "role")]
        system: Option<String>,
    },
    /// Print a fresh key and the line that names it in hefe.toml
    Key,
}

pub(crate) async fn main(args: Args) -> ExitCode {
    crate::log::begin("warn");
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => trouble.exit(),
    }
}

async fn run(args: Args) -> Result<(), Trouble> {
    if let What::Key = args.what {
        let (key, kept) =
            server::key::fresh(0).map_err(|error| Trouble::new(error.to_string(), "try again"))?;
        say::line(&format!("{key}\nkey = \"{}:{}\"", kept.id, kept.hash));
        return Ok(());
    }
    let client = Client::connect(&args.project).await?;
    let done = ask(&client, &args).await;
    client.close().await;
    done
}

async fn ask(client: &Client, args: &Args) -> Result<(), Trouble> {
    match &args.what {
        What::Add { name, roles, systems, print_key } => {
            let known = Client::systems(&args.project);
            for system in systems.iter().filter(|system| !known.contains(system)) {
                say::note(&format!(
                    "warning: the project has no system `{system}`; what is given there counts once there is a folder `systems/{system}`"
                ));
            }
            let body = json!({ "name": name, "roles": roles, "systems": systems, "key": print_key });
            let answer = client.send(Method::POST, "/users", Some(body.to_string())).await?;
            let is_unchanged = answer.status == StatusCode::OK;
            let user = answer.good()?;
            if is_unchanged {
                say::note(&format!(
                    "`{name}` is there already, and nothing has changed: `--role` gives it one role more, `--print-key` a key"
                ));
            }
            match user["key"].as_str().filter(|_| !args.json) {
                Some(key) => say::line(key),
                None => show(args, &user),
            }
        }
        What::List => {
            let users = client.get("/users").await?;
            match args.json {
                true => say::line(&users["items"].to_string()),
                false => users["items"].as_array().into_iter().flatten().for_each(|user| show(args, user)),
            }
        }
        What::Remove { name, key, role, system } => {
            let of =
                system.as_deref().map(|system| format!("?system={}", escaped(system))).unwrap_or_default();
            let path = match (key, role) {
                (Some(key), _) => format!("/users/{}/keys/{}", escaped(name), escaped(key)),
                (None, Some(role)) => format!("/users/{}/roles/{}{of}", escaped(name), escaped(role)),
                (None, None) => format!("/users/{}", escaped(name)),
            };
            let user = client.send(Method::DELETE, &path, None).await?.good()?;
            if args.json {
                say::line(&user.to_string());
            }
        }
        What::Key => {}
    }
    Ok(())
}

fn escaped(part: &str) -> String {
    interpreter::escaped(part).to_string()
}

fn show(args: &Args, user: &Value) {
    if args.json {
        return say::line(&user.to_string());
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str| user[name].as_array().cloned().unwrap_or_default();
    let grant = |grant: &Value| match grant["system"].as_str() {
        Some(system) => format!("{} in {system}", text(&grant["role"])),
        None => format!("{} everywhere", text(&grant["role"])),
    };
    let grants: Vec<String> = list("grants").iter().map(grant).collect();
    let keys: Vec<String> = list("keys").iter().map(|key| text(&key["id"])).collect();
    let or_none = |list: Vec<String>| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let (name, grants, keys) = (text(&user["name"]), or_none(grants), or_none(keys));
    let place = if user["in_file"] == true { "  (in hefe.toml)" } else { "" };
    say::line(&format!("{name}  {grants}  keys: {keys}{place}"));
}
