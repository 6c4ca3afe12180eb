//! GET schedules, schedules/ID/ledger, POST schedules/ID/pause, resume, run.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, routing::on};
use engine::Wish;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Fate, Id, Paused, Schedule, Settled, Status, Timing, Why};

use super::audit;
use crate::{
    answer::{Answer, Items, Refused, json, ok},
    app::App,
    asked::{Path, Query},
    door::{Rank, Viewer},
    route::{Gives, Kind, PLAIN, Route, Verb, Who, of},
    schema::{IdText, Moment, StatusWord},
    time::{iso, moment},
};

/// Due times to come that are shown.
const NEXT: usize = 5;

/// Lines of the ledger on a page, as the store gives them.
const PAGE: usize = 100;

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/{system}/schedules",
        who: Who::From(Rank::Viewer),
        does: "what is due by the clock, and when next",
        gives: &[Gives(200, Kind::Json(of::<Items<ScheduleView>>))],
        call: |verb| on(verb, list),
        ..PLAIN
    },
    Route {
        path: "/{system}/schedules/{schedule}/ledger",
        who: Who::From(Rank::Viewer),
        does: "what became of each due time, the newest first",
        query: Some(of::<Before>),
        gives: &[Gives(200, Kind::Json(of::<Items<LineView>>))],
        call: |verb| on(verb, ledger),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/schedules/{schedule}/pause",
        who: Who::From(Rank::Operator),
        does: "skips its due times from now on",
        gives: &[Gives(200, Kind::Json(of::<ScheduleView>))],
        call: |verb| on(verb, pause),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/schedules/{schedule}/resume",
        who: Who::From(Rank::Operator),
        does: "lets its due times start runs again",
        gives: &[Gives(200, Kind::Json(of::<ScheduleView>))],
        call: |verb| on(verb, resume),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/schedules/{schedule}/run",
        who: Who::From(Rank::Operator),
        does: "starts a run of it now, due or not, paused or not",
        gives: &[Gives(202, Kind::Json(of::<LineView>))],
        refuses: &[409],
        call: |verb| on(verb, run),
        ..PLAIN
    },
];

/// Where a page of the ledger begins.
#[derive(Deserialize, JsonSchema)]
struct Before {
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct ScheduleView {
    #[schemars(with = "IdText")]
    id: Id,
    workflow: Arc<str>,
    event: Arc<str>,
    /// Expression and time zone.
    rule: Arc<str>,
    paused: Option<PausedView>,
    /// The next due times.
    #[schemars(with = "Vec<Moment>")]
    next: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct PausedView {
    by: Arc<str>,
    #[schemars(with = "Moment")]
    at: String,
}

#[derive(Serialize, JsonSchema)]
struct LineView {
    #[schemars(with = "Moment")]
    due: String,
    #[schemars(with = "Moment")]
    at: String,
    /// ran, late, caught_up, by_hand, skipped
    fate: &'static str,
    /// Why it was skipped.
    why: Option<String>,
    /// The run that it started, or that stood in its way.
    #[schemars(with = "Option<IdText>")]
    run: Option<Id>,
    #[schemars(with = "Option<StatusWord>")]
    status: Option<Status>,
    /// How long the run took, milliseconds.
    took_ms: Option<i64>,
}

async fn list(State(app): State<Arc<App>>, Path(system): Path<String>) -> Answer {
    let system = app.system(&system)?.system.name.clone();
    let all = app.engine.store().schedules(Some(system)).await?;
    let items = all.into_iter().map(|schedule| view(&app, schedule)).collect();
    ok(&Items { items, cursor: None })
}

fn view(app: &App, schedule: Schedule) -> ScheduleView {
    let next = app.engine.next_due(&schedule, NEXT).into_iter().map(iso).collect();
    let Schedule { id, workflow, event, rule, paused, .. } = schedule;
    let paused = paused.map(|Paused { by, at_ms }| PausedView { by, at: iso(at_ms) });
    ScheduleView { id, workflow, event, rule, paused, next }
}

async fn ledger(
    State(app): State<Arc<App>>,
    Path((system, schedule)): Path<(String, String)>,
    Query(Before { cursor }): Query<Before>,
) -> Answer {
    let schedule = find(&app, &system, &schedule).await?;
    let before_ms = cursor.filter(|cursor| !cursor.is_empty()).map(|cursor| {
        moment(&cursor)
            .ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, "`cursor` is none of this list's"))
    });
    let lines = app.engine.store().ledger(schedule.id, before_ms.transpose()?).await?;
    let cursor = lines.last().filter(|_| lines.len() == PAGE).map(|line| line.due_ms.to_string());
    let mut items = Vec::with_capacity(lines.len());
    for settled in lines {
        items.push(line(&app, settled).await?);
    }
    ok(&Items { items, cursor })
}

