//! Findings through the crate's own door: files in, findings out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod allow;
mod composed;
mod examples;
mod loops;
mod mutations;
mod page;
mod rules;
mod schema;
mod starts;
mod taint;
mod variables;

use check::Settings;
use workflow::{Diagnostic, File, Severity, load_with_sources};

/// What is found in files of one system, each a workflow.
fn findings(files: &[impl AsRef<str>]) -> Vec<Diagnostic> {
    with(files, &Settings::default())
}

fn with(files: &[impl AsRef<str>], settings: &Settings) -> Vec<Diagnostic> {
    let named = files.iter().enumerate().map(|(at, text)| File {
        path: format!("workflows/{at}.workflow.json"),
        bytes: text.as_ref().as_bytes().into(),
    });
    found(&named.collect::<Vec<_>>(), settings)
}

fn found(files: &[File], settings: &Settings) -> Vec<Diagnostic> {
    let catalog = interpreter::catalog();
    let (system, sources) = load_with_sources("main", files, catalog);
    check::check(&system, &sources, catalog, settings)
}

/// Each finding that is graver than good to know: code, element, and the words that it points at.
fn short(files: &[impl AsRef<str>]) -> Vec<String> {
    let grave = |finding: &Diagnostic| finding.severity != Severity::Info;
    findings(files).iter().filter(|finding| grave(finding)).map(one).collect()
}

/// The same of one code, however grave.
fn of(code: &str, files: &[impl AsRef<str>]) -> Vec<String> {
    findings(files).iter().filter(|finding| finding.code == code).map(one).collect()
}

fn one(finding: &Diagnostic) -> String {
    let place = &finding.place;
    let start = place.column.saturating_sub(1 + place.cut) as usize;
    let words: String = place.source.chars().skip(start).take(place.width as usize).collect();
    format!("{} {}: {words}", finding.code, finding.element.as_deref().unwrap_or("-"))
}

/// A file of elements written one a line, without what stands around them.
fn file(head: &str, elements: &[&str]) -> String {
    format!("{{ {head}, \"elements\": [\n{}\n] }}", elements.join(",\n"))
}
