//! api/http

use std::fmt::Write;

use recipe::{Map, Value};
use smallvec::smallvec;
use workflow::{Class, Declaration, Json, Port, duration_ms};

use crate::{
    effect::{Asked, Expect, Failure, Http, Outside, ResponseType},
    element::{Firing, PortName, Ports, Step, Type},
    elements::{IN, ignored, literal, value},
    escaped,
};

const TIMEOUT_MS: u64 = 30_000;
const BYTES_MAX: u64 = 10 << 20;

pub(in crate::elements) const TYPE: Type = Type {
    declaration: &Declaration {
        name: "api/http",
        doc: "Calls a provider. Its input is not sent; recipes in its options see it as `this`. What comes back is a provider's words: clean it (op/pick) before it reaches people.",
        class: Class::Outside,
        options: &[
            value("uri", "The address, or a path below `base_uri`."),
            value("base_uri", "What a relative `uri` is resolved against."),
            literal("method", &[Json::Text], "GET (default), POST, PUT, PATCH, DELETE, HEAD, ..."),
            value("headers", "Name to value."),
            value("query", "Name to value, added to the address."),
            value("json", "Sent as JSON."),
            value("form", "Name to value, sent as a form."),
            value("body", "Sent as text."),
            literal(
                "timeout",
                &[Json::Text, Json::Number],
                "For the whole exchange (30s); a number is in seconds.",
            ),
            literal("response_type", &[Json::Text], "json (default), text, or file (by content type)."),
            value("auth", "{bearer: token} or {basic: {user, password}}."),
            literal(
                "expect",
                &[Json::Any],
                "Which statuses are no failure: a status, \"2xx\" (default), or a list.",
            ),
            literal("max_bytes", &[Json::Number], "The largest answer that is read, bytes (10 MiB)."),
            value("params", "Brezel's nested form: {base_uri, headers, query, json}."),
            ignored("debug"),
        ],
        ins: IN,
        outs: &[
            Port { name: "default", doc: "The answer's body." },
            Port { name: "response", doc: "{status, headers, body}." },
            Port { name: "error", doc: "The error value." },
        ],
        outs_from: None,
        examples: &[],
    },
    step: |firing| request(firing).map(|http| Step::Ask(Asked::Outside(Outside::Http(Box::new(http))))),
    finish,
    turn: |_, _| Ok(crate::element::Again::Close(smallvec![])),
};

fn finish(_: &mut Firing<'_>, answer: Value) -> Result<Ports, Failure> {
    let body = answer.get("body").cloned().unwrap_or_default();
    Ok(smallvec![(PortName::Fixed("default"), body), (PortName::Fixed("response"), answer)])
}

fn request(firing: &Firing<'_>) -> Result<Http, Failure> {
    let params = firing.value("params")?;
    let option = |name: &str| -> Result<Value, Failure> {
        let direct = firing.value(name)?;
        Ok(if direct.is_null() { params.get(name).cloned().unwrap_or_default() } else { direct })
    };
    let mut headers = pairs(&option("headers")?);
    authorise(&option("auth")?, &mut headers)?;
    let method = option("method")?;
    let body = body(&option("json")?, &option("form")?, &option("body")?);
    Ok(Http {
        method: method.as_str().unwrap_or("GET").to_uppercase(),
        url: address(&option("uri")?, &option("base_uri")?, &option("query")?)?,
        headers,
        body,
        timeout_ms: timeout(&option("timeout")?)?,
        bytes_max: option("max_bytes")?.as_i64().map_or(BYTES_MAX, |bytes| bytes.max(0) as u64),
        response: response_type(&option("response_type")?)?,
        expect: expect(&option("expect")?)?,
    })
}

fn invalid(says: &str) -> Failure {
    Failure::new("invalid", says)
}

fn pairs(map: &Value) -> Vec<(String, String)> {
    let Some(map) = map.as_object() else { return Vec::new() };
    let filled = map.iter().filter(|(_, value)| !value.is_null());
    filled.map(|(name, value)| (name.to_string(), value.to_text())).collect()
}

