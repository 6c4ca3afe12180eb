//! The provider that the demo calls: on loopback, a little slow as providers are, and it can be told to fail.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// How long each call takes: long enough to see the bar stand.
const PACE: Duration = Duration::from_millis(600);

/// Projects whose publishing fails.
type Told = Arc<Mutex<HashSet<String>>>;

/// Serves until the future is dropped; gives the address first.
pub(crate) async fn listen() -> std::io::Result<(SocketAddr, impl Future<Output = ()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/files/{project}", get(files))
        .route("/files/{project}", delete(clean))
        .route("/compress/{project}", post(compress))
        .route("/publish/{project}", post(publish))
        .route("/told/{project}", put(tell))
        .with_state(Told::default());
    Ok((address, async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!("the demo's provider stopped: {error}");
        }
    }))
}

/// `{"fail": true}`: publishing this project fails from now on.
async fn tell(State(told): State<Told>, Path(project): Path<String>, Json(body): Json<Value>) -> StatusCode {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    if body["fail"] == true {
        told.insert(project);
    } else {
        told.remove(&project);
    }
    StatusCode::NO_CONTENT
}

async fn files() -> Json<Value> {
    tokio::time::sleep(PACE).await;
    Json(json!({ "count": 12, "server": "files-3" }))
}

async fn compress() -> Json<Value> {
    tokio::time::sleep(PACE).await;
    Json(json!({ "ratio": 0.41 }))
}

async fn publish(State(told): State<Told>, Path(project): Path<String>) -> Response {
    tokio::time::sleep(PACE).await;
    if told.lock().unwrap_or_else(PoisonError::into_inner).contains(&project) {
        let words = "FATAL: replica db-7.internal lost, stack at publish.go:214, token=s3cr3t";
        return (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    }
    Json(json!({ "url": format!("https://shop.example/p/{project}"), "revision": "7", "node": "web-2" }))
        .into_response()
}

async fn clean() -> StatusCode {
    StatusCode::NO_CONTENT
}
