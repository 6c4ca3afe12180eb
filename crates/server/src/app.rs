//! What every handler shares, and the table of routes.

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use engine::{Engine, Person, Published};
use store::{Item, Run};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    answer::Refused,
    guard::guard,
    live::{Audience, Hub, audience_of},
    once::UnderWay,
    pages,
    routes::{account, bulk, events, health, mine, notifications, progress, runs, webhook, workflows},
    settings::Settings,
};

/// Shared by all handlers.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) live: Hub,
    pub(crate) under_way: UnderWay,
    local: Person,
}

impl App {
    /// Who asks. In open mode it is always the person `local`.
    pub(crate) fn viewer(&self) -> Viewer {
        Viewer { person: self.local.clone(), operator: true }
    }

    /// The system of that name, or 404.
    pub(crate) fn system(&self, name: &str) -> Result<Arc<Published>, Refused> {
        self.engine
            .system(name)
            .ok_or_else(|| Refused::unknown("system", name, "the systems are the folders in `systems/`"))
    }

    /// Why a run waits, if it has not ended.
    pub(crate) async fn why(&self, run: &Run) -> Option<String> {
        if run.status.ended() { None } else { self.engine.why(run).await }
    }
}

/// Who looks, and with which rights in the system.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) person: Person,
    pub(crate) operator: bool,
}

impl Viewer {
    /// What the viewer may see live.
    pub(crate) fn audiences(&self) -> Vec<Audience> {
        let user = self.person.id.clone();
        let mut audiences = vec![Audience::Everyone, Audience::Person(user.clone())];
        if self.operator {
            audiences.extend([Audience::Operators, Audience::Runs]);
        } else {
            audiences.push(Audience::RunsOf(user));
        }
        audiences
    }

    /// Whether the viewer may see that item.
    pub(crate) fn sees(&self, item: &Item) -> bool {
        self.audiences().contains(&audience_of(item))
    }

    /// Whether the viewer may see that run.
    pub(crate) fn sees_run(&self, run: &Run) -> bool {
        self.operator || run.start.user.as_ref() == Some(&self.person.id)
    }
}

/// All routes. Must be called inside a runtime: live delivery begins to listen.
pub fn router(engine: Engine, settings: Settings) -> Router {
    let live = Hub::start(engine.clone(), &settings);
    let app =
        Arc::new(App { engine, settings, live, under_way: UnderWay::default(), local: Person::local() });
    // The credential of a signed address is in it, so neither its Host nor a proxy in front matters; nor do they to styles.
    let open = Router::new()
        .route("/{system}/signal/{run}/{name}", get(pages::signal::show).post(pages::signal::answer))
        .merge(pages::assets())
        .method_not_allowed_fallback(not_so);
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/account", get(account::show))
        .route("/{system}/webhook/{identifier}", post(webhook::event))
        .route("/{system}/webhook/{identifier}/{module}", post(webhook::event_of_module))
        .route("/{system}/webhook/{identifier}/{module}/{record}", post(webhook::event_of_record))
        .route("/{system}/workflows", get(workflows::list))
        .route("/{system}/workflows/{identifier}/run", post(webhook::workflow))
        .route("/{system}/runs", get(runs::list))
        .route("/{system}/runs/bulk", get(bulk::list).post(bulk::begin))
        .route("/{system}/runs/bulk/{action}", get(bulk::show))
        .route("/{system}/runs/bulk/{action}/cancel", post(bulk::cancel))
        .route("/{system}/runs/{run}", get(runs::show))
        .route("/{system}/runs/{run}/cancel", post(runs::cancel))
        .route("/{system}/runs/{run}/retry", post(runs::retry))
        .route("/{system}/runs/{run}/signal/{name}", post(runs::signal))
        .route("/{system}/progress", get(progress::list))
        .route("/{system}/progress/{item}", get(progress::show))
        .route("/{system}/mine", get(mine::list))
        .route("/{system}/notifications", get(notifications::list))
        .route("/{system}/events", get(events::stream))
        .merge(pages::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .merge(open)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(pages::refusals))
        .with_state(app)
}

async fn nowhere() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "there is nothing at this address").help("the pages are at /ui")
}

async fn not_so() -> Refused {
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not take that method")
        .help("see the `allow` header for those that it takes")
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // What was said goes to the log by the panic hook; it is nothing for a client.
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "the server could not answer this")
        .help("the server's log says why")
        .into_response()
}
