//! What clients of the Pusher protocol ask for over HTTP: the key, and the signature of a channel.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, Request, State},
    http::{HeaderValue, StatusCode, header},
    routing::on,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Answer, Refused, ok},
    app::App,
    asked::{Form, Path},
    door::Viewer,
    live::Channel,
    route::{Gives, Kind, PLAIN, Route, Takes, Verb, of},
    routes::body,
};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/{system}/broadcasting",
        does: "the key that clients of the Pusher protocol connect with",
        gives: &[Gives(200, Kind::Json(of::<KeyView>))],
        call: |verb| on(verb, show),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/broadcasting/auth",
        does: "the signature with which a connection of the caller's hears a channel",
        takes: Takes::Either(of::<Asked>),
        gives: &[Gives(200, Kind::Json(of::<Signature>))],
        call: |verb| on(verb, sign),
        ..PLAIN
    },
];

#[derive(Serialize, JsonSchema)]
struct KeyView {
    key: String,
}

/// GET broadcasting: what to connect with.
pub(crate) async fn show(State(app): State<Arc<App>>, Path(system): Path<String>) -> Answer {
    ok(&KeyView { key: app.pusher.key(&system) })
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    socket_id: String,
    channel_name: String,
}

#[derive(Serialize, JsonSchema)]
struct Signature {
    auth: String,
}

/// POST broadcasting/auth: a form, as pusher-js sends it, or JSON.
pub(crate) async fn sign(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    request: Request,
) -> Answer {
    let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let Asked { socket_id, channel_name } = if kind.starts_with(b"application/json") {
        let bytes = body::bytes(&app, request).await?;
        serde_json::from_slice(&bytes).map_err(|_| {
            Refused::new(StatusCode::BAD_REQUEST, "the body has no texts `socket_id` and `channel_name`")
                .help("send both, as pusher-js does")
        })?
    } else {
        let Form(asked) = Form::<Asked>::from_request(request, &app).await?;
        asked
    };
    // Anything else could sign a channel of another name together with a part of it.
    if !is_socket(&socket_id) {
        return Err(Refused::new(StatusCode::BAD_REQUEST, "`socket_id` is none")
            .help("send the one that the connection was given, such as 123.456"));
    }
    let channel = Channel::of(&channel_name, &system);
    if channel.and_then(|channel| channel.audiences(&viewer)).is_none() {
        return Err(Refused::new(StatusCode::FORBIDDEN, "this channel is not yours to hear")
            .code("forbidden")
            .help(format!(
                "there are private-user.{}, private-system.{system} and private-system.{system}.CHANNEL",
                viewer.person.id
            )));
    }
    let auth = app.pusher.sign(&system, &socket_id, &channel_name);
    app.pusher.remember(&socket_id, &channel_name, viewer.credential);
    ok(&Signature { auth })
}

fn is_socket(id: &str) -> bool {
    let number =
        |part: &str| (1..=20).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    id.split_once('.').is_some_and(|(a, b)| number(a) && number(b))
}
