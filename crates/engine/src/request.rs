//! A run inside a request: its journal stays in memory, and what it wants written is its outbox, committed in one
//! transaction before the answer; if the run fails none of it happens (workflow.md, action/run and scope).

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use interpreter::{EndStatus, Entry, Failure, Flight, Machine, Then, effect::Asked};
use store::{Commit, Id, NewRun, Park, Write};
use workflow::{Event, Graph};

use crate::{
    Answer, Call, Door, Published, Refusal, Response, Shared, Started, context,
    drive::{Written, encode, ended, settle, sleep},
    effects::{self, Caller, Came, Sink, turns::Leeway},
    failed,
    policy::Policy,
    starts, waits,
};

const OUTPUTS_MAX: usize = 1024;

/// A call that may be done: what it would start, and nothing begun yet.
#[derive(Debug)]
pub struct Planned {
    published: Arc<Published>,
    new: NewRun,
    /// It works in the background.
    pub in_background: bool,
}

impl Planned {
    /// The run, of which nobody has heard yet.
    pub fn run(&self) -> Id {
        self.new.id
    }

    /// Under another id.
    pub fn under(self, id: Id) -> Planned {
        Planned { new: NewRun { id, root: id, ..self.new }, ..self }
    }

    /// What a background start writes.
    pub fn into_start(self) -> NewRun {
        self.new
    }
}

/// A run that was worked inside the request, to its end or to where it asks its person; what it wants written is not, so that its answer can be written with it.
#[derive(Debug)]
pub struct Worked {
    /// What it gives back, once it is settled.
    pub answer: Answer,
    commit: Commit,
    /// The answer depends on what is written.
    outbox: bool,
}

pub(crate) async fn call(shared: &Arc<Shared>, call: Call) -> Result<Started, Refusal> {
    let planned = plan(shared, call).await?;
    if !planned.in_background {
        let worked = work(shared, planned).await;
        return settle_with(shared, worked, None).await.map(Started::Done);
    }
    let (run, new) = (planned.run(), planned.new);
    if new.unique.is_some() {
        let started = shared.store.start(new).await.map_err(Refusal::Store)?;
        return Ok(Started::Queued { run: started.id, existing: started.existing });
    }
    let commit = Commit { run, writes: vec![Write::Start(new)], ..Commit::default() };
    settle(Some(shared.store.commit(commit))).await.map_err(Refusal::Store)?;
    Ok(Started::Queued { run, existing: false })
}

/// Looks whether it may be done.
pub(crate) async fn plan(shared: &Shared, call: Call) -> Result<Planned, Refusal> {
    let published = shared.systems.current(&call.system).ok_or(Refusal::UnknownSystem)?;
    let (graph, event) = find(&published, &call.door)?;
    allowed(event, &call)?;
    shared.store.room().map_err(Refusal::Store)?;
    let now_ms = shared.clock.now_ms();
    starts::count(shared, &published.system.name, now_ms).await?;
    let in_background = event.and_then(|event| event.is_async).unwrap_or(graph.is_async);
    if let (false, Some(finding)) = (in_background, &published.foreign) {
        // Only here it can be worked, and only a newer hefe could.
        return Err(Refusal::Broken(finding.clone()));
    }
    let person = call.person.as_ref();
    let begins = Begins { published: &published, graph, event, input: call.input, person, in_background };
    let new = new_run(shared, begins, now_ms)?;
    Ok(Planned { published, new, in_background })
}

/// What begins a run: a request, a schedule, or a failure.
pub(crate) struct Begins<'a> {
    pub(crate) published: &'a Published,
    pub(crate) graph: &'a Graph,
    pub(crate) event: Option<&'a Event>,
    pub(crate) input: recipe::Value,
    pub(crate) person: Option<&'a crate::Person>,
    pub(crate) in_background: bool,
}

