//! What is likely a mistake in a system's workflows, though each of its files loads: a rule a file, and taint.
//!
//! [`check`] takes what [`workflow::load_with_sources`] gave and adds what the rules find to what loading found. Pure: no
//! disk, no clock, no store. A rule ([`Rule`]) is a file in `rules/` and a line of its list: why, a bad and a good example,
//! how to mend it, and the function that looks. Its examples are its tests and its page.

mod flow;
mod page;
mod report;
mod rule;
mod rules;
mod taint;
mod view;
mod walk;

pub use page::{explain, page};
pub use report::{Chosen, Settings, check};
pub use rule::Rule;
pub use rules::rules;
