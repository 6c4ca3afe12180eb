//! A route is data: what it takes, who may call it, everything that it answers, and what does it. The router, /openapi.json,
//! /docs and the matrix of permissions are made from the same list, so nothing can be served that is not described.
//!
//! ```text
//! guard (who is it) -> admit (may that one call this route: here, for all of them) -> handler (whose is the thing itself)
//! ```

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::{FromRequestParts, Request, State},
    http::{StatusCode, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter},
};
use schemars::{Schema, SchemaGenerator};
use serde::Deserialize;
use store::sabotage::Sabotage;

use crate::{
    answer::Refused,
    app::App,
    asked::{Path, Query},
    door::{Guest, Rank, Viewer, nobody},
};

/// Makes the schema of a type: `of::<T>` is one.
pub(crate) type Of = fn(&mut SchemaGenerator) -> Schema;

/// The schema of what is sent or taken.
pub(crate) fn of<T: schemars::JsonSchema>(from: &mut SchemaGenerator) -> Schema {
    from.subschema_for::<T>()
}

/// One method at one address.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) verb: Verb,
    /// Its parts in braces are texts; `{system}` stands first where the route belongs to one.
    pub(crate) path: &'static str,
    pub(crate) who: Who,
    /// Whether the system need not be there.
    pub(crate) may_be_new: bool,
    /// What it does, in a sentence.
    pub(crate) does: &'static str,
    /// What may stand behind `?`: a struct whose fields are its names.
    pub(crate) query: Option<Of>,
    pub(crate) takes: Takes,
    /// Whether `Idempotency-Key` counts.
    pub(crate) once: bool,
    pub(crate) gives: &'static [Gives],
    /// With which statuses it refuses, beside those that follow from the rest (see [`Route::refusals`]).
    pub(crate) refuses: &'static [u16],
    pub(crate) call: fn(MethodFilter) -> MethodRouter<Arc<App>>,
}

/// What a line need not say.
pub(crate) const PLAIN: Route = Route {
    verb: Verb::Get,
    path: "",
    who: Who::SignedIn,
    may_be_new: false,
    does: "",
    query: None,
    takes: Takes::Nothing,
    once: false,
    gives: &[],
    refuses: &[],
    call: |_| MethodRouter::new(),
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

/// Who may call a route. Whose the thing is that it is called about, the handler knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Whoever comes, from any page and under any name of the host: its credential is in the address, or it needs none.
    World,
    /// Anyone whom the guard lets in.
    Anyone,
    /// Whom the event that is called names: anyone if it is `public`.
    OfEvent,
    /// Who has any role there.
    SignedIn,
    /// The same, or who has a ticket of one.
    SignedInOrTicket,
    /// Who is signed in: own things; those of others from that rank on.
    OwnOr(Rank),
    /// Who has that rank, or a higher one.
    From(Rank),
}

/// A request's body.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    Nothing,
    /// JSON of that form.
    Json(Of),
    /// Any JSON, or nothing at all.
    Any,
    /// A form of a page.
    Form(Of),
    /// The same as a form or as JSON.
    Either(Of),
}

/// An answer.
#[derive(Clone, Copy)]
pub(crate) struct Gives(pub(crate) u16, pub(crate) Kind);

/// What an answer consists of.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Json(Of),
    /// JSON of any form: it is the workflow's.
    Any,
    /// Of that content type.
    Text(&'static str),
    /// Nothing but `location`.
    Moved,
    /// The connection, from then on a WebSocket.
    Socket,
    /// Whatever status and headers a workflow chooses, with any JSON.
    Own,
}

/// A page.
pub(crate) const PAGE: Gives = Gives(200, Kind::Text("text/html"));

/// A page that leads to another.
pub(crate) const SEE_OTHER: Gives = Gives(303, Kind::Moved);

impl Verb {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::Post => "post",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Patch => MethodFilter::PATCH,
            Verb::Delete => MethodFilter::DELETE,
        }
    }
}

impl Who {
    /// In words: /openapi.json, the docs and the matrix have them.
    pub(crate) fn words(self) -> String {
        match self {
            Who::World | Who::Anyone => "anyone".to_owned(),
            Who::OfEvent => "as the event says".to_owned(),
            Who::SignedIn | Who::SignedInOrTicket => "signed in".to_owned(),
            Who::OwnOr(rank) => format!("own or {}", rank.word()),
            Who::From(rank) => rank.word().to_owned(),
        }
    }

