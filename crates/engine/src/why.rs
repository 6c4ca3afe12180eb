//! Why a run is not worked right now, in one sentence for people.

use interpreter::effect::{Asked, Wait};
use store::{Id, Run, Status};
use workflow::Overlap;

use crate::{
    Shared,
    stand::{Stood, stand},
};

/// How many awaited runs are looked up to say how many of them are not over.
const COUNTED_MAX: usize = 100;

/// None if it is worked, or is over.
pub(crate) async fn why(shared: &Shared, run: &Run) -> Option<String> {
    let now_ms = shared.clock.now_ms();
    match run.status {
        Status::Queued => Some(queued(shared, run, now_ms).await),
        Status::Waiting => {
            let told = match stand(shared, run).await {
                Ok(Some(stood)) => told(shared, &stood, now_ms).await,
                // The store is out of reach, or the version is gone: what the row says.
                Ok(None) | Err(_) => None,
            };
            told.or_else(|| Some(waiting(run, now_ms)))
        }
        Status::Running if run.cancel_at_ms.is_some() => {
            Some("its end was asked for; it ends at its next effect".to_owned())
        }
        Status::Running | Status::Succeeded | Status::Failed | Status::Cancelled => None,
    }
}

/// The same without its journal, for lists of many.
pub(crate) async fn briefly(shared: &Shared, run: &Run) -> Option<String> {
    let now_ms = shared.clock.now_ms();
    match run.status {
        Status::Queued => Some(queued(shared, run, now_ms).await),
        Status::Waiting => Some(waiting(run, now_ms)),
        Status::Running | Status::Succeeded | Status::Failed | Status::Cancelled => None,
    }
}

async fn queued(shared: &Shared, run: &Run, now_ms: i64) -> String {
    if run.cancel_at_ms.is_some() {
        return "its end was asked for".to_owned();
    }
    if let Some(refuses) = shared.systems.known(run.start.version).and_then(|version| version.refuses()) {
        return refuses;
    }
    // A store that is out of reach is no reason to say nothing.
    let paused = shared.store.paused(&run.start.system, &run.start.queue).await.unwrap_or(None);
    if let (None, Some(pause)) = (run.wake_at_ms, paused) {
        return format!("{} has paused its queue `{}` {}", pause.by, pause.queue, at(pause.at_ms, now_ms));
    }
    if let (Some(wake_at_ms), Some(host)) = (run.wake_at_ms, &run.host) {
        return match shared.store.before_at(host, run.start.id).await.unwrap_or(None) {
            None => format!("it waits for its turn at {host} until {}", until(wake_at_ms, now_ms)),
            Some(0) => format!("it waits for its turn at {host}, and is the next in line"),
            Some(1) => format!("it waits for its turn at {host}, with one call before it"),
            Some(before) => format!("it waits for its turn at {host}, with {before} calls before it"),
        };
    }
    match (run.wake_at_ms, run.blocked_by, run.attempts) {
        (Some(wake_at_ms), _, 0) => format!("it is to begin {}", at(wake_at_ms, now_ms)),
        (Some(wake_at_ms), _, failed) => {
            format!("attempt {failed} failed; it is tried again {}", at(wake_at_ms, now_ms))
        }
        (None, Some(limit), _) => {
            format!(
                "{limit} runs of its workflow with the same key are worked at once, and that is the limit"
            )
        }
        (None, None, 1..) => "it goes on from where it was as soon as a worker is free".to_owned(),
        (None, None, 0) => {
            let ahead = match shared.store.ahead(&run.start).await.unwrap_or(None) {
                None if comes_after_others(shared, run) => {
                    return "it begins when the runs of its schedule before it have ended, as its `overlap` is `queue`".to_owned();
                }
                None | Some(0) => "the next in line".to_owned(),
                Some(1) => "with one run before it".to_owned(),
                Some(store::AHEAD_MAX) => format!("with {} runs or more before it", store::AHEAD_MAX),
                Some(ahead) => format!("with {ahead} runs before it"),
            };
            format!("it is ready in queue `{}`, {ahead}, and waits for a free worker", run.start.queue)
        }
    }
}

