//! The JSON body of a request.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use recipe::Value;
use store::sabotage::Sabotage;

use crate::{answer::Refused, app::App};

/// How long what is over the limit is read on.
const DRAIN: Duration = Duration::from_secs(1);

/// The body as it came.
pub(crate) async fn bytes(app: &App, request: Request) -> Result<Bytes, Refused> {
    bytes_up_to(app, request, app.settings.body_bytes_max).await
}

/// The same with a limit of its own.
pub(crate) async fn bytes_up_to(app: &App, request: Request, max: usize) -> Result<Bytes, Refused> {
    refuse_forms(request.headers())?;
    let too_large = || {
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is over {max} bytes"))
            .help("send less, or a reference to where the data lies")
    };
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let max = if Sabotage::NoBodyLimit.on() { usize::MAX } else { max };
    if announced.is_some_and(|length: u64| length > max as u64) {
        return Err(too_large());
    }
    let mut body = request.into_body();
    let read = Limited::new(&mut body, max).collect();
    match in_time(app, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            drain(body, max).await;
            Err(too_large())
        }
        Ok(Err(_)) => Err(Refused::new(StatusCode::BAD_REQUEST, "the body ended too early")),
        Err(late) => Err(late),
    }
}

/// Reads a body, if the client sends it in time.
///
/// # Errors
/// 408.
pub(crate) async fn in_time<T>(app: &App, reading: impl Future<Output = T>) -> Result<T, Refused> {
    let limit = if Sabotage::Patient.on() { Duration::MAX } else { app.settings.body_timeout };
    tokio::time::timeout(limit, reading).await.map_err(|_| {
        Refused::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive")
            .help("send it faster, or less of it; `body_timeout_s` is a setting")
    })
}

/// A body as a value; an empty one is null.
pub(crate) fn value(bytes: &Bytes) -> Result<Value, Refused> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let no_json = |says: &str| {
        Refused::new(StatusCode::BAD_REQUEST, says)
            .code("json")
            .help("send JSON in UTF-8, nested not deeper than 128 levels, or no body at all")
    };
    let text = std::str::from_utf8(bytes).map_err(|_| no_json("the body is no text in UTF-8"))?;
    Value::from_json(text).map_err(|error| no_json(&format!("the body cannot be read: {}", error.says)))
}

/// Reads on for a while: a connection that is closed with bytes unread is reset, and the answer may be lost with it.
async fn drain(body: Body, bytes_max: usize) {
    let rest = Limited::new(body, bytes_max);
    let read = async {
        let mut rest = std::pin::pin!(rest);
        while let Some(Ok(_)) = rest.frame().await {}
    };
    let _ = tokio::time::timeout(DRAIN, read).await;
}

/// A form is what a page of another site can send without asking; and it is no JSON.
fn refuse_forms(headers: &HeaderMap) -> Result<(), Refused> {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let form = [&b"application/x-www-form-urlencoded"[..], b"multipart/form-data"]
        .iter()
        .any(|form| kind.len() >= form.len() && kind[..form.len()].eq_ignore_ascii_case(form));
    if form {
        return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a form is not taken here")
            .help("send JSON with the header `content-type: application/json`"));
    }
    Ok(())
}