/// The run that begins so.
pub(crate) fn new_run(shared: &Shared, begins: Begins<'_>, now_ms: i64) -> Result<NewRun, Refusal> {
    let Begins { published, graph, event, input, person, in_background } = begins;
    let id = shared.ids.next(now_ms);
    let (unique, limit) = match in_background {
        true => limits(graph, event, &input)?,
        false => (None, None),
    };
    let policy = Policy::of(graph);
    let base = published.hands_out_addresses.then(|| shared.doors.base());
    Ok(NewRun {
        id,
        system: published.system.name.clone(),
        workflow: graph.identifier.clone(),
        version: published.version,
        queue: graph.queue.clone().unwrap_or_else(|| "default".into()),
        priority: policy.priority,
        parent: None,
        root: id,
        direct: in_background,
        user: person.map(|person| person.id.clone()),
        context: context::of_person(person, &graph.identifier, base.as_deref()),
        entry: event.map_or_else(|| "".into(), |event| event.identifier.clone()),
        input,
        retry_of: None,
        not_before_ms: None,
        unique,
        limit,
        keep_ms: policy.keep_ms,
        created_at_ms: now_ms,
    })
}

/// Writes what a run inside the request did, and the answer with it if that is to be kept; only then it may be sent.
pub(crate) async fn settle_with(
    shared: &Shared,
    worked: Worked,
    keep: Option<Write>,
) -> Result<Answer, Refusal> {
    let Worked { answer, mut commit, mut outbox } = worked;
    outbox |= keep.is_some();
    commit.writes.extend(keep);
    let ticket = shared.store.commit(commit);
    if outbox {
        settle(Some(ticket)).await.map_err(Refusal::Store)?;
    }
    Ok(answer)
}

fn find<'a>(published: &'a Published, door: &Door) -> Result<(&'a Arc<Graph>, Option<&'a Event>), Refusal> {
    let system = &published.system;
    let (identifier, found) = match door {
        Door::Workflow(name) => (name, system.workflows.get(&**name).map(|graph| (graph, None))),
        Door::Event { kinds, identifier, module } => {
            let found = system.event(kinds, identifier, module.as_deref());
            (identifier, found.map(|(graph, event)| (graph, Some(event))))
        }
    };
    found.ok_or_else(|| {
        let broken = system.broken.iter().find(|(id, _)| **id == **identifier);
        broken.map_or(Refusal::Unknown, |(_, finding)| Refusal::Broken(Box::new(finding.clone())))
    })
}

/// The keys of the workflow's `job` for a start from outside: a key that fails refuses it.
fn limits(
    graph: &Graph,
    event: Option<&Event>,
    input: &recipe::Value,
) -> Result<(Option<store::Unique>, Option<store::Limit>), Refusal> {
    let vars = match event {
        None => input.as_object().cloned().unwrap_or_default(),
        Some(_) => recipe::Map::new(),
    };
    let (unique, limit) = interpreter::limits(graph, input, &vars, None).map_err(|_| Refusal::BadKey)?;
    Ok((unique.map(effects::unique), limit.map(effects::limit)))
}

fn allowed(event: Option<&Event>, call: &Call) -> Result<(), Refusal> {
    let Some(event) = event else {
        return if call.person.is_some() { Ok(()) } else { Err(Refusal::Forbidden) };
    };
    let Some(person) = &call.person else {
        return if event.public { Ok(()) } else { Err(Refusal::Forbidden) };
    };
    if may_start(event, person) { Ok(()) } else { Err(Refusal::Forbidden) }
}

/// Whether someone signed in may start a workflow by that event.
pub fn may_start(event: &Event, person: &crate::Person) -> bool {
    let has = |role: &Arc<str>| person.roles.contains(role) || person.roles.iter().any(|r| &**r == "admin");
    event.public || event.roles.is_empty() || event.roles.iter().any(has)
}

