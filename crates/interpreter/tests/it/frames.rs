//! Order of firing, frames, failures.

use interpreter::{EndStatus, Output, effect::Own};

use crate::{check, element, file, log, logged};

#[test]
fn all_that_follows_from_the_first_target_happens_before_the_second() {
    let files = [file(
        "w",
        "a",
        &[
            log("a", r#"{"b": ["default"], "d": ["default"]}"#),
            log("b", r#"{"c": ["default"]}"#),
            log("c", ""),
            log("d", ""),
        ],
    )];
    assert_eq!(logged(&check(&files, "1", &[])), ["a", "b", "c", "d"]);
}

#[test]
fn an_element_that_several_lead_to_fires_once_for_each() {
    let files = [file(
        "w",
        "a",
        &[
            log("a", r#"{"b": ["default"], "c": ["default"]}"#),
            log("b", r#"{"d": ["default"]}"#),
            log("c", r#"{"d": ["default"]}"#),
            log("d", ""),
        ],
    )];
    assert_eq!(logged(&check(&files, "1", &[])), ["a", "b", "d", "c", "d"]);
}

#[test]
fn next_comes_once_after_the_last_item() {
    let files = [file(
        "w",
        "each",
        &[
            element(
                "each",
                "flow/each",
                r#""to": {"each": {"item": ["default"]}, "next": {"done": ["default"]}}"#,
            ),
            element("item", "action/log", ""),
            log("done", ""),
        ],
    )];
    assert_eq!(logged(&check(&files, r#"[1, [2], {"a": 3}]"#, &[])), ["1", "[2]", r#"{"a":3}"#, "done"]);
    assert_eq!(logged(&check(&files, "null", &[])), ["done"]);
    assert_eq!(check(&files, "\"text\"", &[]).end.status, EndStatus::Failed);
}

#[test]
fn a_failure_goes_to_the_error_port_if_it_is_connected() {
    let call = |to: &str| {
        [file(
            "w",
            "call",
            &[
                element("call", "api/http", &format!(r#""options": {{"uri": "http://x.example/"}}{to}"#)),
                log("well", ""),
                log("badly", ""),
            ],
        )]
    };
    let connected = call(r#", "to": {"default": {"well": ["default"]}, "error": {"badly": ["default"]}}"#);
    let did = check(&connected, "1", &[Err("timeout")]);
    assert_eq!(
        (logged(&did), &did.end.status, did.end.handled),
        (vec!["badly".into()], &EndStatus::Succeeded, 1)
    );
    let open = call(r#", "to": {"default": {"well": ["default"]}}"#);
    let did = check(&open, "1", &[Err("timeout")]);
    let failure = did.end.failure.unwrap();
    assert_eq!((&*failure.code, &*failure.element), ("timeout", "call"));
    let bound = call(r#", "set": {"e": "error:"}"#);
    assert_eq!(check(&bound, "1", &[Err("timeout")]).end.status, EndStatus::Succeeded);
}

#[test]
fn a_try_drops_what_is_left_of_it_and_goes_on_with_next() {
    let files = [file(
        "w",
        "try",
        &[
            element(
                "try",
                "flow/try",
                r#""to": {"try": {"call": ["default"], "never": ["default"]}, "catch": {"caught": ["default"]}, "next": {"after": ["default"]}}"#,
            ),
            element("call", "api/http", r#""options": {"uri": "http://x.example/"}"#),
            log("never", ""),
            log("caught", ""),
            log("after", ""),
        ],
    )];
    assert_eq!(logged(&check(&files, "1", &[Err("connect")])), ["caught", "after"]);
    assert_eq!(logged(&check(&files, "1", &[Ok("1")])), ["never", "after"]);
}

#[test]
fn a_failure_in_catch_belongs_to_the_try_outside() {
    let files = [file(
        "w",
        "outer",
        &[
            element(
                "outer",
                "flow/try",
                r#""to": {"try": {"inner": ["default"]}, "catch": {"outerCaught": ["default"]}}"#,
            ),
            element(
                "inner",
                "flow/try",
                r#""to": {"try": {"one": ["default"]}, "catch": {"two": ["default"]}}"#,
            ),
            element("one", "api/http", r#""options": {"uri": "http://x.example/1"}"#),
            element("two", "api/http", r#""options": {"uri": "http://x.example/2"}"#),
            log("outerCaught", ""),
        ],
    )];
    assert_eq!(logged(&check(&files, "1", &[Err("connect"), Err("connect")])), ["outerCaught"]);
}

#[test]
fn a_loop_that_spins_is_stopped_and_no_try_takes_it() {
    let files = [file(
        "w",
        "try",
        &[
            element("try", "flow/try", r#""to": {"try": {"a": ["default"]}, "catch": {"a": ["default"]}}"#),
            element("a", "op/get", r#""options": {"path": "x"}, "to": {"default": {"a": ["default"]}}"#),
        ],
    )];
    let failure = check(&files, "1", &[]).end.failure.unwrap();
    assert_eq!(&*failure.code, "max_steps");
}

#[test]
fn a_loop_with_nothing_in_it_is_stopped() {
    let files =
        [file("w", "while", &[element("while", "flow/while", r#""options": {"condition": "true"}"#)])];
    let failure = check(&files, "1", &[]).end.failure.unwrap();
    assert_eq!(&*failure.code, "max_steps");
}

#[test]
fn callees_that_call_themselves_for_ever_are_stopped() {
    let files = [file(
        "w",
        "again",
        &[element("again", "action/run", r#""options": {"workflow": "w", "async": false}"#)],
    )];
    let failure = check(&files, "1", &[]).end.failure.unwrap();
    assert_eq!(&*failure.code, "too_deep");
}

#[test]
fn deliveries_that_pile_up_are_stopped() {
    // Each firing of `a` leaves one delivery to `b` pending: the cycle's edge is not its last target.
    let files = [file(
        "w",
        "a",
        &[
            element(
                "a",
                "op/get",
                r#""options": {"path": "x"}, "to": {"default": {"a": ["default"], "b": ["default"]}}"#,
            ),
            element("b", "op/get", r#""options": {"path": "x"}"#),
        ],
    )];
    let failure = check(&files, "1", &[]).end.failure.unwrap();
    assert_eq!(&*failure.code, "too_deep");
}

#[test]
fn a_stop_ends_the_workflow_that_it_stands_in() {
    let callee = file(
        "callee",
        "stop",
        &[element("stop", "flow/stop", r#""options": {"status": "failed", "message": "no"}"#)],
    );
    let caller = file(
        "w",
        "call",
        &[
            element(
                "call",
                "action/run",
                r#""options": {"workflow": "callee", "async": false}, "to": {"error": {"badly": ["default"]}}"#,
            ),
            log("badly", ""),
        ],
    );
    assert_eq!(logged(&check(&[caller, callee], "1", &[])), ["badly"]);
}

#[test]
fn what_a_loop_makes_is_sorted_by_its_turns() {
    let turns = r#""options": {"condition": "true", "max": 300}, "to": {"each": {"tell": ["default"]}}"#;
    let files = [
        file(
            "w",
            "turns",
            &[
                element("turns", "flow/while", turns),
                element(
                    "tell",
                    "action/notify",
                    r#""options": {"notification": "told"}, "to": {"default": {"start": ["default"]}}"#,
                ),
                element("start", "action/run", r#""options": {"workflow": "other", "async": true}"#),
            ],
        ),
        file("other", "a", &[log("a", "")]),
    ];
    let did = check(&files, "1", &[]);
    let (mut told, mut started) = (Vec::new(), Vec::new());
    for output in &did.outputs {
        match output {
            Output::Own { own: Own::Notify { id, .. }, .. } => told.push(*id),
            Output::Own { own: Own::Start(start), .. } => started.push(start.id),
            _ => {}
        }
    }
    assert_eq!((told.len(), started.len()), (300, 300));
    assert!(told.is_sorted() && started.is_sorted());
}
