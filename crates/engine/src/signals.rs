//! Signals that people bring at a signed address, without an account: what they are asked, and that it is brought once.

use std::sync::{Arc, PoisonError, RwLock};

use interpreter::{
    Signals,
    effect::{Asked as Effect, Wait},
};
use recipe::Value;
use store::{Heard, Id, NewRun, Run, Signalled, Store};

use crate::{Shared, context, modal, stand::stand};

/// Where an address begins when nobody has said where the server is reached.
const UNSAID: &str = "http://127.0.0.1:8086";

/// What addresses are made of.
pub(crate) struct Doors {
    secret: Arc<[u8; 32]>,
    base: RwLock<Arc<str>>,
    /// A setting says it.
    fixed: bool,
}

impl Doors {
    pub(crate) async fn open(store: &dyn Store, public_url: Option<&str>) -> Result<Doors, store::Error> {
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(|error| {
            store::Error::Unavailable(format!("the system gives no random bytes: {error}").into())
        })?;
        let base = public_url.unwrap_or(UNSAID).trim_end_matches('/').into();
        let secret = Arc::new(store.secret("signals", fresh).await?);
        Ok(Doors { secret, base: RwLock::new(base), fixed: public_url.is_some() })
    }

    pub(crate) fn served_at(&self, base: &str) {
        if !self.fixed {
            *self.base.write().unwrap_or_else(PoisonError::into_inner) = base.trim_end_matches('/').into();
        }
    }

    pub(crate) fn base(&self) -> Arc<str> {
        self.base.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What checks what was signed here.
    pub(crate) fn signals(&self) -> Signals {
        Signals::new(self.secret.clone(), self.base())
    }

    /// A run keeps the base that was recorded with its start: what it says must not change while it is worked.
    pub(crate) fn of(&self, new: &NewRun) -> Signals {
        let recorded = new.context.get(context::BASE).and_then(Value::as_str);
        let base = recorded.map_or_else(|| self.base(), Into::into);
        Signals::new(self.secret.clone(), base)
    }
}

/// An address as somebody opened it.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The tenant.
    pub system: &'a str,
    /// The run's id.
    pub run: Id,
    /// The signal's name.
    pub name: &'a str,
    /// What the address says of itself.
    pub signature: &'a str,
}

/// How a question stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// It can be answered.
    Open(Question),
    /// Somebody has answered.
    Answered,
    /// The run has ended without an answer.
    Over,
}

/// What people are asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The workflow's.
    pub title: Arc<str>,
    /// A text with its mark; null where the file asks nothing, or the run has not come there yet.
    pub text: Value,
    /// The answers to choose from; never empty.
    pub answers: Vec<Arc<str>>,
}

pub(crate) async fn asked(shared: &Shared, signed: &Signed<'_>) -> Result<Option<Asked>, store::Error> {
    let Some(run) = find(shared, signed).await? else { return Ok(None) };
    if shared.store.heard(signed.run, signed.name.into()).await? != Heard::Never {
        return Ok(Some(Asked::Answered));
    }
    if run.status.ended() {
        return Ok(Some(Asked::Over));
    }
    question(shared, &run, signed.name).await.map(|question| Some(Asked::Open(question)))
}

pub(crate) async fn answer(
    shared: &Shared,
    signed: &Signed<'_>,
    body: Value,
) -> Result<Option<Signalled>, store::Error> {
    if find(shared, signed).await?.is_none() {
        return Ok(None);
    }
    shared.store.answer(signed.run, signed.name.into(), body).await.map(Some)
}

/// The run of an address whose signature holds. Nothing is read before that is known.
async fn find(shared: &Shared, signed: &Signed<'_>) -> Result<Option<Run>, store::Error> {
    let signals = shared.doors.signals();
    if modal::is_modals(signed.name) || !signals.hold(signed.run.0, signed.name, signed.signature) {
        return Ok(None);
    }
    let run = shared.store.run(signed.run).await?;
    Ok(run.filter(|run| *run.start.system == *signed.system))
}

/// The text is the run's own: it is replayed to where it waits, as nothing extra is stored. The answers stand in its file.
async fn question(shared: &Shared, run: &Run, name: &str) -> Result<Question, store::Error> {
    let stood = stand(shared, run).await?;
    let graphs = stood.as_ref().map(|stood| &stood.published.system.workflows);
    let graph = graphs.and_then(|graphs| graphs.get(&*run.start.workflow));
    let title = graph.map_or_else(|| run.start.workflow.clone(), |graph| graph.title.clone());
    let others = graphs.into_iter().flat_map(|graphs| graphs.values());
    let offered = graph.into_iter().chain(others).find_map(|graph| interpreter::answers_of(graph, name));
    let mut answers = offered.unwrap_or_default();
    if answers.is_empty() {
        answers.push("Confirm".into());
    }
    let flights = stood.map(|stood| stood.flights).unwrap_or_default();
    let text = flights.into_iter().find_map(|flight| match flight.asked {
        Effect::Wait(Wait::Signal { name: waited, question, .. }) if *waited == *name => Some(question),
        _ => None,
    });
    Ok(Question { title, text: text.unwrap_or_default(), answers })
}
