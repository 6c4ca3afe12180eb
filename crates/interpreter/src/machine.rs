//! The state machine: pops a delivery, fires its element, spreads what left it, until every branch waits or nothing is
//! left. Replaying is the same with outcomes taken from entries.

mod fire;
mod flights;
mod frames;
mod handing;
mod many;
mod rebind;

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use recipe::{Blob, Map, Value};
use serde::{Deserialize, Serialize};
use smallvec::smallvec;
use workflow::{Graph, System};

use crate::{
    Fired, FiringId, Outcome, Run,
    effect::{Asked, Failure, Live, Own, Progress},
    firing::fingerprint,
    journal::{self, Entry, Unreadable},
    state::{Delivery, Frame, Hold, State, Strand},
};

/// What a run starts with.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// The workflow's identifier.
    pub workflow: Arc<str>,
    /// The element at which it starts; None: the workflow's entry.
    pub element: Option<u32>,
    /// The value on that element's default input port.
    pub input: Value,
    /// The variables.
    pub vars: Map,
    /// Milliseconds since 1970, recorded with the start.
    pub at_ms: i64,
}

/// Bounds of one run (workflow.md, How a run moves).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Firings since the last recorded outcome: a spin guard.
    pub steps_max: u64,
    /// Deliveries pending over all frames.
    pub pending_max: usize,
    /// Nested sync calls.
    pub calls_max: usize,
    /// Open frames.
    pub frames_max: usize,
    /// Effects for the browser.
    pub page_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            steps_max: 1_000_000,
            pending_max: 100_000,
            calls_max: 256,
            frames_max: 10_000,
            page_max: 10_000,
        }
    }
}

/// What action/response asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// HTTP headers: texts with their marks.
    pub headers: Vec<(String, Value)>,
    /// The body.
    pub body: Value,
}

/// What the machine wants done, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// To be written with its entry in one transaction.
    Own {
        /// The record.
        entry: Entry,
        /// The write.
        own: Own,
    },
    /// To be shown.
    Live {
        /// The element it comes from.
        element: Arc<str>,
        /// What.
        live: Live,
    },
}

/// What a branch waits for. Everything before it must be durable before a call on others is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Flight {
    /// The key that stays the same at every repetition derives from it.
    pub firing: FiringId,
    /// Which of the firing's effects.
    pub number: u8,
    /// The element.
    pub element: Arc<str>,
    /// The call, the wait, or the pause before the call's next try.
    pub asked: Asked,
}

impl Flight {
    /// The Idempotency-Key.
    pub fn key(&self) -> String {
        format!("{:032x}", self.firing.derive("key", u32::from(self.number)))
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndStatus {
    /// Nothing is left to deliver, or flow/stop said so.
    Succeeded,
    /// A failure that nobody took.
    Failed,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// How.
    pub status: EndStatus,
    /// action/response's body, else flow/stop's message, else null.
    pub result: Value,
    /// Why, if it failed.
    pub failure: Option<Failure>,
    /// Effects for the browser, in the order of firing; there even if the run failed later.
    pub page: Vec<Value>,
    /// So many of them went out with earlier answers, each of which had a modal.
    pub handed: usize,
    /// What the waiting request gets.
    pub response: Option<Response>,
    /// Failures that an error port or a flow/try took.
    pub handled: u32,
}

impl End {
    /// Of a run that was stopped from outside.
    pub fn failed(failure: Failure) -> End {
        End {
            status: EndStatus::Failed,
            result: Value::Null,
            failure: Some(failure),
            page: Vec::new(),
            handed: 0,
            response: None,
            handled: 0,
        }
    }
}

/// Firings of one turn: whoever works the machine looks between two whether it is to stop, and lets others work.
const TURN_FIRINGS: u32 = 50;

/// What comes after a turn's outputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// Every branch waits: hand the outcome of one of the flights to [`Machine::outcome`], then call again.
    Await,
    /// Call again: the turn was cut so that outputs do not pile up.
    More,
    /// It is over.
    End(Box<End>),
}

/// What [`Machine::advance`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// In order.
    pub outputs: Vec<Output>,
    /// What branches have begun to wait for; those of earlier turns that have no outcome yet go on.
    pub flights: Vec<Flight>,
    /// What now.
    pub then: Then,
}

/// A state as bytes. Values of 4 KiB and more lie beside them, each once and those in others first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The state.
    pub bytes: Vec<u8>,
    /// What it refers to.
    pub blobs: Vec<Blob>,
}

