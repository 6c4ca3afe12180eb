//! POST webhook and POST workflows/IDENTIFIER/run: the launcher's door. It is on everyone's way, so it does little.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::on,
};
use engine::{Call, Door, Refusal, Started};
use recipe::Value;
use schemars::JsonSchema;
use serde::Serialize;
use store::{Deed, Did, Id, Key, Once, Status};

use crate::{
    answer::{Answer, Refused, json},
    app::App,
    asked::Path,
    border::Shown,
    door::{Guest, Rank, Viewer},
    once::{Named, keep, kept, once, replay},
    route::{Gives, Kind, PLAIN, Route, Takes, Verb, Who, of},
    routes::{body, modal},
    schema::IdText,
};

/// What starts a run: in the background, or inside the request, which answers as the workflow does.
pub(crate) const STARTS: Route = Route {
    verb: Verb::Post,
    who: Who::OfEvent,
    takes: Takes::Any,
    once: true,
    gives: &[
        Gives(200, Kind::Any),
        Gives(202, Kind::Json(of::<Queued>)),
        Gives(422, Kind::Json(of::<Invalid>)),
        Gives(500, Kind::Json(of::<Failed>)),
        Gives(504, Kind::Json(of::<Failed>)),
        Gives(0, Kind::Own),
    ],
    refuses: &[429],
    ..PLAIN
};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/{system}/webhook/{identifier}",
        does: "starts what an event starts, with the body as its payload",
        call: |verb| on(verb, event),
        ..STARTS
    },
    Route {
        path: "/{system}/webhook/{identifier}/{module}",
        does: "the same for an event of a module",
        call: |verb| on(verb, event_of_module),
        ..STARTS
    },
    Route {
        path: "/{system}/webhook/{identifier}/{module}/{record}",
        does: "the same for one of its records",
        call: |verb| on(verb, event_of_record),
        ..STARTS
    },
    Route {
        path: "/{system}/workflows/{identifier}/run",
        does: "starts a workflow by its name, with the body as its input",
        call: |verb| on(verb, workflow),
        ..STARTS
    },
];

/// The header that names the run.
const RUN: HeaderName = HeaderName::from_static("x-hefe-run");

/// What a POST can start by an event's identifier.
const KINDS: &[&str] = &["webhook", "on_click", "on_change"];

pub(crate) async fn event(
    State(app): State<Arc<App>>,
    guest: Guest,
    Path((system, identifier)): Path<(String, String)>,
    request: Request,
) -> Answer {
    start(app, guest, system, Door::Event { kinds: KINDS, identifier, module: None }, request).await
}

pub(crate) async fn event_of_module(
    State(app): State<Arc<App>>,
    guest: Guest,
    Path((system, identifier, module)): Path<(String, String, String)>,
    request: Request,
) -> Answer {
    start(app, guest, system, Door::Event { kinds: KINDS, identifier, module: Some(module) }, request).await
}

/// An event whose payload somebody else has made, and not the body, unless that is an answer to what the event asked.
pub(crate) async fn event_with(
    app: Arc<App>,
    guest: Guest,
    (system, identifier): (String, String),
    request: Request,
    input: Value,
) -> Answer {
    let door = Door::Event { kinds: KINDS, identifier, module: None };
    let named = Named::of(&request)?;
    let bytes = body::bytes(&app, request).await?;
    let said = body::value(&bytes)?;
    let input = if said.get("checkpoint").is_some() { said } else { input };
    begin(app, guest, Asked { system, door, named, bytes, input }).await
}

/// There are no records yet: the payload is the body, as for a record that is not there.
pub(crate) async fn event_of_record(
    State(app): State<Arc<App>>,
    guest: Guest,
    Path((system, identifier, module, _)): Path<(String, String, String, String)>,
    request: Request,
) -> Answer {
    start(app, guest, system, Door::Event { kinds: KINDS, identifier, module: Some(module) }, request).await
}

