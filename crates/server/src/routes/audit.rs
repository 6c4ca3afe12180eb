//! The trail: who did what. Starts are not written down a second time: every run says who started it and when, and they are
//! laid between the lines that are.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Serialize;
use store::{Filter, Id, Noted};

use crate::{
    answer::{Answer, Items, Refused, ok},
    app::App,
    door::{Rank, Viewer},
    routes::{mine::From, runs::cursor},
    time::iso,
};

/// Lines a page.
const PAGE: usize = 50;

/// What is to be written down.
#[derive(Default)]
pub(crate) struct Line<'a> {
    pub(crate) what: &'static str,
    /// None: the installation.
    pub(crate) system: Option<&'a str>,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) run: Option<Id>,
    pub(crate) detail: &'a str,
}

/// Written before what it speaks of is answered.
pub(crate) async fn note(app: &App, line: Line<'_>) -> Result<(), Refused> {
    let Line { what, system, user, run, detail } = line;
    let noted = Noted {
        id: app.engine.new_id(),
        system: system.map(Into::into),
        user,
        what: what.into(),
        run,
        detail: detail.into(),
    };
    Ok(app.door().note(noted).await?)
}

/// What someone has done to a run.
pub(crate) async fn did(
    app: &App,
    viewer: &Viewer,
    what: &'static str,
    run: &store::NewRun,
) -> Result<(), Refused> {
    let (user, system) = (Some(viewer.person.id.clone()), Some(&*run.system));
    note(app, Line { what, system, user, run: Some(run.id), detail: &run.workflow }).await
}

#[derive(Serialize)]
struct LineView {
    at: String,
    user: Option<Arc<str>>,
    what: Arc<str>,
    run: Option<Id>,
    detail: Arc<str>,
    #[serde(skip)]
    id: Id,
}

impl std::convert::From<Noted> for LineView {
    fn from(line: Noted) -> LineView {
        let Noted { id, user, what, run, detail, .. } = line;
        LineView { at: iso(id.ms()), user, what, run, detail, id }
    }
}

pub(crate) async fn of_system(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    Query(from): Query<From>,
) -> Answer {
    viewer.needs(Rank::Admin)?;
    let system: Arc<str> = system.into();
    let before = cursor(from.cursor)?;
    let mut lines = lines(&app, Some(system.clone()), before.as_deref()).await?;
    let filter = Filter { system: Some(system), cursor: before, limit: PAGE, ..Filter::default() };
    for run in app.engine.store().runs(filter).await?.items {
        let start = run.start;
        // What a run started shows there.
        if start.parent.is_none() {
            let what = if start.retry_of.is_some() { "started_again" } else { "started" };
            lines.push(LineView {
                at: iso(start.created_at_ms),
                user: start.user.clone(),
                what: what.into(),
                run: Some(start.id),
                detail: start.workflow.clone(),
                id: start.id,
            });
        }
    }
    show(lines)
}

pub(crate) async fn of_all(State(app): State<Arc<App>>, viewer: Viewer, Query(from): Query<From>) -> Answer {
    viewer.needs(Rank::Admin)?;
    show(lines(&app, None, cursor(from.cursor)?.as_deref()).await?)
}

async fn lines(app: &App, system: Option<Arc<str>>, before: Option<&str>) -> Result<Vec<LineView>, Refused> {
    let before = before.and_then(|id| id.parse().ok());
    Ok(app.engine.store().trail(system, before).await?.into_iter().map(LineView::from).collect())
}

fn show(mut lines: Vec<LineView>) -> Answer {
    lines.sort_by_key(|line| std::cmp::Reverse(line.id));
    let more = lines.len() >= PAGE;
    lines.truncate(PAGE);
    let cursor = lines.last().filter(|_| more).map(|line| line.id.to_string());
    ok(&Items { items: lines, cursor })
}