fn authorise(auth: &Value, headers: &mut Vec<(String, String)>) -> Result<(), Failure> {
    if auth.is_null() {
        return Ok(());
    }
    let given = |kind: &str| auth.get(kind).filter(|value| !value.is_null());
    let basic = given("basic").map(|basic| {
        let part = |name: &str| basic.get(name).map(Value::to_text).unwrap_or_default();
        format!("Basic {}", base64(format!("{}:{}", part("user"), part("password")).as_bytes()))
    });
    let bearer = given("bearer").map(|token| format!("Bearer {}", token.to_text()));
    let header =
        bearer.or(basic).ok_or_else(|| invalid("`auth` is {bearer: token} or {basic: {user, password}}"))?;
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
    headers.push(("Authorization".to_owned(), header));
    Ok(())
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let n = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let shown = i <= chunk.len();
            text.push(if shown { ALPHABET[(n >> (18 - 6 * i) & 63) as usize] as char } else { '=' });
        }
    }
    text
}

fn body(json: &Value, form: &Value, text: &Value) -> Option<(String, String)> {
    if !json.is_null() {
        return Some(("application/json".to_owned(), json.to_json()));
    }
    if !form.is_null() {
        return Some(("application/x-www-form-urlencoded".to_owned(), encoded(form)));
    }
    (!text.is_null()).then(|| ("text/plain; charset=utf-8".to_owned(), text.to_text()))
}

/// A relative address is joined to the base as Guzzle does it, which Brezel's files count on: by one slash.
fn address(uri: &Value, base: &Value, query: &Value) -> Result<String, Failure> {
    let (uri, base) = (uri.to_text(), base.to_text());
    let absolute = uri.starts_with("http://") || uri.starts_with("https://");
    let mut url = match (absolute || base.is_empty(), uri.is_empty()) {
        (true, _) => uri,
        (false, true) => base,
        (false, false) => format!("{}/{}", base.trim_end_matches('/'), uri.trim_start_matches('/')),
    };
    if url.is_empty() {
        return Err(invalid("api/http needs a `uri`"));
    }
    let query = encoded(query);
    if !query.is_empty() {
        let fragment = url.find('#').map(|at| url.split_off(at)).unwrap_or_default();
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&query);
        url.push_str(&fragment);
    }
    Ok(url)
}

/// application/x-www-form-urlencoded; a list gives its name once an item.
fn encoded(map: &Value) -> String {
    let mut text = String::new();
    let mut add = |name: &str, value: &Value| {
        if !text.is_empty() {
            text.push('&');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{}={}", escaped(name), escaped(&value.to_text()));
    };
    for (name, value) in map.as_object().unwrap_or(&Map::new()).iter() {
        match value {
            Value::Null => {}
            Value::List(list) => list.iter().for_each(|item| add(name, item)),
            one => add(name, one),
        }
    }
    text
}

fn timeout(value: &Value) -> Result<u64, Failure> {
    let ms = match value {
        Value::Null => Some(TIMEOUT_MS),
        Value::Int(_) | Value::Float(_) => value.as_f64().map(|seconds| (seconds.max(0.0) * 1e3) as u64),
        other => duration_ms(&other.to_text()),
    };
    ms.ok_or_else(|| invalid("`timeout` is a number with ms, s, m or h, such as 30s"))
}

fn response_type(value: &Value) -> Result<ResponseType, Failure> {
    match value.as_str() {
        None | Some("" | "json") => Ok(ResponseType::Json),
        Some("text") => Ok(ResponseType::Text),
        Some("file") => Ok(ResponseType::File),
        Some(_) => Err(invalid("`response_type` is json, text or file")),
    }
}

fn expect(value: &Value) -> Result<Vec<Expect>, Failure> {
    let one = |value: &Value| {
        let text = value.to_text();
        let class = text.strip_suffix("xx").and_then(|class| class.parse().ok());
        let status = || text.parse().ok().filter(|status| (100..600).contains(status));
        class
            .filter(|class| (1..=5).contains(class))
            .map(Expect::Class)
            .or_else(|| status().map(Expect::Status))
    };
    let list = match value {
        Value::Null => return Ok(vec![Expect::Class(2)]),
        Value::List(list) => list.iter().map(one).collect(),
        single => one(single).map(|single| vec![single]),
    };
    list.ok_or_else(|| invalid("`expect` is a status, a class such as 2xx, or a list of those"))
}
