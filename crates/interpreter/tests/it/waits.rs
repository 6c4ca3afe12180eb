//! flow/wait, flow/await and an element's own retry.

use interpreter::{
    Machine, Then,
    effect::{Asked, Wait},
};
use recipe::Value;

use crate::{check, element, file, log, logged, run, start, system};

fn kinds(did: &crate::Did) -> Vec<String> {
    did.entries.iter().map(|entry| entry.kind.to_string()).collect()
}

#[test]
fn a_branch_that_waits_lets_the_others_go_on_and_its_frame_waits_for_it() {
    let files = [file(
        "w",
        "try",
        &[
            element(
                "try",
                "flow/try",
                r#""to": {"try": {"pause": ["default"], "other": ["default"]}, "next": {"after": ["default"]}}"#,
            ),
            element(
                "pause",
                "flow/wait",
                r#""options": {"for": "10m"}, "to": {"default": {"woken": ["default"]}}"#,
            ),
            log("woken", ""),
            log("other", ""),
            log("after", ""),
        ],
    )];
    let did = check(&files, "1", &[]);
    assert_eq!(logged(&did), ["other", "woken", "after"]);
    assert_eq!(did.entries[0].outcome.at_ms, 1_000 + 600_000);
}

#[test]
fn a_cycle_of_polling_parks_at_every_turn_and_its_state_stays_small() {
    let files = [file(
        "w",
        "ask",
        &[
            element(
                "ask",
                "api/http",
                r#""options": {"uri": "http://x.example/"}, "set": {"n": "default:"}, "to": {"default": {"done": ["default"]}}"#,
            ),
            element(
                "done",
                "flow/if",
                r#""options": {"condition": "this >= 50"}, "to": {"default": {"end": ["default"]}, "else": {"pause": ["default"]}}"#,
            ),
            element(
                "pause",
                "flow/wait",
                r#""options": {"for": "1m"}, "to": {"default": {"ask": ["default"]}}"#,
            ),
            log("end", ""),
        ],
    )];
    let mut machine = Machine::start(system(&files), run(), start("w", Value::Null)).unwrap();
    let (mut asked, mut sizes) = (0, Vec::new());
    loop {
        let turn = machine.advance(100);
        let Then::Await = turn.then else { break };
        let [flight] = &turn.flights[..] else { panic!("one at a time: {:?}", turn.flights) };
        if let Asked::Outside(_) = flight.asked {
            asked += 1;
            sizes.push(machine.checkpoint().bytes.len());
        }
        let result = Ok(Value::from_json(&format!(r#"{{"body": {asked}}}"#)).unwrap());
        machine.outcome(flight.firing, flight.number, interpreter::Outcome { at_ms: 2_000, result });
    }
    assert_eq!(asked, 50);
    assert!(sizes[49] < sizes[5] + 64, "the state grows with its turns: {sizes:?}");
}

#[test]
fn a_try_that_fails_forgets_what_has_parked_in_it() {
    let files = [file(
        "w",
        "try",
        &[
            element(
                "try",
                "flow/try",
                r#""to": {"try": {"pause": ["default"], "bad": ["default"]}, "catch": {"caught": ["default"]}}"#,
            ),
            element(
                "pause",
                "flow/wait",
                r#""options": {"for": "1d"}, "to": {"default": {"never": ["default"]}}"#,
            ),
            element("bad", "flow/stop", r#""options": {"status": "failed"}"#),
            log("never", ""),
            log("caught", ""),
        ],
    )];
    let did = check(&files, "1", &[]);
    // flow/stop ends the workflow that it stands in, tries included.
    assert_eq!((logged(&did).len(), did.end.failure.is_some()), (0, true));
    let files = [files[0].replace(
        r#""flow/stop", "options": {"status": "failed"}"#,
        r#""op/recipe", "options": {"recipe": "{} * 2"}"#,
    )];
    let did = check(&files, "1", &[]);
    assert_eq!((logged(&did), kinds(&did).len()), (vec!["caught".to_owned()], 0));
}

#[test]
fn children_are_awaited_once_and_in_order_of_start() {
    let start = |name: &str, to: &str| {
        element(
            name,
            "action/run",
            &format!(
                r#""options": {{"workflow": "w", "async": true}}, "to": {{"default": {{"{to}": ["default"]}}}}"#
            ),
        )
    };
    let files = [file(
        "w",
        "a",
        &[
            start("a", "b"),
            start("b", "all"),
            element(
                "all",
                "flow/await",
                r#""to": {"default": {"none": ["default"]}, "error": {"tell": ["default"]}}"#,
            ),
            element("none", "flow/await", r#""to": {"default": {"tell": ["default"]}}"#),
            element("tell", "action/response", ""),
        ],
    )];
    let mut machine = Machine::start(system(&files), run(), self::start("w", Value::Null)).unwrap();
    let turn = machine.advance(100);
    let Asked::Wait(Wait::Runs { runs, any: false, .. }) = &turn.flights[0].asked else { panic!("{turn:?}") };
    assert_eq!(runs.len(), 2);
    let ended = r#"[{"status": "succeeded", "result": 1}, {"status": "succeeded", "result": 2}]"#;
    let did = check(&files, "null", &[Ok(ended)]);
    assert_eq!(kinds(&did), ["start", "start", "await"], "the second await has nothing to wait for");
    assert_eq!(did.end.result.to_json(), "[]");
    let did = check(
        &files,
        "null",
        &[Ok(r#"[{"status": "failed", "error": {"code": "timeout", "message": "too late"}}]"#)],
    );
    assert_eq!(did.end.result.get("code").unwrap().to_text(), "timeout");
}

#[test]
fn a_failed_call_is_tried_again_under_its_own_id_after_a_pause() {
    let call = |retry: &str| {
        [file(
            "w",
            "call",
            &[element(
                "call",
                "api/http",
                &format!(r#""options": {{"uri": "http://x.example/"}}, "retry": {retry}"#),
            )],
        )]
    };
    let did =
        check(&call(r#"{"attempts": 3, "base": "1s"}"#), "1", &[Err("connect"), Err("connect"), Ok("{}")]);
    assert_eq!(kinds(&did), ["http", "wait", "http", "wait", "http"]);
    let ids: std::collections::HashSet<_> =
        did.entries.iter().map(|entry| (entry.firing, entry.number)).collect();
    assert_eq!(ids.len(), 1);
    let pauses: Vec<i64> = did
        .entries
        .windows(2)
        .filter(|pair| &*pair[1].kind == "wait")
        .map(|pair| pair[1].outcome.at_ms - pair[0].outcome.at_ms)
        .collect();
    assert_eq!(pauses, [1_000, 2_000]);
    assert!(did.end.failure.is_none());
    let did = check(&call(r#"{"attempts": 2}"#), "1", &[Err("connect"), Err("connect")]);
    assert_eq!((kinds(&did).len(), &*did.end.failure.unwrap().code), (3, "connect"));
    let did = check(&call(r#"{"attempts": 5, "on": ["timeout"]}"#), "1", &[Err("connect")]);
    assert_eq!(kinds(&did), ["http"], "only what `on` names");
}

#[test]
fn a_signal_brings_its_body_or_the_time_runs_out() {
    let files = [file(
        "w",
        "ask",
        &[
            element(
                "ask",
                "flow/await",
                r#""options": {"signal": "approve", "timeout": "2h"}, "to": {"default": {"tell": ["default"]}, "timeout": {"late": ["default"]}}"#,
            ),
            element("tell", "action/response", ""),
            log("late", ""),
        ],
    )];
    let did = check(&files, "1", &[Ok(r#"[{"yes": true}]"#)]);
    assert_eq!(did.end.result.to_json(), r#"{"yes":true}"#);
    assert_eq!(logged(&check(&files, "1", &[])), ["late"]);
}

#[test]
fn the_address_of_the_only_signal_needs_no_name() {
    let ask = |name: &str, signal: &str, to: &str| {
        let rest =
            format!(r#""options": {{"signal": "{signal}"}}, "to": {{"default": {{"{to}": ["default"]}}}}"#);
        element(name, "flow/await", &rest)
    };
    let tell = |name: &str, expression: &str| {
        element(name, "action/log", &format!(r#""options": {{"message": "${{{expression}}}"}}"#))
    };
    let address = |waits: &[String], expression: &str| {
        let mut elements = vec![tell("tell", expression)];
        elements.extend_from_slice(waits);
        logged(&check(&[file("a", "tell", &elements)], "null", &[])).remove(0)
    };
    let twice = [ask("x", "yes", "y"), ask("y", "yes", "z"), ask("z", "$later", "x")];
    let only = address(&twice, "run().signalUrl");
    assert!(only.contains("/test/signal/seven/yes?sig="), "{only}");
    assert_eq!(address(&twice, "run().signalUrl('yes')"), only);
    assert_ne!(address(&twice, "run().signalUrl('no')"), only);
    let several = [ask("x", "yes", "y"), ask("y", "no", "x")];
    assert!(!address(&several, "run().signalUrl ?? 'none'").contains("sig="));
    assert!(!address(&[], "run().signalUrl ?? 'none'").contains("sig="));
}
