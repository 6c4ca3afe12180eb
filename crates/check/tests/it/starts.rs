//! What starts a workflow, and what follows from that: requests, the background, the clock.

use crate::{file, of, short};

const HTTP: &str = r#"{ "name": "call", "type": "api/http", "options": { "method": "POST", "uri": "https://api.example.com" }, "to": { "default": { "log": ["default"] }, "error": { "log": ["default"] } } }"#;
const LOG: &str = r#"{ "name": "log", "type": "action/log", "options": { "message": "over" } }"#;

fn begin(kind: &str, to: &str) -> String {
    format!(
        r#"{{ "name": "begin", "type": "event/{kind}", "to": {{ "default": {{ "{to}": ["default"] }} }} }}"#
    )
}

fn head(rest: &str, kind: &str) -> String {
    let of_clock = if kind == "cron" { r#", "expression": "0 4 * * *""# } else { "" };
    format!(
        r#""identifier": "Main", {rest} "events": [{{ "identifier": "begin", "type": "{kind}"{of_clock} }}]"#
    )
}

fn run(options: &str) -> String {
    format!(
        r#"{{ "name": "run", "type": "action/run", "options": {{ "workflow": "Part"{options} }}, "to": {{ "default": {{ "log": ["default"] }}, "error": {{ "log": ["default"] }} }} }}"#
    )
}

fn part(rest: &str) -> String {
    file(&format!(r#""identifier": "Part"{rest}"#), &[HTTP, LOG])
}

#[test]
fn a_request_is_held_up_by_what_runs_in_it() {
    let main = |rest: &str| file(&head(rest, "webhook"), &[&begin("webhook", "call"), HTTP, LOG]);
    assert_eq!(of("HF021", &[main("")]), ["HF021 call: \"call\""]);
    assert_eq!(of("HF021", &[main(r#""async": true,"#)]), [""; 0]);
    let by_event = main("").replace(r#""type": "webhook" }"#, r#""type": "webhook", "async": true }"#);
    assert_eq!(of("HF021", &[by_event]), [""; 0]);
}

#[test]
fn a_request_is_held_up_by_what_it_runs_at_once() {
    let main = |options: &str| file(&head("", "webhook"), &[&begin("webhook", "run"), &run(options), LOG]);
    assert_eq!(of("HF021", &[main(""), part("")]), ["HF021 run: \"run\""]);
    assert_eq!(of("HF021", &[main(r#", "async": true"#), part(r#", "async": true"#)]), [""; 0]);
    assert_eq!(of("HF021", &[main(""), part(r#", "async": true"#)]), [""; 0]);
    // Who only runs in the background should say so.
    assert_eq!(of("HF021", &[main(r#", "async": true"#), part("")]), ["HF021 call: \"call\""]);
}

#[test]
fn a_worker_that_is_not_async_is_told_what_to_write() {
    let alone = crate::findings(&[part("")]);
    let found: Vec<_> = alone.iter().filter(|finding| finding.code == "HF021").collect();
    assert_eq!(found.len(), 1, "{alone:?}");
    assert_eq!(found[0].help, "write `\"async\": true` into the file");
}

#[test]
fn the_clock_and_failures_hold_up_no_request() {
    for kind in ["cron", "failed"] {
        let main = file(&head("", kind), &[&begin(kind, "call"), HTTP, LOG]);
        assert_eq!(of("HF021", &[main]), [""; 0], "{kind}");
    }
}

#[test]
fn a_browser_is_nowhere_in_the_background() {
    let show = [
        r#""action/redirect", "options": { "url": "/x" }"#,
        r#""action/refresh""#,
        r#""action/set", "options": { "properties": { "a": 1 } }"#,
        r#""action/viewFile", "options": { "file": { "id": 1 } }"#,
        r#""action/downloadFile", "options": { "file": { "id": 1 } }"#,
        r#""action/modal", "options": { "title": "x" }"#,
        r#""action/notify", "options": { "toast": { "message": "x" } }"#,
        r#""action/response", "options": { "status": 201 }"#,
    ];
    for show in show {
        let element = format!(r#"{{ "name": "show", "type": {show} }}"#);
        let main = |rest: &str| file(&head(rest, "webhook"), &[&begin("webhook", "show"), &element]);
        assert_eq!(of("HF022", &[main("")]), [""; 0], "{show}");
        assert_eq!(of("HF022", &[main(r#""async": true,"#)]), ["HF022 show: \"show\""], "{show}");
        let cron = file(&head("", "cron"), &[&begin("cron", "show"), &element]);
        assert_eq!(of("HF022", &[cron]), ["HF022 show: \"show\""], "{show}");
    }
    // A result needs no browser.
    let answer = r#"{ "name": "show", "type": "action/response", "options": { "body": "x" } }"#;
    let main = file(&head(r#""async": true,"#, "webhook"), &[&begin("webhook", "show"), answer]);
    assert_eq!(of("HF022", &[main]), [""; 0]);
}

#[test]
fn a_workflow_with_two_beginnings_is_looked_at_from_each() {
    let text = r#"{ "identifier": "Main", "events": [{ "identifier": "asked", "type": "webhook" }, { "identifier": "due", "type": "cron", "expression": "0 4 * * *" }], "elements": [
{ "name": "asked", "type": "event/webhook", "to": { "default": { "tell": ["default"] } } },
{ "name": "due", "type": "event/cron", "to": { "default": { "log": ["default"] } } },
{ "name": "tell", "type": "action/notify", "options": { "toast": "x" } },
{ "name": "log", "type": "action/log", "options": { "message": "x" } } ] }"#;
    assert_eq!(of("HF022", &[text]), [""; 0]);
    let both = text.replace(
        r#""options": { "message": "x" }"#,
        r#""options": { "message": "x" }, "to": { "default": { "tell": ["default"] } }"#,
    );
    assert_eq!(of("HF022", &[both]), ["HF022 tell: \"tell\""]);
}

#[test]
fn work_of_the_clock_is_guarded() {
    let main = |rest: &str, first: &str, elements: &[&str]| {
        let begin = begin("cron", first);
        file(&head(&format!(r#""async": true, {rest}"#), "cron"), &[&[&*begin, LOG], elements].concat())
    };
    let decide = r#"{ "name": "decide", "type": "flow/empty", "to": { "else": { "call": ["default"] }, "default": { "log": ["default"] } } }"#;
    assert_eq!(short(&[main("", "call", &[HTTP])]), ["HF029 call: \"call\""]);
    assert_eq!(short(&[main("", "decide", &[decide, HTTP])]), [""; 0]);
    assert_eq!(
        short(&[main(r#""job": { "unique": { "key": "scheduled_at" } },"#, "call", &[HTTP])]),
        [""; 0]
    );
    assert_eq!(short(&[main("", "call", &[&HTTP.replace("POST", "get")])]), [""; 0]);
    let start = run("");
    assert_eq!(
        of("HF029", &[main("", "run", &[&start]), part(r#", "async": true"#)]),
        ["HF029 run: \"run\""]
    );
    let keyed = run(r#", "unique": "$$today""#);
    assert_eq!(of("HF029", &[main("", "run", &[&keyed]), part(r#", "async": true"#)]), [""; 0]);
    assert_eq!(
        of("HF029", &[main("", "run", &[&run(r#", "async": false"#)]), part("")]),
        ["HF029 run: \"run\""]
    );
}

#[test]
fn work_of_the_clock_logs_on_every_path() {
    let decide = |to: &str| {
        format!(
            r#"{{ "name": "decide", "type": "flow/if", "options": {{ "condition": "this" }}, "to": {{ {to} }} }}"#
        )
    };
    let main = |to: &str, rest: &[&str]| {
        let (begin, decide) = (begin("cron", "decide"), decide(to));
        file(&head(r#""async": true,"#, "cron"), &[&[&*begin, &*decide, LOG], rest].concat())
    };
    let both = r#""default": { "log": ["default"] }, "else": { "log": ["default"] }"#;
    assert_eq!(short(&[main(both, &[])]), [""; 0]);
    assert_eq!(short(&[main(r#""default": { "log": ["default"] }"#, &[])]), ["HF030 -: \"Main\""]);
    // What fails is logged as such.
    let fail = r#"{ "name": "fail", "type": "flow/stop", "options": { "status": "failed" } }"#;
    assert_eq!(
        short(&[main(r#""default": { "log": ["default"] }, "else": { "fail": ["default"] }"#, &[fail])]),
        [""; 0]
    );
    let stop = fail.replace("failed", "succeeded");
    let found =
        short(&[main(r#""default": { "log": ["default"] }, "else": { "fail": ["default"] }"#, &[&stop])]);
    assert_eq!(found, ["HF030 -: \"Main\""]);
    // A loop may have no turn.
    let each = r#"{ "name": "each", "type": "flow/each", "to": { "each": { "log": ["default"] } } }"#;
    let found =
        short(&[main(r#""default": { "each": ["default"] }, "else": { "log": ["default"] }"#, &[each])]);
    assert_eq!(found, ["HF030 -: \"Main\""]);
}

#[test]
fn failures_that_somebody_hears_of_are_not_lost() {
    let call = HTTP.replace(r#", "error": { "log": ["default"] }"#, "");
    let main =
        |call: &str| file(&head(r#""async": true,"#, "webhook"), &[&begin("webhook", "call"), call, LOG]);
    let tell = |rest: &str| {
        format!(
            r#"{{ "identifier": "Tell", "events": [{{ "identifier": "begin", "type": "failed"{rest} }}], "elements": [{{ "name": "begin", "type": "event/failed", "to": {{ "default": {{ "log": ["default"] }} }} }}, {LOG}] }}"#
        )
    };
    assert_eq!(short(&[main(&call)]), ["HF026 call: \"call\""]);
    assert_eq!(short(&[main(&call), tell("")]), [""; 0]);
    assert_eq!(short(&[main(&call), tell(r#", "workflow": "Main""#)]), [""; 0]);
    assert_eq!(
        short(&[main(&call), tell(r#", "workflow": "Tell2""#), file(r#""identifier": "Tell2""#, &[LOG])]),
        ["HF026 call: \"call\""]
    );
    // One that is kept in a variable alone ends nothing, so nobody hears of it.
    let bound = call.replace(r#""to":"#, r#""set": { "why": "error:" }, "to":"#);
    assert_eq!(short(&[main(&bound), tell("")]), ["HF026 call: \"error:\""]);
}

#[test]
fn a_failure_in_a_try_or_of_a_part_is_taken_around_it() {
    let call = HTTP.replace(r#", "error": { "log": ["default"] }"#, "");
    let tried = r#"{ "name": "try", "type": "flow/try", "to": { "try": { "call": ["default"] }, "catch": { "log": ["default"] } } }"#;
    let main = |first: &str, elements: &[&str]| {
        file(&head(r#""async": true,"#, "webhook"), &[&[&*begin("webhook", first), LOG], elements].concat())
    };
    assert_eq!(short(&[main("try", &[tried, &call])]), [""; 0]);
    let after = tried.replace(r#""catch""#, r#""next": { "call": ["default"] }, "catch""#);
    assert_eq!(short(&[main("try", &[&after, &call])]), ["HF026 call: \"call\""]);
    let part = file(r#""identifier": "Part""#, &[&call, LOG]);
    assert_eq!(short(&[main("run", &[&run(r#", "async": false"#)]), part.clone()]), [""; 0]);
    let lets = run(r#", "async": false"#).replace(r#", "error": { "log": ["default"] }"#, "");
    assert_eq!(short(&[main("run", &[&lets]), part]), ["HF026 call: \"call\""]);
}
