//! flow/each with parallel > 1.

use interpreter::{Failure, Machine, Then, effect::Asked};
use recipe::Value;

use crate::{check, element, file, finish_in_turn, log, logged, run, start, system};

/// A parallel loop whose items call a provider and remember what it said.
fn files(options: &str, after: &str) -> Vec<String> {
    vec![file(
        "w",
        "loop",
        &[
            element(
                "loop",
                "flow/each",
                &format!(
                    r#""options": {{"parallel": 2, {options}}}, "set": {{"i": "index:"}},
                       "to": {{"each": {{"call": ["default"]}}, "next": {{"{after}": ["default"]}}}}"#
                ),
            ),
            element(
                "call",
                "api/http",
                r#""options": {"uri": "http://x.example/$i"}, "set": {"said": "default:"}"#,
            ),
            element(
                "tell",
                "action/response",
                r#""options": {"body": {"list": "${this}", "said": "$said", "i": "$i"}}"#,
            ),
        ],
    )]
}

/// Ends the newest flight first.
fn newest_first(files: &[String], input: &str) -> interpreter::End {
    let system = system(files);
    let machine = Machine::start(system, run(), start("w", Value::from_json(input).unwrap())).unwrap();
    let answer = |asked: &Asked, _| match asked {
        Asked::Outside(interpreter::effect::Outside::Http(http)) if http.url.ends_with("/1") => {
            Err(Failure::new("connect", "it could not be reached"))
        }
        Asked::Outside(interpreter::effect::Outside::Http(http)) => {
            Ok(Value::from_json(&format!(r#"{{"body": "{}"}}"#, http.url)).unwrap())
        }
        Asked::Start(_) | Asked::Wait(_) => Ok(Value::Null),
    };
    finish_in_turn(machine, |count| count - 1, answer).end
}

#[test]
fn two_are_under_way_at_once_and_no_more() {
    let system = system(&files(r#""onError": "fail""#, "tell"));
    let mut machine =
        Machine::start(system, run(), start("w", Value::from_json("[1, 2, 3]").unwrap())).unwrap();
    let turn = machine.advance(100);
    assert_eq!((turn.flights.len(), turn.then), (2, Then::Await));
}

#[test]
fn the_list_is_in_item_order_whoever_ends_first_and_nothing_leaks() {
    let end = newest_first(&files(r#""collect": "$said""#, "tell"), "[0, 2, 3]");
    // The second item's call fails, and with it the loop.
    assert_eq!(end.failure.unwrap().code.as_ref(), "connect");
    let end = newest_first(&files(r#""collect": "$said", "onError": "collect""#, "tell"), "[0, 2, 3]");
    let list = end.result.get("list").unwrap().as_list().unwrap();
    assert_eq!(list.first().unwrap().to_text(), "http://x.example/0");
    assert_eq!(list.get(1).unwrap().get("code").unwrap().to_text(), "connect");
    assert_eq!(list.get(2).unwrap().to_text(), "http://x.example/2");
    let leaked = (end.result.get("said").unwrap(), end.result.get("i").unwrap());
    assert_eq!(leaked, (&Value::Null, &Value::Null), "what an iteration sets is gone at its end");
}

#[test]
fn a_failure_begins_no_more_and_lets_the_others_finish_their_call() {
    let system = system(&files(r#""onError": "fail""#, "tell"));
    let input = Value::from_json("[1, 2, 3, 4]").unwrap();
    let machine = Machine::start(system, run(), start("w", input)).unwrap();
    let did = finish_in_turn(machine, |_| 0, |_, _| Err(Failure::new("connect", "it could not be reached")));
    assert_eq!(did.entries.len(), 2, "the second call is recorded and leads nowhere: {:?}", did.entries);
    assert_eq!(did.end.failure.unwrap().code.as_ref(), "connect");
}

#[test]
fn what_follows_the_loop_waits_for_all_of_it() {
    let files = [file(
        "w",
        "begin",
        &[
            element(
                "begin",
                "op/recipe",
                r#""options": {"recipe": "[1, 2]"}, "to": {"default": {"loop": ["default"], "second": ["default"]}}"#,
            ),
            element(
                "loop",
                "flow/each",
                r#""options": {"parallel": 2}, "to": {"each": {"call": ["default"]}, "next": {"after": ["default"]}}"#,
            ),
            element(
                "call",
                "api/http",
                r#""options": {"uri": "http://x.example/"}, "to": {"default": {"item": ["default"]}}"#,
            ),
            log("item", ""),
            log("after", ""),
            log("second", ""),
        ],
    )];
    assert_eq!(logged(&check(&files, "null", &[])), ["item", "item", "after", "second"]);
}

#[test]
fn in_batches_the_index_is_the_first_items() {
    let files = [file(
        "w",
        "loop",
        &[
            element(
                "loop",
                "flow/each",
                r#""options": {"parallel": 2, "batch": 2, "collect": "[$i, this]"}, "set": {"i": "index:"},
                   "to": {"next": {"tell": ["default"]}}"#,
            ),
            element("tell", "action/response", ""),
        ],
    )];
    assert_eq!(check(&files, "[5, 6, 7]", &[]).end.result.to_json(), "[[0,[5,6]],[2,[7]]]");
}
