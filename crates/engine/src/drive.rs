//! One background run under one claim: steps the machine, submits what it wants written, performs what it asks of others.
//!
//! Branches may wait for several things at once; one outcome at a time goes back to the machine. When nothing is left but
//! to wait longer than a moment, the run parks.
//!
//! Nothing leaves the process before everything it depends on is durable: a call on others waits for the ticket of all
//! that came before it (durability.md, Output commit).

mod leave;
mod patience;
mod written;

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use interpreter::{
    End as MachineEnd, Entry, Failure, FiringId, Flight, Machine, Outcome, Output, Then,
    effect::{Asked, Live, Wait},
    journal,
};
use store::{
    Checkpoint, Claimed, Commit, End, Entries, NewRun, Parked, Ticket,
    probe::{Inside, Point},
};
use tokio::sync::watch;

use crate::{
    Shared, Stop, context,
    effects::{
        self, Caller, Came, Sink,
        turns::{Later, Leeway},
    },
    failed,
    kept::State,
    policy::Policy,
    waits,
};

/// Outputs that are collected before they are submitted.
const OUTPUTS_MAX: usize = 256;

/// Submissions that may be on their way to the disk while a run goes on past its own effects.
const AHEAD_MAX: usize = 4;

/// A wait up to this long holds its worker: a park and a claim cost more than it saves, milliseconds.
const PARK_MS_MIN: i64 = 1_000;

/// What a run's owner is told while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Order {
    #[default]
    GoOn,
    Cancel,
    /// The process ends, and the effect under way is left.
    HandBack,
}

/// How the work on a claim ended.
pub(crate) enum Left {
    /// The run is over, or waits without a worker, as soon as this is durable; then its state may be kept.
    Leaves(Ticket, Option<Box<State>>),
    /// It goes back to the queue: the process is stopping.
    HandBack,
    /// The store would not take it: another owner, a failed disk. The run resumes from its last durable entry.
    Lost(store::Error),
}

pub(crate) use self::leave::ended;
use self::patience::Patience;
pub(crate) use self::written::Written;

pub(crate) struct Drive {
    shared: Arc<Shared>,
    new: Arc<NewRun>,
    epoch: u64,
    machine: Machine,
    sink: Sink,
    /// Submissions on their way, in order.
    ahead: VecDeque<Ticket>,
    written: Written,
    started_at_ms: i64,
    /// Attempts that have failed before this one.
    attempts: u32,
    policy: Policy,
    patience: Patience,
    /// Calls under way.
    calls: FuturesUnordered<effects::Call>,
    /// Of those the ones that have left the process.
    under_way: Arc<AtomicUsize>,
    /// What else branches wait for.
    waits: Vec<Flight>,
    /// Calls whose host's turn has not come.
    turns: Vec<(Flight, Later)>,
    /// It parked, and nothing has come since.
    came_again: bool,
    /// It waits briefly, and holds little.
    keeps: bool,
    /// A call is answered, and that is not durable.
    answered: Option<Inside>,
    order: watch::Receiver<Order>,
    stop: watch::Receiver<Stop>,
}

/// Works a claimed run until it is over, or must be left.
pub(crate) async fn drive(
    shared: Arc<Shared>,
    claimed: Claimed,
    order: watch::Receiver<Order>,
    stop: watch::Receiver<Stop>,
) -> Left {
    let Claimed {
        start: new,
        epoch,
        journal,
        cancelled,
        crash_loop,
        attempts,
        started_at_ms,
        worked_ms,
        parked,
    } = claimed;
    let started_at_ms = started_at_ms.unwrap_or_else(|| shared.clock.now_ms());
    // It cannot be worked at all.
    let gives_up = |failure, attempts| {
        let end = End { attempts, ..leave::failed(failure, started_at_ms, shared.clock.now_ms()) };
        submit_end(&shared, &new, epoch, end)
    };
    if crash_loop {
        let says = "the process died again and again while it worked this run alone";
        return gives_up(Failure::new("crash_loop", says), 1);
    }
    let came_again = parked.as_ref().is_some_and(|parked| parked.epoch > 0);
    let Opened { machine, written, waits, policy } = match open(&shared, &new, journal, parked).await {
        Ok(opened) => opened,
        // No other try would find more of it, and it would keep its place from those that can be read.
        Err(Trouble::Store(store::Error::Corrupt(why))) => {
            let says = "what is kept of the run is damaged";
            let detail = recipe::Value::from(&*why);
            return gives_up(Failure { detail, ..Failure::new("replay_mismatch", says) }, 1);
        }
        Err(Trouble::Store(error)) => return Left::Lost(error),
        Err(Trouble::Foreign(stored_bytes)) => {
            return leave::to_others(
                &shared,
                &new,
                leave::Held { epoch, started_at_ms, worked_ms, stored_bytes },
            );
        }
        Err(Trouble::Failure(failure)) => return gives_up(failure, attempts + 1),
    };
    let mut drive = Drive {
        sink: Sink::new(new.clone()),
        patience: Patience::new(&policy, worked_ms, shared.clock.now_ms()),
        shared,
        new,
        epoch,
        ahead: VecDeque::new(),
        machine,
        written,
        started_at_ms,
        attempts,
        policy,
        calls: FuturesUnordered::new(),
        under_way: Arc::default(),
        waits,
        turns: Vec::new(),
        came_again,
        keeps: false,
        answered: None,
        order,
        stop,
    };
    let left = if cancelled { drive.cancel() } else { drive.run().await };
    let Drive { new, epoch, machine, written, mut waits, turns, keeps, .. } = drive;
    waits.extend(turns.into_iter().map(|(flight, _)| flight));
    let state = || Box::new(State { run: new.id, version: new.version, epoch, machine, written, waits });
    match left {
        Left::Leaves(ticket, None) if keeps => Left::Leaves(ticket, Some(state())),
        left => left,
    }
}

