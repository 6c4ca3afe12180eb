//! For those who watch the server.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::on,
};

use store::Error;

use crate::{
    app::App,
    route::{Gives, Kind, PLAIN, Route, Who},
};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/healthz",
        who: Who::Anyone,
        does: "the process answers",
        gives: &[Gives(200, Kind::Text("text/plain"))],
        call: |verb| on(verb, alive),
        ..PLAIN
    },
    Route {
        path: "/readyz",
        who: Who::Anyone,
        does: "it has systems, and its store can be read and written; else 503, in words",
        gives: &[Gives(200, Kind::Text("text/plain")), Gives(503, Kind::Text("text/plain"))],
        call: |verb| on(verb, ready),
        ..PLAIN
    },
];

/// GET /healthz: the process answers.
pub(crate) async fn alive() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain")], "ok\n")
}

/// GET /readyz: it has systems, and its store can be read and written. A disk that is nearly full refuses starts only.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    match trouble(&app).await {
        None => "ready\n".into_response(),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")).into_response(),
    }
}

/// Paths and the database's words are for the log only.
async fn trouble(app: &App) -> Option<String> {
    if app.engine.systems().is_empty() {
        return Some("no system is published".to_owned());
    }
    let store = app.engine.store();
    match store.room() {
        Ok(()) | Err(Error::Filling { .. }) => {}
        Err(error @ (Error::Full | Error::ReadOnly)) => return Some(error.to_string()),
        Err(_) => return Some("the database cannot be written".to_owned()),
    }
    let read = store.account().await;
    read.is_err().then(|| "the database cannot be read".to_owned())
}
