//! The languages: each compiles an expression once and evaluates it as often as wanted on values of its own, which are
//! made before anything is measured.

pub(crate) mod cel;
pub(crate) mod hefe;
pub(crate) mod minijinja;
pub(crate) mod quickjs;
pub(crate) mod rhai;

use serde_json::Value;

use crate::Failure;

/// A compiled expression with its input.
pub(crate) trait Program {
    /// Evaluates it so many times; results are dropped.
    fn run(&mut self, times: u64) -> Result<(), Failure>;

    /// Its value.
    fn value(&mut self) -> Result<Value, Failure>;
}
