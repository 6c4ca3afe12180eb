//! What is kept for a moment: a tree goes whole, and not before its last run has ended.

use serde_json::json;

use super::{Kind, answers_well, nap, nothing_more, with_job};
use crate::{
    sim::load::{self, Expected},
    torture::load::{call, each, tell, workflow},
};

/// Children, which nobody looks after.
const MANY: u64 = 2;

pub(crate) const KIND: Kind = Kind {
    name: "Brief",
    children: &["Moment"],
    workflows: || {
        let elements = json!([
            each(MANY, "start", "tell"),
            load::start("start", "Moment", "${this}", ""),
            tell("tell", "brief $n", "")
        ]);
        let moment = json!([
            call("call", "/moment", "$i", "nap"),
            nap("nap", "2s", "again"),
            call("again", "/moment", "${i + 100}", "tell"),
            tell("tell", "moment $n $i", "")
        ]);
        vec![
            with_job(workflow("Brief", "each", elements), json!({ "keep": "500ms" })),
            with_job(workflow("Moment", "call", moment), json!({ "keep": "1s" })),
        ]
    },
    expected: |n| Expected {
        calls: (0..MANY).flat_map(|item| [("/moment", item), ("/moment", item + 100)]).collect(),
        in_order: false,
        children: MANY,
        ..Expected::tells((0..MANY).map(|i| format!("moment {n} {i}")).chain([format!("brief {n}")]))
    },
    answers: answers_well,
    judge: nothing_more,
};
