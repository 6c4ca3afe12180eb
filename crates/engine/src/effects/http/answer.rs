//! What a provider answered, read up to a limit, as a value or a failure.

use interpreter::{
    Failure,
    effect::{Http, ResponseType},
};
use recipe::{Map, Taint, Value};
use reqwest::{Response, header::HeaderMap};

use super::unreachable;

/// What of a failing answer's body is kept for operators, bytes.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// Retry-After is honoured up to an hour.
const RETRY_AFTER_MS_MAX: u64 = 3_600_000;

pub(super) async fn read(request: &Http, response: Response) -> Result<Value, Failure> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let met = request.expect.iter().any(|expect| expect.met(status));
    let body = body(response, request.bytes_max).await;
    if !met {
        return Err(refused(status, &headers, &body.unwrap_or_default()));
    }
    let body = value(request.response, &headers, &body?, status)?;
    let answer: Map =
        [("status", Value::from(i64::from(status))), ("headers", head(&headers)), ("body", body)]
            .into_iter()
            .collect();
    Ok(Value::Object(answer).tainted_with(Taint::External))
}

async fn body(mut response: Response, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let too_large = || Failure::new("too_large", format!("the provider's answer is over {bytes_max} bytes"));
    if response.content_length().is_some_and(|length| length > bytes_max) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > bytes_max {
            return Err(too_large());
        }
    }
    Ok(bytes)
}

fn head(headers: &HeaderMap) -> Value {
    let mut map = Map::new();
    for name in headers.keys() {
        let all: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        map.insert(name.as_str(), Value::from(all.join(", ")));
    }
    Value::Object(map)
}

/// What the provider said is for operators; what everyone may know is the status.
fn refused(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let kept = &body[..body.len().min(KEPT_BYTES_MAX)];
    let mut detail: Map = [
        ("status", Value::from(i64::from(status))),
        ("headers", head(headers)),
        ("body", Value::from(String::from_utf8_lossy(kept).into_owned())),
    ]
    .into_iter()
    .collect();
    let after_ms = retry_after_ms(headers).filter(|_| matches!(status, 429 | 503));
    if let Some(ms) = after_ms {
        detail.insert("retry_after_ms", Value::from(i64::from(ms)));
    }
    Failure {
        after_ms,
        retryable: matches!(status, 408 | 425 | 429 | 500..=599),
        status: Some(status),
        detail: Value::Object(detail).tainted_with(Taint::External),
        ..Failure::new("http_status", format!("the provider answered {status}"))
    }
}

/// Retry-After in seconds, or as a date: by the provider's own clock.
fn retry_after_ms(headers: &HeaderMap) -> Option<u32> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |text: &str| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    let said = text("retry-after")?;
    let ms = match said.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1_000),
        Err(_) => {
            let (at, now) = (date(said)?, text("date").and_then(date)?);
            at.as_millisecond().saturating_sub(now.as_millisecond()).max(0) as u64
        }
    };
    Some(ms.min(RETRY_AFTER_MS_MAX) as u32)
}

fn value(wanted: ResponseType, headers: &HeaderMap, body: &[u8], status: u16) -> Result<Value, Failure> {
    let text = || String::from_utf8_lossy(body).into_owned();
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match wanted {
        ResponseType::Text => Ok(Value::from(text())),
        ResponseType::Json if body.is_empty() => Ok(Value::Null),
        ResponseType::Json => {
            // Some servers put a byte order mark before it.
            let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
            std::str::from_utf8(body).ok().and_then(|text| Value::from_json(text).ok()).ok_or_else(|| {
                let failure = refused(status, headers, body);
                Failure {
                    retryable: false,
                    status: None,
                    detail: failure.detail,
                    ..Failure::new("bad_answer", "the provider's answer is no JSON")
                }
            })
        }
        ResponseType::File if kind.starts_with("text/") => Ok(Value::from(text())),
        ResponseType::File => {
            use base64::Engine;
            let encoded = base64::engine::general_purpose::STANDARD.encode(body);
            let file: Map =
                [("content_type", Value::from(kind)), ("base64", Value::from(encoded))].into_iter().collect();
            Ok(Value::Object(file))
        }
    }
}