pub(crate) async fn workflow(
    State(app): State<Arc<App>>,
    guest: Guest,
    Path((system, identifier)): Path<(String, String)>,
    request: Request,
) -> Answer {
    start(app, guest, system, Door::Workflow(identifier), request).await
}

async fn start(app: Arc<App>, guest: Guest, system: String, door: Door, request: Request) -> Answer {
    if let (Door::Workflow(name), Ok(viewer)) = (&door, &guest.viewer(&app, &system)) {
        by_name(&app, viewer, &system, name)?;
    }
    let named = Named::of(&request)?;
    let bytes = body::bytes(&app, request).await?;
    let input = body::value(&bytes)?;
    begin(app, guest, Asked { system, door, named, bytes, input }).await
}

/// What is to be started.
struct Asked {
    system: String,
    door: Door,
    named: Option<Named>,
    /// What tells it from others of its name.
    bytes: Bytes,
    input: Value,
}

async fn begin(app: Arc<App>, guest: Guest, asked: Asked) -> Answer {
    let Asked { system, door, named: asked, bytes, input } = asked;
    // Who has nothing to do with the system is nobody there: a public event takes anyone.
    let (person, unknown) = match guest.viewer(&app, &system) {
        Ok(viewer) => (Some(viewer.person), None),
        Err(refused) => (None, Some(refused)),
    };
    let (user, on) = (person.as_ref().map(|person| person.id.clone()).unwrap_or_default(), app.clone());
    let call = Call { system, door, input, person };
    once(&app, asked, &user, &bytes, |key| async move {
        if let Some(said) = modal::said(&call) {
            let answered = modal::answer(&on, key, said).await;
            // Who is nobody here is told so, and not what there is.
            return answered.map_err(|refused| match unknown {
                Some(unknown) if refused.status() == StatusCode::NOT_FOUND => unknown,
                _ => refused,
            });
        }
        let system = call.system.clone();
        let name = match &call.door {
            Door::Event { identifier, .. } => identifier.clone(),
            Door::Workflow(identifier) => identifier.clone(),
        };
        let begun = match key {
            Some(key) => under_key(&on, key, call).await?,
            None => on.engine.call(call).await.map(|started| match started {
                Started::Queued { run, existing } => named(run, queued(&on, &system, run, existing)),
                Started::Done(answer) => named(answer.run, done(answer)),
            }),
        };
        begun.map_err(|refusal| match (refusal, unknown) {
            // Nor is it said what there is.
            (
                Refusal::Forbidden | Refusal::Unknown | Refusal::UnknownSystem | Refusal::Broken(_),
                Some(unknown),
            ) => unknown,
            (refusal, _) => Refused::from_engine(refusal, &system, &name),
        })
    })
    .await
}

/// In the background the start and its answer are one transaction; inside the request the key is taken first, and the
/// answer is kept with the run's end.
async fn under_key(app: &App, key: Key, call: Call) -> Result<Result<Response, Refusal>, Refused> {
    let (system, engine) = (call.system.clone(), &app.engine);
    let planned = match engine.plan(call).await {
        Ok(planned) => planned,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let run = planned.run();
    if planned.in_background {
        let (response, answer) = kept(named(run, queued(app, &system, run, false))).await?;
        let start = Deed::Start(Box::new(planned.into_start()));
        return match engine.once(key, start, Some(answer)).await? {
            Once::Did(Did::Started(first)) if first.existing => {
                let (response, answer) = kept(named(first.id, queued(app, &system, first.id, true))).await?;
                engine.keep(run, keep(&key, answer)).await?;
                Ok(Ok(response))
            }
            Once::Did(_) => Ok(Ok(response)),
            found => replay(found).map(Ok),
        };
    }
    let run = match engine.once(key, Deed::Take(run), None).await? {
        Once::Did(Did::Taken(run)) => run,
        found => return replay(found).map(Ok),
    };
    let worked = engine.work_inside(planned.under(run)).await;
    let (response, answer) = kept(named(run, done(worked.answer.clone()))).await?;
    Ok(engine.settle(worked, Some(keep(&key, answer))).await.map(|_| response))
}

/// A workflow by its name goes around its events: whoever may not start it by one of those has to be an operator.
fn by_name(app: &App, viewer: &Viewer, system: &str, name: &str) -> Result<(), Refused> {
    let published = app.system(system)?;
    let events = published.system.workflows.get(name).map_or(&[][..], |graph| &graph.events);
    match events.iter().any(|event| engine::may_start(event, &viewer.person)) {
        true => Ok(()),
        false => viewer.needs(Rank::Operator),
    }
}

/// The run's id beside the body, which may be the workflow's own.
pub(super) fn named(id: Id, mut response: Response) -> Response {
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(RUN, id);
    }
    response
}