/// Whether a schedule began it that lets one run wait for another.
fn comes_after_others(shared: &Shared, run: &Run) -> bool {
    let current = shared.systems.current(&run.start.system);
    let graph = current.as_ref().and_then(|current| current.system.workflows.get(&run.start.workflow));
    let mut events = graph.into_iter().flat_map(|graph| &graph.events);
    let event = events.find(|event| event.identifier == run.start.entry);
    event.and_then(|event| event.schedule.as_ref()).is_some_and(|schedule| schedule.overlap == Overlap::Queue)
}

fn waiting(run: &Run, now_ms: i64) -> String {
    match run.wake_at_ms {
        Some(at_ms) => format!("it waits, and goes on {} at the latest", at(at_ms, now_ms)),
        None => "it waits for other runs, or for a signal".to_owned(),
    }
}

/// What its branches wait for: the first in full, and how many more there are.
async fn told(shared: &Shared, stood: &Stood, now_ms: i64) -> Option<String> {
    let first = stood.flights.first()?;
    let element = &first.element;
    let by = |until_ms: Option<i64>| {
        until_ms.map(|until_ms| format!(", {} at the latest", at(until_ms, now_ms))).unwrap_or_default()
    };
    let waits = match &first.asked {
        Asked::Wait(Wait::Until(until_ms)) => {
            format!("`{element}` waits, and goes on {}", at(*until_ms, now_ms))
        }
        Asked::Wait(Wait::Signal { name, until_ms, .. }) => {
            format!("`{element}` waits for {}{}", signal(stood, name), by(*until_ms))
        }
        Asked::Wait(Wait::Runs { runs, any, until_ms }) => {
            format!("`{element}` waits for {}{}", children(shared, runs, *any).await, by(*until_ms))
        }
        Asked::Wait(Wait::Modal { until_ms }) => {
            format!("it waits for an answer to the modal of `{element}`{}", by(Some(*until_ms)))
        }
        Asked::Outside(_) | Asked::Start(_) => return None,
    };
    Some(match stood.flights.len() - 1 {
        0 => waits,
        1 => format!("{waits}; another branch waits too"),
        more => format!("{waits}; {more} other branches wait too"),
    })
}

/// By its name, where the files say it: one that is made from values may hold what not everybody may read.
fn signal(stood: &Stood, name: &str) -> String {
    let mut graphs = stood.published.system.workflows.values();
    match graphs.any(|graph| interpreter::answers_of(graph, name).is_some()) {
        true => format!("the signal `{name}`"),
        false => "a signal".to_owned(),
    }
}

async fn children(shared: &Shared, runs: &[u128], any: bool) -> String {
    let mut open = 0;
    for id in runs.iter().take(COUNTED_MAX) {
        let found = shared.store.run(Id(*id)).await;
        open += usize::from(matches!(found, Ok(Some(run)) if !run.status.ended()));
    }
    match (runs, any) {
        ([only], _) => format!("run `{}`", Id(*only)),
        (_, true) => format!("the first of {} runs to end", runs.len()),
        (_, false) if runs.len() > COUNTED_MAX => format!("{} runs", runs.len()),
        (_, false) => format!("{} runs, of which {open} have not ended", runs.len()),
    }
}

/// A moment that is near, for people.
fn until(ms: i64, now_ms: i64) -> String {
    at(ms, now_ms).replacen("at ", "", 1)
}

/// A time for people: of the day, and with its date unless that is near.
pub(crate) fn at(ms: i64, now_ms: i64) -> String {
    const NEAR_MS: i64 = 12 * 3_600_000;
    let near = ms.saturating_sub(now_ms).abs() < NEAR_MS;
    let form = if near { "at %H:%M UTC" } else { "on %Y-%m-%d at %H:%M UTC" };
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| "later than the calendar goes".to_owned(), |time| time.strftime(form).to_string())
}
