//! The same for all runs that a filter finds: how many there are, a button that does it, and how far it has come. Forms only,
//! so it works without a script.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect},
};
use engine::bulk::{Counted, many};
use maud::{Markup, html};
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Action, Bulk, Deed, Filter, Id, Item, Run, Status};

use super::{
    Begun, Tab,
    parts::{At, Bars, bars, moment, segment},
    runs::{query, row},
};
use crate::{
    answer::Answer,
    app::App,
    asked::{Form, Path, Query},
    door::Viewer,
    routes::{
        bulk::{Choice, filter, find, noted, stands},
        runs::Asked,
    },
};

/// Made when the form was shown, so that one that is sent twice is done once.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Made {
    id: Option<String>,
}

/// What stands beside the button.
#[derive(Deserialize, JsonSchema)]
pub(super) struct How {
    #[serde(default)]
    how: String,
}

pub(super) async fn preview(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    Query(choice): Query<Choice>,
    Query(asked): Query<Asked>,
) -> Answer {
    let published = app.system(&system)?;
    let begun = Begun::new(&app, &viewer, &system);
    let bulk = choice.bulk()?;
    let filter = filter(bulk, asked.filter(&published.system.name, &viewer)?)?;
    let counted = app.engine.count(filter.clone()).await?;
    let sample = app.engine.store().runs(Filter { cursor: None, limit: 10, ..filter.clone() }).await?.items;
    let query = format!("{}action={}&id={}", query(&asked), verb(bulk), app.engine.new_id());
    let body = confirm(&Confirm {
        at: begun.at(),
        bulk,
        filter: &filter,
        counted: &counted,
        sample: &sample,
        query,
    });
    Ok(begun.show(Tab::Runs, "Runs", &body))
}

fn verb(bulk: Bulk) -> &'static str {
    if bulk == Bulk::Cancel { "cancel" } else { "retry" }
}

struct Confirm<'a> {
    at: At<'a>,
    bulk: Bulk,
    filter: &'a Filter,
    counted: &'a Counted,
    sample: &'a [Run],
    query: String,
}

fn confirm(of: &Confirm<'_>) -> Markup {
    let retries = of.bulk != Bulk::Cancel;
    let title =
        format!("{} {}", if retries { "Retry" } else { "Cancel" }, many(of.counted.count, of.counted.more));
    html! {
        div class="head" { h1 { (title) "?" } p class="quiet" { (those(of.filter)) } }
        @if of.counted.count == 0 {
            section class="empty" { h2 { "No runs" } p class="quiet" { "There is none that this can be done to." } }
        } @else {
            form class="filter" method="post" action={ (of.at.pages()) "/runs/bulk?" (of.query) } {
                @if retries {
                    label { span { "From" }
                        select name="how" {
                            option value="failure" selected { "where each failed" }
                            option value="current" { "where each failed, under the current version" }
                            option value="start" { "the start, as new runs" }
                        }
                    }
                }
                button type="submit" { (title) }
                a href={ (of.at.pages()) "/runs" } { "Back" }
            }
            div class="scroll" tabindex="0" role="region" aria-label="Runs" {
                table class="runs" {
                    thead { tr { th { "Status" } th { "Workflow" } th { "Run" } th { "Started" } th { "Took" } th { "By" } th { "Queue" } } }
                    tbody { @for run in of.sample { (row(of.at, run)) } }
                }
            }
            @if of.counted.more || of.counted.count > of.sample.len() as u64 { p class="quiet" { "These are the newest of them." } }
        }
    }
}

/// The filter in words.
fn those(filter: &Filter) -> String {
    let status = match (filter.status, filter.live) {
        (Some(status), _) => status.word(),
        (None, true) => "queued, running or waiting",
        (None, false) => "any",
    };
    let fields = [
        ("workflow", &filter.workflow),
        ("queue", &filter.queue),
        ("by", &filter.user),
        ("with", &filter.text),
        ("code", &filter.code),
        ("element", &filter.element),
    ];
    let more = fields.iter().filter_map(|(name, value)| Some(format!(", {name} {}", value.as_deref()?)));
    format!("status {status}{}", more.collect::<String>())
}

