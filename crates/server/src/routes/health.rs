//! For those who watch the server.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::app::App;

/// GET /healthz: the process answers.
pub(crate) async fn alive() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain")], "ok\n")
}

/// GET /readyz: it has systems and its store can be read.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let problem = if app.engine.systems().is_empty() {
        Some("no system is published\n")
    } else if app.engine.store().account().await.is_err() {
        Some("the database cannot be read\n")
    } else {
        None
    };
    match problem {
        None => "ready\n".into_response(),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem).into_response(),
    }
}