struct Opened {
    machine: Machine,
    written: Written,
    waits: Vec<Flight>,
    policy: Policy,
}

enum Trouble {
    /// Its version needs another hefe; what its journal holds, bytes.
    Foreign(u64),
    Store(store::Error),
    Failure(Failure),
}

/// The machine of the run, and what its journal holds.
async fn open(
    shared: &Shared,
    new: &NewRun,
    journal: bool,
    parked: Option<Parked>,
) -> Result<Opened, Trouble> {
    let published = shared.systems.at(new.version).await.map_err(Trouble::Store)?.ok_or_else(|| {
        let says = "the version of the workflows that the run is pinned to is gone";
        Trouble::Failure(Failure::new("missing_workflow", says))
    })?;
    let stored_bytes = async || match parked {
        Some(parked) => Ok(parked.stored_bytes),
        None => shared.store.stored_bytes(new.id).await.map_err(Trouble::Store),
    };
    if published.foreign.is_some() {
        return Err(Trouble::Foreign(stored_bytes().await?));
    }
    let graph = published.system.workflows.get(&new.workflow);
    let policy = graph.map(|graph| Policy::of_run(graph, &new.entry)).unwrap_or_default();
    if let Some(state) = parked.and_then(|parked| shared.kept.take(new.id, new.version, parked.epoch)) {
        let State { machine, written, waits, .. } = *state;
        return Ok(Opened { machine, written, waits, policy });
    }
    let kept = match journal {
        true => shared.store.resume(new.id).await.map_err(Trouble::Store)?,
        false => (None, Vec::new()),
    };
    let written = Written::of(&kept, stored_bytes().await?, policy.stored_max);
    let machine = context::machine(shared, &published.system, new, kept).map_err(Trouble::Failure)?;
    Ok(Opened { machine, written, waits: Vec::new(), policy })
}

impl Drive {
    async fn run(&mut self) -> Left {
        loop {
            let turn = self.machine.advance(OUTPUTS_MAX);
            if turn.outputs.iter().any(is_news) {
                self.patience.news(self.shared.clock.now_ms());
            }
            for output in turn.outputs {
                self.sink.take(&self.shared, output);
            }
            let step = match turn.then {
                Then::More => self.breathe().await,
                Then::Await => self.wait_for_one(turn.flights).await,
                Then::End(end) => return self.end(*end),
            };
            match step {
                Ok(None) => {}
                Ok(Some(left)) => return left,
                Err(error) => return Left::Lost(error),
            }
        }
    }

    /// Between two turns of a run that never waits: others work too.
    async fn breathe(&mut self) -> Result<Option<Left>, store::Error> {
        tokio::task::yield_now().await;
        let collected = self.sink.entries.len() + self.sink.writes.len();
        if collected >= OUTPUTS_MAX { self.pause().await } else { self.told_to_leave().await }
    }

    /// Between two batches of a run that never waits: submits, and looks whether it is to end or to be left. It goes on
    /// past its own effects before they are durable, but not far.
    async fn pause(&mut self) -> Result<Option<Left>, store::Error> {
        self.sink.due(&self.shared, false);
        let ticket = self.submit();
        self.ahead.extend(ticket);
        self.catch_up(AHEAD_MAX).await?;
        if self.ahead.is_empty() {
            self.answered = None;
        }
        self.told_to_leave().await
    }

    /// Waits until at most so many submissions are not durable.
    async fn catch_up(&mut self, most: usize) -> Result<(), store::Error> {
        while self.ahead.len() > most {
            settle(self.ahead.pop_front()).await?;
        }
        Ok(())
    }

