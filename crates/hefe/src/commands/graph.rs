//! hefe graph: a workflow as a drawing.

use std::{path::PathBuf, process::ExitCode};

use workflow::{Graph, Severity, load, nearest};

use crate::{
    files::Project,
    say::{self, Trouble},
};

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The workflow's identifier
    #[arg(value_name = "NAME")]
    name: String,
    /// The project's folder
    #[arg(long, env = "HEFE_PROJECT", default_value = ".", value_name = "PROJECT")]
    project: PathBuf,
    /// The system, where several have such a workflow
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// A drawing for browsers, or text for Mermaid
    #[arg(long, default_value = "svg", value_enum)]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Svg,
    Mermaid,
}

pub(crate) fn main(args: &Args) -> ExitCode {
    crate::log::begin("warn");
    match drawing(args) {
        Ok(drawing) => {
            say::line(drawing.trim_end());
            ExitCode::SUCCESS
        }
        Err(trouble) => trouble.exit(),
    }
}

fn drawing(args: &Args) -> Result<String, Trouble> {
    let catalog = interpreter::catalog();
    let mut known: Vec<String> = Vec::new();
    let mut found: Vec<(String, std::sync::Arc<Graph>)> = Vec::new();
    let mut broken = None;
    for project in Project::of(std::slice::from_ref(&args.project))? {
        for system in project.systems()? {
            if args.system.as_ref().is_some_and(|only| *only != system.name) {
                continue;
            }
            let loaded = load(&system.name, &system.files, catalog);
            let of_name = loaded.findings.iter().filter(|finding| finding.severity == Severity::Error);
            let named =
                loaded.broken.iter().find(|(name, _)| **name == *args.name).map(|(_, finding)| finding);
            broken = broken.or_else(|| of_name.into_iter().find(|finding| Some(*finding) == named).cloned());
            found.extend(loaded.workflows.get(&*args.name).map(|graph| (system.name.clone(), graph.clone())));
            known.extend(loaded.workflows.keys().map(|name| name.to_string()));
        }
    }
    match found.as_slice() {
        [(_, graph)] => Ok(match args.format {
            Format::Svg => server::standalone(graph, catalog),
            Format::Mermaid => server::mermaid(graph, catalog),
        }),
        [(first, _), (second, _), ..] => Err(Trouble::new(
            format!("`{}` is a workflow of `{first}` and of `{second}`", args.name),
            "say which is meant with `--system`",
        )),
        [] => Err(match broken {
            Some(finding) => Trouble::new(
                format!("`{}` does not load: {}", args.name, finding.says),
                "`hefe check` shows where",
            ),
            None => {
                let near = nearest(&args.name, known.iter().map(String::as_str));
                let help = near.map_or_else(
                    || "name one by its identifier".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                Trouble::new(format!("there is no workflow `{}`", args.name), help)
            }
        }),
    }
}
