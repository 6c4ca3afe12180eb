//! GET workflows: what can be started, with findings.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, routing::on};
use schemars::JsonSchema;
use serde::Serialize;
use workflow::{Diagnostic, Event, Graph, System};

use crate::{
    answer::{Answer, Items, ok},
    app::App,
    asked::Path,
    door::Rank,
    route::{Gives, Kind, PLAIN, Route, Who, of},
};

pub(crate) const ROUTES: &[Route] = &[Route {
    path: "/{system}/workflows",
    who: Who::From(Rank::Viewer),
    does: "every workflow with its events and findings",
    gives: &[Gives(200, Kind::Json(of::<Items<WorkflowView>>))],
    call: |verb| on(verb, list),
    ..PLAIN
}];

#[derive(Serialize, JsonSchema)]
struct WorkflowView<'a> {
    identifier: &'a str,
    title: &'a str,
    description: &'a str,
    path: &'a str,
    #[serde(rename = "async")]
    is_async: bool,
    queue: Option<&'a str>,
    /// False: its file did not load, and starting it is answered with 503.
    loaded: bool,
    events: Vec<EventView<'a>>,
    findings: Vec<FindingView<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct EventView<'a> {
    identifier: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    public: bool,
    roles: Vec<&'a str>,
    module: Option<&'a str>,
}

impl<'a> From<&'a Event> for EventView<'a> {
    fn from(event: &'a Event) -> EventView<'a> {
        EventView {
            identifier: &event.identifier,
            kind: &event.kind,
            public: event.public,
            roles: event.roles.iter().map(|role| &**role).collect(),
            module: event.module.as_deref(),
        }
    }
}

/// As `hefe check --format json` prints it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FindingView<'a> {
    code: &'a str,
    severity: &'a str,
    path: &'a str,
    line: u32,
    column: u32,
    element: Option<&'a str>,
    says: &'a str,
    help: &'a str,
}

impl<'a> From<&'a Diagnostic> for FindingView<'a> {
    fn from(finding: &'a Diagnostic) -> FindingView<'a> {
        FindingView {
            code: finding.code,
            severity: finding.severity.word(),
            path: &finding.place.path,
            line: finding.place.line,
            column: finding.place.column,
            element: finding.element.as_deref(),
            says: &finding.says,
            help: &finding.help,
        }
    }
}

/// A file with what was found in it; one that did not load has no graph.
pub(crate) struct Listed<'a> {
    pub(crate) path: &'a str,
    pub(crate) graph: Option<&'a Graph>,
    pub(crate) findings: Vec<&'a Diagnostic>,
}

/// Every workflow and every file with findings, in order of path.
pub(crate) fn listed(system: &System) -> Vec<Listed<'_>> {
    let empty = |path| Listed { path, graph: None, findings: Vec::new() };
    let mut files: BTreeMap<&str, Listed<'_>> = BTreeMap::new();
    for graph in system.workflows.values() {
        files.entry(&graph.path).or_insert_with(|| empty(&graph.path)).graph = Some(graph);
    }
    for finding in &system.findings {
        let path = &*finding.place.path;
        files.entry(path).or_insert_with(|| empty(path)).findings.push(finding);
    }
    files.into_values().collect()
}

pub(crate) async fn list(State(app): State<Arc<App>>, Path(system): Path<String>) -> Answer {
    let published = app.system(&system)?;
    let broken = |path: &str| {
        published
            .system
            .broken
            .iter()
            .find(|(_, finding)| &*finding.place.path == path)
            .map(|(name, _)| &**name)
    };
    let items = listed(&published.system)
        .into_iter()
        .map(|file| WorkflowView {
            identifier: file
                .graph
                .map(|graph| &*graph.identifier)
                .or_else(|| broken(file.path))
                .unwrap_or(file.path),
            title: file.graph.map_or(file.path, |graph| &graph.title),
            description: file.graph.map_or("", |graph| &graph.description),
            path: file.path,
            is_async: file.graph.is_some_and(|graph| graph.is_async),
            queue: file.graph.and_then(|graph| graph.queue.as_deref()),
            loaded: file.graph.is_some(),
            events: file
                .graph
                .map_or_else(Vec::new, |graph| graph.events.iter().map(EventView::from).collect()),
            findings: file.findings.into_iter().map(FindingView::from).collect(),
        })
        .collect();
    ok(&Items { items, cursor: None })
}
