//! Calls that are never answered: `job.timeout` ends the attempt, and the next one calls again.

use serde_json::json;

use super::{Call, Kind, nothing_more, with_job};
use crate::{
    sim::{load::Expected, provider::Answer},
    torture::load::{call, tell, workflow},
};

pub(crate) const KIND: Kind = Kind {
    name: "Stalls",
    children: &[],
    workflows: || {
        let mut stall = call("stall", "/stall", "${0}", "tell");
        stall["options"]["timeout"] = json!("60s");
        let stalls = workflow("Stalls", "stall", json!([stall, tell("tell", "stalls $n", "")]));
        let backoff = json!({ "kind": "fixed", "base": "500ms", "jitter": false });
        vec![with_job(stalls, json!({ "attempts": 3, "timeout": "4s", "backoff": backoff }))]
    },
    expected: |n| Expected { calls: vec![("/stall", 0)], ..Expected::tells([format!("stalls {n}")]) },
    answers,
    judge: nothing_more,
};

fn answers(call: &Call<'_>) -> Option<Answer> {
    let stalls = call.path == "/stall" && call.nth <= call.choice % 3;
    stalls.then_some(Answer::Stalls { held_ms: 4_000 })
}
