//! A performer for each kind of effect. The match in [`Sink::take`] is all that knows both an effect and a store write.

pub mod http;
pub(crate) mod turns;

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

use interpreter::{
    Entry, Failure, Flight, Outcome, Output,
    effect::{self, Asked, Http, Live, Outside, Own, Progress},
};
use recipe::{Map, Value};
use store::{
    Contribution, Item, ItemStatus, Log, Message, NewRun, Notification, To, Toast, Write, probe::Point,
    sabotage::Sabotage,
};

use self::turns::{Later, Leeway, Waits};
use crate::{Shared, context, policy::Policy};

/// Collects a run's effects as writes until they are submitted.
pub(crate) struct Sink {
    new: Arc<NewRun>,
    /// Records since the last submission.
    pub(crate) entries: Vec<Entry>,
    /// Writes since the last submission.
    pub(crate) writes: Vec<Write>,
    /// The newest update of each moving item that has not been written, and when the item was last written.
    moving: BTreeMap<Arc<str>, Moving>,
}

#[derive(Default)]
struct Moving {
    newest: Option<Contribution>,
    written_at_ms: i64,
}

impl Sink {
    pub(crate) fn new(new: Arc<NewRun>) -> Sink {
        Sink { new, entries: Vec::new(), writes: Vec::new(), moving: BTreeMap::new() }
    }

    /// Whether there is nothing to submit.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.writes.is_empty()
    }

    /// An effect becomes writes; nothing is done yet.
    pub(crate) fn take(&mut self, shared: &Shared, output: Output) {
        let at_ms = shared.clock.now_ms();
        match output {
            Output::Own { entry, own } => {
                self.entries.push(entry);
                match own {
                    Own::Start(start) => self.writes.push(Write::Start(self.child(shared, start))),
                    Own::Notify { id, body } => self.notify(store::Id(id), body, at_ms),
                    Own::End(progress) => {
                        let contribution = self.contribution(progress, Value::Null, at_ms);
                        self.moving.remove(&contribution.process);
                        self.writes.push(Write::Progress(contribution));
                    }
                }
            }
            Output::Live { element, live } => match live {
                Live::Progress(progress) => self.say(progress, Value::Null, shared),
                Live::Toast(body) => {
                    if let Some(user) = self.new.user.clone() {
                        let system = self.new.system.clone();
                        self.writes.push(Write::Toast(Toast { system, user, body }));
                    }
                }
                Live::Message(message) => self.cast(message),
                Live::Log { level, message, data } => {
                    tracing::info!(
                        target: "workflow", run = %self.new.id, workflow = &*self.new.workflow,
                        element = &*element, level = &*level, "{}", message.to_text()
                    );
                    self.writes.push(Write::Log(Log { at_ms, level, element, message, data }));
                }
            },
        }
    }

    /// An update of a bar; the newest one is written when its time has come. `again`: when the run's next attempt is.
    pub(crate) fn say(&mut self, progress: Progress, again: Value, shared: &Shared) {
        let contribution = self.contribution(progress, again, shared.clock.now_ms());
        let moving = self.moving.entry(contribution.process.clone()).or_default();
        moving.newest = Some(contribution);
    }

    /// Moves updates whose time has come (all of them if `all`) into the writes. Gives the milliseconds until the next
    /// one is due, if any waits: an item is written at most ten times a second.
    pub(crate) fn due(&mut self, shared: &Shared, all: bool) -> Option<u64> {
        let now_ms = shared.clock.now_ms();
        let mut next: Option<u64> = None;
        for moving in self.moving.values_mut() {
            if moving.newest.is_none() {
                continue;
            }
            let left = moving.written_at_ms + shared.settings.progress_ms as i64 - now_ms;
            if all || left <= 0 {
                moving.written_at_ms = now_ms;
                self.writes.extend(moving.newest.take().map(Write::Progress));
            } else {
                next = Some(next.map_or(left as u64, |next| next.min(left as u64)));
            }
        }
        next
    }

    /// A run takes the version that is current when it is queued.
    fn child(&self, shared: &Shared, start: interpreter::effect::Start) -> NewRun {
        let current = shared.systems.current(&self.new.system);
        let graph = current.as_ref().and_then(|current| current.system.workflows.get(&start.workflow));
        NewRun {
            keep_ms: graph.and_then(|graph| Policy::of(graph).keep_ms),
            id: store::Id(start.id),
            system: self.new.system.clone(),
            version: current.as_ref().map_or(self.new.version, |current| current.version),
            queue: start.queue.clone().unwrap_or_else(|| "default".into()),
            priority: start.priority,
            parent: Some(self.new.id),
            root: self.new.root,
            direct: context::in_request(&self.new),
            user: self.new.user.clone(),
            context: context::handed_on(&self.new.context, &start),
            entry: "".into(),
            retry_of: None,
            not_before_ms: start.not_before_ms,
            unique: start.unique.map(unique),
            limit: start.limit.map(limit),
            created_at_ms: start.at_ms,
            workflow: start.workflow,
            input: start.input,
        }
    }

    fn cast(&mut self, message: effect::Message) {
        let to = match message.to {
            effect::To::Everyone => Some(To::Everyone),
            effect::To::Person => self.new.user.clone().map(To::Person),
            effect::To::Channel(channel) => Some(To::Channel(channel)),
        };
        let system = self.new.system.clone();
        let message = to.map(|to| Message { system, to, event: message.event, data: message.data });
        self.writes.extend(message.map(Write::Message));
    }

    fn notify(&mut self, id: store::Id, body: recipe::Value, at_ms: i64) {
        let Some(user) = self.new.user.clone() else { return };
        let (system, run) = (self.new.system.clone(), self.new.id);
        self.writes.push(Write::Notify(Notification {
            id,
            system,
            user,
            run,
            body,
            at_ms,
            read_at_ms: None,
            gone: false,
        }));
    }

    fn contribution(&self, progress: Progress, again: Value, at_ms: i64) -> Contribution {
        let new = &self.new;
        let status = match progress.status.as_deref() {
            Some("succeeded") => Some(ItemStatus::Succeeded),
            Some("failed") => Some(ItemStatus::Failed),
            Some("cancelled") => Some(ItemStatus::Cancelled),
            _ => None,
        };
        Contribution {
            item: Item::id_of(&new.system, new.root, &progress.process),
            system: new.system.clone(),
            root: new.root,
            run: new.id,
            workflow: context::root_workflow(new),
            process: progress.process,
            user: new.user.clone(),
            private: progress.private,
            at_ms,
            updates: progress.updates,
            title: progress.title,
            total: progress.total,
            set: progress.set,
            before: progress.before,
            subtotal: progress.subtotal,
            status_message: progress.status_message,
            status,
            link: progress.link,
            again,
        }
    }
}

