//! Expression text to compiled recipe to value.
//!
//! A [`Recipe`] is compiled once with [`Recipe::parse`] and evaluated as often as wanted against a [`Context`]: what
//! `this` is, the variables, and the [`Facts`] of the run it stands in. Evaluating is pure and always ends: no input
//! can make it loop, overflow the stack or take more than its [`Limits`]. A [`Value`] is JSON with shared, immutable
//! parts, and its texts carry where they came from ([`Taint`]).
//!
//! The crate knows nothing of workflows, does no I/O, and has neither clock nor random: both come through [`Facts`].

#![doc = include_str!("../README.md")]

mod ast;
mod code;
mod compile;
mod context;
mod error;
mod eval;
mod follow;
mod functions;
mod lex;
mod mark;
mod number;
mod operators;
mod parse;
mod reads;
mod recipe;
mod value;

pub use context::{Context, Facts, Limits, NoFacts};
pub use error::Error;
pub use functions::{Function, functions, instant_ms, time_zone, time_zones};
pub use mark::Mark;
pub use reads::{Path, Root, Segment};
pub use recipe::Recipe;
pub use value::{Blob, List, ListMut, Map, Missing, Name, Taint, Text, Value, apart, joined};