/// One run.
pub struct Machine {
    system: Arc<System>,
    run: Arc<Run>,
    limits: Limits,
    state: State,
    /// The graphs of `state.workflows`.
    graphs: Vec<Arc<Graph>>,
    replay: VecDeque<Entry>,
    /// Set while there is something to replay: live effects are silent.
    replaying: bool,
    /// Flights that have been given out.
    issued: HashSet<(FiringId, u8)>,
    out: Vec<Output>,
    /// What a page shows, if anyone asked.
    record: Option<Vec<Fired>>,
}

impl Machine {
    /// A run at its beginning.
    pub fn start(system: Arc<System>, run: Arc<Run>, start: Start) -> Result<Machine, Failure> {
        let graph = system.workflows.get(&*start.workflow).cloned().ok_or_else(|| {
            Failure::new("missing_workflow", format!("there is no workflow `{}`", start.workflow))
        })?;
        let element = start.element.or(graph.entry).ok_or_else(|| {
            Failure::new(
                "missing_workflow",
                format!("the workflow `{}` has no entry to start at", start.workflow),
            )
        })?;
        let delivery = Delivery { element, inputs: smallvec![(0, start.input)] };
        let root = Frame {
            parent: None,
            opener: delivery.clone(),
            firing: FiringId::of_run(run.id),
            strand: 0,
            index: 0,
            workflow: 0,
            scope: 0,
            vars: start.vars,
            counts: smallvec![],
            stack: vec![delivery],
            open: 0,
            started: Vec::new(),
            hold: Hold::Root,
        };
        let state = State {
            workflows: vec![start.workflow],
            frames: vec![Some(root)],
            strands: vec![Some(Strand { ready: vec![0], ..Strand::default() })],
            turns: VecDeque::from([0]),
            now_ms: start.at_ms,
            pending: 1,
            ..State::default()
        };
        Ok(Machine {
            system,
            run,
            limits: Limits::default(),
            state,
            graphs: vec![graph],
            replay: VecDeque::new(),
            replaying: false,
            issued: HashSet::new(),
            out: Vec::new(),
            record: None,
        })
    }

    /// A run from its newest checkpoint (None: from its start) and the entries after it. What they tell is not done again.
    pub fn resume(
        system: Arc<System>,
        run: Arc<Run>,
        start: Start,
        checkpoint: Option<&Checkpoint>,
        entries: Vec<Entry>,
    ) -> Result<Machine, Failure> {
        let mut machine = Machine::start(system, run, start)?;
        if let Some(Checkpoint { bytes, blobs }) = checkpoint {
            let read = recipe::joined(blobs, || journal::read(bytes));
            let read = read.unwrap_or_else(|missing| Err(Unreadable(missing.to_string())));
            machine.state = read.map_err(|Unreadable(why)| Failure {
                detail: Value::from(why.as_str()),
                ..Failure::new("replay_mismatch", "the run's checkpoint cannot be read")
            })?;
            machine.bind()?;
        }
        machine.replaying = checkpoint.is_some() || !entries.is_empty();
        let (entries, gone) = journal::counting(entries);
        machine.state.entries += gone;
        machine.replay = entries.into();
        Ok(machine)
    }

    /// Other bounds than the usual.
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// From now on every firing is noted for [`Machine::fired`].
    pub fn watch(&mut self) {
        self.record = Some(Vec::new());
    }

