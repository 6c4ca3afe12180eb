//! GET mine: what the person started.

use std::sync::Arc;

use axum::{extract::State, routing::on};
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::Deserialize;
use store::{Error, Item, Page, Run};

use crate::{
    answer::{Answer, Items, ok},
    app::App,
    asked::{Path, Query},
    door::Viewer,
    route::{Gives, Kind, PLAIN, Route, of},
    routes::runs::cursor,
    view::{ItemView, MineRow},
};

pub(crate) const ROUTES: &[Route] = &[Route {
    path: "/{system}/mine",
    does: "what the caller started in the background, with bars and results",
    query: Some(of::<From>),
    gives: &[Gives(200, Kind::Json(of::<Items<MineRow>>))],
    call: |verb| on(verb, list),
    ..PLAIN
}];

/// Where the page begins.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct From {
    /// What the page before named.
    pub(crate) cursor: Option<String>,
}

/// A run of one's own with what is shown beside it.
pub(crate) struct Own {
    pub(crate) run: Run,
    pub(crate) why: Option<String>,
    pub(crate) items: Vec<Arc<Item>>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    Query(from): Query<From>,
) -> Answer {
    let published = app.system(&system)?;
    let page = own(&app, &viewer, &published.system.name, cursor(from.cursor)?).await?;
    let now_ms = app.engine.clock_ms();
    let items = page
        .items
        .iter()
        .map(|own| {
            let items = own.items.iter().map(|item| ItemView::now(item, now_ms)).collect();
            MineRow::new(&own.run, own.why.clone(), items)
        })
        .collect();
    ok(&Items { items, cursor: page.cursor })
}

/// A page of what the viewer started.
pub(crate) async fn own(
    app: &App,
    viewer: &Viewer,
    system: &Arc<str>,
    cursor: Option<String>,
) -> Result<Page<Own>, Error> {
    let store = app.engine.store();
    let page = store.mine(system.clone(), viewer.person.id.clone(), cursor).await?;
    let rows = page.items.into_iter().map(async |run| {
        let why = app.engine.why_briefly(&run).await;
        let mut items = store.items_of(run.start.root).await?;
        items.retain(|item| viewer.sees(item));
        Ok::<_, Error>(Own { run, why, items })
    });
    Ok(Page { items: try_join_all(rows).await?, cursor: page.cursor })
}
