//! GET notifications: what is kept for the person until it is read.

use std::sync::Arc;

use axum::extract::{Path, State};

use crate::{
    answer::{Answer, Items, ok},
    app::App,
    view::NotificationView,
};

pub(crate) async fn list(State(app): State<Arc<App>>, Path(system): Path<String>) -> Answer {
    let published = app.system(&system)?;
    let user = app.viewer().person.id;
    let kept = app.engine.store().notifications(published.system.name.clone(), user, 0).await?;
    let items = kept.iter().map(|notification| NotificationView::from(&**notification)).collect();
    ok(&Items { items, cursor: None })
}
