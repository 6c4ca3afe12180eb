//! Signing in with a key or a token: a browser gets a cookie for it, and shows it from then on.

use std::sync::Arc;

use axum::{
    Form,
    extract::{FromRequest, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::{DOCTYPE, Markup, html};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{page, parts::segment, shell::looks};
use crate::{
    app::App,
    door::{Guest, set_cookie},
    guard::{self, Seen},
    routes::{audit, body::in_time},
};

/// Where one goes on.
#[derive(Default, Deserialize, JsonSchema)]
pub(crate) struct On {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Shown {
    key: String,
    #[serde(default)]
    next: String,
}

/// The sign-in page for someone who wanted to see that one.
pub(crate) fn place(wanted: &str) -> String {
    format!("/ui/signin?next={}", segment(wanted))
}

/// A path of ours: another site's address would lead whoever signs in away.
fn ours(app: &App, next: &str) -> String {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let page = next.strip_prefix(&*app.settings.base_path).is_some_and(|page| {
        page.strip_prefix("/ui").is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            && !page.starts_with("/ui/sign")
    });
    if plain && page { next.to_owned() } else { app.at("/ui") }
}

pub(super) async fn show(State(app): State<Arc<App>>, Query(on): Query<On>) -> Response {
    if app.door().is_open() {
        return Redirect::to(&ours(&app, &on.next)).into_response();
    }
    sheet(&app, StatusCode::OK, &on.next, None)
}

pub(super) async fn enter(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let seen = Seen::of(&parts, &app.settings);
    // A foreign page must not sign anyone in as somebody else.
    if let Err(refused) = guard::from_own_page(&parts, &seen, &app.settings) {
        return refused.into_response();
    }
    let headers = parts.headers.clone();
    let request = Request::from_parts(parts, body);
    let read = in_time(&app, Form::<Shown>::from_request(request, &()));
    let Ok(Ok(Form(Shown { key, next }))) = read.await else {
        return sheet(
            &app,
            StatusCode::BAD_REQUEST,
            "",
            Some("The form did not arrive whole. Please try again."),
        );
    };
    match app.door().sign_in(key.trim(), app.engine.clock_ms()).await {
        Ok((value, credential)) => {
            let line =
                audit::Line { what: "signed_in", user: Some(credential.user()), ..audit::Line::default() };
            // Nobody else knows the fresh cookie; the one that the browser brought somebody may.
            app.door().sign_out(&headers).await;
            if let Err(refused) = audit::note(&app, line).await {
                return refused.into_response();
            }
            let mut response = Redirect::to(&ours(&app, &next)).into_response();
            with_cookie(&app, &mut response, &value, &seen);
            response
        }
        Err(refused) if refused.status() == StatusCode::UNAUTHORIZED => sheet(
            &app,
            StatusCode::UNAUTHORIZED,
            &next,
            Some("This key or token lets nobody in. Look whether all of it was copied."),
        ),
        Err(refused) => refused.into_response(),
    }
}

pub(super) async fn leave(
    State(app): State<Arc<App>>,
    guest: Guest,
    headers: HeaderMap,
    request: Request,
) -> Response {
    app.door().sign_out(&headers).await;
    if let Some(credential) = guest.credential() {
        let line =
            audit::Line { what: "signed_out", user: Some(credential.user()), ..audit::Line::default() };
        audit::note_or_log(&app, line).await;
    }
    let seen = Seen::of(&request.into_parts().0, &app.settings);
    let mut response = Redirect::to(&app.at("/ui/signin")).into_response();
    with_cookie(&app, &mut response, "", &seen);
    response
}

fn with_cookie(app: &App, response: &mut Response, value: &str, seen: &Seen) {
    if let Ok(cookie) = HeaderValue::try_from(set_cookie(value, &app.at("/"), seen.secure)) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

fn sheet(app: &App, status: StatusCode, next: &str, trouble: Option<&str>) -> Response {
    let mut response = page(document(app, &ours(app, next), trouble));
    *response.status_mut() = status;
    response
}

fn document(app: &App, next: &str, trouble: Option<&str>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { (looks(&app.settings.base_path)) title { "Sign in · Hefe" } }
            body { main id="main" class="sheet" {
                section class="card" {
                    h1 { "Sign in" }
                    @if let Some(trouble) = trouble { p class="trouble" role="alert" { (trouble) } }
                    form method="post" action=(app.at("/ui/signin")) class="signin" {
                        input type="hidden" name="next" value=(next);
                        label { span { "Key or token" }
                            input type="password" name="key" required autofocus autocomplete="current-password" spellcheck="false" maxlength="16384";
                        }
                        button type="submit" { "Sign in" }
                    }
                    p class="quiet" { "A key begins with " code { "hefe_" } ". Whoever runs this server makes one: " code { "hefe user add NAME --print-key" } "." }
                }
            } }
        }
    }
}
