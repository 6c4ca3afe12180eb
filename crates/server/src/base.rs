//! Everything under one path, for a proxy that shares its host with others. What is inside knows paths without it; what is
//! written for clients (pages, redirects, cookies) begins with it.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use crate::{answer::Refused, serve::Peer};

/// Asked by whoever watches the process itself, who does not come through the proxy.
const OF_THE_PROCESS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

type Routes = TowerToHyperService<Router>;

/// The same router under `base`, which is empty or `/hefe`, `/apps/hefe`.
pub(crate) fn under(base: String, router: Router) -> Router {
    if base.is_empty() {
        return router;
    }
    let (base, routes): (Arc<str>, Routes) = (base.into(), TowerToHyperService::new(router));
    Router::new().fallback(move |request: Request| pass(base.clone(), routes.clone(), request))
}

async fn pass(base: Arc<str>, router: Routes, mut request: Request) -> Response {
    let over_socket = request.extensions().get::<Arc<Peer>>().is_some_and(|peer| peer.over_socket);
    if !over_socket && !OF_THE_PROCESS.contains(&request.uri().path()) {
        match inside(&base, request.uri()) {
            Some(uri) => *request.uri_mut() = uri,
            None => return nowhere(&base),
        }
    }
    let Ok(response) = router.call(request).await;
    response
}

/// The address without the base; None: it is not under it.
fn inside(base: &str, uri: &Uri) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(base)?;
    let rest = match rest.as_bytes().first() {
        None => "/".to_owned(),
        Some(b'/') => rest.to_owned(),
        Some(b'?') => format!("/{rest}"),
        Some(_) => return None,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn nowhere(base: &str) -> Response {
    Refused::new(StatusCode::NOT_FOUND, "there is nothing at this address")
        .help(format!("everything is under {base}; a proxy in front passes the whole path on"))
        .into_response()
}
