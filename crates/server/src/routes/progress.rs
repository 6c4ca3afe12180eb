//! GET progress: bars that move, and those that ended in the last hour.

use std::sync::Arc;

use axum::{extract::State, routing::on};
use store::{Error, Id, Item};

use crate::{
    answer::{Answer, Items, Refused, ok},
    app::App,
    asked::Path,
    door::{Rank, Viewer},
    route::{Gives, Kind, PLAIN, Route, Who, of},
    view::ItemView,
};

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/{system}/progress",
        who: Who::OwnOr(Rank::SignedIn),
        does: "bars that move, and those that ended in the last hour: everyone's, and the caller's private ones",
        gives: &[Gives(200, Kind::Json(of::<Items<ItemView>>))],
        call: |verb| on(verb, list),
        ..PLAIN
    },
    Route {
        path: "/{system}/progress/{item}",
        who: Who::OwnOr(Rank::SignedIn),
        does: "a bar; a private one for its person only",
        gives: &[Gives(200, Kind::Json(of::<ItemView>))],
        call: |verb| on(verb, show),
        ..PLAIN
    },
];

pub(crate) async fn list(State(app): State<Arc<App>>, viewer: Viewer, Path(system): Path<String>) -> Answer {
    let published = app.system(&system)?;
    let seen = seen(&app, &viewer, &published.system.name).await?;
    let now_ms = app.engine.clock_ms();
    ok(&Items { items: seen.iter().map(|item| ItemView::now(item, now_ms)).collect(), cursor: None })
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, name)): Path<(String, String)>,
) -> Answer {
    let found = match name.parse::<Id>() {
        Ok(id) => app.engine.store().item(id).await?,
        Err(()) => None,
    };
    match found.filter(|item| *item.system == *system && viewer.sees(item)) {
        Some(item) => ok(&ItemView::now(&item, app.engine.clock_ms())),
        None => Err(Refused::unknown(
            "progress item",
            &name,
            &format!("GET /{system}/progress lists those that move or ended in the last hour"),
        )),
    }
}

/// What the viewer may see, the newest change first.
pub(crate) async fn seen(app: &App, viewer: &Viewer, system: &Arc<str>) -> Result<Vec<Arc<Item>>, Error> {
    let mut items = app.engine.store().items(system.clone(), 0).await?;
    items.retain(|item| viewer.sees(item));
    items.reverse();
    Ok(items)
}
