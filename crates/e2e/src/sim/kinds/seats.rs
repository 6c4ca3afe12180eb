//! One place for many that fail, park and come back in between: none is worked beside another, and no place is lost.

use serde_json::json;

use super::{Kind, nap, nothing_more, with_job};
use crate::{
    sim::{
        load::{self, Expected},
        provider::Answer,
    },
    torture::load::{call, each, tell, workflow},
};

/// Who want the place.
const MANY: u64 = 4;

pub(crate) const KIND: Kind = Kind {
    name: "Seats",
    children: &["Seat"],
    workflows: || {
        let elements = json!([
            each(MANY, "start", "await"),
            load::start("start", "Seat", "${this}", ""),
            load::awaits("await", "tell"),
            tell("tell", "seats $n", "")
        ]);
        let seat = json!([
            call("call", "/seat", "$i", "nap"),
            nap("nap", "1100ms", "again"),
            call("again", "/seat", "${i + 100}", "tell"),
            tell("tell", "seat $n $i", "")
        ]);
        let job = json!({ "attempts": 3, "backoff": { "base": "100ms" }, "concurrency": { "key": "n", "limit": 1 } });
        vec![workflow("Seats", "each", elements), with_job(workflow("Seat", "call", seat), job)]
    },
    expected: |n| Expected {
        calls: (0..MANY).flat_map(|item| [("/seat", item), ("/seat", item + 100)]).collect(),
        in_order: false,
        children: MANY,
        ..Expected::tells((0..MANY).map(|i| format!("seat {n} {i}")).chain([format!("seats {n}")]))
    },
    answers: |call| {
        (call.path == "/seat" && call.nth == 1 && call.choice % 4 == 0).then_some(Answer::Status(503))
    },
    judge: nothing_more,
};
