//! Children that all fail until somebody has mended what they call; then all are tried again at once, or cancelled at once.

use serde_json::json;

use super::{Kind, nothing_more};
use crate::{
    sim::{
        load::{self, Expected},
        provider::Answer,
    },
    torture::load::{call, each, tell, workflow},
};

/// Of one launch.
pub(crate) const MANY: u64 = 4;

pub(crate) const KIND: Kind = Kind {
    name: "Lots",
    children: &["Lot"],
    workflows: || {
        let lots = json!([
            each(MANY, "start", "tell"),
            load::start("start", "Lot", "${this}", ""),
            tell("tell", "lots $n", "")
        ]);
        let lot = json!([call("call", "/lot", "$i", "tell"), tell("tell", "lot $n $i", "")]);
        vec![workflow("Lots", "each", lots), workflow("Lot", "call", lot)]
    },
    expected: |n| Expected {
        calls: (0..MANY).map(|item| ("/lot", item)).collect(),
        in_order: false,
        children: MANY,
        ..Expected::tells((0..MANY).map(|i| format!("lot {n} {i}")).chain([format!("lots {n}")]))
    },
    answers: |call| (call.path == "/lot" && !call.mended).then_some(Answer::Status(500)),
    judge: nothing_more,
};
