//! A host that takes one call at once, and more runs that want to call it than have a worker: none is left in line.

use serde_json::{Value, json};

use super::{Kind, nothing_more, with_job};
use crate::{
    sim::{
        load::{self, Expected},
        provider::Answer,
    },
    torture::load::{call, each, tell, workflow},
};

/// The host, and how many calls of it are under way at most.
pub(crate) const HOST: &str = "narrow.sim";
pub(crate) const CALLS_MAX: u32 = 1;

/// How its calls are told from others.
pub(crate) const PATH: &str = "/narrow";

/// Who want to call.
const MANY: u64 = 5;

pub(crate) const KIND: Kind = Kind {
    name: "Narrow",
    children: &["Narrower"],
    workflows: || {
        let elements = json!([
            each(MANY, "start", "await"),
            load::start("start", "Narrower", "${this}", ""),
            load::awaits("await", "tell"),
            tell("tell", "narrow $n", "")
        ]);
        let narrower = json!([
            there("call", "$i", "again"),
            there("again", "${i + 100}", "tell"),
            tell("tell", "narrower $n $i", "")
        ]);
        let job = json!({ "attempts": 3, "backoff": { "base": "100ms" } });
        vec![workflow("Narrow", "each", elements), with_job(workflow("Narrower", "call", narrower), job)]
    },
    expected: |n| Expected {
        calls: (0..MANY).flat_map(|item| [(PATH, item), (PATH, item + 100)]).collect(),
        in_order: false,
        children: MANY,
        ..Expected::tells((0..MANY).map(|i| format!("narrower {n} {i}")).chain([format!("narrow {n}")]))
    },
    answers: |call| {
        (call.path == PATH && call.nth == 1 && call.choice % 4 == 0).then_some(Answer::Status(503))
    },
    judge: nothing_more,
};

fn there(name: &str, item: &str, to: &str) -> Value {
    let mut element = call(name, PATH, item, to);
    element["options"]["uri"] = json!(format!("http://{HOST}{PATH}"));
    element
}
