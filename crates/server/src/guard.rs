//! Before anything else: who may speak to us, and who it is (delivery.md, Sign-in).
//!
//! In open mode this machine only: a page of another site can make a browser send requests here (by its address or by a name
//! that it points here), so the Host must be one of ours and no proxy may stand in front. In every mode a page of another origin
//! writes only if the settings name it, and never with what a browser sends unasked. Forwarded headers count from the proxies
//! that the settings name, and from nobody else.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use store::sabotage::Sabotage;
use tower_http::cors::CorsLayer;

use crate::{
    answer::Refused,
    app::App,
    door::{Credential, Guest, name::LOCAL},
    serve::Peer,
    settings::Settings,
};

/// What only a proxy adds, beside all that begins with `x-forwarded-`.
const PROXIES: [&str; 5] = ["forwarded", "via", "x-real-ip", "cf-connecting-ip", "true-client-ip"];

/// The only middleware.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&app, &parts).await {
        Ok(guest) => {
            parts.extensions.insert(guest);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refused) => refused.into_response(),
    }
}

async fn admit(app: &App, parts: &Parts) -> Result<Guest, Refused> {
    let peer = parts.extensions.get::<Arc<Peer>>();
    if peer.is_some_and(|peer| peer.over_socket) {
        let named = parts.headers.get("x-hefe-user").and_then(|name| name.to_str().ok());
        let user = named.filter(|name| !name.is_empty()).unwrap_or(LOCAL).into();
        return Ok(Guest::of(Credential::Socket { user }));
    }
    let seen = Seen::of(parts, &app.settings);
    if app.door().is_open() {
        check_host(&seen.host, &app.settings.hosts).map_or(Ok(()), Err)?;
        check_forwarded(&parts.headers).map_or(Ok(()), Err)?;
    }
    let guest = app.door().admit(&parts.headers, app.engine.clock_ms()).await?;
    check_origin(&guest, parts, &seen, &app.settings)?;
    Ok(guest)
}

/// How the client sees the server.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    /// Name and port.
    pub(crate) host: String,
    /// Over https.
    pub(crate) secure: bool,
}

impl Seen {
    pub(crate) fn of(parts: &Parts, settings: &Settings) -> Seen {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let from = parts.extensions.get::<Arc<Peer>>().and_then(|peer| peer.address);
        let trusted = from.is_some_and(|from| settings.proxies.iter().any(|proxy| proxy.contains(&from)));
        // The nearest proxy writes last.
        let forwarded = |name: &str| {
            let all = text(name).filter(|_| trusted)?;
            all.rsplit(',').next().map(|last| last.trim().to_owned())
        };
        let host = parts.uri.authority().map(|authority| authority.as_str()).or(text("host"));
        let https = |url: &String| url.starts_with("https://");
        Seen {
            host: forwarded("x-forwarded-host").unwrap_or_else(|| host.unwrap_or_default().to_owned()),
            secure: forwarded("x-forwarded-proto")
                .map_or_else(|| settings.public_url.as_ref().is_some_and(https), |scheme| scheme == "https"),
        }
    }
}

/// The Host without its port; None: it is neither.
fn name_of(host: &str) -> Option<&str> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(name)
}

fn check_host(host: &str, more: &[String]) -> Option<Refused> {
    let known = |name: &str| {
        ["localhost", "127.0.0.1", "::1"].iter().any(|known| known.eq_ignore_ascii_case(name))
            || more.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    let ours = name_of(host).is_some_and(known);
    (!ours).then(|| {
        Refused::new(
            StatusCode::FORBIDDEN,
            "this server is open to its own machine only, under its own names",
        )
        .code("host")
        .help("use localhost, 127.0.0.1 or [::1] in the address, or set up sign-in: `hefe user add`")
    })
}

/// 400 unless a request of HTTP/1.1 names one host (RFC 9112, 3.2): of two nobody knows which one a proxy in front took.
pub(crate) fn check_one_host<B>(request: &axum::http::Request<B>) -> Option<Refused> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let fits = hosts == 1 || hosts == 0 && request.version() < Version::HTTP_11;
    (!fits).then(|| {
        Refused::new(StatusCode::BAD_REQUEST, format!("the request has {hosts} `Host` headers"))
            .code("host")
            .help("send one `Host` header")
    })
}

fn check_forwarded(headers: &HeaderMap) -> Option<Refused> {
    let name = headers
        .keys()
        .map(|name| name.as_str())
        .find(|name| PROXIES.contains(name) || name.starts_with("x-forwarded-"))?;
    Some(
        Refused::new(
            StatusCode::FORBIDDEN,
            format!("the request came through a proxy: it has the header `{name}`"),
        )
        .code("forwarded")
        .help("set up sign-in before you put the server behind a proxy: `hefe user add`"),
    )
}

fn check_origin(guest: &Guest, parts: &Parts, seen: &Seen, settings: &Settings) -> Result<(), Refused> {
    let unasked = guest.credential().is_some_and(|credential| credential.is_sent_unasked());
    from_page(parts, seen, settings, if unasked { &[] } else { &settings.origins })
}

/// # Errors
/// 403 where a page writes that is none of ours.
pub(crate) fn from_own_page(parts: &Parts, seen: &Seen, settings: &Settings) -> Result<(), Refused> {
    from_page(parts, seen, settings, &[])
}

