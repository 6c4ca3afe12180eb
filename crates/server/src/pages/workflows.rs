//! What a system can do, and what is wrong with its files.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};
use workflow::{Diagnostic, Severity, System};

use super::{
    Begun, Tab,
    parts::{At, segment},
};
use crate::{
    answer::Answer,
    app::App,
    asked::Path,
    door::Viewer,
    graph::{self, draw},
    layout::layout,
    routes::workflows::{Listed, listed},
};

pub(super) async fn show(State(app): State<Arc<App>>, viewer: Viewer, Path(system): Path<String>) -> Answer {
    let published = app.system(&system)?;
    let begun = Begun::new(&app, &viewer, &system);
    Ok(begun.show(Tab::Workflows, "Workflows", &body(begun.at(), &published.system)))
}

fn body(at: At<'_>, system: &System) -> Markup {
    let files = listed(system);
    html! {
        div class="head" { h1 { "Workflows" } p class="quiet" { (system.workflows.len()) " loaded" } }
        @if files.is_empty() {
            section class="empty" { h2 { "No workflows" } p class="quiet" { "Put a file " code { "NAME.workflow.json" } " into " code { "systems/" (system.name) "/workflows" } "." } }
        }
        ul class="work" { @for file in &files { (card(at, file)) } }
    }
}

fn card(at: At<'_>, file: &Listed<'_>) -> Markup {
    html! {
        li class="card" {
            @match file.graph {
                Some(graph) => {
                    div class="line" {
                        strong { (graph.title) }
                        @if graph.title != graph.identifier { code { (graph.identifier) } }
                        span class="tag" { @if graph.is_async { "background" } @else { "at once" } }
                        @for event in &graph.events { span class="tag event" { (event.kind) " " (event.identifier) } }
                        span class="push" {}
                        a href={ (at.pages()) "/runs?workflow=" (segment(&graph.identifier)) } { "Runs" }
                    }
                    @if !graph.description.is_empty() { p class="quiet" { (graph.description) } }
                    details { summary { "Graph, " (graph.elements.len()) " elements" }
                        div class="scroll drawing" tabindex="0" role="region" aria-label={ "The graph of " (graph.title) } {
                            (maud::PreEscaped(draw(graph, interpreter::catalog(), &layout(graph), &graph::Path::default())))
                        }
                    }
                }
                None => div class="line" { span class="badge failed" { "not loaded" } strong { (file.path) } }
            }
            @for finding in &file.findings { (found(finding)) }
            p class="foot quiet" { (file.path) }
        }
    }
}

fn found(finding: &Diagnostic) -> Markup {
    let place = &finding.place;
    let class = if finding.severity == Severity::Error { "finding error" } else { "finding" };
    html! {
        div class=(class) {
            p { span class="tag" { (finding.severity.word()) " " (finding.code) } " " (finding.says)
                @if place.line > 0 { span class="quiet" { " · " (place.path) ":" (place.line) ":" (place.column) } } }
            @if !place.source.is_empty() { pre tabindex="0" { (place.source) } }
            @if !finding.help.is_empty() { p class="quiet" { (finding.help) } }
        }
    }
}
