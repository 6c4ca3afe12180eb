//! The command line: a file a command. It has no rules of its own.
//!
//! A library, so that the proofs of crate e2e can be the server that they kill.

mod bars;
mod changes;
mod client;
mod commands;
mod doors;
mod files;
mod follow;
mod home;
mod log;
mod provider;
mod say;
mod settings;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// Workflows and background work: it works unseen, and you watch the dough rise.
#[derive(Parser)]
#[command(name = "hefe", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the example, running, in front of you
    Demo(commands::demo::Args),
    /// Server, workers and schedules in one process
    Serve(commands::serve::Args),
    /// Work the queues of a PostgreSQL beside its servers
    Worker(commands::worker::Args),
    /// Run one workflow to its end, its progress as bars
    Run(commands::run::Args),
    /// List runs, show one, cancel one, account for all
    Runs(commands::runs::Args),
    /// Make the folder's files current, or an earlier version again
    Deploy(commands::deploy::Args),
    /// Say what a deploy would change, and for how many runs under way
    Diff(commands::diff::Args),
    /// Make users, list and remove them
    User(commands::user::Args),
    /// Show every setting with where it came from, and each system's key for live clients
    Config(commands::config::Args),
    /// Say what is wrong with workflows, and what to do about it
    Check(commands::check::Args),
    /// Explain a finding's code
    Explain(commands::explain::Args),
    /// Draw a workflow
    Graph(commands::graph::Args),
    /// Print the JSON schema of the workflow file, for editors
    Schema(commands::schema::Args),
    /// Evaluate an expression, or print its tree
    Recipe(commands::recipe::Args),
}

/// Where a command finds its project.
#[derive(clap::Args, Clone)]
pub(crate) struct Project {
    /// The project's folder
    #[arg(long, env = "HEFE_PROJECT", default_value = ".", value_name = "PROJECT", global = true)]
    project: PathBuf,
}

/// Does what the process's arguments ask for.
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    let command = match at_once(command) {
        Ok(code) => return code,
        Err(command) => *command,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return say::error(&format!("the process could not start its threads: {error}"), ""),
    };
    runtime.block_on(async {
        match command {
            Command::Demo(args) => commands::demo::main(args).await,
            Command::Serve(args) => commands::serve::main(args).await,
            Command::Worker(args) => commands::worker::main(args).await,
            Command::Run(args) => commands::run::main(args).await,
            Command::Runs(args) => commands::runs::main(args).await,
            Command::Deploy(args) => commands::deploy::main(args).await,
            Command::Diff(args) => commands::diff::main(args).await,
            Command::User(args) => commands::user::main(args).await,
            Command::Config(args) => commands::config::main(args).await,
            other => at_once(other).unwrap_or(ExitCode::FAILURE),
        }
    })
}

/// Does what needs neither threads nor a server; gives back what does.
fn at_once(command: Command) -> Result<ExitCode, Box<Command>> {
    Ok(match command {
        Command::Check(args) => commands::check::main(&args),
        Command::Explain(args) => commands::explain::main(&args),
        Command::Graph(args) => commands::graph::main(&args),
        Command::Schema(args) => commands::schema::main(&args),
        Command::Recipe(args) => commands::recipe::main(&args),
        other => return Err(Box::new(other)),
    })
}
