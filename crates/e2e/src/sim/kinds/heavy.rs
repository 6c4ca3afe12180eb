//! More than `job.maxStored` in all, and little at once: the oldest part of its trace goes, and the run goes on.

use serde_json::json;

use super::{Kind, answers_well, nothing_more, with_job};
use crate::{
    sim::load::Expected,
    torture::load::{call, each, tell, workflow},
};

/// Calls that bring 2 kB each.
const CALLS: u64 = 16;

pub(crate) const KIND: Kind = Kind {
    name: "Heavy",
    children: &[],
    workflows: || {
        let elements = json!([
            each(CALLS, "call", "tell"),
            call("call", "/heavy", "${this}", ""),
            tell("tell", "heavy $n", "")
        ]);
        vec![with_job(workflow("Heavy", "each", elements), json!({ "maxStored": "12KiB" }))]
    },
    expected: |n| Expected {
        calls: (0..CALLS).map(|item| ("/heavy", item)).collect(),
        stored_max: Some(12 << 10),
        ..Expected::tells([format!("heavy {n}")])
    },
    answers: answers_well,
    judge: nothing_more,
};
