//! A tree that takes its time, so that its end is asked for while parents wait, loops go side by side and children park: when
//! its root has ended so, nothing of it is worked any more.

use serde_json::json;

use super::{Kind, answers_well, nap, nothing_more};
use crate::{
    sim::load::{self, Expected},
    torture::load::{call, each, tell, workflow},
};

/// Boughs side by side.
const BOUGHS: u64 = 3;

pub(crate) const KIND: Kind = Kind {
    name: "Grove",
    children: &["Bough", "Twig"],
    workflows: || {
        let mut side = each(BOUGHS, "start", "tell");
        side["options"] = json!({ "parallel": 2 });
        let grove = json!([
            side,
            load::start("start", "Bough", "${this}", "await"),
            load::awaits("await", ""),
            tell("tell", "grove $n", "")
        ]);
        let bough = json!([
            call("call", "/bough", "$i", "nap"),
            nap("nap", "1200ms", "start"),
            load::start("start", "Twig", "$i", "await"),
            load::awaits("await", "tell"),
            tell("tell", "bough $n $i", "")
        ]);
        let twig = json!([
            call("call", "/twig", "$i", "nap"),
            nap("nap", "25s", "tell"),
            tell("tell", "twig $n $i", "")
        ]);
        vec![
            workflow("Grove", "each", grove),
            workflow("Bough", "call", bough),
            workflow("Twig", "call", twig),
        ]
    },
    expected: |n| {
        let of = |name: &'static str| (0..BOUGHS).map(move |i| format!("{name} {n} {i}"));
        Expected {
            calls: (0..BOUGHS).flat_map(|item| [("/bough", item), ("/twig", item)]).collect(),
            in_order: false,
            children: 2 * BOUGHS,
            ..Expected::tells(of("bough").chain(of("twig")).chain([format!("grove {n}")]))
        }
    },
    answers: answers_well,
    judge: nothing_more,
};
