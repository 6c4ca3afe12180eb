//! My work: what the person started, with bars, results and a way to stop it.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect},
};
use maud::{Markup, html};
use store::{Page, Status};

use super::{
    Begun, Tab,
    parts::{At, Bars, badge, bars, cancel, link, moment, more, segment, took},
};
use crate::{
    answer::Answer,
    app::App,
    asked::{Path, Query},
    door::{Sight, Viewer},
    routes::{
        mine::{From, Own, own},
        runs::cursor,
    },
    view::outcome,
};

/// How much of a result is shown, bytes.
const RESULT_MAX: usize = 2_000;

pub(super) async fn home(State(app): State<Arc<App>>, Path(system): Path<String>) -> Answer {
    let published = app.system(&system)?;
    Ok(Redirect::temporary(&app.at(&format!("/ui/{}/mine", segment(&published.system.name)))).into_response())
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    Query(from): Query<From>,
) -> Answer {
    let published = app.system(&system)?;
    let begun = Begun::new(&app, &viewer, &system);
    let first = from.cursor.is_none();
    let page = own(&app, &viewer, &published.system.name, cursor(from.cursor)?).await?;
    Ok(begun.show(Tab::Mine, "My work", &body(begun.at(), first, &page)))
}

fn body(at: At<'_>, first: bool, page: &Page<Own>) -> Markup {
    html! {
        div class="head" { h1 { "My work" } p class="quiet" { "What you started in the background, newest first." } }
        @if page.items.is_empty() {
            section class="empty" data-empty {
                h2 { "Nothing here yet" }
                p class="quiet" { "Runs that you start in the background appear here by themselves, with their progress and what came of them." }
            }
        }
        ul class="work" data-live=[first.then_some("mine")] {
            @for own in &page.items { (card(at, own)) }
        }
        template id="run-card" {
            li class="card run" data-run="" tabindex="-1" {
                div class="line" {
                    span class="badge" data-status {}
                    strong data-field="workflow" {}
                    span class="push" {}
                    span class="quiet" { time data-ago {} " · " span class="took" data-took { "–" } }
                    button type="button" class="quiet-button" data-cancel="" { "Cancel" }
                }
                hefe-progress system=(at.system) { script type="application/json" { "[]" } }
                p class="foot" { a class="id" href="" {} }
            }
        }
        (more(page.cursor.as_deref(), ""))
    }
}

fn card(at: At<'_>, own: &Own) -> Markup {
    let run = &own.run;
    let (result, error) = outcome(run, Sight::Own);
    html! {
        li class="card run" data-run=(run.start.id) data-root=(run.start.root) tabindex="-1" {
            div class="line" {
                (badge(run.status))
                strong { (run.start.workflow) }
                span class="push" {}
                span class="quiet" { (moment(run.start.created_at_ms)) " · " (took(run)) }
                (cancel(run))
            }
            (bars(at, &Bars::Of(run.start.root), &own.items, None))
            @if let Some(why) = &own.why { p class="quiet why" data-why { (why) } }
            @if run.status == Status::Failed {
                p class="trouble" { (crate::border::Shown::field(&run.end.as_ref().map(|end| end.error.clone()).unwrap_or_default(), "message").words()) }
            } @else if !result.is_null() {
                details { summary { "Result" } pre tabindex="0" { (result.pretty(RESULT_MAX)) } }
            }
            p class="foot" { (link(at, run)) @if !error.is_null() && run.status != Status::Failed { " · ended with an error" } }
        }
    }
}
