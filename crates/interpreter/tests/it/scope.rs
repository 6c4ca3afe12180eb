//! The four cells of scope (workflow.md, action/run and scope): what the callee sees, and what leaks back.

use interpreter::{Output, effect::Own};
use recipe::Value;

use crate::{check, element, file, logged};

/// The caller sets `own` to 1 and calls with {given: 2}; the callee sets `own` to its input and `made` to it.
fn files(options: &str) -> [String; 2] {
    let caller = file(
        "caller",
        "begin",
        &[
            element(
                "begin",
                "op/get",
                r#""set": {"own": ":default"}, "to": {"default": {"call": ["default"]}}"#,
            ),
            element(
                "call",
                "action/run",
                &format!(
                    r#""options": {{"workflow": "callee", {options}, "input": {{"given": 2}}}}, "to": {{"default": {{"after": ["default"]}}}}"#
                ),
            ),
            element(
                "after",
                "action/log",
                r#""options": {"message": "caller: own=$own given=$given made=$made"}"#,
            ),
        ],
    );
    let callee = file(
        "callee",
        "see",
        &[element(
            "see",
            "action/log",
            r#""options": {"message": "callee: own=$own given=$given"}, "set": {"made": "default:given", "own": "default:given"}"#,
        )],
    );
    [caller, callee]
}

#[test]
fn sync_and_fresh_the_callee_sees_only_its_input_and_nothing_leaks_back() {
    let did = check(&files(r#""async": false, "scope": true"#), "1", &[]);
    assert_eq!(logged(&did), ["callee: own= given=2", "caller: own=1 given= made="]);
}

#[test]
fn sync_and_shared_the_callee_works_with_the_callers_variables() {
    let did = check(&files(r#""async": false, "scope": false"#), "1", &[]);
    assert_eq!(logged(&did), ["callee: own=1 given=2", "caller: own=2 given=2 made=2"]);
}

fn started(options: &str) -> (Vec<String>, Value, Value) {
    let did = check(&files(options), "1", &[]);
    let start = did.outputs.iter().find_map(|output| match output {
        Output::Own { own: Own::Start(start), .. } => Some(start.clone()),
        _ => None,
    });
    let start = start.unwrap();
    (logged(&did), start.input, Value::Object(start.vars))
}

#[test]
fn async_and_fresh_the_run_gets_the_input() {
    let (logged, input, vars) = started(r#""async": true, "scope": true"#);
    assert_eq!(logged, ["caller: own=1 given= made="]);
    assert_eq!((input.to_json().as_str(), vars.to_json().as_str()), (r#"{"given":2}"#, r#"{"given":2}"#));
}

#[test]
fn async_and_shared_the_run_gets_a_copy_of_all_variables() {
    let (logged, input, vars) = started(r#""async": true, "scope": false"#);
    assert_eq!(logged, ["caller: own=1 given= made="]);
    assert_eq!(
        (input.to_json().as_str(), vars.to_json().as_str()),
        (r#"{"given":2}"#, r#"{"own":1,"given":2}"#)
    );
}
