//! Pages: HTML written on the server, kept alive by one stream of events. Each page is a file: a handler that reads, and
//! a pure function from what it read to markup. Everything that people typed or a provider sent is escaped by maud.

mod assets;
mod bulk;
pub(crate) mod docs;
mod mine;
mod parts;
mod progress;
mod run;
mod runs;
mod shell;
mod signal;
mod signin;
mod workflows;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
    routing::on,
};
use maud::{Markup, html};
use store::sabotage::Sabotage;

use self::{
    parts::At,
    shell::{Inside, Tab, shell},
};
use crate::{
    answer::{Answer, Refused},
    app::App,
    door::{Guest, Rank, Viewer},
    live::Mark,
    route::{Gives, Kind, PAGE, PLAIN, Route, SEE_OTHER, Takes, Verb, Who, of},
    routes::{mine::From, runs::Asked},
};

/// Styles and scripts are ours alone, nothing is framed, nothing is sent elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A page of a system, for everyone who has a role in it.
const SHOWN: Route = Route { gives: &[PAGE], ..PLAIN };

/// What a page's form does.
const DONE: Route = Route { verb: Verb::Post, gives: &[SEE_OTHER], ..PLAIN };

/// What pages load; it holds nothing of anyone.
const ASSET: Route = Route { who: Who::World, ..PLAIN };

/// /ui and what pages need.
pub(crate) const ROUTES: &[Route] = &[
    Route { path: "/", who: Who::Anyone, gives: MOVED, call: |verb| on(verb, start), ..PLAIN },
    Route { path: "/ui", gives: &[PAGE, Gives(307, Kind::Moved)], call: |verb| on(verb, home), ..PLAIN },
    Route { path: "/ui/signout", who: Who::Anyone, call: |verb| on(verb, signin::leave), ..DONE },
    Route { path: "/ui/{system}", gives: MOVED, call: |verb| on(verb, mine::home), ..PLAIN },
    Route { path: "/ui/{system}/mine", query: Some(of::<From>), call: |verb| on(verb, mine::show), ..SHOWN },
    Route {
        path: "/ui/{system}/runs",
        who: Who::OwnOr(Rank::Viewer),
        query: Some(of::<Asked>),
        call: |verb| on(verb, runs::show),
        ..SHOWN
    },
    Route {
        path: "/ui/{system}/runs/bulk",
        who: Who::From(Rank::Operator),
        query: Some(of::<Asked>),
        call: |verb| on(verb, bulk::preview),
        ..SHOWN
    },
    Route {
        path: "/ui/{system}/runs/bulk",
        who: Who::From(Rank::Operator),
        query: Some(of::<Asked>),
        takes: Takes::Form(of::<bulk::How>),
        call: |verb| on(verb, bulk::begin),
        ..DONE
    },
    Route {
        path: "/ui/{system}/runs/bulk/{action}",
        who: Who::From(Rank::Operator),
        call: |verb| on(verb, bulk::show),
        ..SHOWN
    },
    Route {
        path: "/ui/{system}/runs/bulk/{action}/cancel",
        who: Who::From(Rank::Operator),
        call: |verb| on(verb, bulk::stop),
        ..DONE
    },
    Route {
        path: "/ui/{system}/runs/{run}",
        who: Who::OwnOr(Rank::Viewer),
        call: |verb| on(verb, run::show),
        ..SHOWN
    },
    Route {
        path: "/ui/{system}/progress",
        who: Who::OwnOr(Rank::SignedIn),
        call: |verb| on(verb, progress::show),
        ..SHOWN
    },
    Route {
        path: "/ui/{system}/workflows",
        who: Who::From(Rank::Viewer),
        call: |verb| on(verb, workflows::show),
        ..SHOWN
    },
    Route { path: "/ui/signin", gives: &[PAGE, SEE_OTHER], call: |verb| on(verb, signin::show), ..ASSET },
    Route {
        verb: Verb::Post,
        path: "/ui/signin",
        takes: Takes::Form(of::<signin::Shown>),
        gives: &[SEE_OTHER],
        refuses: &[401, 403],
        call: |verb| on(verb, signin::enter),
        ..ASSET
    },
    Route {
        path: "/{system}/signal/{run}/{name}",
        refuses: &[410],
        gives: &[PAGE],
        call: |verb| on(verb, signal::show),
        ..ASSET
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/signal/{run}/{name}",
        takes: Takes::Form(of::<signal::Said>),
        gives: &[PAGE],
        refuses: &[409, 410, 422],
        call: |verb| on(verb, signal::answer),
        ..ASSET
    },
    Route {
        path: "/hefe.js",
        gives: &[Gives(200, Kind::Text("text/javascript"))],
        call: |verb| on(verb, assets::element),
        ..ASSET
    },
    Route {
        path: "/hefe-progress.css",
        gives: &[Gives(200, Kind::Text("text/css"))],
        call: |verb| on(verb, assets::bars),
        ..ASSET
    },
    Route {
        path: "/favicon.svg",
        gives: &[Gives(200, Kind::Text("image/svg+xml"))],
        call: |verb| on(verb, assets::logo),
        ..ASSET
    },
    Route {
        path: "/ui/assets/hefe.css",
        gives: &[Gives(200, Kind::Text("text/css"))],
        call: |verb| on(verb, assets::style),
        ..ASSET
    },
    Route {
        path: "/ui/assets/ui.js",
        gives: &[Gives(200, Kind::Text("text/javascript"))],
        call: |verb| on(verb, assets::script),
        ..ASSET
    },
];

