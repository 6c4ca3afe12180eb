//! hefe check: what is wrong with workflows, and what to do about it. Exit 1 on errors, 2 if it could not run.

use std::{
    io::{IsTerminal, stdout},
    path::PathBuf,
    process::ExitCode,
};

use serde_json::{Value, json};
use workflow::{Diagnostic, Severity, load_with_sources};

use crate::{
    files::Project,
    say::{self, Trouble},
    settings::File,
};

/// Its arguments.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Projects, or folders and files in one; the current folder if left out
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// For people, for programs, or for the lines of a pull request
    #[arg(long, default_value = "text", value_enum)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Github,
}

pub(crate) fn main(args: &Args) -> ExitCode {
    crate::log::begin("warn");
    match run(args) {
        Ok(code) => code,
        Err(trouble) => trouble.exit(),
    }
}

fn run(args: &Args) -> Result<ExitCode, Trouble> {
    let mut found = Vec::new();
    let mut count = 0;
    for project in Project::of(&args.paths)? {
        let settings = File::alone(&project.folder)?.findings()?;
        for system in project.systems()? {
            let catalog = interpreter::catalog();
            let (loaded, sources) = load_with_sources(&system.name, &system.files, catalog);
            let means = |path: &str| project.means(&system.name, path);
            count += system.files.iter().filter(|file| is_workflow(&file.path) && means(&file.path)).count();
            let all = check::check(&loaded, &sources, catalog, &settings);
            found.extend(all.into_iter().filter(|finding| means(&finding.place.path)).map(|mut finding| {
                let path = project.path(&system.name, &finding.place.path);
                finding.place.path = path.to_string_lossy().as_ref().into();
                finding
            }));
        }
    }
    match args.format {
        Format::Text => found.iter().for_each(show),
        Format::Json => say::line(&Value::from(found.iter().map(object).collect::<Vec<_>>()).to_string()),
        Format::Github => found.iter().for_each(|finding| say::line(&annotation(finding))),
    }
    if args.format == Format::Text {
        say::note(&summary(&found, count));
    }
    let failed = found.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn is_workflow(path: &str) -> bool {
    path.starts_with("workflows/") && path.ends_with(".workflow.json")
}

fn summary(found: &[Diagnostic], files: usize) -> String {
    let count = |severity| found.iter().filter(|finding| finding.severity == severity).count();
    let of = |severity, word: &str| match count(severity) {
        0 => None,
        1 => Some(format!("1 {word}")),
        more => Some(format!("{more} {word}s")),
    };
    let parts = [of(Severity::Error, "error"), of(Severity::Warning, "warning"), of(Severity::Info, "info")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let files = if files == 1 { "1 workflow".to_owned() } else { format!("{files} workflows") };
    match parts.is_empty() {
        true => format!("nothing found in {files}"),
        false => format!("{} in {files}; `hefe explain CODE` says more", parts.join(", ")),
    }
}

/// As people read it; in colours on a terminal.
fn show(finding: &Diagnostic) {
    let plain = finding.to_string();
    if !stdout().is_terminal() {
        return say::line(&format!("{plain}\n"));
    }
    let colour = match finding.severity {
        Severity::Error => "\u{1b}[1;31m",
        Severity::Warning => "\u{1b}[1;33m",
        Severity::Info => "\u{1b}[1;36m",
    };
    say::painted_line(&format!("{}\n", say::painted(&plain, colour)));
}

fn object(finding: &Diagnostic) -> Value {
    json!({
        "code": finding.code,
        "severity": finding.severity.word(),
        "path": &*finding.place.path,
        "line": finding.place.line,
        "column": finding.place.column,
        "element": finding.element.as_deref(),
        "says": finding.says,
        "help": finding.help,
    })
}

/// A workflow command of GitHub's: it shows the finding at its line.
fn annotation(finding: &Diagnostic) -> String {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let place = &finding.place;
    let (path, title) = (property(&place.path), property(finding.code));
    let at =
        if place.line > 0 { format!(",line={},col={}", place.line, place.column) } else { String::new() };
    format!(
        "::{level} file={path}{at},title={title}::{}",
        data(&format!("{}. {}", finding.says, finding.help))
    )
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