pub(super) async fn begin(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    Query(choice): Query<Choice>,
    Query(asked): Query<Asked>,
    Query(made): Query<Made>,
    Form(How { how }): Form<How>,
) -> Answer {
    let published = app.system(&system)?;
    let text = |text: &str| Some(text.to_owned());
    let choice = match how.as_str() {
        "start" => Choice { from: text("start"), ..choice },
        "current" => Choice { version: text("current"), ..choice },
        _ => choice,
    };
    let bulk = choice.bulk()?;
    let name = published.system.name.clone();
    let filter = filter(bulk, asked.filter(&name, &viewer)?)?;
    let id: Option<Id> = made.id.and_then(|id| id.parse().ok());
    let asked = engine::bulk::Asked { system: name, user: viewer.person.id.clone(), id, bulk, filter };
    let action = app.engine.plan_bulk(asked).await?;
    let id = action.id;
    app.engine.act(Deed::Record(Box::new(action))).await?;
    app.engine.begin_bulk();
    noted(&app, &viewer, &system, "bulk", bulk).await?;
    Ok(Redirect::to(&app.at(&format!("/ui/{}/runs/bulk/{id}", segment(&system)))).into_response())
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, name)): Path<(String, String)>,
) -> Answer {
    let begun = Begun::new(&app, &viewer, &system);
    let action = find(&app, &system, &name).await?;
    let items = app.engine.store().items_of(action.id).await?;
    Ok(begun.show(Tab::Runs, "Runs", &body(begun.at(), &action, &items)))
}

fn body(at: At<'_>, action: &Action, items: &[Arc<Item>]) -> Markup {
    let ended = action.ended_at_ms.is_some();
    html! {
        div class="head" {
            h1 { @if action.bulk == Bulk::Cancel { "Cancelling runs" } @else { "Retrying runs" } }
            p class="quiet" { (those(&action.filter)) " · asked for by " (action.user) " " (moment(action.at_ms)) }
        }
        div class="card" {
            div class="line" {
                span class={ "badge " (stands(action)) } { (stands(action)) }
                span class="push" {}
                @if !ended {
                    form method="post" action={ (at.pages()) "/runs/bulk/" (action.id) "/cancel" } {
                        button type="submit" class="quiet-button" disabled[action.cancel_at_ms.is_some()] { "Stop" }
                    }
                }
            }
            (bars(at, &Bars::Of(action.id), items, Some("It begins in a moment.")))
            @if ended && items.is_empty() { p { (engine::bulk::words(action)) "." } }
        }
        p { a href={ (at.pages()) "/runs" } { "All runs" } }
    }
}

pub(super) async fn stop(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, name)): Path<(String, String)>,
) -> Answer {
    let action = find(&app, &system, &name).await?;
    app.engine.stop_bulk(action.id).await?;
    noted(&app, &viewer, &system, "bulk_stopped", action.bulk).await?;
    Ok(Redirect::to(&app.at(&format!("/ui/{}/runs/bulk/{}", segment(&system), action.id))).into_response())
}

/// Buttons of the runs' filter: what can be done to all that it finds.
pub(super) fn buttons(at: At<'_>, status: Option<&str>) -> Markup {
    let status = status.filter(|status| !status.is_empty());
    let is = |all: &[Status]| status.is_none_or(|word| all.iter().any(|status| status.word() == word));
    let place = format!("{}/runs/bulk", at.pages());
    html! {
        @if is(&[Status::Failed, Status::Cancelled]) {
            button type="submit" class="quiet-button" formaction=(place) name="action" value="retry" { "Retry all…" }
        }
        @if is(&[Status::Queued, Status::Running, Status::Waiting]) {
            button type="submit" class="quiet-button" formaction=(place) name="action" value="cancel" { "Cancel all…" }
        }
    }
}
