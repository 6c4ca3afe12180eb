//! Modals: a request is answered with one, and the run's person answers it by another request (elements.md, action/modal).
//!
//! Said to the run is an answer as a signal under a name of its own. What the second request gets is replayed from the run's
//! journal, so that it is the same whoever worked the run, and after a crash too.

use std::{sync::Arc, time::Duration};

use interpreter::{
    FiringId, Flight, Signals,
    effect::{Asked, Wait},
};
use recipe::{Map, Value};
use store::{Change, Heard, Id, NewRun, Signalled, Status};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    Answer, Door, Person, Shared, request,
    stand::{Stood, stand},
};

/// Signals of names that begin so are ours alone.
const NAMES: &str = "modal/";

/// Whether a signal of that name is brought by nobody but the person who answers a modal.
pub fn is_modals(signal: &str) -> bool {
    signal.starts_with(NAMES)
}

/// The signal that answers that firing's modal.
pub(crate) fn signal(firing: FiringId) -> Arc<str> {
    format!("{NAMES}{firing}").into()
}

/// An answer to a modal, as it came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// The tenant.
    pub system: String,
    /// Where it came in: the run's own door.
    pub door: Door,
    /// Who says it.
    pub person: Option<Person>,
    /// The modal, as its effect names it.
    pub checkpoint: String,
    /// What.
    pub says: Says,
}

/// What is said to a modal.
#[derive(Debug, Clone, PartialEq)]
pub enum Says {
    /// It is confirmed, with that.
    Confirm(Value),
    /// It is closed.
    Cancel,
}

impl Says {
    fn body(self) -> Value {
        let (field, value) = match self {
            Says::Confirm(data) => ("data", data),
            Says::Cancel => ("cancel", Value::Bool(true)),
        };
        Value::Object([(field, value)].into_iter().collect::<Map>())
    }
}

/// A modal that its person has answered, or wants to.
#[derive(Debug, Clone, PartialEq)]
pub struct Modal {
    /// The run.
    pub run: Id,
    firing: FiringId,
    body: Value,
}

impl Modal {
    /// What is to be done for the answer.
    pub fn into_deed(self) -> store::Deed {
        store::Deed::Answer { run: self.run, name: signal(self.firing), body: self.body }
    }
}

/// The modal, if there is one, and it is that person's.
pub(crate) async fn find(shared: &Shared, said: Said) -> Result<Option<Modal>, store::Error> {
    let signals: Signals = shared.doors.signals();
    let Some((run, firing)) = signals.opens(&said.checkpoint) else { return Ok(None) };
    let user = said.person.as_ref().map(|person| &person.id);
    let found = shared.store.run(Id(run)).await?.filter(|run| {
        *run.start.system == *said.system
            && run.start.user.as_ref() == user
            && came_by(&run.start, &said.door)
    });
    Ok(found.map(|run| Modal { run: run.start.id, firing, body: said.says.body() }))
}

fn came_by(start: &NewRun, door: &Door) -> bool {
    match door {
        Door::Event { identifier, .. } => *start.entry == **identifier,
        Door::Workflow(identifier) => start.entry.is_empty() && *start.workflow == **identifier,
    }
}

/// Whether the run waits for that answer, or has it. Its time may be over without one.
pub(crate) async fn is_open(shared: &Shared, modal: &Modal) -> Result<bool, store::Error> {
    if shared.store.heard(modal.run, signal(modal.firing)).await? != Heard::Never {
        // The store says whose it was.
        return Ok(true);
    }
    let Some(run) = shared.store.run(modal.run).await?.filter(|run| !run.status.ended()) else {
        return Ok(false);
    };
    let Some(stood) = stand(shared, &run).await? else { return Ok(false) };
    Ok(stood.flights.iter().any(|flight| flight.firing == modal.firing && asks(flight)))
}

/// What the run says to the answer: where it asks again, or at its end. None: it is not there in the time that a request
/// may wait, and goes on.
pub(crate) async fn answer(shared: &Shared, modal: &Modal) -> Result<Option<Answer>, store::Error> {
    let mut changes = shared.store.changes();
    let comes = async {
        loop {
            if let Some(answer) = look(shared, modal).await? {
                return Ok(answer);
            }
            // Whoever has missed something looks.
            loop {
                match changes.recv().await {
                    Ok(batch) if !batch.iter().any(|(_, change)| is_of(change, modal.run)) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Err(store::Error::Closed),
                }
            }
        }
    };
    match tokio::time::timeout(Duration::from_millis(shared.settings.request_ms), comes).await {
        Ok(came) => came.map(Some),
        Err(_) => Ok(None),
    }
}

fn is_of(change: &Change, run: Id) -> bool {
    matches!(change, Change::Run { start, stands } if start.id == run && !matches!(stands.status, Status::Queued | Status::Running))
}

async fn look(shared: &Shared, modal: &Modal) -> Result<Option<Answer>, store::Error> {
    let Some(run) = shared.store.run(modal.run).await? else { return Err(store::Error::Closed) };
    if matches!(run.status, Status::Queued | Status::Running) {
        return Ok(None);
    }
    let stood = stand(shared, &run).await?;
    let Some(end) = &run.end else {
        let waits = stood.filter(|stood| !stood.flights.iter().any(|flight| flight.firing == modal.firing));
        return Ok(waits.and_then(|stood| stood.handed).map(|effects| request::asks(modal.run, effects)));
    };
    Ok(Some(match (run.status, stood) {
        (Status::Succeeded, Some(Stood { end: Some(ended), .. })) => request::answer(modal.run, &ended),
        // It did not end of itself, or its journal does not tell any more.
        (status, stood) => Answer {
            run: modal.run,
            status,
            response: None,
            effects: stood
                .and_then(|stood| stood.end)
                .map_or_else(Vec::new, |ended| ended.page[ended.handed..].to_vec()),
            error: end.error.clone(),
            too_late: false,
        },
    }))
}

fn asks(flight: &Flight) -> bool {
    matches!(flight.asked, Asked::Wait(Wait::Modal { .. }))
}

/// What came of an answer that the store did not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// It was answered before, or its time is over.
    Answered,
    /// The run has ended.
    Over,
}

impl Used {
    /// None: it was taken.
    pub fn of(signalled: Signalled) -> Option<Used> {
        match signalled {
            Signalled::Kept => None,
            Signalled::Double | Signalled::Full => Some(Used::Answered),
            Signalled::Over | Signalled::Unknown => Some(Used::Over),
        }
    }
}
