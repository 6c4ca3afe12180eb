//! A run's state as plain data: strands, frames, pending deliveries, variables, loop counters, subtotals. Never a
//! suspended future: that is what makes checkpoints, waits and cancel cheap. Knows no element.
//!
//! A strand is one thing after another: the run itself, and each iteration of a parallel loop. Strands overlap only while
//! they wait.

use std::{collections::VecDeque, sync::Arc};

use recipe::{List, Map, Value};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    FiringId,
    effect::{Asked, Failure, Progress, Wait},
    machine::Response,
};

/// Port index to value.
pub(crate) type Inputs = SmallVec<[(u8, Value); 1]>;

/// Everything that a checkpoint holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(crate) struct State {
    /// Workflows that frames stand in, by identifier; the first is the run's own.
    pub(crate) workflows: Vec<Arc<str>>,
    /// A frame's index is its name; freed ones are None and used again.
    pub(crate) frames: Vec<Option<Frame>>,
    /// A strand's index is its name; the first is the run's own.
    pub(crate) strands: Vec<Option<Strand>>,
    /// Strands that can go on, in turn.
    pub(crate) turns: VecDeque<u32>,
    /// What branches wait for, in the order in which they began to.
    pub(crate) flights: Vec<Flying>,
    /// Milliseconds since 1970 of the start or the latest outcome: what now() gives. Never goes back.
    pub(crate) now_ms: i64,
    /// Entries seen so far.
    pub(crate) entries: u64,
    /// Firings since the last recorded outcome.
    pub(crate) spins: u64,
    /// Deliveries pending over all frames.
    pub(crate) pending: usize,
    /// What the run has said of its progress items.
    pub(crate) items: Vec<Progress>,
    /// Effects for the browser, in the order of firing.
    pub(crate) page: Vec<Value>,
    /// The last action/response outside sync callees.
    pub(crate) response: Option<Response>,
    /// What flow/stop left.
    pub(crate) message: Value,
    /// Failures that an error port or a flow/try took.
    pub(crate) handled: u32,
    /// Set when the run is over before its frames are.
    pub(crate) over: Option<Result<(), Failure>>,
}

/// One thing after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(crate) struct Strand {
    /// Frames that may have something to deliver, the innermost last.
    pub(crate) ready: Vec<u32>,
    /// A call on others is under way: nothing else of this strand moves.
    pub(crate) flying: bool,
    /// The parallel loop's frame whose iteration it is; None: the run itself.
    pub(crate) of: Option<u32>,
}

/// What a branch waits for: part of the state, asked again after a crash under its own id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flying {
    pub(crate) whence: Whence,
    /// The element's name and workflow, for its entry: the frame may be gone by then.
    pub(crate) element: Arc<str>,
    pub(crate) firing: FiringId,
    pub(crate) number: u8,
    pub(crate) asked: Asked,
    /// How often it has failed and was tried again.
    pub(crate) tries: u32,
    /// Between two tries: until then.
    pub(crate) pause_ms: Option<i64>,
}

/// Where an outcome leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Whence {
    /// To the element that asked, in that frame.
    Frame(u32, Delivery),
    /// Nowhere: its iteration has been given up, and the loop waits for it to end.
    Loop(u32),
    /// Nowhere: what it belonged to has failed.
    Gone,
}

impl Flying {
    /// What is asked for now: the effect itself, or the pause before its next try.
    pub(crate) fn now(&self) -> Asked {
        match self.pause_ms {
            Some(until_ms) => Asked::Wait(Wait::Until(until_ms)),
            None => self.asked.clone(),
        }
    }

    /// Whether the branch has parked: the rest of its strand goes on.
    pub(crate) fn parked(&self) -> bool {
        matches!(self.asked, Asked::Wait(_))
    }
}

/// An element and what is on its input ports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) element: u32,
    pub(crate) inputs: Inputs,
}

/// What is left to do of one item, one turn, one try, one callee, or the run itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frame {
    /// None for the run itself.
    pub(crate) parent: Option<u32>,
    pub(crate) strand: u32,
    /// What opened it, to go on with when it is exhausted: an element of the parent's workflow.
    pub(crate) opener: Delivery,
    pub(crate) firing: FiringId,
    /// Which item or turn.
    pub(crate) index: u64,
    /// Index into `State::workflows`.
    pub(crate) workflow: u16,
    /// The frame that holds the variables; its own index where it has its own.
    pub(crate) scope: u32,
    pub(crate) vars: Map,
    /// How often each element has fired at this index.
    pub(crate) counts: SmallVec<[(u32, u32); 4]>,
    /// Last in, first out: what follows from the first target happens before the second.
    pub(crate) stack: Vec<Delivery>,
    /// Frames opened from here that are not closed, and branches that have parked.
    pub(crate) open: u32,
    /// Background runs that were started here and not awaited, in workflows that await without naming runs.
    pub(crate) started: Vec<u128>,
    pub(crate) hold: Hold,
}

/// What a frame is for, and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Hold {
    /// The run itself.
    Root,
    /// flow/each, one item after another.
    Each {
        /// All of them.
        items: List,
        /// How many are done or under way.
        next: u64,
        /// What `collect` gave so far; an error value where an iteration failed.
        collected: Option<List>,
        /// A failing iteration gives its error value and the loop goes on.
        collects_errors: bool,
        /// The error value of the iteration that has just failed.
        failed: Option<Value>,
    },
    /// flow/each, several items at once.
    Many(Box<Many>),
    /// One iteration of those, with its item.
    Item(Value),
    /// flow/while.
    While {
        /// How many turns have begun.
        turns: u64,
    },
    /// flow/try: a failure inside goes to `catch` as long as it is `Trying`.
    Try(Phase),
    /// A sync callee.
    Callee {
        /// Its action/response's body, else its flow/stop's message.
        result: Value,
        /// Whether a response has set it.
        answered: bool,
        /// The callee's identifier and input, until it has been entered.
        enter: Option<(Arc<str>, Value)>,
    },
}

/// Where a parallel loop stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Many {
    /// All of them.
    pub(crate) items: List,
    /// How many have begun.
    pub(crate) next: u64,
    /// How many of those have not ended.
    pub(crate) running: u64,
    /// The variables as they were when the loop fired.
    pub(crate) vars: Map,
    /// What each iteration gave, in item order; None: nobody collects.
    pub(crate) collected: Option<Vec<Value>>,
    /// A failing iteration gives its error value and the loop goes on.
    pub(crate) collects_errors: bool,
    /// The failure of the lowest index so far: no more begin, those under way finish the effect they are in.
    pub(crate) failed: Option<(u64, Failure)>,
}

/// Where a try stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Not entered.
    New,
    /// `try` is under way.
    Trying,
    /// `catch` is under way; a failure belongs to the try outside.
    Caught,
}
