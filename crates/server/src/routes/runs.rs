//! GET runs, GET runs/ID, POST runs/ID/cancel, retry, signal/NAME.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Request, State},
    http::StatusCode,
    routing::on,
};
use engine::{Retried, RetryFrom, Trace};
use recipe::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Cancelled, Deed, Did, Error, Filter, Id, Item, Key, Log, Once, Run, Signalled, Status};

use crate::{
    answer::{Answer, Items, Refused, json, ok},
    app::App,
    asked::{Path, Query},
    border::{Raw, Shown},
    door::{Rank, Sight, Viewer},
    once::{Named, kept, once, replay},
    route::{Gives, Kind, PLAIN, Route, Takes, Verb, Who, of},
    routes::{audit, body},
    schema::IdText,
    time::{iso, moment},
    view::{ItemView, JournalView, LogView, RunRow, RunView, outcome},
};

/// Every status, by its word.
pub(crate) const STATUSES: [Status; 6] =
    [Status::Queued, Status::Running, Status::Waiting, Status::Succeeded, Status::Failed, Status::Cancelled];

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/{system}/runs",
        who: Who::OwnOr(Rank::Viewer),
        does: "runs, the newest first",
        query: Some(of::<Asked>),
        gives: &[Gives(200, Kind::Json(of::<Items<RunRow>>))],
        call: |verb| on(verb, list),
        ..PLAIN
    },
    Route {
        path: "/{system}/runs/{run}",
        who: Who::OwnOr(Rank::Viewer),
        does: "a run; with journal, log and values for operators",
        gives: &[Gives(200, Kind::Json(of::<RunView>))],
        call: |verb| on(verb, show),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/runs/{run}/cancel",
        who: Who::OwnOr(Rank::Operator),
        does: "ends a run and what it started: at once, or as soon as its worker hears of it",
        query: Some(of::<Ending>),
        gives: &[Gives(200, Kind::Json(of::<CancelView>)), Gives(202, Kind::Json(of::<CancelView>))],
        refuses: &[409],
        call: |verb| on(verb, cancel),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/runs/{run}/retry",
        who: Who::From(Rank::Operator),
        does: "tries a run again that failed or was cancelled",
        query: Some(of::<Again>),
        once: true,
        gives: &[Gives(202, Kind::Json(of::<RetryView>))],
        refuses: &[409],
        call: |verb| on(verb, retry),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/runs/{run}/signal/{name}",
        who: Who::From(Rank::Operator),
        does: "brings a run what it waits for",
        takes: Takes::Any,
        once: true,
        gives: &[Gives(202, Kind::Json(of::<SignalView>))],
        refuses: &[409],
        call: |verb| on(verb, signal),
        ..PLAIN
    },
];

/// What the address (or the filter of a bulk action) asks for; an empty text is none.
#[derive(Debug, Default, Clone, Deserialize, JsonSchema)]
pub(crate) struct Asked {
    pub(crate) workflow: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) queue: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) q: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) element: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) cursor: Option<String>,
}

impl Asked {
    /// The filter for what the viewer may see.
    pub(crate) fn filter(&self, system: &Arc<str>, viewer: &Viewer) -> Result<Filter, Refused> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let status = match given(&self.status) {
            None => None,
            Some(word) => {
                Some(STATUSES.into_iter().find(|status| status.word() == word).ok_or_else(|| {
                    Refused::new(StatusCode::BAD_REQUEST, format!("`{word}` is no status"))
                        .help(format!("one of {}", STATUSES.map(Status::word).join(", ")))
                })?)
            }
        };
        let time = |name: &str, text: &Option<String>| match given(text) {
            None => Ok(None),
            Some(text) => moment(&text).map(Some).ok_or_else(|| {
                Refused::new(StatusCode::BAD_REQUEST, format!("`{name}` is no moment"))
                    .help("write it as 2026-11-25T14:05:00Z, or in milliseconds since 1970")
            }),
        };
        Ok(Filter {
            system: Some(system.clone()),
            workflow: given(&self.workflow),
            status,
            queue: given(&self.queue),
            user: if viewer.is(Rank::Viewer) {
                given(&self.user)
            } else {
                Some(viewer.person.id.to_string())
            },
            text: given(&self.q),
            live: false,
            code: given(&self.code),
            element: given(&self.element),
            after_ms: time("after", &self.after)?,
            before_ms: time("before", &self.before)?,
            cursor: cursor(given(&self.cursor))?,
            limit: 50,
        })
    }
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(system): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer {
    let published = app.system(&system)?;
    let filter = asked.filter(&published.system.name, &viewer)?;
    let page = app.engine.store().runs(filter).await?;
    ok(&Items { items: page.items.iter().map(RunRow::from).collect(), cursor: page.cursor })
}

/// Where the page before ended; anything else would begin again without a word.
pub(crate) fn cursor(given: Option<String>) -> Result<Option<String>, Refused> {
    match given.as_deref().map(str::parse::<Id>) {
        Some(Err(())) => Err(Refused::new(StatusCode::BAD_REQUEST, "`cursor` is none that a page gave")
            .help("leave it out for the first page; each page names the next one's")),
        _ => Ok(given),
    }
}

