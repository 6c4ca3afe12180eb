//! More than `job.maxDuration` lets workers hold: parked time does not count, nor what a dead process had worked.

use serde_json::json;
use store::Status;

use super::{Kind, Notes, nap, with_job};
use crate::{
    sim::{load::Expected, provider::Answer, verdict::Verdict},
    torture::load::{call, each, tell, workflow},
};

/// Calls, of a second and more each.
const CALLS: u64 = 5;

/// As its workflow says, milliseconds.
const HELD_MS: i64 = 4_000;

pub(crate) const KIND: Kind = Kind {
    name: "Long",
    children: &[],
    workflows: || {
        let elements = json!([
            each(CALLS, "call", "tell"),
            call("call", "/long", "${this}", "nap"),
            nap("nap", "1500ms", ""),
            tell("tell", "long $n", "")
        ]);
        vec![with_job(workflow("Long", "each", elements), json!({ "maxDuration": "4s", "attempts": 3 }))]
    },
    expected: |n| Expected {
        calls: (0..CALLS).map(|item| ("/long", item)).collect(),
        may_fail: Some("timeout"),
        ..Expected::tells([format!("long {n}")])
    },
    answers: |call| (call.path == "/long").then_some(Answer::After(600 + call.choice % 600)),
    judge,
};

/// It failed only if workers held it for that long.
fn judge(verdict: &Verdict<'_>, _: &mut Notes) {
    for run in verdict.tops() {
        let held_ms = verdict.held_ms(run.start.id);
        if run.status == Status::Failed && held_ms < HELD_MS {
            verdict.broken(format!("it failed when workers had held it for {held_ms} ms"));
        }
        if run.status == Status::Succeeded && verdict.last_held_ms(run.start.id) > HELD_MS + 1_000 {
            verdict.broken("it succeeded though workers held it for longer than it may take");
        }
    }
}
