//! A run: where it stands, the way it took, and everything that fired.
//!
//! What a provider said is not on the page, for operators neither: it is in the journal of GET runs/ID alone.

use std::{collections::HashMap, sync::Arc};

use axum::extract::State;
use engine::{Firing, Published, Trace};
use maud::{Markup, PreEscaped, html};
use recipe::Value;
use store::{Log, Run, Status};
use workflow::{Catalog, Graph};

use super::{
    Begun, Tab,
    parts::{At, Bars, badge, bars, cancel, link, moment, short, took},
};
use crate::{
    answer::Answer,
    app::App,
    asked::Path,
    border::Shown as Words,
    door::{Sight, Viewer},
    graph::{self, draw},
    layout::layout,
    routes::runs::{Whole, find, whole},
    time::iso,
    view::outcome,
};

/// How much of a value is shown, bytes.
const VALUE_MAX: usize = 4_000;
/// How many firings and entries are shown.
const ROWS_MAX: usize = 500;

pub(super) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, name)): Path<(String, String)>,
) -> Answer {
    let begun = Begun::new(&app, &viewer, &system);
    let run = find(&app, &system, &viewer, &name).await?;
    let published = app.engine.published(run.start.version).await;
    let all = whole(&app, &viewer, run).await?;
    let title = format!("{} {}", all.run.start.workflow, short(&all.run));
    Ok(begun.show(Tab::Runs, &title, &body(begun.at(), &all, published.as_deref())))
}

fn body(at: At<'_>, all: &Whole, published: Option<&Published>) -> Markup {
    let run = &all.run;
    let graph = published.and_then(|published| published.system.workflows.get(&run.start.workflow));
    let catalog = interpreter::catalog();
    let title = graph.map_or(&run.start.workflow, |graph| &graph.title);
    let (result, error) = outcome(run, all.sight);
    html! {
        div id="run" data-run=(run.start.id) data-live=[(!run.status.ended()).then_some("run")] {
            div class="head run-head" {
                p class="crumbs" { a href={ (at.pages()) "/runs" } { "Runs" } " / " code { (run.start.id) } }
                div class="line" { h1 { (title) } (badge(run.status)) span class="push" {} @if all.sight >= Sight::Own { (cancel(run)) } }
                @if let Some(why) = &all.why { p class="why" data-why { (why) } }
                (facts(at, run))
            }
            (trouble(run, &error))
            @if !all.items.is_empty() || !run.status.ended() {
                section aria-label="Progress" {
                    (bars(at, &Bars::Of(run.start.root), &all.items, None))
                    @for item in all.items.iter().filter(|item| item.ignored > 0) {
                        p class="quiet" { code { (item.process) } " had ended: updates ignored since: " (item.ignored) }
                    }
                }
            }
            @if let Some(graph) = graph { (drawing(graph, catalog, run, all.trace.as_ref())) }
            @if all.sight >= Sight::Own { (values(run, all.sight, &result)) }
            @if !all.children.is_empty() { (children(at, &all.children)) }
            @if let Some(trace) = &all.trace {
                (firings(trace, published, catalog))
                (logs(&all.logs))
                (journal(at, run, trace))
            }
        }
    }
}

fn facts(at: At<'_>, run: &Run) -> Markup {
    let start = &run.start;
    html! {
        dl class="facts" {
            div { dt { "Workflow" } dd { (start.workflow) } }
            div { dt { "Started" } dd { (moment(start.created_at_ms)) } }
            @if let Some(end) = &run.end { div { dt { "Ended" } dd { (moment(end.ended_at_ms)) } } }
            div { dt { "Took" } dd { (took(run)) } }
            div { dt { "By" } dd { (start.user.as_deref().unwrap_or("nobody")) } }
            div { dt { "Queue" } dd { (start.queue) } }
            div { dt { "Attempts" } dd { (run.attempts) } }
            @if let Some(at) = run.cancel_at_ms { div { dt { "Cancel asked" } dd { (moment(at)) } } }
            @if let Some(parent) = start.parent {
                div { dt { "Started by" } dd { a href={ (at.pages()) "/runs/" (parent) } { "its parent" } } }
            }
            @if let Some(handled) = run.end.as_ref().map(|end| end.handled).filter(|handled| *handled > 0) {
                div { dt { "Handled failures" } dd { (handled) } }
            }
            div { dt { "Version" } dd { code { (start.version.to_string().chars().take(12).collect::<String>()) } } }
        }
    }
}

