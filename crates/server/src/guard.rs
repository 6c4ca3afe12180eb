//! Who may speak to a server that nobody signs in to (delivery.md, Sign-in): this machine only.
//!
//! A page of another site can make a browser send requests here (by its address or by a name that it points here), so
//! the Host must be one of ours, no proxy may stand in front, and writes must come from our own pages or from no page.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{answer::Refused, app::App, serve::Peer};

/// The only middleware: three looks at the headers.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let over_socket = request.extensions().get::<Arc<Peer>>().is_some_and(|peer| peer.over_socket);
    let host = request
        .uri()
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| request.headers().get(header::HOST).and_then(|host| host.to_str().ok()))
        .unwrap_or_default();
    let refused = if over_socket || !app.settings.open {
        None
    } else {
        check_host(host, &app.settings.hosts).or_else(|| check_forwarded(request.headers()))
    };
    let refused = refused.or_else(|| check_origin(request.method(), host, request.headers()));
    match refused {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    }
}

/// The Host without its port.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

fn check_host(host: &str, more: &[String]) -> Option<Refused> {
    let name = name_of(host);
    let ours = ["localhost", "127.0.0.1", "::1"].iter().any(|known| known.eq_ignore_ascii_case(name))
        || more.iter().any(|known| known.eq_ignore_ascii_case(name));
    (!ours).then(|| {
        Refused::new(
            StatusCode::FORBIDDEN,
            "this server is open to its own machine only, under its own names",
        )
        .code("host")
        .help("use localhost, 127.0.0.1 or [::1] in the address, or set up sign-in")
    })
}

fn check_forwarded(headers: &HeaderMap) -> Option<Refused> {
    let name = headers
        .keys()
        .map(|name| name.as_str())
        .find(|name| *name == "forwarded" || *name == "x-real-ip" || name.starts_with("x-forwarded-"))?;
    Some(
        Refused::new(
            StatusCode::FORBIDDEN,
            format!("the request came through a proxy: it has the header `{name}`"),
        )
        .code("forwarded")
        .help("set up sign-in before you put the server behind a proxy"),
    )
}

fn check_origin(method: &Method, host: &str, headers: &HeaderMap) -> Option<Refused> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return None;
    }
    let ours = match headers.get(header::ORIGIN) {
        Some(origin) => origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)),
        None => headers.get("sec-fetch-site").is_none_or(|site| site != "cross-site"),
    };
    (!ours).then(|| {
        Refused::new(StatusCode::FORBIDDEN, "a page of another origin may not write here")
            .code("origin")
            .help("send the request from the server's own pages, or from a program without an Origin header")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};

    use super::{check_forwarded, check_host, check_origin};

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_names_of_this_machine() {
        for host in ["localhost", "LOCALHOST:8086", "127.0.0.1:1", "[::1]:80", "[::1]", "box"] {
            assert!(check_host(host, &["box".into()]).is_none(), "{host}");
        }
        for host in
            ["", "example.com", "localhost.example.com", "127.0.0.1.example.com:80", "127.0.0.2", "[::2]"]
        {
            assert!(check_host(host, &[]).is_some(), "{host}");
        }
    }

    #[test]
    fn no_proxy_stands_in_front() {
        for name in ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"] {
            assert!(check_forwarded(&headers(&[(name, "x")])).is_some(), "{name}");
        }
        assert!(check_forwarded(&headers(&[("accept", "*/*")])).is_none());
    }

    #[test]
    fn writes_come_from_our_own_pages() {
        let host = "localhost:8086";
        let refused = |method: Method, list: &[(&'static str, &'static str)]| {
            check_origin(&method, host, &headers(list)).is_some()
        };
        assert!(!refused(Method::POST, &[]));
        assert!(!refused(Method::POST, &[("origin", "http://localhost:8086")]));
        assert!(refused(Method::POST, &[("origin", "http://localhost:9999")]));
        assert!(refused(Method::POST, &[("origin", "null")]));
        assert!(refused(Method::POST, &[("sec-fetch-site", "cross-site")]));
        assert!(!refused(Method::GET, &[("origin", "http://example.com")]));
    }
}
