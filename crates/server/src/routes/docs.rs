//! GET /openapi.json and /docs: what the server takes and answers, for programs and for people.

use axum::{http::StatusCode, response::Response, routing::on};

use crate::{
    answer::bytes_of_json,
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

async fn description() -> Response {
    bytes_of_json(StatusCode::OK, openapi::text())
}
