//! POST webhook and POST workflows/IDENTIFIER/run: the launcher's door. It is on everyone's way, so it does little.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use engine::{Call, Door, Person, Started};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use recipe::Value;
use serde::Serialize;
use store::{Id, Status};

use crate::{
    answer::{Answer, Refused, bytes_of_json, json},
    app::App,
    border::Shown,
    serve::Peer,
};

/// What a POST can start by an event's identifier.
const KINDS: &[&str] = &["webhook", "on_click", "on_change"];

pub(crate) async fn event(
    State(app): State<Arc<App>>,
    Path((system, identifier)): Path<(String, String)>,
    request: Request,
) -> Answer {
    start(&app, system, Door::Event { kinds: KINDS, identifier, module: None }, request).await
}

pub(crate) async fn event_of_module(
    State(app): State<Arc<App>>,
    Path((system, identifier, module)): Path<(String, String, String)>,
    request: Request,
) -> Answer {
    start(&app, system, Door::Event { kinds: KINDS, identifier, module: Some(module) }, request).await
}

/// There are no records yet: the payload is the body, as for a record that is not there.
pub(crate) async fn event_of_record(
    State(app): State<Arc<App>>,
    Path((system, identifier, module, _)): Path<(String, String, String, String)>,
    request: Request,
) -> Answer {
    start(&app, system, Door::Event { kinds: KINDS, identifier, module: Some(module) }, request).await
}

pub(crate) async fn workflow(
    State(app): State<Arc<App>>,
    Path((system, identifier)): Path<(String, String)>,
    request: Request,
) -> Answer {
    start(&app, system, Door::Workflow(identifier), request).await
}

async fn start(app: &App, system: String, door: Door, request: Request) -> Answer {
    let person = Some(on_behalf(app, &request));
    let input = input(app, request).await?;
    let names = (
        system.clone(),
        match &door {
            Door::Event { identifier, .. } => identifier.clone(),
            Door::Workflow(identifier) => identifier.clone(),
        },
    );
    match app.engine.call(Call { system, door, input, person }).await {
        Ok(Started::Queued(id)) => Ok(queued(&names.0, id)),
        Ok(Started::Done(answer)) => done(answer),
        Err(refusal) => Err(Refused::from_engine(refusal, &names.0, &names.1)),
    }
}

/// The body as a value; an empty one is null.
/// Who asks. Whoever may open the socket in the project's folder owns the project, and may start a run for anyone.
fn on_behalf(app: &App, request: &Request) -> Person {
    let person = app.viewer().person;
    let over_socket = request.extensions().get::<Arc<Peer>>().is_some_and(|peer| peer.over_socket);
    let named = request.headers().get("x-hefe-user").and_then(|name| name.to_str().ok());
    match named.filter(|name| over_socket && !name.is_empty()) {
        Some(name) => Person { id: name.into(), ..person },
        None => person,
    }
}

async fn input(app: &App, request: Request) -> Result<Value, Refused> {
    refuse_forms(request.headers())?;
    let max = app.settings.body_bytes_max;
    let too_large = || {
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is over {max} bytes"))
            .help("send less, or a reference to where the data lies")
    };
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > max as u64) {
        return Err(too_large());
    }
    let read = Limited::new(request.into_body(), max).collect();
    let bytes = match tokio::time::timeout(app.settings.body_timeout, read).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) => return Err(Refused::new(StatusCode::BAD_REQUEST, "the body ended too early")),
        Err(_) => return Err(Refused::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive")),
    };
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let no_json = |says: &str| {
        Refused::new(StatusCode::BAD_REQUEST, says)
            .code("json")
            .help("send JSON in UTF-8, nested not deeper than 128 levels, or no body at all")
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| no_json("the body is no text in UTF-8"))?;
    Value::from_json(text).map_err(|error| no_json(&format!("the body cannot be read: {}", error.says)))
}

/// A form is what a page of another site can send without asking; and it is no JSON.
fn refuse_forms(headers: &HeaderMap) -> Result<(), Refused> {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let form = [&b"application/x-www-form-urlencoded"[..], b"multipart/form-data"]
        .iter()
        .any(|form| kind.len() >= form.len() && kind[..form.len()].eq_ignore_ascii_case(form));
    if form {
        return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a form is not taken here")
            .help("send JSON with the header `content-type: application/json`"));
    }
    Ok(())
}

fn queued(system: &str, id: Id) -> Response {
    let id = id.to_string();
    let mut response = bytes_of_json(StatusCode::ACCEPTED, format!("{{\"run\":\"{id}\"}}"));
    if let Ok(place) = HeaderValue::try_from(format!("/{system}/runs/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

#[derive(Serialize)]
struct Success {
    success: bool,
    run: Id,
    effects: Vec<Shown>,
}

#[derive(Serialize)]
struct Invalid {
    status: u16,
    success: bool,
    message: &'static str,
    errors: Shown,
    run: Id,
    effects: Vec<Shown>,
}

#[derive(Serialize)]
struct Failed {
    status: u16,
    success: bool,
    message: &'static str,
    help: &'static str,
    run: Id,
    effects: Vec<Shown>,
}

/// The answer of a run inside the request.
fn done(answer: engine::Answer) -> Answer {
    let effects = answer.effects.iter().map(Shown::of).collect();
    let run = answer.run;
    if answer.status == Status::Succeeded {
        return match answer.response {
            Some(response) => Ok(own(response)),
            None => Ok(json(StatusCode::OK, &Success { success: true, run, effects })),
        };
    }
    if Shown::field(&answer.error, "code").is("invalid") {
        let (status, message) = (422, "the input is not valid");
        let errors = Shown::field(&answer.error, "errors");
        return Ok(json(
            StatusCode::UNPROCESSABLE_ENTITY,
            &Invalid { status, success: false, message, errors, run, effects },
        ));
    }
    let (status, message) = (500, "the workflow failed");
    let help = "whoever runs this server finds the reason on the run's page";
    Ok(json(
        StatusCode::INTERNAL_SERVER_ERROR,
        &Failed { status, success: false, message, help, run, effects },
    ))
}

/// What action/response asked for. Headers that say how the message is sent are ours.
fn own(asked: engine::Response) -> Response {
    const OURS: [HeaderName; 4] =
        [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::UPGRADE];
    let status = StatusCode::from_u16(asked.status)
        .ok()
        .filter(|status| !status.is_informational())
        .unwrap_or(StatusCode::OK);
    let mut response = json(status, &Shown::of(&asked.body));
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::RESET_CONTENT) {
        *response.body_mut() = Body::empty();
    }
    for (name, value) in asked.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
            && !OURS.contains(&name)
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