    async fn told_to_leave(&mut self) -> Result<Option<Left>, store::Error> {
        let order = *self.order.borrow();
        if order == Order::Cancel {
            return Ok(Some(self.cancel()));
        }
        if let Some(failure) = self.written.too_large() {
            return Ok(Some(self.end(MachineEnd::failed(failure))));
        }
        if let Some(late) = self.patience.late(self.shared.clock.now_ms()) {
            return Ok(Some(self.too_late(late)));
        }
        let stopping = order == Order::HandBack || *self.stop.borrow() != Stop::No;
        if stopping { self.hand_back().await.map(Some) } else { Ok(None) }
    }

    /// The journal is durable already; what a bar last said goes out too, as a replay would not say it again.
    async fn hand_back(&mut self) -> Result<Left, store::Error> {
        self.sink.due(&self.shared, true);
        let worked_ms = self.patience.counted_ms(self.shared.clock.now_ms());
        if worked_ms.is_some() || !self.sink.is_empty() {
            let ticket = self.hand_over(worked_ms);
            self.ahead.push_back(ticket);
        }
        self.catch_up(0).await?;
        Ok(Left::HandBack)
    }

    /// Every branch waits: the outcome of one, and the machine goes on.
    async fn wait_for_one(&mut self, flights: Vec<Flight>) -> Result<Option<Left>, store::Error> {
        // Time alone asks nothing of anyone: what came before it goes out with the park.
        let asks = flights.iter().any(|flight| !matches!(flight.asked, Asked::Wait(Wait::Until(_))));
        let left = if asks { self.pause().await? } else { self.told_to_leave().await? };
        if left.is_some() {
            return Ok(left);
        }
        if asks {
            self.catch_up(0).await?;
            self.answered = None;
            // The disk has taken its time: whoever was told that the run ends sees no call begin after that.
            if let Some(left) = self.told_to_leave().await? {
                return Ok(Some(left));
            }
        }
        self.begin_kept();
        flights.into_iter().for_each(|flight| self.begin(flight));
        // No wait comes or goes while this one outcome is awaited.
        let wakes = waits::wakes(&self.waits);
        let mut changes = wakes.listens().then(|| self.shared.store.changes());
        loop {
            if let Some(at) = self.came().await? {
                self.waits.remove(at);
                return Ok(None);
            }
            let now_ms = self.shared.clock.now_ms();
            if let Some(late) = self.patience.late(now_ms) {
                return Ok(Some(self.too_late(late)));
            }
            self.begin_due(now_ms);
            if self.calls.is_empty() && !self.turns.is_empty() {
                return Ok(Some(self.park_for_a_turn(wakes)));
            }
            let sleeps = wakes.at_ms.filter(|at_ms| at_ms - now_ms <= PARK_MS_MIN || !self.calls.is_empty());
            if self.calls.is_empty() && (sleeps.is_none() || changes.is_some()) {
                return Ok(Some(self.park(wakes)));
            }
            let due = self.sink.due(&self.shared, false);
            if !self.sink.writes.is_empty() {
                // A bar that moved while the provider takes its time; the call does not wait for it.
                drop(self.submit());
                continue;
            }
            let turn_ms = self.turns.iter().map(|(_, later)| later.at_ms).min();
            let looks_ms =
                self.patience.until_ms().min(sleeps.unwrap_or(i64::MAX)).min(turn_ms.unwrap_or(i64::MAX));
            let sleeps = Some((looks_ms - now_ms).max(0) as u64 + 1);
            let (mut cancel, mut leave) = (self.order.clone(), self.order.clone());
            // In this order, so that the same things happening give the same run: an outcome that is there is kept.
            tokio::select! {
                biased;
                Some((flight, called)) = self.calls.next() => match called? {
                    Came::Outcome(outcome) => {
                        self.answered = Some(Point::AfterEffect.enter());
                        self.record(flight.firing, flight.number, outcome);
                        return Ok(None);
                    }
                    Came::Later(later) => self.turns.push((flight, later)),
                },
                () = told(&mut cancel, Order::Cancel) => return Ok(Some(self.cancel())),
                () = told(&mut leave, Order::HandBack) => return self.hand_back().await.map(Some),
                () = sleep(due) => {}
                () = sleep(sleeps) => {}
                () = something_happens(&mut changes) => {}
            }
        }
    }

    fn begin(&mut self, flight: Flight) {
        if matches!(flight.asked, Asked::Wait(_)) {
            return self.waits.push(flight);
        }
        self.call(flight, self.came_again);
    }

    fn call(&self, flight: Flight, came_again: bool) {
        let leeway = Leeway::Parks { came_again, under_way: self.under_way.clone() };
        let caller = Caller { new: self.new.clone(), epoch: self.epoch, leeway };
        self.calls.push(effects::call(self.shared.clone(), caller, flight));
    }