/// A call under way, and which flight it is. Dropping it drops the connection.
pub(crate) type Call = Pin<Box<dyn Future<Output = (Flight, Called)> + Send>>;

/// What came of a call; or the store does not take what it decides on, and nothing came of it.
pub(crate) type Called = Result<Came, store::Error>;

/// What came of a call.
pub(crate) enum Came {
    /// It was made.
    Outcome(Outcome),
    /// It was not: the host's turn has not come.
    Later(Later),
}

/// Who makes a call.
pub(crate) struct Caller {
    pub(crate) new: Arc<NewRun>,
    /// Under which the run is held; 0 for one inside a request.
    pub(crate) epoch: u64,
    pub(crate) leeway: Leeway,
}

/// Makes the call.
pub(crate) fn call(shared: Arc<Shared>, caller: Caller, flight: Flight) -> Call {
    Box::pin(async move {
        let called = perform(&shared, &caller, &flight).await;
        (flight, called)
    })
}

/// Makes the call and says what came of it. Dropping the future drops the connection.
async fn perform(shared: &Shared, caller: &Caller, flight: &Flight) -> Called {
    let result = match &flight.asked {
        Asked::Start(start) => {
            let child = Sink::new(caller.new.clone()).child(shared, (**start).clone());
            Ok(started(shared, child).await?)
        }
        // Waits are the driver's.
        Asked::Wait(_) => Ok(recipe::Value::Null),
        Asked::Outside(Outside::Http(request)) => {
            let Some(mut waits) = Waits::at(shared, &request.url, (caller.new.id, flight), &caller.leeway)
            else {
                let _under_way = caller.leeway.under_way();
                return came(shared, http(shared, caller, flight, request).await?);
            };
            loop {
                let held = match waits.turn().await? {
                    Ok(held) => held,
                    Err(later) => return Ok(Came::Later(later)),
                };
                let under_way = caller.leeway.under_way();
                let result = http(shared, caller, flight, request).await?;
                drop((held, under_way));
                match &result {
                    Err(failure) if waits.told(failure).await? => {}
                    _ => break result,
                }
            }
        }
    };
    came(shared, result)
}

fn came(shared: &Shared, result: Result<Value, Failure>) -> Called {
    Ok(Came::Outcome(Outcome { at_ms: shared.clock.now_ms(), result }))
}

async fn http(
    shared: &Shared,
    caller: &Caller,
    flight: &Flight,
    request: &Http,
) -> Result<Result<Value, Failure>, store::Error> {
    // Others may have the run by now: its call would be made twice at once.
    if !shared.store.may_act(caller.new.id, caller.epoch) && !Sabotage::NoEpoch.on() {
        return Err(store::Error::LeaseLost);
    }
    drop(Point::BeforeEffect.enter());
    let _under_way = Point::InEffect.enter();
    Ok(shared.http.perform(request, &key(shared, flight), &trace_parent(&caller.new, flight)).await)
}

/// A start that the store decides on; a repetition finds its own run.
async fn started(shared: &Shared, child: NewRun) -> Result<Value, store::Error> {
    let workflow = child.workflow.clone();
    let started = shared.store.start(child).await?;
    let mut map = Map::new();
    map.insert("id", Value::from(started.id.to_string()));
    map.insert("workflow", Value::from(&*workflow));
    map.insert("status", Value::from(started.status.word()));
    if started.existing {
        map.insert("existing", Value::Bool(true));
    }
    Ok(Value::Object(map))
}

pub(crate) fn unique(unique: interpreter::effect::Unique) -> store::Unique {
    let interpreter::effect::Unique { key, queued, for_ms, replace } = unique;
    store::Unique { key, queued, for_ms, replace }
}

pub(crate) fn limit(limit: interpreter::effect::Limit) -> store::Limit {
    store::Limit { key: limit.key, at_once: limit.at_once }
}

/// The same at every repetition of a firing.
fn key(shared: &Shared, flight: &Flight) -> String {
    let key = flight.key();
    if Sabotage::FreshKeys.on() { format!("{key}{}", shared.clock.now_ms()) } else { key }
}

/// W3C trace context: the root run is the trace, the firing the span.
fn trace_parent(new: &NewRun, flight: &Flight) -> String {
    let span = (flight.firing.0 >> 64) as u64 | 1;
    format!("00-{:032x}-{span:016x}-01", new.root.0)
}
