//! JSON answers and refusals: every refusal names what is wrong and what to do, never a stack.

use axum::{
    body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use engine::Refusal;
use schemars::JsonSchema;
use serde::Serialize;
use store::Id;
use workflow::{Diagnostic, Place};

use crate::schema::IdText;

/// What a handler gives back.
pub(crate) type Answer = Result<Response, Refused>;

/// A page of a list.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
    pub(crate) cursor: Option<String>,
}

/// JSON that is written once.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => bytes_of_json(status, bytes),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written").into_response()
        }
    }
}

/// 200 with JSON.
pub(crate) fn ok(body: &impl Serialize) -> Answer {
    Ok(json(StatusCode::OK, body))
}

/// JSON that is there already.
pub(crate) fn bytes_of_json(status: StatusCode, bytes: impl Into<body::Body>) -> Response {
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A refusal: {status, success: false, code?, message, help?, run?, place?}.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Refused(Box<Body>);

/// A refusal: what is wrong, and what to do about it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Refused")]
struct Body {
    #[serde(serialize_with = "number_of")]
    #[schemars(with = "u16")]
    status: StatusCode,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText>")]
    run: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<PlaceView>,
    /// When to try again, seconds: a header says it.
    #[serde(skip)]
    after_s: Option<u32>,
}

/// Where a finding stands, without the line itself: whoever calls a webhook is no reader of the files.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct PlaceView {
    path: String,
    line: u32,
    column: u32,
}

impl From<&Place> for PlaceView {
    fn from(place: &Place) -> PlaceView {
        PlaceView { path: place.path.to_string(), line: place.line, column: place.column }
    }
}

fn number_of<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl Refused {
    /// `message`: lower-case start, no full stop.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Refused {
        Refused(Box::new(Body {
            status,
            success: false,
            code: None,
            message: message.into(),
            help: None,
            run: None,
            place: None,
            after_s: None,
        }))
    }

    /// With what to do about it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Refused {
        self.0.help = Some(help.into());
        self
    }

    /// With a stable code.
    pub(crate) fn code(mut self, code: impl Into<String>) -> Refused {
        self.0.code = Some(code.into());
        self
    }

    /// With the run that it is about.
    pub(crate) fn run(mut self, run: Id) -> Refused {
        self.0.run = Some(run);
        self
    }

    /// With when to try again.
    fn after_s(mut self, after_s: u32) -> Refused {
        self.0.after_s = Some(after_s);
        self
    }

    /// The status it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What is wrong, and what to do.
    pub(crate) fn words(&self) -> (&str, Option<&str>) {
        (&self.0.message, self.0.help.as_deref())
    }

    /// 404 for a name.
    pub(crate) fn unknown(what: &str, name: &str, help: &str) -> Refused {
        let shown: String = name.chars().take(100).collect();
        Refused::new(StatusCode::NOT_FOUND, format!("there is no {what} `{shown}`")).help(help)
    }

    /// 503 with the finding's place.
    fn broken(finding: &Diagnostic) -> Refused {
        let says = format!("the workflow's file `{}` did not load: {}", finding.place.path, finding.says);
        let mut refused =
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, says).code(finding.code).help(finding.help.clone());
        refused.0.place = Some(PlaceView::from(&finding.place));
        refused
    }

    /// Why an engine did not start what was asked for under `name`.
    pub(crate) fn from_engine(refusal: Refusal, system: &str, name: &str) -> Refused {
        match refusal {
            Refusal::UnknownSystem => {
                Refused::unknown("system", system, "the systems are the folders in `systems/`")
            }
            Refusal::Unknown => Refused::unknown(
                "event or workflow",
                name,
                &format!("GET /{system}/workflows lists the workflows with their events"),
            ),
            Refusal::Broken(finding) => Refused::broken(&finding),
            Refusal::Forbidden => Refused::new(StatusCode::FORBIDDEN, format!("you may not start `{name}`"))
                .help("its event names the roles that may"),
            Refusal::BadKey => Refused::new(
                StatusCode::BAD_REQUEST,
                "a key of the workflow could not be evaluated on this input",
            )
            .code("bad_key")
            .help("look at `job.unique.key` and `job.concurrency.key` of the workflow, and at what was sent"),
            Refusal::TooLarge => Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "the input is over the limit")
                .code("input_too_large")
                .help("send less, or a reference to where the data lies"),
            Refusal::TooMany { says, after_s } => {
                Refused::new(StatusCode::TOO_MANY_REQUESTS, format!("{says} in the system `{system}`"))
                    .code("too_many")
                    .help("try again after the seconds of the header `retry-after`; `queued_max` and `starts_per_s` are settings")
                    .after_s(after_s)
            }
            Refusal::Store(error) => Refused::from(error),
        }
    }
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Refused {
        match error {
            store::Error::Conflict(what) => Refused::new(StatusCode::CONFLICT, what.to_string()),
            error @ (store::Error::Full | store::Error::Filling { .. }) => {
                Refused::new(StatusCode::SERVICE_UNAVAILABLE, format!("{error}: this was not taken"))
                    .code("disk_full")
                    .help("free some space on the server's disk; what was taken before goes on")
            }
            error @ store::Error::ReadOnly => {
                Refused::new(StatusCode::SERVICE_UNAVAILABLE, format!("{error}: this was not taken"))
                    .code("read_only")
                    .help("make the server's disk writable again; the server's log says which")
            }
            // Paths and the database's words are for the log only, where the store says them once.
            error => {
                tracing::debug!(%error, "the store refused");
                Refused::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the database cannot be reached or written just now",
                )
                .help("try again; the server's log says why")
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.0.status;
        // Plain data: the fallback is never reached, and is itself a refusal of the same form.
        let bytes = serde_json::to_vec(&self).unwrap_or_else(|_| br#"{"success":false}"#.to_vec());
        let mut response = bytes_of_json(status, bytes);
        let after_s = match (self.0.after_s, self.0.code.as_deref()) {
            (Some(after_s), _) => Some(after_s),
            (None, Some("disk_full")) => Some(30),
            (None, _) => (status == StatusCode::SERVICE_UNAVAILABLE).then_some(2),
        };
        if let Some(after_s) = after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after_s));
        }
        // Where a page was asked for, it becomes one (`pages::refusals`).
        response.extensions_mut().insert(self);
        response
    }
}