#[derive(Serialize, JsonSchema)]
struct Queued {
    #[schemars(with = "IdText")]
    run: Id,
    /// The start found that run: left out where it made a new one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    existing: bool,
}

pub(super) fn queued(app: &App, system: &str, id: Id, existing: bool) -> Response {
    let mut response = json(StatusCode::ACCEPTED, &Queued { run: id, existing });
    let place = app.at(&format!("/{}/runs/{id}", interpreter::escaped(system)));
    if let Ok(place) = HeaderValue::try_from(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

#[derive(Serialize, JsonSchema)]
struct Success {
    success: bool,
    #[schemars(with = "IdText")]
    run: Id,
    effects: Vec<Shown>,
}

#[derive(Serialize, JsonSchema)]
struct Invalid {
    status: u16,
    success: bool,
    message: &'static str,
    errors: Shown,
    #[schemars(with = "IdText")]
    run: Id,
    effects: Vec<Shown>,
}

#[derive(Serialize, JsonSchema)]
struct Failed {
    status: u16,
    success: bool,
    message: &'static str,
    help: &'static str,
    #[schemars(with = "IdText")]
    run: Id,
    effects: Vec<Shown>,
}

/// The answer of a run inside the request; the modal that it waits for is among its effects.
pub(super) fn done(answer: engine::Answer) -> Response {
    let effects = answer.effects.iter().map(Shown::of).collect();
    let run = answer.run;
    if matches!(answer.status, Status::Succeeded | Status::Waiting) {
        return match answer.response {
            Some(response) => own(response),
            None => json(StatusCode::OK, &Success { success: true, run, effects }),
        };
    }
    if answer.status == Status::Cancelled {
        return Refused::new(StatusCode::CONFLICT, "the run was cancelled").run(run).into_response();
    }
    let errors = Shown::field(&answer.error, "errors");
    // Without messages by field it is the workflow that is wrong, not the input.
    if Shown::field(&answer.error, "code").is("invalid") && !errors.is_null() {
        let message = "the input is not valid";
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return json(
            status,
            &Invalid { status: status.as_u16(), success: false, message, errors, run, effects },
        );
    }
    let (status, message, help) = if answer.too_late {
        let help = "work that takes longer belongs into a workflow that runs in the background";
        (StatusCode::GATEWAY_TIMEOUT, "the workflow took longer than a request may wait", help)
    } else {
        let help = "whoever runs this server finds the reason on the run's page";
        (StatusCode::INTERNAL_SERVER_ERROR, "the workflow failed", help)
    };
    json(status, &Failed { status: status.as_u16(), success: false, message, help, run, effects })
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
        let value = Shown::of(&value).words();
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
            && !OURS.contains(&name)
        {
            response.headers_mut().insert(name, value);
        }
    }
    // A browser would show it as a page of ours, with what people typed in it: nothing in it acts for whoever is signed in.
    let headers = response.headers_mut();
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != "application/json") {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("sandbox"));
    }
    response
}
