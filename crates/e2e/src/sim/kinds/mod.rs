//! Kinds of work of the simulation's own, a file each: what it is, what must have come of it, how the provider behaves to
//! it, and what else is true of it once everything has ended. Another kind is one more file and one more line here.

mod brief;
mod grove;
mod heavy;
mod long;
mod lots;
pub(crate) mod narrow;
mod seats;
mod sole;
mod stalls;
mod steps;
mod urgent;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{load::Expected, provider::Answer, verdict::Verdict};

/// One kind of work.
pub(crate) struct Kind {
    /// Its workflow's identifier.
    pub(crate) name: &'static str,
    /// Workflows that only its runs start.
    pub(crate) children: &'static [&'static str],
    /// All of them.
    pub(crate) workflows: fn() -> Vec<Value>,
    /// What a launch comes to if nobody cancels it.
    pub(crate) expected: fn(u64) -> Expected,
    /// How the provider answers a call, by path and how often it came; None: as usual.
    pub(crate) answers: fn(&Call) -> Option<Answer>,
    /// What else must be true at the end.
    pub(crate) judge: fn(&Verdict<'_>, &mut Notes),
}

/// Every one.
pub(crate) const ALL: [&Kind; 14] = [
    &brief::KIND,
    &grove::KIND,
    &heavy::KIND,
    &long::KIND,
    &lots::KIND,
    &narrow::KIND,
    &seats::KIND,
    &sole::ACTIVE,
    &sole::QUEUED,
    &sole::REPLACED,
    &sole::HELD,
    &stalls::KIND,
    &steps::KIND,
    &urgent::KIND,
];

/// How often each notification is there that nothing has accounted for.
pub(crate) type Notes = BTreeMap<String, i64>;

/// A call as the provider sees it.
pub(crate) struct Call<'a> {
    pub(crate) path: &'a str,
    /// How often it has come, with this time.
    pub(crate) nth: u64,
    /// Its launch's provider was mended.
    pub(crate) mended: bool,
    /// From the seed, the same at each repetition.
    pub(crate) choice: u64,
}

pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    ALL.into_iter().find(|kind| kind.name == name)
}

/// As usual.
fn answers_well(_: &Call<'_>) -> Option<Answer> {
    None
}

/// Nothing more.
fn nothing_more(_: &Verdict<'_>, _: &mut Notes) {}

/// A wait that parks, whose state may be kept; in no place of a worker.
fn nap(name: &str, span: &str, to: &str) -> Value {
    super::load::wait(name, span, to)
}

/// A workflow with such a `job`.
fn with_job(mut workflow: Value, job: Value) -> Value {
    workflow["job"] = job;
    workflow
}
