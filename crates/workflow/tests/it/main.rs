//! Loading through its public door: files in, findings and graphs out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod catalog;
mod cron;
mod edges;
mod failed;
mod files;
mod json;
mod names;
mod options;
mod start;
mod values;

use std::sync::Arc;

use workflow::{File, Graph, Severity, System, load};

fn files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> System {
    let files: Vec<File> = files
        .into_iter()
        .map(|(name, bytes)| File { path: format!("workflows/{name}.workflow.json"), bytes: bytes.into() })
        .collect();
    load("main", &files, &catalog::catalog())
}

/// Every finding as people see it, then what loaded.
fn rendered(system: &System) -> String {
    let mut parts: Vec<String> = system.findings.iter().map(ToString::to_string).collect();
    let mut loaded: Vec<&str> = system.workflows.keys().map(|identifier| &**identifier).collect();
    loaded.sort_unstable();
    parts.push(format!("loaded: {}", if loaded.is_empty() { "nothing".into() } else { loaded.join(", ") }));
    parts.join("\n\n")
}

/// Files by name and text.
fn check(named: &[(&str, &str)]) -> String {
    rendered(&files(named.iter().map(|(name, text)| (*name, text.as_bytes()))))
}

/// One file `a`, whatever its bytes.
fn check_bytes(bytes: &[u8]) -> String {
    rendered(&files([("a", bytes)]))
}

/// One file `a` whose elements are these, written one a line.
fn check_elements(elements: &[&str]) -> String {
    check(&[("a", &of_elements(elements))])
}

fn of_elements(elements: &[&str]) -> String {
    format!("{{ \"entry\": \"one\", \"elements\": [\n{}\n] }}", elements.join(",\n"))
}

/// The graph of one file that has no error.
fn graph(text: &str) -> Arc<Graph> {
    let system = files([("a", text.as_bytes())]);
    let wrong: Vec<String> = system
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    system.workflows.values().next().expect("a workflow").clone()
}
