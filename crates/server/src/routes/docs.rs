//! GET /openapi.json and /docs: what the server takes and answers, for programs and for people.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response, routing::on};

use crate::{
    answer::json,
    app::App,
    openapi, pages,
    route::{Gives, Kind, PAGE, PLAIN, Route, Who},
};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/openapi.json",
        who: Who::Anyone,
        does: "this description, in OpenAPI 3.1",
        gives: &[Gives(200, Kind::Any)],
        call: |verb| on(verb, description),
        ..PLAIN
    },
    Route {
        path: "/docs",
        who: Who::Anyone,
        does: "the same, to be read",
        gives: &[PAGE],
        call: |verb| on(verb, pages::docs::show),
        ..PLAIN
    },
];

async fn description(State(app): State<Arc<App>>) -> Response {
    json(StatusCode::OK, &openapi::served(&app.settings.base_path))
}
