//! Pages: HTML written on the server, kept alive by one stream of events. Each page is a file: a handler that reads, and
//! a pure function from what it read to markup. Everything that people typed or a provider sent is escaped by maud.

mod assets;
mod bulk;
mod mine;
mod parts;
mod progress;
mod run;
mod runs;
mod shell;
pub(crate) mod signal;
pub(crate) mod signin;
mod workflows;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::{Markup, html};

use self::shell::{Inside, Tab, shell};
use crate::{
    answer::{Answer, Refused},
    app::App,
    door::{Guest, Viewer},
    live::Mark,
};

/// Styles and scripts are ours alone, nothing is framed, nothing is sent elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// /ui and what pages need.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(async || Redirect::temporary("/ui")))
        .route("/ui", get(home))
        .route("/ui/signout", post(signin::leave))
        .route("/ui/{system}", get(mine::home))
        .route("/ui/{system}/mine", get(mine::show))
        .route("/ui/{system}/runs", get(runs::show))
        .route("/ui/{system}/runs/bulk", get(bulk::preview).post(bulk::begin))
        .route("/ui/{system}/runs/bulk/{action}", get(bulk::show))
        .route("/ui/{system}/runs/bulk/{action}/cancel", post(bulk::stop))
        .route("/ui/{system}/runs/{run}", get(run::show))
        .route("/ui/{system}/progress", get(progress::show))
        .route("/ui/{system}/workflows", get(workflows::show))
}

/// What pages load; it holds nothing of anyone.
pub(crate) fn assets() -> Router<Arc<App>> {
    Router::new()
        .route("/ui/signin", get(signin::show).post(signin::enter))
        .route("/hefe.js", get(assets::element))
        .route("/favicon.svg", get(assets::logo))
        .route("/ui/assets/hefe.css", get(assets::style))
        .route("/ui/assets/ui.js", get(assets::script))
}

/// Makes a page of a refusal where a page was asked for: by a person, whose browser would show the JSON.
pub(crate) async fn refusals(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_page = path.strip_prefix("/ui").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let signs_in = (request.method() == Method::GET).then(|| signin::place(request.uri()));
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Refused>().filter(|_| is_page) {
        Some(refused) if refused.status() == StatusCode::UNAUTHORIZED && signs_in.is_some() => {
            Redirect::to(&signs_in.unwrap_or_default()).into_response()
        }
        Some(refused) => sorry(&refused, response.headers()),
        None => response,
    }
}

/// The page keeps what the headers say of the refusal itself.
fn sorry(refused: &Refused, said: &HeaderMap) -> Response {
    let (message, help) = refused.words();
    let title = refused.status().canonical_reason().unwrap_or("That did not work");
    let body = html! {
        section class="empty" {
            h1 { (title) }
            p { (message) "." }
            @if let Some(help) = help { p class="quiet" { (help) "." } }
            p { a href="/ui" { "To the start" } }
        }
    };
    let mut response = page(shell("", &[], None, title, &body));
    *response.status_mut() = refused.status();
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = said.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn page(markup: Markup) -> Response {
    let mut response = Response::new(markup.into_string().into());
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A page of a system, begun before anything is read for it: its stream brings what changes from here on.
struct Begun<'a> {
    app: &'a App,
    viewer: &'a Viewer,
    system: &'a str,
    head: Mark,
}

impl<'a> Begun<'a> {
    fn new(app: &'a App, viewer: &'a Viewer, system: &'a str) -> Begun<'a> {
        Begun { app, viewer, system, head: app.live.head() }
    }

    fn show(self, tab: Tab, title: &str, body: &Markup) -> Response {
        let guest = Guest::of((*self.viewer.credential).clone());
        let inside = Inside { tab, viewer: self.viewer, head: self.head };
        let names = mine_of(self.app, &guest);
        page(shell(self.system, &names, Some(inside), title, body))
    }
}

/// The systems that a guest has a role in.
fn mine_of(app: &App, guest: &Guest) -> Vec<Arc<str>> {
    let names = app.engine.systems().into_iter().map(|published| published.system.name.clone());
    names.filter(|name| guest.viewer(app, name).is_ok()).collect()
}

/// /ui: straight to the system if there is one, else a choice.
async fn home(State(app): State<Arc<App>>, guest: Guest) -> Answer {
    guest.everywhere(&app)?;
    let systems = mine_of(&app, &guest);
    if let [only] = &systems[..] {
        return Ok(Redirect::temporary(&format!("/ui/{}/mine", parts::segment(only))).into_response());
    }
    let body = html! {
        h1 { "Systems" }
        @if systems.is_empty() {
            section class="empty" { p { "There is no system for you yet." } p class="quiet" { "A system is a folder in " code { "systems/" } " of the project." } }
        }
        ul class="cards" {
            @for name in &systems {
                li class="card" { a href={ "/ui/" (parts::segment(name)) "/mine" } { strong { (name) } } }
            }
        }
    };
    Ok(page(shell("", &[], None, "Systems", &body)))
}