/// A run with all that is shown of it.
pub(crate) struct Whole {
    pub(crate) run: Run,
    pub(crate) sight: Sight,
    pub(crate) why: Option<String>,
    pub(crate) items: Vec<Arc<Item>>,
    pub(crate) children: Vec<Run>,
    /// For operators, empty for others.
    pub(crate) logs: Vec<Log>,
    /// For operators.
    pub(crate) trace: Option<Trace>,
}

/// The run of that id in that system, if the viewer may see it.
pub(crate) async fn find(app: &App, system: &str, viewer: &Viewer, name: &str) -> Result<Run, Refused> {
    let found = match name.parse::<Id>() {
        Ok(id) => app.engine.store().run(id).await?,
        Err(()) => None,
    };
    found.filter(|run| *run.start.system == *system && viewer.sees_run(run)).ok_or_else(|| {
        Refused::unknown("run", name, &format!("GET /{system}/runs lists the runs that are kept"))
    })
}

/// All of a run.
pub(crate) async fn whole(app: &App, viewer: &Viewer, run: Run) -> Result<Whole, Error> {
    let store = app.engine.store();
    let id = run.start.id;
    let mut items = store.items_of(run.start.root).await?;
    items.retain(|item| viewer.sees(item));
    let children = store.children(id).await?;
    let (logs, trace) = if viewer.is(Rank::Operator) {
        (store.logs(id).await?, Some(app.engine.trace(&run).await?))
    } else {
        (Vec::new(), None)
    };
    let why = app.why(&run).await;
    let sight = viewer.sight(&run);
    Ok(Whole { run, sight, why, items, children, logs, trace })
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, name)): Path<(String, String)>,
) -> Answer {
    let run = find(&app, &system, &viewer, &name).await?;
    if viewer.sight(&run) == Sight::All && !viewer.owns(&run) {
        audit::saw(&app, &viewer, &run.start).await;
    }
    let Whole { run, sight, why, items, children, logs, trace } = whole(&app, &viewer, run).await?;
    let (result, error) = outcome(&run, sight);
    let values = sight == Sight::All;
    let now_ms = app.engine.clock_ms();
    ok(&RunView {
        row: RunRow::from(&run),
        cancel_asked_at: run.cancel_at_ms.map(iso),
        input: if values { Shown::of(&run.start.input) } else { Shown::null() },
        result,
        error,
        handled: run.end.as_ref().map_or(0, |end| end.handled),
        why,
        progress: items.iter().map(|item| ItemView::now(item, now_ms)).collect(),
        children: children.iter().map(RunRow::from).collect(),
        effects: run
            .end
            .iter()
            .filter(|_| sight >= Sight::Own)
            .flat_map(|end| end.effects.iter().map(Shown::of))
            .collect(),
        log: logs.iter().map(LogView::from).collect(),
        journal: trace.as_ref().map(|trace| JournalView { entries: trace.entries.iter().map(Raw).collect() }),
    })
}

#[derive(Serialize, JsonSchema)]
struct CancelView {
    #[schemars(with = "IdText")]
    run: Id,
    status: &'static str,
}

/// What ends with a run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Ending {
    /// `keep`: what the run started goes on.
    children: Option<String>,
}

pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, name)): Path<(String, String)>,
    Query(how): Query<Ending>,
) -> Answer {
    let children = match how.children.as_deref() {
        None => true,
        Some("keep") => false,
        Some(_) => {
            let says = "`children` is `keep`, or left out: then what the run started ends too";
            return Err(Refused::new(StatusCode::BAD_REQUEST, says));
        }
    };
    let run = find(&app, &system, &viewer, &name).await?;
    if !viewer.owns(&run) {
        viewer.needs(Rank::Operator)?;
    }
    let id = run.start.id;
    let came = app.engine.cancel(id, children).await?;
    if matches!(came, Cancelled::Ended | Cancelled::Asked) {
        audit::did(&app, &viewer, "cancelled", &run.start).await?;
    }
    match came {
        Cancelled::Ended => ok(&CancelView { run: id, status: "cancelled" }),
        Cancelled::Asked => Ok(json(StatusCode::ACCEPTED, &CancelView { run: id, status: "asked" })),
        Cancelled::Over => Err(Refused::new(StatusCode::CONFLICT, "the run has ended already").run(id)),
        Cancelled::Unknown => {
            Err(Refused::unknown("run", &name, &format!("GET /{system}/runs lists the runs that are kept")))
        }
    }
}

/// How a run is tried again.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct Again {
    /// `failure` (as if left out) or `start`.
    from: Option<String>,
    /// `current`; left out, the run's own.
    version: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct RetryView {
    #[schemars(with = "IdText")]
    run: Id,
    #[schemars(with = "Option<IdText>")]
    retry_of: Option<Id>,
}

pub(crate) async fn retry(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, name)): Path<(String, String)>,
    Query(again): Query<Again>,
    request: Request,
) -> Answer {
    let asked = Named::of(&request)?;
    let (user, on) = (viewer.person.id.clone(), app.clone());
    once(&app, asked, &user, &Bytes::new(), |key| async move {
        let run = find(&on, &system, &viewer, &name).await?.start;
        let answer = retry_run(&on, run.id, &again, key).await?;
        audit::did(&on, &viewer, "retried", &run).await?;
        Ok(answer)
    })
    .await
}

