//! Several attempts, each after twice the time: what `job.backoff` says is seen when the run is claimed again.

use serde_json::json;

use super::{Kind, Notes, with_job};
use crate::{
    sim::{load::Expected, provider::Answer, verdict::Verdict},
    torture::load::{call, tell, workflow},
};

/// In all.
const ATTEMPTS: u64 = 4;

pub(crate) const KIND: Kind = Kind {
    name: "Steps",
    children: &[],
    workflows: || {
        let elements = json!([call("step", "/step", "${0}", "tell"), tell("tell", "steps $n", "")]);
        let backoff = json!({ "base": "400ms", "max": "1s", "jitter": false });
        vec![with_job(
            workflow("Steps", "step", elements),
            json!({ "attempts": ATTEMPTS, "backoff": backoff }),
        )]
    },
    expected: |n| Expected {
        calls: vec![("/step", 0)],
        may_fail: Some("http_status"),
        backoff_ms: Some(|failed| (400 << (failed - 1)).min(1_000)),
        ..Expected::tells([format!("steps {n}")])
    },
    answers: |call| {
        (call.path == "/step" && call.nth <= call.choice % (ATTEMPTS + 2)).then_some(Answer::Status(503))
    },
    judge,
};

/// It is given up only after the last one.
fn judge(verdict: &Verdict<'_>, _: &mut Notes) {
    for run in verdict.tops() {
        let failed = run.status == store::Status::Failed;
        if failed && u64::from(run.attempts) != ATTEMPTS {
            verdict.broken(format!("it was given up after {} attempts", run.attempts));
        }
    }
}