fn trouble(run: &Run, error: &Words) -> Markup {
    if run.status != Status::Failed && error.is_null() {
        return html! {};
    }
    let field = |name: &str| error.at(name).words();
    html! {
        section class="trouble" role="alert" {
            @if !field("message").is_empty() { p { strong { (field("message")) } } }
            p class="quiet" { code { (field("code")) } @if !field("element").is_empty() { " at " code { (field("element")) } } }
        }
    }
}

fn drawing(graph: &Graph, catalog: &Catalog, run: &Run, trace: Option<&Trace>) -> Markup {
    let path = trace.map_or_else(graph::Path::default, |trace| way(graph, run, trace));
    html! {
        section aria-label="Graph" {
            h2 { "The way it took" }
            div class="scroll drawing" tabindex="0" role="region" aria-label="The graph" { (PreEscaped(draw(graph, catalog, &layout(graph), &path))) }
        }
    }
}

/// Counts of what fired in the run's own workflow, where it is now, and where it failed.
fn way(graph: &Graph, run: &Run, trace: &Trace) -> graph::Path {
    let mut path = graph::Path::default();
    let here = || trace.firings.iter().filter(|firing| firing.workflow == graph.identifier);
    for firing in here() {
        *path.fired.entry(firing.index).or_default() += 1;
        for (port, _) in &firing.outputs {
            *path.left.entry((firing.index, port.to_string())).or_default() += 1;
        }
    }
    let last = here().next_back().map(|firing| firing.index);
    if run.status == Status::Failed {
        let named = run.end.as_ref().and_then(|end| end.error.get("element")?.as_str());
        let found = named.and_then(|name| graph.elements.iter().position(|element| &*element.name == name));
        path.failed = found.and_then(|index| u32::try_from(index).ok()).or(last);
    } else if !run.status.ended() {
        path.current = last;
    }
    path
}

fn values(run: &Run, sight: Sight, result: &Words) -> Markup {
    let effects: Vec<Words> = run.end.iter().flat_map(|end| end.effects.iter().map(Words::of)).collect();
    html! {
        section class="pair" aria-label="Input and result" {
            @if sight == Sight::All { div { h2 { "Input" } pre tabindex="0" { (Words::of(&run.start.input).pretty(VALUE_MAX)) } } }
            @if run.status.ended() { div { h2 { "Result" } pre tabindex="0" { (result.pretty(VALUE_MAX)) } } }
            @if !effects.is_empty() {
                div { h2 { "Effects for the browser" } @for effect in &effects { pre tabindex="0" { (effect.pretty(VALUE_MAX)) } } }
            }
        }
    }
}

fn children(at: At<'_>, children: &[Run]) -> Markup {
    html! {
        section { h2 { "Runs that it started" }
            div class="scroll" tabindex="0" role="region" aria-label="Runs that it started" { table class="runs" { tbody {
                @for child in children {
                    tr data-run=(child.start.id) {
                        td { (badge(child.status)) } td { strong { (child.start.workflow) } } td { (link(at, child)) }
                        td { (moment(child.start.created_at_ms)) } td { (took(child)) }
                    }
                }
            } } }
        }
    }
}