    /// What fired since [`Machine::watch`].
    pub fn fired(&mut self) -> Vec<Fired> {
        self.record.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What the run has said of its bars.
    pub fn items(&self) -> &[Progress] {
        &self.state.items
    }

    /// Whether a failure is on its way that another attempt may take back: then a state must not be kept without it.
    pub fn failing(&self) -> bool {
        let failing = |hold: &Hold| matches!(hold, Hold::Many(many) if many.failed.is_some());
        self.state.over.is_some() || self.state.frames.iter().flatten().any(|frame| failing(&frame.hold))
    }

    /// Entries that the state has seen.
    pub fn entries(&self) -> u64 {
        self.state.entries
    }

    /// The state as bytes. May be taken at any moment: an effect under way is part of it and is issued again.
    pub fn checkpoint(&self) -> Checkpoint {
        let (bytes, blobs) = recipe::apart(|| journal::write(&self.state));
        Checkpoint { bytes, blobs }
    }

    /// Goes on until every branch waits, the end, or `outputs_max` outputs.
    pub fn advance(&mut self, outputs_max: usize) -> Turn {
        let mut flights = Vec::new();
        let mut firings = 0;
        let then = loop {
            if let Some(over) = &self.state.over {
                let failure = over.clone().err();
                if failure.is_none()
                    && let Some(entry) = self.replay.pop_front()
                {
                    self.mismatch(&entry, "the end of the run");
                    continue;
                }
                break Then::End(Box::new(self.end(failure)));
            }
            if !self.state.turns.is_empty() {
                if self.out.len() >= outputs_max || firings == TURN_FIRINGS {
                    break Then::More;
                }
                firings += 1;
                self.step();
                continue;
            }
            self.hand_over();
            if let Some(entry) = self.replay.pop_front() {
                self.replay_outcome(entry);
                continue;
            }
            self.caught_up();
            flights = self.issue();
            break Then::Await;
        };
        Turn { outputs: std::mem::take(&mut self.out), flights, then }
    }

    /// The element that waits longest for an outcome.
    pub fn waits_at(&self) -> Option<Arc<str>> {
        self.state.flights.first().map(|flying| flying.element.clone())
    }

    /// What came of a flight; gives the entry to be written. None if nobody waits for it. Only after [`Then::Await`], and
    /// one at a time: between two outcomes every branch goes as far as it can, here as at a replay.
    pub fn outcome(&mut self, firing: FiringId, number: u8, outcome: Outcome) -> Option<Entry> {
        let at = self.flight(firing, number)?;
        let flying = &self.state.flights[at];
        let asked = flying.now();
        let entry = Entry {
            firing,
            number,
            element: flying.element.clone(),
            kind: asked.kind().into(),
            fingerprint: fingerprint(&asked),
            outcome: outcome.clone(),
        };
        self.land(at, outcome);
        Some(entry)
    }

    fn flight(&self, firing: FiringId, number: u8) -> Option<usize> {
        self.state.flights.iter().position(|flying| (flying.firing, flying.number) == (firing, number))
    }

    /// An entry that no own effect has taken is the outcome of something that is waited for.
    fn replay_outcome(&mut self, entry: Entry) {
        let known = self.flight(entry.firing, entry.number);
        match known.filter(|at| fingerprint(&self.state.flights[*at].now()) == entry.fingerprint) {
            Some(at) => self.land(at, entry.outcome),
            None => {
                let waits: Vec<String> = self
                    .state
                    .flights
                    .iter()
                    .take(3)
                    .map(|flying| {
                        let same = (flying.firing, flying.number) == (entry.firing, entry.number);
                        let other = if same { ", with other options" } else { "" };
                        format!("effect {} of `{}`{other}", flying.number, flying.element)
                    })
                    .collect();
                let expected = if waits.is_empty() { "nothing more".to_owned() } else { waits.join(" or ") };
                self.mismatch(&entry, &expected);
            }
        }
    }

    /// Flights that have not been given out yet.
    fn issue(&mut self) -> Vec<Flight> {
        let issued = &mut self.issued;
        let flights =
            self.state.flights.iter().filter(|flying| issued.insert((flying.firing, flying.number)));
        flights
            .map(|flying| Flight {
                firing: flying.firing,
                number: flying.number,
                element: flying.element.clone(),
                asked: flying.now(),
            })
            .collect()
    }

    fn end(&mut self, failure: Option<Failure>) -> End {
        let response = self.state.response.clone();
        let (page, handed) = self.page();
        let result = response.as_ref().map_or(&self.state.message, |response| &response.body).clone();
        End {
            status: if failure.is_some() { EndStatus::Failed } else { EndStatus::Succeeded },
            result: if failure.is_some() { Value::Null } else { result },
            failure,
            page,
            handed,
            response,
            handled: self.state.handled,
        }
    }

    /// Live effects after the last entry may have been lost: the newest state of each bar is said again.
    fn caught_up(&mut self) {
        if std::mem::take(&mut self.replaying) {
            let items = self.state.items.iter().cloned();
            self.out
                .extend(items.map(|item| Output::Live { element: "".into(), live: Live::Progress(item) }));
        }
    }

    fn mismatch(&mut self, found: &Entry, expected: &str) {
        self.replay.clear();
        self.state.over = Some(Err(Failure {
            detail: Value::from(format!(
                "entry {}: expected {expected}, found {}",
                self.state.entries,
                found.describe()
            )),
            ..Failure::new("replay_mismatch", "the workflow no longer does what the run's journal tells")
        }));
    }

    /// The graphs of a state that was read back.
    fn bind(&mut self) -> Result<(), Failure> {
        let find = |name: &Arc<str>| self.system.workflows.get(name).cloned();
        let graphs: Option<Vec<_>> = self.state.workflows.iter().map(find).collect();
        self.graphs = graphs.ok_or_else(|| {
            Failure::new("missing_workflow", "a workflow that the run stands in is not there any more")
        })?;
        Ok(())
    }
}
