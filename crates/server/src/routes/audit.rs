//! The trail: who did what. Starts are not written down a second time: every run says who started it and when, and they are
//! laid between the lines that are.

use std::sync::Arc;

use axum::{extract::State, routing::on};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Filter, Id, Noted};

use crate::{
    answer::{Answer, Items, Refused, ok},
    app::App,
    asked::{Path, Query},
    door::{Rank, Viewer},
    route::{Gives, Kind, PLAIN, Route, Who, of},
    routes::{mine::From, runs::cursor},
    schema::{IdText, Moment},
    time::iso,
};

/// Lines a page.
const PAGE: usize = 50;

const LINES: &[Gives] = &[Gives(200, Kind::Json(of::<Items<LineView>>))];

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/{system}/audit",
        who: Who::From(Rank::Admin),
        does: "who started, cancelled, retried what, the newest first",
        query: Some(of::<From>),
        gives: LINES,
        call: |verb| on(verb, of_system),
        ..PLAIN
    },
    Route {
        path: "/audit",
        who: Who::From(Rank::Admin),
        does: "what was done outside of systems: sign-ins, users, keys",
        query: Some(of::<From>),
        gives: LINES,
        call: |verb| on(verb, of_all),
        ..PLAIN
    },
];

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

/// Writes a line; where it cannot be written it goes to the server's log, for what must not wait for a disk.
pub(crate) async fn note_or_log(app: &App, line: Line<'_>) {
    let (what, user, run, system) = (line.what, line.user.clone(), line.run, line.system.map(str::to_owned));
    if let Err(refused) = note(app, line).await {
        let why = refused.words().0;
        tracing::warn!(what, ?user, ?system, ?run, why, "a line of the trail could not be written");
    }
}

/// What someone has done in a system.
pub(crate) async fn did_in(
    app: &App,
    viewer: &Viewer,
    what: &'static str,
    system: &str,
    detail: &str,
) -> Result<(), Refused> {
    let user = Some(viewer.person.id.clone());
    note(app, Line { what, system: Some(system), user, detail, ..Line::default() }).await
}

/// What someone has done to a run.
pub(crate) async fn did(
    app: &App,
    viewer: &Viewer,
    what: &'static str,
    run: &store::NewRun,
) -> Result<(), Refused> {
    note(app, line_of(viewer, what, run)).await
}

/// Someone reads another's run, also where no line can be written.
pub(crate) async fn saw(app: &App, viewer: &Viewer, run: &store::NewRun) {
    note_or_log(app, line_of(viewer, "read", run)).await;
}

fn line_of<'a>(viewer: &Viewer, what: &'static str, run: &'a store::NewRun) -> Line<'a> {
    let (user, system) = (Some(viewer.person.id.clone()), Some(&*run.system));
    Line { what, system, user, run: Some(run.id), detail: &run.workflow }
}

#[derive(Serialize, JsonSchema)]
struct LineView {
    #[schemars(with = "Moment")]
    at: String,
    user: Option<Arc<str>>,
    what: Arc<str>,
    #[schemars(with = "Option<IdText>")]
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
    Path(system): Path<String>,
    Query(from): Query<From>,
) -> Answer {
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

pub(crate) async fn of_all(State(app): State<Arc<App>>, Query(from): Query<From>) -> Answer {
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
