//! GET notifications: what is kept for the person until it is read.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use crate::{
    answer::{Answer, Items, ok},
    app::App,
    view::NotificationView,
};

/// Which page, the first is 1.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    page: Option<u32>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Path(system): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let published = app.system(&system)?;
    let user = app.viewer().person.id;
    let page = asked.page.unwrap_or(1).saturating_sub(1);
    let kept = app.engine.store().notifications(published.system.name.clone(), user, 0, page).await?;
    let items = kept.iter().map(|notification| NotificationView::from(&**notification)).collect();
    ok(&Items { items, cursor: None })
}
