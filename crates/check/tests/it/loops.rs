//! Bars that stay short, loops without a bound, ways back, calls without an end, and what nothing leads to.

use crate::{file, of, short};

const HEAD: &str =
    r#""identifier": "Main", "async": true, "events": [{ "identifier": "begin", "type": "webhook" }]"#;
const LOG: &str = r#"{ "name": "log", "type": "action/log", "options": { "message": "over" } }"#;

fn main(first: &str, elements: &[&str]) -> String {
    let begin = format!(
        r#"{{ "name": "begin", "type": "event/webhook", "to": {{ "default": {{ "{first}": ["default"] }} }} }}"#
    );
    file(HEAD, &[&[&*begin, LOG], elements].concat())
}

fn bar(name: &str, options: &str, to: &str) -> String {
    format!(
        r#"{{ "name": "{name}", "type": "cast/progress", "options": {{ {options} }}, "to": {{ {to} }} }}"#
    )
}

#[test]
fn a_bar_reaches_its_total_on_each_path_that_ends_well() {
    let first = bar("first", r#""total": 2, "progress": 1"#, r#""default": { "ask": ["default"] }"#);
    let ask = r#"{ "name": "ask", "type": "flow/if", "options": { "condition": "this" }, "to": { "default": { "last": ["default"] }, "else": { "other": ["default"] } } }"#;
    let last = bar("last", r#""total": 2, "progress": 2"#, "");
    let of_other =
        |options: &str| of("HF024", &[main("first", &[&first, ask, &last, &bar("other", options, "")])]);
    assert_eq!(of_other(r#""progress": 2"#), [""; 0]);
    assert_eq!(of_other(r#""status": "failed""#), [""; 0]);
    assert_eq!(of_other(r#""statusMessage": "no""#), ["HF024 first: \"first\""]);
    assert_eq!(of_other(r#""progress": 1"#), ["HF024 other: \"other\""]);
    // What is only known as it fires is not looked at.
    assert_eq!(of_other(r#""increment": 1"#), [""; 0]);
    assert_eq!(of_other(r#""progress": "$n", "process": "other""#), [""; 0]);
}

#[test]
fn a_path_that_fails_may_leave_its_bar() {
    let first = bar("first", r#""total": 2, "progress": 1"#, r#""default": { "ask": ["default"] }"#);
    let ask = r#"{ "name": "ask", "type": "flow/if", "options": { "condition": "this" }, "to": { "default": { "last": ["default"] }, "else": { "stop": ["default"] } } }"#;
    let last = bar("last", r#""total": 2, "progress": 2"#, "");
    let stop = |status: &str| {
        format!(r#"{{ "name": "stop", "type": "flow/stop", "options": {{ "status": "{status}" }} }}"#)
    };
    assert_eq!(of("HF024", &[main("first", &[&first, ask, &last, &stop("failed")])]), [""; 0]);
    assert_eq!(
        of("HF024", &[main("first", &[&first, ask, &last, &stop("succeeded")])]),
        ["HF024 first: \"first\""]
    );
}

#[test]
fn a_bar_goes_on_in_the_workflows_that_are_run() {
    let first =
        bar("first", r#""process": "p", "total": 2, "progress": 1"#, r#""default": { "run": ["default"] }"#);
    let run = |rest: &str| {
        format!(
            r#"{{ "name": "run", "type": "action/run", "options": {{ "workflow": "Part"{rest} }}, "to": {{ "error": {{ "log": ["default"] }} }} }}"#
        )
    };
    let part = |progress: u8| {
        file(
            r#""identifier": "Part""#,
            &[&bar("end", &format!(r#""process": "p", "progress": {progress}"#), "")],
        )
    };
    assert_eq!(of("HF024", &[main("first", &[&first, &run("")]), part(2)]), ["HF024 first: \"first\""]);
    let failed = run("").replace("\"log\"", "\"gone\"");
    let gone = bar("gone", r#""process": "p", "status": "failed""#, "");
    assert_eq!(of("HF024", &[main("first", &[&first, &failed, &gone]), part(2)]), [""; 0]);
    assert_eq!(of("HF024", &[main("first", &[&first, &failed, &gone]), part(1)]), ["HF024 end: \"end\""]);
    let worker = part(2).replace("\"elements\"", "\"async\": true, \"elements\"");
    assert_eq!(of("HF024", &[main("first", &[&first, &failed, &gone]), worker]), [""; 0]);
}

#[test]
fn one_bar_has_one_title() {
    let bars = |first: &str, second: &str| {
        let one = bar("one", first, r#""default": { "two": ["default"] }"#);
        of("HF025", &[main("one", &[&one, &bar("two", second, "")])])
    };
    assert_eq!(bars(r#""title": "A""#, r#""title": "A""#), [""; 0]);
    assert_eq!(bars(r#""title": "A""#, r#""title": "B""#), ["HF025 two: \"B\""]);
    // The one literal name of a file is every bar's that names none.
    assert_eq!(bars(r#""title": "A""#, r#""title": "B", "process": "p""#), ["HF025 two: \"B\""]);
    assert_eq!(bars(r#""title": "A", "process": "q""#, r#""title": "B", "process": "p""#), [""; 0]);
}

#[test]
fn turns_are_counted() {
    let turn = |options: &str| {
        let turn = format!(
            r#"{{ "name": "turn", "type": "flow/while", "options": {{ {options} }}, "to": {{ "each": {{ "count": ["default"] }}, "next": {{ "log": ["default"] }} }} }}"#
        );
        let count = r#"{ "name": "count", "type": "op/recipe", "options": { "recipe": "$n + 1" }, "set": { "n": "default:" } }"#;
        short(&[main("turn", &[&turn, count])])
    };
    assert_eq!(turn(r#""condition": "$n < 9""#), [""; 0]);
    assert_eq!(turn(r#""condition": "$n != 9", "max": 10"#), [""; 0]);
    assert_eq!(turn(r#""condition": "now() < '2030-01-01'""#), [""; 0]);
    assert_eq!(turn(r#""condition": "$n != 9""#), ["HF032 turn: \"turn\""]);
    assert_eq!(turn(r#""condition": "this.left < 9""#), [""; 0]);
    assert_eq!(turn(r#""condition": "true""#), ["HF032 turn: \"turn\""]);
}

#[test]
fn a_provider_bounds_no_loop() {
    let look = r#"{ "name": "look", "type": "api/http", "options": { "uri": "https://api.example.com" }, "set": { "left": "default:left" }, "to": { "default": { "more": ["default"] }, "error": { "log": ["default"] } } }"#;
    let more = r#"{ "name": "more", "type": "flow/if", "options": { "condition": "$left > 0" }, "to": { "default": { "look": ["default"] }, "else": { "log": ["default"] } } }"#;
    assert_eq!(short(&[main("look", &[look, more])]), ["HF032 look: \"look\""]);
}

#[test]
fn a_way_back_is_the_last_target() {
    let count = r#"{ "name": "count", "type": "op/recipe", "options": { "recipe": "$n + 1" }, "set": { "n": "default:" }, "to": { "default": { "more": ["default"] } } }"#;
    let more = |to: &str| {
        format!(
            r#"{{ "name": "more", "type": "flow/if", "options": {{ "condition": "$n < 9" }}, "to": {{ {to} }} }}"#
        )
    };
    let found = |to: &str| short(&[main("count", &[count, &more(to)])]);
    assert_eq!(found(r#""default": { "log": ["default"], "count": ["default"] }"#), [""; 0]);
    assert_eq!(found(r#""default": { "count": ["default"] }, "else": { "log": ["default"] }"#), [""; 0]);
    assert_eq!(
        found(r#""default": { "count": ["default"], "log": ["default"] }"#),
        ["HF033 more: \"count\""]
    );
}

#[test]
fn a_loop_is_not_led_back_to_from_inside() {
    let each = r#"{ "name": "each", "type": "flow/while", "options": { "condition": "$n < 9" }, "to": { "each": { "count": ["default"] } } }"#;
    let count = r#"{ "name": "count", "type": "op/recipe", "options": { "recipe": "$n + 1" }, "set": { "n": "default:" }, "to": { "default": { "each": ["default"] } } }"#;
    assert_eq!(of("HF033", &[main("each", &[each, count])]), ["HF033 each: \"count\""]);
}

#[test]
fn workflows_that_run_each_other_decide_whether_to() {
    let run = |of: &str, name: &str| {
        format!(
            r#"{{ "name": "{name}", "type": "action/run", "options": {{ "workflow": "{of}" }}, "to": {{ "error": {{ "log": ["default"] }} }} }}"#
        )
    };
    let one = main("run", &[&run("Other", "run")]);
    let other =
        |elements: &[&str]| file(r#""identifier": "Other", "async": true, "entry": "first""#, elements);
    let back = other(&[&run("Main", "first"), LOG]);
    assert_eq!(of("HF034", &[one.clone(), back]), ["HF034 run: \"Other\"", "HF034 first: \"Main\""]);
    let ask = r#"{ "name": "first", "type": "flow/if", "options": { "condition": "this" }, "to": { "default": { "run": ["default"] } } }"#;
    assert_eq!(of("HF034", &[one, other(&[ask, &run("Main", "run"), LOG])]), [""; 0]);
}

#[test]
fn what_is_cut_off_is_said_once() {
    let chain = |name: &str, next: &str| {
        format!(
            r#"{{ "name": "{name}", "type": "action/log", "to": {{ "default": {{ "{next}": ["default"] }} }} }}"#
        )
    };
    let found = |elements: &[&str]| short(&[main("log", elements)]);
    assert_eq!(found(&[&chain("a", "b"), &chain("b", "c"), &chain("c", "log")]), ["HF019 a: \"a\""]);
    // What goes round is led to by itself alone.
    let round = found(&[&chain("a", "b"), &chain("b", "a")]);
    assert_eq!(round.iter().filter(|line| line.starts_with("HF019")).collect::<Vec<_>>(), ["HF019 a: \"a\""]);
    let event = r#"{ "name": "other", "type": "event/webhook" }"#;
    assert_eq!(found(&[event]), ["HF019 other: \"other\""]);
}

#[test]
fn a_secret_is_known_by_its_name_and_by_its_look() {
    let call = |options: &str| {
        let call = format!(
            r#"{{ "name": "call", "type": "api/http", "options": {{ {options} }}, "to": {{ "error": {{ "log": ["default"] }} }} }}"#
        );
        short(&[main("call", &[&call])])
    };
    let secret = [
        r#""uri": "https://x.example.com", "headers": { "X-Api-Key": "abc" }"#,
        r#""uri": "https://x.example.com", "headers": { "X": "Bearer abcdefabcdefabcdef" }"#,
        r#""uri": "https://me:secret@x.example.com/""#,
        r#""uri": "https://x.example.com", "json": { "a": ["ghp_abcdefabcdefabcdef"] }"#,
        r#""uri": "https://x.example.com", "body": "${'sk_live_abcdefabcdef' # this}""#,
        r#""uri": "https://x.example.com", "auth": { "basic": { "user": "me", "password": "x" } }"#,
        r#""uri": "https://x.example.com", "query": { "q": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl" }"#,
    ];
    for options in secret {
        assert_eq!(call(options).len(), 1, "{options}");
    }
    let none = [
        r#""uri": "https://x.example.com", "headers": { "X-Api-Key": "${env('KEY')}" }"#,
        r#""uri": "https://x.example.com/token", "json": { "name": "token", "note": "the password is asked for" }"#,
        r#""uri": "https://x.example.com/a:b@c""#,
        r#""uri": "https://x.example.com", "auth": { "bearer": "$token" }, "headers": { "token": null }"#,
    ];
    for options in none {
        let found: Vec<_> = call(options).into_iter().filter(|line| line.starts_with("HF035")).collect();
        assert_eq!(found, [""; 0], "{options}");
    }
}
