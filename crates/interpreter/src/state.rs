//! A run's state as plain data: frames, pending deliveries, variables, loop counters, subtotals. Never a suspended
//! future: that is what makes checkpoints, waits and cancel cheap. Knows no element.

use std::sync::Arc;

use recipe::{List, Map, Value};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    FiringId,
    effect::{Failure, Outside, Progress},
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
    /// Frames that may have something to deliver, the innermost last.
    pub(crate) ready: Vec<u32>,
    /// The outside effect under way: the branch waits for it.
    pub(crate) flight: Option<Flying>,
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

/// An effect under way: part of the state, issued again after a crash under its own id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flying {
    pub(crate) frame: u32,
    pub(crate) delivery: Delivery,
    pub(crate) firing: FiringId,
    pub(crate) number: u8,
    pub(crate) fingerprint: u64,
    pub(crate) effect: Outside,
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
    /// Frames opened from here that are not closed.
    pub(crate) open: u32,
    pub(crate) hold: Hold,
}

/// What a frame is for, and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Hold {
    /// The run itself.
    Root,
    /// flow/each.
    Each {
        /// All of them.
        items: List,
        /// How many are done or under way.
        next: u64,
        /// What `collect` gave so far.
        collected: Option<List>,
    },
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
