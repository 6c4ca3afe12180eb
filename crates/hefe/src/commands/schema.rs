//! hefe schema: the JSON schema of the workflow file, for editors.

use std::process::ExitCode;

use crate::say;

/// It has none.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn main(_: &Args) -> ExitCode {
    let schema = workflow::schema(interpreter::catalog());
    say::line(&serde_json::to_string_pretty(&schema).unwrap_or_default());
    ExitCode::SUCCESS
}
