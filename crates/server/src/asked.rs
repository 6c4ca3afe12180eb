//! What an address or a form says. axum's own extractors answer a wrong one in their words and as plain text; these refuse
//! it as everything else is refused.

use std::sync::Arc;

use axum::{
    extract::{self, FromRequest, FromRequestParts, Request, rejection::FormRejection},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::{answer::Refused, app::App, routes::body::in_time};

/// The parts of the path that have names in its route.
pub(crate) struct Path<T>(pub(crate) T);

/// What stands behind `?`. Names that are not asked for are passed over.
pub(crate) struct Query<T>(pub(crate) T);

/// The form in a body.
pub(crate) struct Form<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Refused> {
        match extract::Path::from_request_parts(parts, state).await {
            Ok(extract::Path(named)) => Ok(Path(named)),
            Err(_) => {
                Err(Refused::new(StatusCode::BAD_REQUEST, "the path of the address is no text in UTF-8")
                    .help("write letters beyond ASCII as the bytes of their UTF-8, such as %C3%A4 for ä"))
            }
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query<T>, Refused> {
        match extract::Query::try_from_uri(&parts.uri) {
            Ok(extract::Query(asked)) => Ok(Query(asked)),
            // Every value is a text here, so that only this can be wrong.
            Err(_) => Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "a name stands twice behind the `?` of the address",
            )
            .help("give each name once, as in ?status=failed&workflow=NAME")),
        }
    }
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Form<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Form<T>, Refused> {
        let wrong = match in_time(app, extract::Form::from_request(request, app)).await? {
            Ok(extract::Form(said)) => return Ok(Form(said)),
            Err(wrong) => wrong,
        };
        let (status, says) = match &wrong {
            FormRejection::InvalidFormContentType(_) => (wrong.status(), "the body is not said to be a form"),
            FormRejection::BytesRejection(_) => (wrong.status(), "the form could not be read to its end"),
            _ => (StatusCode::BAD_REQUEST, "the form cannot be read"),
        };
        Err(Refused::new(status, says).help("send it from the page, or as application/x-www-form-urlencoded"))
    }
}
