//! GET events: server-sent events (delivery.md, Live).

use std::{convert::Infallible, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
    routing::on,
};
use futures_util::stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Answer, Refused, ok},
    app::App,
    asked::{Path, Query},
    door::{TICKET_MS, Viewer},
    live::{Begin, Mark, Of, Shape},
    route::{Gives, Kind, PLAIN, Route, Verb, Who, of},
    serve::Peer,
};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/{system}/events",
        who: Who::SignedInOrTicket,
        does: "server-sent events: progress, notification, toast, run, as the caller may see them",
        query: Some(of::<Listen>),
        gives: &[Gives(200, Kind::Text("text/event-stream"))],
        call: |verb| on(verb, stream),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/events/ticket",
        does: "a ticket that opens a stream within a minute",
        gives: &[Gives(200, Kind::Json(of::<TicketView>))],
        call: |verb| on(verb, ticket),
        ..PLAIN
    },
];

/// Where a stream goes on that a page opens anew (a new EventSource cannot send the header), and where the page itself stands.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Resume {
    /// As the header `Last-Event-ID`.
    last_event_id: Option<String>,
    /// Where the page stands that was just read.
    page: Option<String>,
    /// What POST events/ticket gave, for whoever can send neither a header nor a cookie.
    #[allow(dead_code, reason = "`route::admit` reads it")]
    ticket: Option<String>,
}

/// Channels that one stream may listen to.
const CHANNELS_MAX: usize = 32;

/// Longer than the name of any, bytes.
const CHANNEL_BYTES_MAX: usize = 100;

/// `channel=A&channel=B`, each once.
fn channels(query: Vec<(String, String)>) -> Result<Vec<Arc<str>>, Refused> {
    let named = query.into_iter().filter(|(name, _)| name == "channel");
    let mut channels: Vec<Arc<str>> = named.map(|(_, channel)| channel.into()).collect();
    channels.sort_unstable();
    channels.dedup();
    let fit = |channel: &Arc<str>| (1..=CHANNEL_BYTES_MAX).contains(&channel.len());
    if channels.len() > CHANNELS_MAX || !channels.iter().all(fit) {
        let says =
            format!("a stream listens to at most {CHANNELS_MAX} channels, of 1 to {CHANNEL_BYTES_MAX} bytes");
        return Err(Refused::new(StatusCode::BAD_REQUEST, says).help("open another stream for the rest"));
    }
    Ok(channels)
}

pub(crate) async fn stream(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    Query(resume): Query<Resume>,
    Query(query): Query<Vec<(String, String)>>,
    peer: Option<Extension<Arc<Peer>>>,
    headers: HeaderMap,
) -> Answer {
    let (published, channels) = (app.system(&system)?, channels(query)?);
    // An id that is none of ours is as good as none: everything that moves is sent.
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .or(resume.last_event_id.as_deref())
        .and_then(|id| id.parse::<Mark>().ok());
    let page = resume.page.and_then(|id| id.parse::<Mark>().ok());
    let begin = last.map(Begin::Since).or(page.map(Begin::Page)).unwrap_or(Begin::Fresh);
    let peer = peer.map(|Extension(peer)| peer);
    let system = published.system.name.clone();
    let shape = Shape::Events(channels);
    let of = Of { engine: app.engine.clone(), door: app.door().clone(), system, viewer, shape };
    let opened = app.live.stream(of, peer, begin).await;
    let Some(opened) = opened else {
        return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "too many live streams are open")
            .help("try again, or raise `streams_max`"));
    };
    // It changes hands at each piece, and is large.
    let pieces = stream::unfold(Box::new(opened), async |mut opened| {
        let piece = opened.next().await?;
        Some((Ok::<_, Infallible>(piece), opened))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // nginx would collect the stream.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// All that may stand behind `?`.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "it is a description: `channel` may stand more than once")]
struct Listen {
    #[serde(flatten)]
    resume: Resume,
    /// Events of that name are heard too; may stand more than once.
    channel: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct TicketView {
    ticket: String,
    expires_in: i64,
}

/// POST events/ticket: for a page of another origin, whose EventSource can send no header.
pub(crate) async fn ticket(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
) -> Answer {
    let ticket = app.door().ticket(&system, &viewer.credential, app.engine.clock_ms());
    ok(&TicketView { ticket, expires_in: TICKET_MS / 1_000 })
}
