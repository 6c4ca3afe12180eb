//! GET queues, and POST queues/NAME/pause and resume: what is in them, and that nothing of one is worked for a while.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, http::StatusCode, routing::on};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Pause, Queue};

use super::audit;
use crate::{
    answer::{Answer, Items, Refused, ok},
    app::App,
    asked::Path,
    door::{Rank, Viewer},
    route::{Gives, Kind, PLAIN, Route, Verb, Who, of},
    schema::Moment,
    time::iso,
};

/// The longest name, bytes.
const NAME_MAX: usize = 255;

pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/{system}/queues",
        who: Who::From(Rank::Viewer),
        does: "the queues that its workflows name, those with runs in them, and those that are paused",
        gives: &[Gives(200, Kind::Json(of::<Items<QueueView>>))],
        call: |verb| on(verb, list),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/queues/{queue}/pause",
        who: Who::From(Rank::Operator),
        does: "nothing more of the queue is begun until it is resumed; what runs goes on",
        gives: &[Gives(200, Kind::Json(of::<QueueView>))],
        call: |verb| on(verb, pause),
        ..PLAIN
    },
    Route {
        verb: Verb::Post,
        path: "/{system}/queues/{queue}/resume",
        who: Who::From(Rank::Operator),
        does: "its runs are worked again",
        gives: &[Gives(200, Kind::Json(of::<QueueView>))],
        call: |verb| on(verb, resume),
        ..PLAIN
    },
];

#[derive(Serialize, JsonSchema)]
struct QueueView {
    queue: Arc<str>,
    /// Runs that could be worked, were it not paused: neither delayed nor behind a limit.
    ready: u64,
    /// When the first of them was started.
    #[schemars(with = "Option<Moment>")]
    oldest_at: Option<String>,
    running: u64,
    /// Who has paused it.
    paused_by: Option<Arc<str>>,
    #[schemars(with = "Option<Moment>")]
    paused_at: Option<String>,
}

impl From<Queue> for QueueView {
    fn from(queue: Queue) -> QueueView {
        let Queue { queue, ready, oldest, running, paused } = queue;
        QueueView {
            queue,
            ready,
            oldest_at: oldest.map(|run| iso(run.ms())),
            running,
            paused_at: paused.as_ref().map(|pause| iso(pause.at_ms)),
            paused_by: paused.map(|pause| pause.by),
        }
    }
}

fn empty(queue: &Arc<str>) -> Queue {
    Queue { queue: queue.clone(), ready: 0, oldest: None, running: 0, paused: None }
}

async fn list(State(app): State<Arc<App>>, Path(system): Path<String>) -> Answer {
    let published = app.system(&system)?;
    let named = published.system.workflows.values().filter_map(|graph| graph.queue.as_ref());
    let mut all: BTreeMap<Arc<str>, Queue> = named.map(|queue| (queue.clone(), empty(queue))).collect();
    let known = app.engine.store().queues(&system).await?;
    all.extend(known.into_iter().map(|queue| (queue.queue.clone(), queue)));
    let items = all.into_values().map(QueueView::from).collect();
    ok(&Items { items, cursor: None })
}

async fn pause(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, queue)): Path<(String, String)>,
) -> Answer {
    if queue.len() > NAME_MAX {
        let says = format!("a queue's name has at most {NAME_MAX} bytes");
        return Err(Refused::new(StatusCode::BAD_REQUEST, says).help("GET queues lists those that there are"));
    }
    let pause = Pause {
        queue: queue.as_str().into(),
        system: system.as_str().into(),
        by: viewer.person.id.clone(),
        at_ms: app.engine.clock_ms(),
    };
    if app.engine.store().pause_queue(pause).await? {
        audit::did_in(&app, &viewer, "paused", &system, &queue).await?;
    }
    shown(&app, &system, &queue).await
}

async fn resume(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path((system, queue)): Path<(String, String)>,
) -> Answer {
    if app.engine.store().resume_queue(system.as_str().into(), queue.as_str().into()).await? {
        audit::did_in(&app, &viewer, "resumed", &system, &queue).await?;
    }
    shown(&app, &system, &queue).await
}

/// As it stands now.
async fn shown(app: &App, system: &str, queue: &str) -> Answer {
    let known = app.engine.store().queues(system).await?;
    let found = known.into_iter().find(|known| *known.queue == *queue);
    ok(&QueueView::from(found.unwrap_or_else(|| empty(&queue.into()))))
}
