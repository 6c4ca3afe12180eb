//! Children of three priorities at once: who is claimed before whom is looked at with every claim.

use serde_json::{Value, json};

use super::{Kind, answers_well, nothing_more, with_job};
use crate::{
    sim::load::{self, Expected},
    torture::load::{call, each, tell, workflow},
};

/// Of each.
const MANY: u64 = 3;

fn rank(name: &str, priority: i64) -> Value {
    let elements = json!([call("call", "/rank", "$i", "tell"), tell("tell", &format!("{name} $n $i"), "")]);
    with_job(workflow(name, "call", elements), json!({ "priority": priority }))
}

pub(crate) const KIND: Kind = Kind {
    name: "Urgent",
    children: &["Low", "High"],
    workflows: || {
        let mut both = each(MANY, "low", "await");
        both["to"]["each"] = json!({ "low": ["default"], "high": ["default"] });
        let elements = json!([
            both,
            load::start("low", "Low", "${this * 2}", ""),
            load::start("high", "High", "${this * 2 + 1}", ""),
            load::awaits("await", "tell"),
            tell("tell", "urgent $n", "")
        ]);
        vec![workflow("Urgent", "each", elements), rank("Low", -5), rank("High", 9)]
    },
    expected: |n| {
        let ranks = (0..2 * MANY).map(|i| format!("{} {n} {i}", if i % 2 == 0 { "Low" } else { "High" }));
        Expected {
            calls: (0..2 * MANY).map(|item| ("/rank", item)).collect(),
            in_order: false,
            children: 2 * MANY,
            ..Expected::tells(ranks.chain([format!("urgent {n}")]))
        }
    },
    answers: answers_well,
    judge: nothing_more,
};
