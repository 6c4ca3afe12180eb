//! Conservation: accepted = succeeded + failed + cancelled + queued + running + waiting (durability.md, What is promised).

use std::sync::Arc;

use axum::{extract::State, routing::on};
use schemars::JsonSchema;
use serde::Serialize;
use store::Account;

use crate::{
    answer::{Answer, ok},
    app::App,
    door::Rank,
    route::{Gives, Kind, PLAIN, Route, Who, of},
};

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Account")]
struct Shown {
    accepted: u64,
    succeeded: u64,
    failed: u64,
    cancelled: u64,
    queued: u64,
    running: u64,
    waiting: u64,
    balanced: bool,
}

pub(crate) const ROUTES: &[Route] = &[Route {
    path: "/account",
    who: Who::From(Rank::Operator),
    does: "every run that was ever accepted, by where it stands",
    gives: &[Gives(200, Kind::Json(of::<Shown>))],
    call: |verb| on(verb, show),
    ..PLAIN
}];

/// GET /account: every run that was ever accepted, by where it stands.
async fn show(State(app): State<Arc<App>>) -> Answer {
    let account = app.engine.store().account().await?;
    let Account { accepted, succeeded, failed, cancelled, queued, running, waiting } = account;
    let balanced = accepted == succeeded + failed + cancelled + queued + running + waiting;
    ok(&Shown { accepted, succeeded, failed, cancelled, queued, running, waiting, balanced })
}