async fn retry_run(app: &App, run: Id, again: &Again, key: Option<Key>) -> Answer {
    let current = match again.version.as_deref() {
        None | Some("") => false,
        Some("current") => true,
        Some(_) => {
            return Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "a run goes on under its own version, or under `current`",
            )
            .help("leave `version` out for its own"));
        }
    };
    let from = match again.from.as_deref() {
        None | Some("" | "failure") => RetryFrom::Failure { current },
        Some("start") => RetryFrom::Start,
        Some(_) => {
            return Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "a run is tried again from `failure` or from `start`",
            )
            .help("leave `from` out to go on where it failed"));
        }
    };
    let conflict = |says: &str| Refused::new(StatusCode::CONFLICT, says).run(run);
    let retried =
        |id| json(StatusCode::ACCEPTED, &RetryView { run: id, retry_of: (id != run).then_some(run) });
    let came = match key {
        None => app.engine.retry(run, from).await?,
        Some(key) => match app.engine.plan_retry(run, from).await? {
            Err(refused) => refused,
            Ok(deed) => {
                let id = if let Deed::Start(new) = &deed { new.id } else { run };
                let (response, answer) = kept(retried(id)).await?;
                match app.engine.once(key, deed, Some(answer)).await? {
                    Once::Did(did) => match Retried::of(did, id) {
                        Retried::Queued(_) => return Ok(response),
                        refused => refused,
                    },
                    found => return replay(found),
                }
            }
        },
    };
    match came {
        Retried::Queued(id) => Ok(retried(id)),
        Retried::NotOver => Err(conflict("only a run that failed or was cancelled is tried again")),
        Retried::Differs(difference) => {
            Err(conflict(&format!("the run cannot go on under the current version: {difference}"))
                .help("try it again from the start, or under its own version"))
        }
        Retried::Unknown => {
            Err(Refused::unknown("run", &run.to_string(), "GET runs lists the runs that are kept"))
        }
    }
}

#[derive(Serialize, JsonSchema)]
struct SignalView {
    #[schemars(with = "IdText")]
    run: Id,
    signal: String,
}

/// It is kept beside the run until that takes it.
const SIGNAL_BYTES_MAX: usize = 1 << 20;

const SIGNAL_NAME_MAX: usize = 255;

/// Brings a run the body that it waits for, or will wait for.
pub(crate) async fn signal(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, name, signal)): Path<(String, String, String)>,
    request: Request,
) -> Answer {
    let asked = Named::of(&request)?;
    let bytes = body::bytes(&app, request).await?;
    if bytes.len() > SIGNAL_BYTES_MAX {
        let says = format!("a signal's body is at most {} KiB", SIGNAL_BYTES_MAX >> 10);
        return Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, says)
            .help("send what leads to the rest, such as an id"));
    }
    if signal.is_empty() || signal.len() > SIGNAL_NAME_MAX || signal.chars().any(char::is_control) {
        let says = format!("a signal's name has 1 to {SIGNAL_NAME_MAX} bytes and no control characters");
        return Err(Refused::new(StatusCode::BAD_REQUEST, says));
    }
    if engine::is_modals(&signal) {
        return Err(Refused::new(StatusCode::BAD_REQUEST, "a modal is answered by its person alone")
            .help("signals whose names begin with `modal/` are the server's own: choose another name"));
    }
    let body = body::value(&bytes)?;
    let (user, on) = (viewer.person.id.clone(), app.clone());
    once(&app, asked, &user, &bytes, |key| async move {
        let run = find(&on, &system, &viewer, &name).await?.start;
        let answer = signal_run(&on, run.id, signal, body, key).await?;
        audit::did(&on, &viewer, "signalled", &run).await?;
        Ok(answer)
    })
    .await
}

async fn signal_run(app: &App, run: Id, signal: String, body: Value, key: Option<Key>) -> Answer {
    let name: Arc<str> = signal.as_str().into();
    let response = json(StatusCode::ACCEPTED, &SignalView { run, signal });
    let (response, came) = match key {
        None => (response, app.engine.store().signal(run, name, body).await?),
        Some(key) => {
            let (response, answer) = kept(response).await?;
            match app.engine.once(key, Deed::Signal { run, name, body }, Some(answer)).await? {
                Once::Did(Did::Signalled(came)) => (response, came),
                found => return replay(found),
            }
        }
    };
    let conflict = |says: &str| Refused::new(StatusCode::CONFLICT, says).run(run);
    match came {
        Signalled::Kept => Ok(response),
        Signalled::Double => {
            Err(conflict("a signal of that name is kept already; the run has not taken it yet"))
        }
        Signalled::Full => Err(conflict("the run has not taken 100 signals that are kept for it")),
        Signalled::Over => Err(conflict("the run has ended already")),
        Signalled::Unknown => {
            Err(Refused::unknown("run", &run.to_string(), "GET runs lists the runs that are kept"))
        }
    }
}
