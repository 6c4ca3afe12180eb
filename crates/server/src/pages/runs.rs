//! All runs of a system, filtered, a page at a time, live.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};
use store::{Page, Run};

use super::{
    Begun, Tab, bulk,
    parts::{At, badge, link, moment, more, segment, took},
};
use crate::{
    answer::Answer,
    app::App,
    asked::{Path, Query},
    door::{Rank, Viewer},
    routes::runs::{Asked, STATUSES},
};

pub(super) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let published = app.system(&system)?;
    let begun = Begun::new(&app, &viewer, &system);
    let filter = asked.filter(&published.system.name, &viewer)?;
    let page = app.engine.store().runs(filter).await?;
    let mut workflows: Vec<&str> = published.system.workflows.keys().map(|name| &**name).collect();
    workflows.sort_unstable();
    Ok(begun.show(
        Tab::Runs,
        "Runs",
        &body(begun.at(), &asked, (&workflows, viewer.is(Rank::Operator)), &page),
    ))
}

fn body(at: At<'_>, asked: &Asked, (workflows, operator): (&[&str], bool), page: &Page<Run>) -> Markup {
    let is = |field: &Option<String>, value: &str| field.as_deref().unwrap_or_default() == value;
    // A further page stands still: what is new belongs on the first.
    let live = asked.cursor.as_deref().unwrap_or_default().is_empty();
    html! {
        div class="head" { h1 { "Runs" } }
        form class="filter" method="get" role="search" {
            label { span { "Status" }
                select name="status" {
                    option value="" { "all" }
                    @for status in STATUSES { option value=(status.word()) selected[is(&asked.status, status.word())] { (status.word()) } }
                }
            }
            label { span { "Workflow" }
                select name="workflow" {
                    option value="" { "all" }
                    @for name in workflows { option value=(name) selected[is(&asked.workflow, name)] { (name) } }
                }
            }
            label class="wide" { span { "Search" }
                input type="search" name="q" value=(asked.q.as_deref().unwrap_or_default()) placeholder="part of an id or a workflow";
            }
            // What the address narrows and the form has no field for.
            @for (name, value) in hidden(asked) { input type="hidden" name=(name) value=(value); }
            button type="submit" { "Filter" }
            @if operator { (bulk::buttons(at, asked.status.as_deref())) }
        }
        div class="scroll" tabindex="0" role="region" aria-label="Runs" {
            table class="runs" data-live=[live.then_some("runs")]
                data-filter-status=(asked.status.as_deref().unwrap_or_default())
                data-filter-workflow=(asked.workflow.as_deref().unwrap_or_default())
                data-filtered[!hidden(asked).is_empty() || asked.q.as_deref().is_some_and(|text| !text.is_empty())] {
                thead { tr { th { "Status" } th { "Workflow" } th { "Run" } th { "Started" } th { "Took" } th { "By" } th { "Queue" } } }
                tbody { @for run in &page.items { (row(at, run)) } }
            }
        }
        @if page.items.is_empty() {
            section class="empty" data-empty { h2 { "No runs" } p class="quiet" { "None that match. New ones appear here by themselves." } }
        }
        template id="run-row" {
            tr data-run="" {
                td { span class="badge" data-status {} } td { strong data-field="workflow" {} }
                td { a class="id" href={ (at.pages()) "/runs/" } {} } td { time data-ago {} }
                td { span class="took" data-took { "–" } } td data-field="user" {} td class="quiet" data-field="queue" {}
            }
        }
        (more(page.cursor.as_deref(), &query(asked)))
    }
}

pub(super) fn row(at: At<'_>, run: &Run) -> Markup {
    html! {
        tr data-run=(run.start.id) {
            td { (badge(run.status)) }
            td { strong { (run.start.workflow) } }
            td { (link(at, run)) }
            td { (moment(run.start.created_at_ms)) }
            td { (took(run)) }
            td { (run.start.user.as_deref().unwrap_or("–")) }
            td class="quiet" { (run.start.queue) }
        }
    }
}

/// What narrows it and has no field in the form.
fn hidden(asked: &Asked) -> Vec<(&'static str, &str)> {
    given([
        ("queue", &asked.queue),
        ("user", &asked.user),
        ("code", &asked.code),
        ("element", &asked.element),
        ("after", &asked.after),
        ("before", &asked.before),
    ])
}

fn given<'a, const N: usize>(
    fields: [(&'static str, &'a Option<String>); N],
) -> Vec<(&'static str, &'a str)> {
    let text = |value: &'a Option<String>| value.as_deref().filter(|text| !text.is_empty());
    fields.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
}

/// The filter again, for the link to the next page.
pub(super) fn query(asked: &Asked) -> String {
    let mut fields = given([("workflow", &asked.workflow), ("status", &asked.status), ("q", &asked.q)]);
    fields.extend(hidden(asked));
    fields.into_iter().map(|(name, value)| format!("{name}={}&", segment(value))).collect()
}
