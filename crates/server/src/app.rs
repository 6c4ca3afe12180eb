//! What every handler shares, and the router that is made from the table of routes.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
};
use engine::{Engine, Published};
use store::Run;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    answer::Refused,
    base,
    door::{Door, Kept, unknown_system},
    guard::{cors, guard},
    live::Hub,
    once::UnderWay,
    pages,
    pusher::Pusher,
    route::{Route, Who, mount},
    routes,
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

    /// A path as clients ask for it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.settings.base_path)
    }

    /// Why a run waits, if it has not ended.
    pub(crate) async fn why(&self, run: &Run) -> Option<String> {
        if run.status.ended() { None } else { self.engine.why(run).await }
    }
}

/// What is served.
#[derive(Debug, Clone)]
pub struct Site {
    /// All routes.
    pub router: Router,
    /// Nobody signs in: it must be reached from this machine only.
    pub open: bool,
    /// How long a client may take to send a request's head.
    pub head_timeout: Duration,
    /// How long answers under way may take once the server stops: as long as the engine's effects.
    pub grace: Duration,
}

/// All that the outside sees. Needs a runtime: live delivery begins to listen.
///
/// # Errors
/// As the store's, whose users are read.
pub async fn site(engine: Engine, settings: Settings) -> Result<Site, store::Error> {
    let kept = Kept::open(engine.store().clone(), settings.doors.clone()).await?;
    let open = kept.door.is_open();
    let live = Hub::start(engine.clone(), &kept.door, &settings);
    let pusher = Pusher::open(engine.store(), &settings).await?;
    let (head_timeout, grace) = (settings.head_timeout, engine.grace());
    let app = Arc::new(App { engine, settings, live, under_way: UnderWay::default(), pusher, kept });
    Ok(Site { router: base::under(app.settings.base_path.clone(), router(app)), open, head_timeout, grace })
}

fn router(app: Arc<App>) -> Router {
    // Its credential is in the address, or it needs none: neither its Host nor a proxy in front matters.
    let (open, guarded): (Vec<&Route>, Vec<&Route>) =
        routes::all().partition(|route| route.who == Who::World);
    let open = mount(&app, open.into_iter()).method_not_allowed_fallback(not_so);
    let guarded = mount(&app, guarded.into_iter())
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn_with_state(app.clone(), guard));
    let guarded = match app.settings.origins.is_empty() {
        true => guarded,
        false => guarded.layer(cors(&app.settings.origins)),
    };
    // As one: each layer by itself costs every request a box.
    let refusals = middleware::from_fn_with_state(app.clone(), pages::refusals);
    guarded.merge(open).layer((refusals, CatchPanicLayer::custom(panicked))).with_state(app)
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
