//! Starts under one key, in the ways of `job.unique`: that no two of them stand beside each other is looked at whenever one
//! is queued; what each told is what they came to.

use serde_json::{Value, json};
use store::Status;

use super::{Kind, Notes, answers_well, nap, with_job};
use crate::{
    sim::{load::Expected, verdict::Verdict},
    torture::load::{call, each, tell, workflow},
};

/// Starts.
const MANY: u64 = 4;

/// The first one while it lives.
pub(crate) const ACTIVE: Kind = Kind {
    name: "Active",
    children: &["ActiveOne"],
    workflows: || workflows("Active", json!({ "key": "n" }), "0ms"),
    expected: |n| expected("Active", n),
    answers: answers_well,
    judge,
};

/// The first one while nobody has begun it; each is put off a little.
pub(crate) const QUEUED: Kind = Kind {
    name: "Queued",
    children: &["QueuedOne"],
    workflows: || workflows("Queued", json!({ "key": "n", "while": "queued" }), "700ms"),
    expected: |n| expected("Queued", n),
    answers: answers_well,
    judge,
};

/// The last one, unless one is worked.
pub(crate) const REPLACED: Kind = Kind {
    name: "Replaced",
    children: &["ReplacedOne"],
    workflows: || workflows("Replaced", json!({ "key": "n", "then": "replace" }), "300ms"),
    expected: |n| expected("Replaced", n),
    answers: answers_well,
    judge,
};

/// The first one, after its end too.
pub(crate) const HELD: Kind = Kind {
    name: "Held",
    children: &["HeldOne"],
    workflows: || workflows("Held", json!({ "key": "n", "for": "1h" }), "0ms"),
    expected: |n| expected("Held", n),
    answers: answers_well,
    judge: |verdict, notes| {
        let many = verdict.runs.iter().filter(|run| &*run.start.workflow == "HeldOne").count();
        if many > 1 {
            verdict.broken(format!("there are {many} runs under a key that holds for an hour"));
        }
        judge(verdict, notes);
    },
};

fn workflows(name: &str, unique: Value, delay: &str) -> Vec<Value> {
    let one = format!("{name}One");
    let mut start = json!({ "name": "start", "type": "action/run",
        "options": { "workflow": one, "async": true, "input": { "n": "$n", "i": "${0}" } },
        "to": { "default": { "nap": ["default"] } } });
    if delay != "0ms" {
        start["options"]["delay"] = json!(delay);
    }
    let elements = json!([
        each(MANY, "start", "tell"),
        start,
        nap("nap", "250ms", ""),
        tell("tell", &format!("{} $n", name.to_lowercase()), "")
    ]);
    let worked = json!([
        call("call", "/sole", "${0}", "nap"),
        nap("nap", "1100ms", "tell"),
        tell("tell", &format!("{one} $n"), "")
    ]);
    vec![
        workflow(name, "each", elements),
        with_job(workflow(&one, "call", worked), json!({ "unique": unique })),
    ]
}

fn expected(name: &str, n: u64) -> Expected {
    Expected {
        calls: vec![("/sole", 0)],
        in_order: false,
        one_key: false,
        children: MANY,
        fewer: true,
        ..Expected::tells([format!("{} {n}", name.to_lowercase())])
    }
}

/// One word of each that ended well, and the last of them did; only `replace` ends one.
fn judge(verdict: &Verdict<'_>, notes: &mut Notes) {
    let one = format!("{}One", verdict.launch.kind);
    let mine: Vec<_> = verdict.runs.iter().filter(|run| *run.start.workflow == one).collect();
    let well = mine.iter().filter(|run| run.status == Status::Succeeded).count() as i64;
    let told = notes.remove(&format!("{one} {}", verdict.launch.n)).unwrap_or_default();
    // One that was asked to end may have told already.
    if told < well || (!verdict.cut() && told != well) {
        verdict.broken(format!("{well} runs of {one} ended well, and {told} told so"));
    }
    let ended = mine.iter().any(|run| run.status == Status::Cancelled);
    if !verdict.cut() && ((ended && verdict.launch.kind != "Replaced") || (well == 0 && !mine.is_empty())) {
        verdict.broken(format!("of {} runs of {one} {well} ended well", mine.len()));
    }
}
