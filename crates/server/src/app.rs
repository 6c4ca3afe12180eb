//! What every handler shares, and the table of routes.

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::{delete, get, patch, post},
};
use engine::{Engine, Published};
use store::Run;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    answer::Refused,
    door::{Door, Kept, unknown_system},
    guard::{cors, guard},
    live::Hub,
    once::UnderWay,
    pages,
    pusher::{self, Pusher},
    routes::{
        account, audit, broadcasting, bulk, events, health, mine, notifications, progress, runs, users,
        webhook, workflows,
    },
    settings::Settings,
};

/// Shared by all handlers.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) live: Hub,
    pub(crate) under_way: UnderWay,
    pub(crate) pusher: Pusher,
    kept: Kept,
}

impl App {
    /// Who comes in.
    pub(crate) fn door(&self) -> &Arc<Door> {
        &self.kept.door
    }

    /// The system of that name, or 404.
    pub(crate) fn system(&self, name: &str) -> Result<Arc<Published>, Refused> {
        self.engine.system(name).ok_or_else(|| unknown_system(name))
    }

    /// Why a run waits, if it has not ended.
    pub(crate) async fn why(&self, run: &Run) -> Option<String> {
        if run.status.ended() { None } else { self.engine.why(run).await }
    }
}

/// What is served.
pub struct Site {
    /// All routes.
    pub router: Router,
    /// Nobody signs in: it must be reached from this machine only.
    pub open: bool,
}

/// All that the outside sees. Needs a runtime: live delivery begins to listen.
///
/// # Errors
/// As the store's, whose users are read.
pub async fn site(engine: Engine, settings: Settings) -> Result<Site, store::Error> {
    let kept = Kept::open(engine.store().clone(), settings.doors.clone()).await?;
    let open = kept.door.is_open();
    let live = Hub::start(engine.clone(), &settings);
    let pusher = Pusher::open(engine.store(), &settings).await?;
    let app = Arc::new(App { engine, settings, live, under_way: UnderWay::default(), pusher, kept });
    Ok(Site { router: router(app), open })
}

fn router(app: Arc<App>) -> Router {
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
        .route("/{system}/notifications/read", patch(notifications::read_these))
        .route("/{system}/notifications/delete", delete(notifications::delete_these))
        .route("/{system}/notifications/deleteAll", patch(notifications::delete_all))
        .route("/{system}/notification/{id}/read", post(notifications::read))
        .route("/{system}/notification/{id}/unread", post(notifications::unread))
        .route("/{system}/notification/{id}/action/{name}", post(notifications::act))
        .route("/{system}/events", get(events::stream))
        .route("/{system}/events/ticket", post(events::ticket))
        .route("/app/{key}", get(pusher::connect))
        .route("/{system}/broadcasting", get(broadcasting::show))
        .route("/{system}/broadcasting/auth", post(broadcasting::sign))
        .route("/{system}/audit", get(audit::of_system))
        .route("/audit", get(audit::of_all))
        .route("/users", get(users::list).post(users::add))
        .route("/users/{name}", delete(users::remove))
        .route("/users/{name}/keys/{key}", delete(users::revoke))
        .merge(pages::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .layer(cors(&app.settings.origins))
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