    /// Calls with which the run parked.
    fn begin_kept(&mut self) {
        let is_call = |flight: &mut Flight| !matches!(flight.asked, Asked::Wait(_));
        let calls: Vec<Flight> = self.waits.extract_if(.., is_call).collect();
        calls.into_iter().for_each(|flight| self.begin(flight));
    }

    /// Calls whose host's turn may have come while others were under way.
    fn begin_due(&mut self, now_ms: i64) {
        let due: Vec<_> = self.turns.extract_if(.., |(_, later)| later.at_ms <= now_ms).collect();
        due.into_iter().for_each(|(flight, _)| self.call(flight, true));
    }

    /// Records the first wait that is over; its place.
    async fn came(&mut self) -> Result<Option<usize>, store::Error> {
        for at in 0..self.waits.len() {
            let flight = &self.waits[at];
            let (firing, number) = (flight.firing, flight.number);
            if let Some(came) = waits::look(&self.shared, self.new.id, flight).await? {
                self.record(firing, number, came.outcome);
                self.sink.writes.extend(came.write);
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn record(&mut self, firing: FiringId, number: u8, outcome: Outcome) {
        self.came_again = false;
        self.patience.news(self.shared.clock.now_ms());
        self.sink.entries.extend(self.machine.outcome(firing, number, outcome));
    }

    /// Hands everything collected to the writer; None if there is nothing.
    fn submit(&mut self) -> Option<Ticket> {
        if self.sink.is_empty() {
            return None;
        }
        let worked_ms = self.patience.grown_ms(self.shared.clock.now_ms());
        Some(self.hand_over(worked_ms))
    }

    fn hand_over(&mut self, worked_ms: Option<u64>) -> Ticket {
        let commit = self.collected();
        let due = self.written.checkpoint_is_due();
        let (checkpoint, stored_max) = if due { self.state() } else { (None, None) };
        self.shared.store.commit(Commit { checkpoint, stored_max, worked_ms, ..commit })
    }

    /// Everything since the last submission.
    fn collected(&mut self) -> Commit {
        Commit {
            run: self.new.id,
            epoch: self.epoch,
            entries: self.written.chunk(&std::mem::take(&mut self.sink.entries)),
            writes: std::mem::take(&mut self.sink.writes),
            ..Commit::default()
        }
    }

    /// The state, and what the journal may hold if it is over that; None at a moment when the state and the submitted
    /// entries are not of one time.
    fn state(&mut self) -> (Option<Checkpoint>, Option<u64>) {
        if self.machine.entries() != self.written.entries || self.machine.failing() {
            return (None, None);
        }
        self.written.checkpoint(self.machine.checkpoint())
    }
}

/// What shows that a run gets on; a line in its log does not.
fn is_news(output: &Output) -> bool {
    !matches!(output, Output::Live { live: Live::Log { .. }, .. })
}

fn submit_end(shared: &Shared, new: &NewRun, epoch: u64, end: End) -> Left {
    let writes = failed::starts(shared, new, &end);
    let commit = Commit { run: new.id, epoch, writes, end: Some(end), ..Commit::default() };
    Left::Leaves(shared.store.commit(commit), None)
}

/// A fault of hefe's own: the run ends, as nothing but a restart would ever move it.
pub(crate) fn panicked(shared: &Shared, new: &NewRun, epoch: u64, started_at_ms: Option<i64>) -> Left {
    tracing::error!(run = %new.id, workflow = &*new.workflow, "the run met a fault of hefe's own, and ends");
    let now_ms = shared.clock.now_ms();
    let says = "hefe met a fault of its own; its log says where";
    let failure = Failure::new("internal", says);
    submit_end(shared, new, epoch, leave::failed(failure, started_at_ms.unwrap_or(now_ms), now_ms))
}

/// Waits until a submission is durable.
pub(crate) async fn settle(ticket: Option<Ticket>) -> Result<(), store::Error> {
    match ticket {
        None => Ok(()),
        Some(ticket) => ticket.await.unwrap_or(Err(store::Error::Closed)),
    }
}

/// Entries as one chunk that begins after `at` others.
pub(crate) fn encode(list: &[Entry], at: u64) -> Option<Entries> {
    (!list.is_empty()).then(|| Entries { at, count: list.len() as u32, bytes: journal::encode(list) })
}

/// Returns once the word has come. A sender that is gone will not say it.
async fn told<T: PartialEq>(from: &mut watch::Receiver<T>, word: T) {
    if from.wait_for(|said| *said == word).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns when a run has ended or a signal may have come.
async fn something_happens(changes: &mut Option<tokio::sync::broadcast::Receiver<store::Changes>>) {
    match changes {
        Some(changes) => drop(changes.recv().await),
        None => std::future::pending().await,
    }
}

pub(crate) async fn sleep(ms: Option<u64>) {
    match ms {
        Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        None => std::future::pending().await,
    }
}
