//! What comes next: a graph, an input and the outcomes so far go in; firings, [`effect::Effect`]s, journal entries and
//! checkpoints come out.
//!
//! A pure state machine. It has no clock, no random, no I/O and no threads: time comes with each outcome, ids are hashes
//! of (run, firing). The same journal gives the same state on every machine and at every repetition.
//!
//! ```text
//!              start / resume(checkpoint, entries)
//!                            |
//!                            v
//!            +---------- advance() <-----------+
//!            |               |                 |
//!   own, live effects     Outside           outcome() -> Entry
//!   (with entries)           |                 ^
//!            |               +---- performed --+
//!            v
//!        End { status, result }
//! ```

mod address;
pub mod effect;
mod element;
mod elements;
mod facts;
mod firing;
pub mod journal;
mod limits;
mod machine;
mod options;
mod signals;
mod state;

pub use address::escaped;
pub use effect::{Effect, Failure, Outcome};
pub use elements::{answers_of, catalog};
pub use facts::Run;
pub use firing::{Fired, FiringId};
pub use journal::Entry;
pub use limits::limits;
pub use machine::{Checkpoint, End, EndStatus, Flight, Limits, Machine, Output, Response, Start, Then, Turn};
pub use signals::Signals;