async fn line(app: &App, settled: Settled) -> Result<LineView, Refused> {
    let Settled { due_ms, at_ms, fate, run } = settled;
    let (fate, why) = match fate {
        Fate::Ran(Timing::OnTime) => ("ran", None),
        Fate::Ran(Timing::Late) => ("late", None),
        Fate::Ran(Timing::CaughtUp) => ("caught_up", None),
        Fate::Ran(Timing::ByHand) => ("by_hand", None),
        Fate::Skipped(why) => ("skipped", Some(words(&why))),
    };
    let found = match run {
        Some(run) => app.engine.store().run(run).await?,
        None => None,
    };
    let took_ms = found.as_ref().and_then(|run| {
        let end = run.end.as_ref()?;
        Some(end.ended_at_ms - run.started_at_ms.unwrap_or(end.started_at_ms))
    });
    Ok(LineView {
        due: iso(due_ms),
        at: iso(at_ms),
        fate,
        why,
        run,
        status: found.map(|run| run.status),
        took_ms,
    })
}

fn words(why: &Why) -> String {
    match why {
        Why::Paused(by) => format!("paused by {by}"),
        Why::Overlap => "a run before it had not ended".to_owned(),
        Why::Unique => "the workflow's unique key was another run's".to_owned(),
        Why::Missed(1) => "everything was down".to_owned(),
        Why::Missed(count) => format!("everything was down; {count} due times up to this one"),
        Why::Refused(why) => why.to_string(),
    }
}

async fn pause(app: State<Arc<App>>, viewer: Viewer, at: Path<(String, String)>) -> Answer {
    wish(app, viewer, at, Wish::Pause).await
}

async fn resume(app: State<Arc<App>>, viewer: Viewer, at: Path<(String, String)>) -> Answer {
    wish(app, viewer, at, Wish::Resume).await
}

async fn wish(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, named)): Path<(String, String)>,
    wish: Wish,
) -> Answer {
    let schedule = find(&app, &system, &named).await?;
    let by = viewer.person.id.clone();
    let schedule = app.engine.pause(schedule.id, wish, by).await?.ok_or_else(|| unknown(&named))?;
    let what = if wish == Wish::Pause { "paused" } else { "resumed" };
    audit::did_in(&app, &viewer, what, &system, &schedule.workflow).await?;
    ok(&view(&app, schedule))
}

async fn run(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, named)): Path<(String, String)>,
) -> Answer {
    let schedule = find(&app, &system, &named).await?;
    let settled = app.engine.run_now(schedule.id).await?.ok_or_else(|| unknown(&named))?;
    if let Fate::Skipped(why) = &settled.fate {
        let refused = Refused::new(StatusCode::CONFLICT, words(why));
        return Err(match settled.run {
            Some(run) => refused.run(run),
            None => refused,
        });
    }
    audit::did_in(&app, &viewer, "run_by_hand", &system, &schedule.workflow).await?;
    Ok(json(StatusCode::ACCEPTED, &line(&app, settled).await?))
}

async fn find(app: &App, system: &str, named: &str) -> Result<Schedule, Refused> {
    let system = app.system(system)?.system.name.clone();
    let all = app.engine.store().schedules(Some(system)).await?;
    let found = named.parse().ok().and_then(|id: Id| all.into_iter().find(|schedule| schedule.id == id));
    found.ok_or_else(|| unknown(named))
}

fn unknown(named: &str) -> Refused {
    Refused::unknown("schedule", named, "GET schedules lists those that there are")
}