    /// Who comes in at all; None: that is for the handler to say.
    fn least(self) -> Option<Rank> {
        match self {
            Who::World | Who::Anyone | Who::OfEvent => None,
            Who::SignedIn | Who::SignedInOrTicket | Who::OwnOr(_) => Some(Rank::SignedIn),
            Who::From(rank) => Some(rank),
        }
    }
}

impl Route {
    /// Whether it is for people: refusals are pages there (`pages::refusals`), and /openapi.json has it beside the calls.
    pub(crate) fn is_page(&self) -> bool {
        ["/ui", "/docs", "/{system}/signal/"].iter().any(|begin| self.path.starts_with(begin))
            || matches!(self.path, "/" | "/hefe.js" | "/hefe-progress.css" | "/favicon.svg")
    }

    /// With what it may refuse.
    pub(crate) fn refusals(&self) -> Vec<u16> {
        // The store may be out of reach, and a panic is answered.
        let mut all = vec![500, 503];
        all.extend_from_slice(self.refuses);
        if self.who != Who::World {
            // A key that is none, and a Host, a proxy or an origin that must not ask.
            all.extend([401, 403]);
        }
        if self.path.contains('{') {
            all.extend([400, 404]);
        }
        if self.query.is_some() {
            all.push(400);
        }
        if !matches!(self.takes, Takes::Nothing) {
            all.extend([400, 408, 413, 415]);
        }
        if self.once {
            all.extend([400, 409, 422]);
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    fn answers(&self, status: StatusCode) -> bool {
        let own = |gives: &Gives| matches!(gives.1, Kind::Own) || gives.0 == status.as_u16();
        self.gives.iter().any(own) || self.refusals().contains(&status.as_u16())
    }
}

/// The router of these routes. None is reached but by whom its line names.
pub(crate) fn mount(app: &Arc<App>, routes: impl Iterator<Item = &'static Route>) -> Router<Arc<App>> {
    routes.fold(Router::new(), |router, route| {
        let handler = (route.call)(route.verb.filter());
        // Where nobody is turned away, a launch among them, it would only watch what is answered.
        let handler = match route.who.least().is_none() && !cfg!(debug_assertions) {
            true => handler,
            false => handler.route_layer(middleware::from_fn_with_state((app.clone(), route), admit)),
        };
        router.route(route.path, handler)
    })
}

async fn admit(
    State((app, route)): State<(Arc<App>, &'static Route)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let response = match viewer(&app, route, &mut parts).await {
        Ok(viewer) => {
            parts.extensions.insert(viewer);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refused) => refused.into_response(),
    };
    debug_assert!(
        route.answers(response.status()),
        "{} {} answers {}, which its line does not say",
        route.verb.word(),
        route.path,
        response.status()
    );
    response
}

/// Who calls, if the route is for those only who have a rank.
async fn viewer(app: &Arc<App>, route: &Route, parts: &mut Parts) -> Result<Option<Viewer>, Refused> {
    let Some(least) = route.who.least() else { return Ok(None) };
    let Ok(guest) = Guest::from_request_parts(parts, app).await;
    let viewer = if route.path.starts_with("/{system}") || route.path.starts_with("/ui/{system}") {
        let Path(named) = Path::<HashMap<String, String>>::from_request_parts(parts, app).await?;
        let system = named.get("system").map(String::as_str).unwrap_or_default();
        let guest = match route.who {
            Who::SignedInOrTicket => by_ticket(app, system, parts).await?.unwrap_or(guest),
            _ => guest,
        };
        let viewer = guest.viewer(app, system)?;
        if !route.may_be_new {
            app.system(system)?;
        }
        viewer
    } else {
        guest.everywhere(app)?
    };
    if !Sabotage::NoRank.on() {
        viewer.needs(least)?;
    }
    Ok(Some(viewer))
}

/// What an address may show instead of a header.
#[derive(Deserialize)]
struct Shown {
    ticket: Option<String>,
}

async fn by_ticket(app: &Arc<App>, system: &str, parts: &mut Parts) -> Result<Option<Guest>, Refused> {
    let Query(Shown { ticket }) = Query::from_request_parts(parts, app).await?;
    let Some(ticket) = ticket else { return Ok(None) };
    let shown = app.door().by_ticket(&ticket, system, app.engine.clock_ms());
    shown.map(|of| Some(Guest::of(of))).ok_or_else(|| nobody("this ticket opens nothing, or not any more"))
}

/// Put there by [`admit`].
impl FromRequestParts<Arc<App>> for Viewer {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Viewer, Refused> {
        parts
            .extensions
            .get::<Option<Viewer>>()
            .cloned()
            .flatten()
            .ok_or_else(|| nobody("nobody is signed in"))
    }
}
