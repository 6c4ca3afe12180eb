//! The page of a signed address: a question, and a button for each answer. Whoever has the address needs no account.
//!
//! Opening it does nothing, however often: mail scanners and browsers fetch links. Only the form delivers, once.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::Response,
};
use engine::{Asked, Question, Signed};
use maud::{DOCTYPE, Markup, html};
use recipe::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use store::Signalled;

use super::{page, shell::looks};
use crate::{
    answer::Refused,
    app::App,
    asked::{Form, Path, Query},
    border::Shown,
    time::iso,
};

/// System, run and name, as they stand in the address.
type At = (String, String, String);

/// What the address says of itself.
#[derive(Default, Deserialize, JsonSchema)]
pub(crate) struct Signature {
    #[serde(default)]
    sig: String,
}

/// What the form says.
#[derive(Default, Deserialize, JsonSchema)]
pub(super) struct Said {
    #[serde(default)]
    answer: String,
}

/// Why there is nothing to answer.
#[derive(Debug, Clone, Copy)]
enum Notice {
    Unknown,
    Answered,
    Ended,
    Late,
    Unavailable,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    at: Result<Path<At>, Refused>,
    signature: Result<Query<Signature>, Refused>,
) -> Response {
    match ask(&app, signed(&at, &signature)).await {
        Ok(question) => sheet(StatusCode::OK, &question.title, &form(&question)),
        Err(notice) => notice.page(&Method::GET),
    }
}

pub(crate) async fn answer(
    State(app): State<Arc<App>>,
    at: Result<Path<At>, Refused>,
    signature: Result<Query<Signature>, Refused>,
    request: Request,
) -> Response {
    match take(&app, signed(&at, &signature), request).await {
        Ok(page) => page,
        Err(notice) => notice.page(&Method::POST),
    }
}

fn signed<'a>(
    at: &'a Result<Path<At>, Refused>,
    signature: &'a Result<Query<Signature>, Refused>,
) -> Option<Signed<'a>> {
    let (Path((system, run, name)), Query(Signature { sig })) = (at.as_ref().ok()?, signature.as_ref().ok()?);
    Some(Signed { system, run: run.parse().ok()?, name, signature: sig })
}

async fn ask(app: &App, signed: Option<Signed<'_>>) -> Result<Question, Notice> {
    match app.engine.asked(&signed.ok_or(Notice::Unknown)?).await.map_err(unavailable)? {
        Some(Asked::Open(question)) => Ok(question),
        Some(Asked::Answered) => Err(Notice::Answered),
        Some(Asked::Over) => Err(Notice::Ended),
        None => Err(Notice::Unknown),
    }
}

async fn take(app: &Arc<App>, signed: Option<Signed<'_>>, request: Request) -> Result<Response, Notice> {
    let signed = signed.ok_or(Notice::Unknown)?;
    let question = ask(app, Some(signed)).await?;
    let said = match Form::<Said>::from_request(request, app).await {
        Ok(Form(said)) => said,
        Err(refused) if refused.status() == StatusCode::REQUEST_TIMEOUT => return Err(Notice::Late),
        // A program need not send a form where there is nothing to choose.
        Err(_) => Said::default(),
    };
    let chosen = match &question.answers[..] {
        [only] if said.answer.is_empty() => Some(only),
        answers => answers.iter().find(|answer| ***answer == *said.answer),
    };
    let Some(chosen) = chosen else {
        let title = "Please choose one of the answers";
        return Ok(sheet(StatusCode::UNPROCESSABLE_ENTITY, title, &form(&question)));
    };
    let at = iso(app.engine.clock_ms());
    let body = [("answer", Value::from(&**chosen)), ("at", Value::from(at))].into_iter().collect::<Map>();
    match app.engine.answer(&signed, Value::Object(body)).await.map_err(unavailable)? {
        Some(Signalled::Kept) => Ok(sheet(
            StatusCode::OK,
            "Thank you",
            &html! {
                p { "Your answer has been taken: " strong { (chosen) } "." }
                p class="quiet" { "You can close this page." }
            },
        )),
        Some(Signalled::Double) => Err(Notice::Answered),
        Some(Signalled::Full) => Err(Notice::Unavailable),
        Some(Signalled::Over) => Err(Notice::Ended),
        Some(Signalled::Unknown) | None => Err(Notice::Unknown),
    }
}

fn unavailable(error: store::Error) -> Notice {
    tracing::debug!(%error, "the store refused");
    Notice::Unavailable
}

fn form(question: &Question) -> Markup {
    let words = Shown::of(&question.text);
    html! {
        @if !words.is_null() { p class="question" { (words.words()) } }
        // Without an action it goes to the address it stands at.
        form method="post" class="answers" {
            @for (n, answer) in question.answers.iter().enumerate() {
                button type="submit" name="answer" value=(answer) class=[(n > 0).then_some("other")] { (answer) }
            }
        }
        p class="quiet" { "It can be answered once." }
    }
}

impl Notice {
    fn page(self, method: &Method) -> Response {
        let read = *method == Method::GET;
        let (status, title, words) = match self {
            Notice::Unknown => {
                (StatusCode::NOT_FOUND, "There is nothing here", "Look whether the whole address was copied.")
            }
            Notice::Answered => (
                if read { StatusCode::OK } else { StatusCode::CONFLICT },
                "This has been answered already",
                "An answer is taken once; the first one counts.",
            ),
            Notice::Ended => (
                if read { StatusCode::GONE } else { StatusCode::CONFLICT },
                "This is over",
                "What it was about has ended meanwhile, so there is nothing to answer any more.",
            ),
            Notice::Late => (
                StatusCode::REQUEST_TIMEOUT,
                "The answer took too long to arrive",
                "Nothing was taken. Please open the address again.",
            ),
            Notice::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "This cannot be answered just now",
                "Nothing was taken. Please open the address again in a moment.",
            ),
        };
        let mut response = sheet(status, title, &html! { p { (words) } });
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// A page that leads nowhere: whoever sees it has this one address, and nobody else is to learn it.
fn sheet(status: StatusCode, title: &str, body: &Markup) -> Response {
    let mut response = page(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                // Relative: a proxy may have put a path before all of ours.
                (looks("../../.."))
                meta name="robots" content="noindex, nofollow, noarchive";
                title { (title) }
            }
            body { main id="main" class="sheet" { section class="card" { h1 { (title) } (body) } } }
        }
    });
    *response.status_mut() = status;
    for (name, value) in [
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("x-robots-tag"), "noindex, nofollow, noarchive"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