fn from_page(parts: &Parts, seen: &Seen, settings: &Settings, more: &[String]) -> Result<(), Refused> {
    if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    // The first that is there says it; a program sends none of them.
    let said = ["origin", "sec-fetch-site", "referer"].into_iter().find_map(|name| {
        let value = parts.headers.get(name)?;
        Some((name, value.to_str().unwrap_or("null")))
    });
    let named = |origin: &str| is_ours(origin, seen, settings) || more.iter().any(|known| known == origin);
    let fits = match said {
        None => true,
        Some(("sec-fetch-site", site)) => site == "same-origin" || site == "none",
        Some((_, page)) => named(origin_of(page)),
    };
    if fits || Sabotage::NoOrigin.on() {
        return Ok(());
    }
    Err(Refused::new(StatusCode::FORBIDDEN, "a page of another origin may not write here")
        .code("origin")
        .help("send the request from the server's own pages or a program without an Origin header, or name the origin in the settings"))
}

/// An address as far as its path.
fn origin_of(page: &str) -> &str {
    let host = page.find("://").map_or(0, |at| at + 3);
    page[host..].find('/').map_or(page, |path| &page[..host + path])
}

fn is_ours(origin: &str, seen: &Seen, settings: &Settings) -> bool {
    let authority = |url: &str| {
        url.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or(rest).to_ascii_lowercase())
    };
    let origin = authority(origin);
    origin.as_deref() == Some(&*seen.host.to_ascii_lowercase())
        || origin.is_some() && settings.public_url.as_deref().and_then(authority) == origin
}

/// What pages of the origins that the settings name may do: everything that a key, a token or a ticket lets them.
pub(crate) fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let exposed = ["location", "retry-after", "x-hefe-run", "idempotent-replayed"];
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("x-api-key"),
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(std::time::Duration::from_secs(600))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{net::IpAddr, sync::Arc};

    use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, request::Parts};
    use tokio::sync::{Notify, watch};

    use super::{PROXIES, Seen, check_forwarded, check_host, check_origin};
    use crate::{
        door::{Credential, Guest},
        serve::Peer,
        settings::Settings,
    };

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn request(method: Method, from: &str, list: &[(&'static str, &'static str)]) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        (parts.method, parts.headers) = (method, headers(list));
        let address: Option<IpAddr> = Some(from.parse().unwrap());
        let stopping = watch::channel(false).1;
        parts.extensions.insert(Arc::new(Peer {
            over_socket: false,
            address,
            stopping,
            drop: Notify::new(),
        }));
        parts
    }

    #[test]
    fn only_names_of_this_machine() {
        for host in ["localhost", "LOCALHOST:8086", "127.0.0.1:1", "[::1]:80", "[::1]", "box"] {
            assert!(check_host(host, &["box".into()]).is_none(), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com:80",
            "127.0.0.2",
            "[::2]",
            "[::1].example.com",
            "[::1",
            "localhost:80@example.com",
            "localhost:example.com",
        ] {
            assert!(check_host(host, &[]).is_some(), "{host}");
        }
    }

    #[test]
    fn no_proxy_stands_in_front() {
        for name in ["x-forwarded-for", "x-forwarded-host"].iter().chain(&PROXIES) {
            assert!(check_forwarded(&headers(&[(name, "x")])).is_some(), "{name}");
        }
        assert!(check_forwarded(&headers(&[("accept", "*/*")])).is_none());
    }

    #[test]
    fn writes_come_from_our_own_pages() {
        let settings = Settings { origins: vec!["https://app.example".into()], ..Settings::default() };
        let cookie = Guest::of(Credential::Open);
        let key = Guest::of(Credential::Key { user: "ada".into(), id: "1".into() });
        let refused = |guest: &Guest, method: Method, list: &[(&'static str, &'static str)]| {
            let mut all = vec![("host", "localhost:8086")];
            all.extend_from_slice(list);
            let parts = request(method, "127.0.0.1", &all);
            check_origin(guest, &parts, &Seen::of(&parts, &settings), &settings).is_err()
        };
        assert!(!refused(&cookie, Method::POST, &[]));
        assert!(!refused(&cookie, Method::POST, &[("origin", "http://localhost:8086")]));
        assert!(refused(&cookie, Method::POST, &[("origin", "http://localhost:9999")]));
        assert!(refused(&cookie, Method::POST, &[("origin", "null")]));
        for site in ["cross-site", "same-site"] {
            assert!(refused(&cookie, Method::POST, &[("sec-fetch-site", site)]), "{site}");
        }
        assert!(refused(&cookie, Method::POST, &[("referer", "http://example.com/localhost:8086/")]));
        assert!(!refused(&cookie, Method::POST, &[("referer", "http://localhost:8086/ui/main")]));
        assert!(!refused(&cookie, Method::GET, &[("origin", "http://example.com")]));
        assert!(refused(&cookie, Method::POST, &[("origin", "https://app.example")]), "it is sent unasked");
        assert!(!refused(&key, Method::POST, &[("origin", "https://app.example")]));
        assert!(refused(&key, Method::POST, &[("origin", "https://other.example")]));
        assert!(!refused(&key, Method::POST, &[("referer", "https://app.example/page")]));
        assert!(refused(
            &cookie,
            Method::POST,
            &[("host", "evil.example"), ("origin", "http://evil.example")]
        ));
    }

    #[test]
    fn forwarded_headers_count_from_listed_proxies_only() {
        let settings = Settings { proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Settings::default() };
        let list = [
            ("host", "inside"),
            ("x-forwarded-host", "evil.example, hefe.example"),
            ("x-forwarded-proto", "https"),
        ];
        let seen = |from: &str| Seen::of(&request(Method::GET, from, &list), &settings);
        assert_eq!(seen("10.1.2.3"), Seen { host: "hefe.example".into(), secure: true });
        assert_eq!(seen("192.0.2.1"), Seen { host: "inside".into(), secure: false });
    }
}