const MOVED: &[Gives] = &[Gives(307, Kind::Moved)];

/// Makes a page of a refusal where a page was asked for: by a person, whose browser would show the JSON.
pub(crate) async fn refusals(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_page = path.strip_prefix("/ui").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !is_page {
        return next.run(request).await;
    }
    let signs_in =
        (request.method() == Method::GET).then(|| app.at(&signin::place(&app.at(&wanted(request.uri())))));
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Refused>() {
        Some(refused) if refused.status() == StatusCode::UNAUTHORIZED && signs_in.is_some() => {
            Redirect::to(&signs_in.unwrap_or_default()).into_response()
        }
        Some(refused) => sorry(&app.settings.base_path, &refused, response.headers()),
        None => response,
    }
}

/// Path and query, as the address says them.
fn wanted(uri: &Uri) -> String {
    uri.path_and_query().map_or_else(|| "/ui".to_owned(), ToString::to_string)
}

/// The page keeps what the headers say of the refusal itself.
fn sorry(base: &str, refused: &Refused, said: &HeaderMap) -> Response {
    let (message, help) = refused.words();
    let title = refused.status().canonical_reason().unwrap_or("That did not work");
    let body = html! {
        section class="empty" {
            h1 { (title) }
            p { (message) "." }
            @if let Some(help) = help { p class="quiet" { (help) "." } }
            p { a href={ (base) "/ui" } { "To the start" } }
        }
    };
    let mut response = page(shell(At { base, system: "" }, &[], None, title, &body));
    *response.status_mut() = refused.status();
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = said.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn page(markup: Markup) -> Response {
    let mut text = markup.into_string();
    if Sabotage::NoEscape.on() {
        for (escaped, raw) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")] {
            text = text.replace(escaped, raw);
        }
    }
    let mut response = Response::new(text.into());
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

    fn at(&self) -> At<'a> {
        At { base: &self.app.settings.base_path, system: self.system }
    }

    fn show(&self, tab: Tab, title: &str, body: &Markup) -> Response {
        let guest = Guest::of_shared(self.viewer.credential.clone());
        let inside = Inside { tab, viewer: self.viewer, head: self.head };
        let names = mine_of(self.app, &guest);
        page(shell(self.at(), &names, Some(inside), title, body))
    }
}

/// The systems that a guest has a role in.
fn mine_of(app: &App, guest: &Guest) -> Vec<Arc<str>> {
    let names = app.engine.systems().into_iter().map(|published| published.system.name.clone());
    names.filter(|name| guest.viewer(app, name).is_ok()).collect()
}

async fn start(State(app): State<Arc<App>>) -> Redirect {
    Redirect::temporary(&app.at("/ui"))
}

/// /ui: straight to the system if there is one, else a choice.
async fn home(State(app): State<Arc<App>>, guest: Guest) -> Answer {
    guest.everywhere(&app)?;
    let systems = mine_of(&app, &guest);
    if let [only] = &systems[..] {
        return Ok(
            Redirect::temporary(&app.at(&format!("/ui/{}/mine", parts::segment(only)))).into_response()
        );
    }
    let base = &*app.settings.base_path;
    let body = html! {
        h1 { "Systems" }
        @if systems.is_empty() {
            section class="empty" { p { "There is no system for you yet." } p class="quiet" { "A system is a folder in " code { "systems/" } " of the project." } }
        }
        ul class="cards" {
            @for name in &systems {
                li class="card" { a href={ (At { base, system: name }.pages()) "/mine" } { strong { (name) } } }
            }
        }
    };
    Ok(page(shell(At { base, system: "" }, &[], None, "Systems", &body)))
}
