//! Every bar that moves.

use std::sync::Arc;

use axum::extract::State;
use maud::html;
use store::ItemStatus;

use super::{
    Begun, Tab,
    parts::{Bars, bars},
};
use crate::{answer::Answer, app::App, asked::Path, door::Viewer, routes::progress::seen};

pub(super) async fn show(State(app): State<Arc<App>>, viewer: Viewer, Path(system): Path<String>) -> Answer {
    let published = app.system(&system)?;
    let begun = Begun::new(&app, &viewer, &system);
    let mut items = seen(&app, &viewer, &published.system.name).await?;
    items.retain(|item| item.status == ItemStatus::Running);
    let body = html! {
        div class="head" { h1 { "Progress" } p class="quiet" { "Everything that moves right now." } }
        div class="card board" { (bars(begun.at(), &Bars::Moving, &items, Some("Nothing moves right now. Bars appear here by themselves."))) }
    };
    Ok(begun.show(Tab::Progress, "Progress", &body))
}