/// Runs it to its end, in place.
pub(crate) async fn work(shared: &Arc<Shared>, planned: Planned) -> Worked {
    let Planned { published, new, .. } = planned;
    let new = Arc::new(new);
    let mut run = Inside {
        shared,
        new: new.clone(),
        sink: Sink::new(new.clone()),
        entries: Vec::new(),
        too_late: false,
        calls: FuturesUnordered::new(),
        flights: Vec::new(),
    };
    let end = match context::machine(shared, &published.system, &new, (None, Vec::new())) {
        Ok(mut machine) => {
            let deadline = Duration::from_millis(shared.settings.request_ms);
            let begun = tokio::time::Instant::now();
            match tokio::time::timeout(deadline, run.advance(&mut machine)).await {
                Ok(Some(end)) => {
                    // A call whose own time was over in the same moment: by default both are 30 s.
                    run.too_late =
                        end.status == interpreter::EndStatus::Failed && begun.elapsed() >= deadline;
                    end
                }
                Ok(None) => {
                    let graph = published.system.workflows.get(&new.workflow);
                    let policy = graph.map(|graph| Policy::of(graph)).unwrap_or_default();
                    match run.park(&machine, policy.stored_max) {
                        Ok(worked) => return worked,
                        Err(failure) => interpreter::End::failed(failure),
                    }
                }
                Err(_) => {
                    run.too_late = true;
                    let says = "the run took longer than a request may wait";
                    interpreter::End::failed(Failure { retryable: true, ..Failure::new("timeout", says) })
                }
            }
        }
        Err(failure) => interpreter::End::failed(failure),
    };
    run.end(end)
}

struct Inside<'a> {
    shared: &'a Arc<Shared>,
    new: Arc<NewRun>,
    sink: Sink,
    /// The journal, kept only if the run fails.
    entries: Vec<Entry>,
    /// The request waits no longer.
    too_late: bool,
    /// Calls under way.
    calls: FuturesUnordered<effects::Call>,
    /// What branches wait for and has not begun, and waits.
    flights: Vec<Flight>,
}