fn firings(trace: &Trace, published: Option<&Published>, catalog: &Catalog) -> Markup {
    let kinds: HashMap<(&str, u32), &str> = published
        .iter()
        .flat_map(|published| published.system.workflows.values())
        .flat_map(|graph| {
            graph.elements.iter().zip(0..).filter_map(|(element, index)| {
                Some(((&*graph.identifier, index), catalog.types.get(element.kind)?.name))
            })
        })
        .collect();
    html! {
        section { h2 { "Firings" span class="count" { (trace.firings.len()) } }
            @if trace.gone > 0 { p class="quiet" { (trace.gone) " earlier journal entries are no longer kept; the replay begins after them." } }
            @if trace.firings.is_empty() { p class="quiet" { "Nothing has fired yet, or nothing of it is recorded yet." } }
            @if trace.firings.len() > ROWS_MAX { p class="quiet" { "The last " (ROWS_MAX) " are shown." } }
            ol class="firings" start=(trace.firings.len().saturating_sub(ROWS_MAX) + 1) {
                @for firing in trace.firings.iter().skip(trace.firings.len().saturating_sub(ROWS_MAX)) {
                    (fired(firing, kinds.get(&(&*firing.workflow, firing.index)).copied().unwrap_or_default()))
                }
            }
        }
    }
}

fn fired(firing: &Firing, kind: &str) -> Markup {
    let ports: Vec<&str> = firing.outputs.iter().map(|(port, _)| &**port).collect();
    html! {
        li data-depth=(firing.depth.min(6)) {
            details data-element=(firing.element) {
                summary {
                    span class={ "spot" @if firing.failure.is_some() { " failed" } } {}
                    strong { (firing.element) } span class="quiet" { (kind) }
                    span class="push" {}
                    @if firing.failure.is_some() { span class="tag bad" { "failed" } }
                    @for port in ports { span class="tag" { (port) } }
                }
                @if let Some(failure) = &firing.failure { h3 { "Failure" } pre tabindex="0" { (Words::of(failure).pretty(VALUE_MAX)) } }
                div class="pair" {
                    div { h3 { "In" } (by_port(&firing.inputs)) }
                    div { h3 { "Out" } (by_port(&firing.outputs)) }
                    div { h3 { "Variables" } @if firing.vars.is_empty() { p class="quiet" { "none" } } @else {
                        pre tabindex="0" { (Words::of(&Value::Object(firing.vars.clone())).pretty(VALUE_MAX)) } } }
                }
            }
        }
    }
}

fn by_port(values: &[(Arc<str>, Value)]) -> Markup {
    html! {
        @if values.is_empty() { p class="quiet" { "nothing" } }
        @for (port, value) in values {
            p class="port" { (port) }
            pre tabindex="0" { (Words::of(value).pretty(VALUE_MAX)) }
        }
    }
}

fn logs(logs: &[Log]) -> Markup {
    html! {
        @if !logs.is_empty() {
            section { h2 { "Log" }
                ol class="log" {
                    @for line in logs {
                        li class=(line.level) {
                            time datetime=(iso(line.at_ms)) { (iso(line.at_ms).get(11..23).unwrap_or_default()) }
                            span class="tag" { (line.level) } span class="quiet" { (line.element) } span class="message" { (Words::of(&line.message).words()) }
                            @if !line.data.is_null() { details { summary { "data" } pre tabindex="0" { (Words::of(&line.data).pretty(VALUE_MAX)) } } }
                        }
                    }
                }
            }
        }
    }
}

fn journal(at: At<'_>, run: &Run, trace: &Trace) -> Markup {
    html! {
        section { h2 { "Journal" span class="count" { (trace.entries.len()) } }
            p class="quiet" { "What was recorded, for operators. Words of other services are withheld here; they are in "
                a href={ (at.calls()) "/runs/" (run.start.id) } { "the run as JSON" } "." }
            @if !trace.entries.is_empty() {
                details { summary { "Entries" }
                    ol class="journal" start=(trace.gone + 1) {
                        @for entry in trace.entries.iter().take(ROWS_MAX) { li { pre tabindex="0" { (Words::of(entry).pretty(VALUE_MAX)) } } }
                    }
                }
            }
        }
    }
}
