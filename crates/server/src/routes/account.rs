//! Conservation: accepted = succeeded + failed + cancelled + queued + running + waiting (durability.md, What is promised).

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Serialize;
use store::Account;

use crate::{
    answer::{Answer, json},
    app::App,
    door::{Rank, Viewer},
};

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    account: Account,
    balanced: bool,
}

/// GET /account: every run that was ever accepted, by where it stands.
pub(crate) async fn show(State(app): State<Arc<App>>, viewer: Viewer) -> Answer {
    viewer.needs(Rank::Operator)?;
    let account = app.engine.store().account().await?;
    let Account { accepted, succeeded, failed, cancelled, queued, running, waiting } = account;
    let balanced = accepted == succeeded + failed + cancelled + queued + running + waiting;
    let shown: Response = json(StatusCode::OK, &Shown { account, balanced });
    Ok(shown)
}
