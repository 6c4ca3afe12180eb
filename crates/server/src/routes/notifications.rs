//! GET notifications: what is kept for the person until it is read.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, routing::on};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    answer::{Answer, Items, Refused, ok},
    app::App,
    asked::{Path, Query},
    door::Viewer,
    route::{Gives, Kind, PLAIN, Route, of},
    view::NotificationView,
};

pub(crate) const ROUTES: &[Route] = &[Route {
    path: "/{system}/notifications",
    does: "the caller's notifications, the newest first",
    query: Some(of::<Asked>),
    gives: &[Gives(200, Kind::Json(of::<Items<NotificationView>>))],
    call: |verb| on(verb, list),
    ..PLAIN
}];

/// Which page, the first is 1.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Asked {
    page: Option<String>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let published = app.system(&system)?;
    let user = viewer.person.id;
    let page = match asked.page.as_deref().unwrap_or_default() {
        "" => 1,
        page => page.parse().ok().filter(|page| *page > 0).ok_or_else(|| {
            Refused::new(StatusCode::BAD_REQUEST, "`page` is no whole number from 1 on")
                .help("leave it out for the first page")
        })?,
    };
    let kept = app.engine.store().notifications(published.system.name.clone(), user, 0, page - 1).await?;
    let items = kept.iter().map(|notification| NotificationView::from(&**notification)).collect();
    ok(&Items { items, cursor: None })
}