impl Inside<'_> {
    /// Its end; None: it asks its person, and waits for nothing but answers.
    async fn advance(&mut self, machine: &mut Machine) -> Option<interpreter::End> {
        loop {
            let turn = machine.advance(OUTPUTS_MAX);
            for output in turn.outputs {
                self.sink.take(self.shared, output);
            }
            self.entries.append(&mut self.sink.entries);
            match turn.then {
                Then::More => tokio::task::yield_now().await,
                Then::Await => {
                    self.flights.extend(turn.flights);
                    if machine.handed_over().is_some() {
                        return None;
                    }
                    match self.wait_for_one(machine).await {
                        Ok(()) => {}
                        Err(error) => {
                            tracing::debug!(run = %self.new.id, "a request run's outbox could not be kept: {error}");
                            let says = "what the run started could not be kept";
                            return Some(interpreter::End::failed(Failure::new("timeout", says)));
                        }
                    }
                }
                Then::End(end) => return Some(*end),
            }
        }
    }

    /// Waits in place, up to the deadline around it. What is awaited must be there first: the outbox goes out before.
    async fn wait_for_one(&mut self, machine: &mut Machine) -> Result<(), store::Error> {
        let mut changes = self.shared.store.changes();
        let (calls, waits): (Vec<_>, Vec<_>) = std::mem::take(&mut self.flights)
            .into_iter()
            .partition(|flight| !matches!(flight.asked, Asked::Wait(_)));
        self.flights = waits;
        let caller = || Caller { new: self.new.clone(), epoch: 0, leeway: Leeway::Stays };
        let call = |flight| effects::call(self.shared.clone(), caller(), flight);
        self.calls.extend(calls.into_iter().map(call));
        let wakes = waits::wakes(&self.flights);
        if !wakes.awaits.is_empty() {
            let writes = std::mem::take(&mut self.sink.writes);
            let commit = Commit { run: self.new.id, writes, ..Commit::default() };
            settle(Some(self.shared.store.commit(commit))).await?;
        }
        loop {
            for at in 0..self.flights.len() {
                let flight = &self.flights[at];
                if let Some(came) = waits::look(self.shared, self.new.id, flight).await? {
                    let flight = self.flights.remove(at);
                    self.entries.extend(machine.outcome(flight.firing, flight.number, came.outcome));
                    return Ok(());
                }
            }
            let now_ms = self.shared.clock.now_ms();
            let sleeps = wakes.at_ms.map(|at_ms| (at_ms - now_ms).max(0) as u64 + 1);
            tokio::select! {
                biased;
                Some((flight, called)) = self.calls.next() => {
                    // Whoever stays is not told to come later.
                    let Came::Outcome(outcome) = called? else { continue };
                    self.entries.extend(machine.outcome(flight.firing, flight.number, outcome));
                    return Ok(());
                }
                () = sleep(sleeps) => {}
                _ = changes.recv() => {}
            }
        }
    }

    /// From here on it is journalled, and worked like any other; before those, as somebody waits.
    fn park(&mut self, machine: &Machine, stored_max: u64) -> Result<Worked, Failure> {
        self.sink.due(self.shared, true);
        let mut written = Written::of(&(None, Vec::new()), 0, stored_max);
        let entries = written.chunk(&self.entries);
        let due = written.checkpoint_is_due_at_park();
        let (checkpoint, stored_max) =
            if due { written.checkpoint(machine.checkpoint()) } else { (None, None) };
        if let Some(failure) = written.too_large() {
            return Err(failure);
        }
        let started_at_ms = self.new.created_at_ms;
        let wakes = waits::wakes(&self.flights);
        let park = Park {
            status: store::Status::Waiting,
            wake_at_ms: wakes.at_ms,
            awaits: wakes.awaits,
            signals: wakes.signals,
            started_at_ms,
            worked_ms: (self.shared.clock.now_ms() - started_at_ms).max(0) as u64,
            stored_bytes: written.stored_bytes,
            failed: false,
            host: None,
        };
        let new = NewRun { priority: i32::MAX, ..NewRun::clone(&self.new) };
        let mut writes = vec![Write::Request(new)];
        writes.append(&mut self.sink.writes);
        let run = self.new.id;
        let park = Some(park);
        let commit = Commit { run, entries, checkpoint, stored_max, writes, park, ..Commit::default() };
        let answer = asks(run, machine.handed_over().unwrap_or_default());
        Ok(Worked { answer, commit, outbox: true })
    }

    fn end(mut self, end: interpreter::End) -> Worked {
        let failed = end.status == EndStatus::Failed;
        let answer = Answer { too_late: self.too_late, ..answer(self.new.id, &end) };
        let now_ms = self.shared.clock.now_ms();
        self.sink.due(self.shared, true);
        let mut writes = std::mem::take(&mut self.sink.writes);
        if failed {
            // Nothing of a failed run happens, but what it logged helps to see why.
            writes.retain(|write| matches!(write, Write::Log(_)));
        }
        // Without an outbox the answer depends on nothing that must be durable first.
        let outbox = writes.iter().any(|write| !matches!(write, Write::Log(_)));
        writes.insert(0, Write::Request(NewRun::clone(&self.new)));
        let again = end.failure.as_ref().and_then(|failure| Entry::again(failure, now_ms));
        let retry = again.and_then(|again| encode(&[again], self.entries.len() as u64));
        let end = store::End { retry, ..ended(end, self.new.created_at_ms, now_ms) };
        writes.extend(failed::starts(self.shared, &self.new, &end));
        let commit = Commit {
            run: self.new.id,
            epoch: 0,
            entries: failed.then(|| encode(&self.entries, 0)).flatten(),
            writes,
            end: Some(end),
            ..Commit::default()
        };
        Worked { answer, commit, outbox }
    }
}

/// The answer of a run that asks its person: with the modal among its effects, whatever action/response said before.
pub(crate) fn asks(run: Id, effects: Vec<recipe::Value>) -> Answer {
    let (response, error) = (None, recipe::Value::Null);
    Answer { run, status: store::Status::Waiting, response, effects, error, too_late: false }
}

pub(crate) fn answer(run: Id, end: &interpreter::End) -> Answer {
    let response = end.response.clone();
    let status = match end.status {
        EndStatus::Succeeded => store::Status::Succeeded,
        EndStatus::Failed => store::Status::Failed,
    };
    Answer {
        run,
        status,
        response: response.map(|interpreter::Response { status, headers, body }| Response {
            status,
            headers,
            body,
        }),
        effects: end.page[end.handed..].to_vec(),
        error: end.failure.as_ref().map_or(recipe::Value::Null, Failure::to_value),
        too_late: false,
    }
}
