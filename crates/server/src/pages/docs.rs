//! /docs: the table of routes, to be read. What is sent and taken stands in /openapi.json.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use maud::{Markup, html};

use super::{page, parts::At, shell::shell};
use crate::{
    app::App,
    route::{Gives, Kind, Route, Takes},
    routes,
};

pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    let base = &*app.settings.base_path;
    page(shell(At { base, system: "" }, &[], None, "HTTP", &body(base)))
}

fn body(base: &str) -> Markup {
    let calls = |table: &'static [Route]| table.iter().filter(|route| !route.is_page());
    let groups = routes::GROUPS.iter().filter(|(_, table)| calls(table).next().is_some());
    html! {
        div class="head" {
            h1 { "HTTP" }
            p class="quiet" {
                "Send a key as " code { "X-Api-Key" } ", a key or a token as " code { "Authorization: Bearer" } ", or the cookie of a browser that signed in at "
                a href={ (base) "/ui" } { (base) "/ui" } ". Bodies are JSON. A refusal is {status, success, code, message, help}. For programs: "
                a href={ (base) "/openapi.json" } { (base) "/openapi.json" } "."
            }
        }
        @for (group, table) in groups {
            section class="card" {
                h2 { (group) }
                div class="scroll" tabindex="0" role="region" aria-label=(group) {
                    table {
                        thead { tr { th { "Call" } th { "What it does" } th { "Who may" } th { "Takes" } th { "Answers" } } }
                        tbody { @for route in calls(table) { (line(base, route)) } }
                    }
                }
            }
        }
    }
}

fn line(base: &str, route: &Route) -> Markup {
    let takes = match route.takes {
        Takes::Nothing => "",
        Takes::Any => "any JSON",
        Takes::Json(_) => "JSON",
        Takes::Form(_) => "a form",
        Takes::Either(_) => "a form or JSON",
    };
    let given = route.gives.iter().map(|Gives(status, kind)| match kind {
        Kind::Own => "what the workflow says".to_owned(),
        _ => status.to_string(),
    });
    html! {
        tr {
            td { code { (route.verb.word().to_uppercase()) " " (base) (route.path) } }
            td { (route.does) }
            td { (route.who.words()) }
            td { (takes) @if route.once { " Idempotency-Key" } }
            td {
                (given.collect::<Vec<_>>().join(", "))
                span class="quiet" { " " (route.refusals().iter().map(u16::to_string).collect::<Vec<_>>().join(", ")) }
            }
        }
    }
}
