//! HF018: what sets a variable, and what does not.

use crate::{of, short};

fn two(caller: &str, callee: &str) -> Vec<String> {
    vec![
        format!(
            r#"{{ "identifier": "Caller", "events": [{{ "identifier": "begin", "type": "webhook" }}], "elements": [
{{ "name": "begin", "type": "event/webhook", "set": {{ "mine": "default:" }}, "to": {{ "default": {{ "run": ["default"] }} }} }},
{{ "name": "run", "type": "action/run", "options": {{ "workflow": "Callee", {caller} }}, "to": {{ "default": {{ "after": ["default"] }}, "error": {{ "after": ["default"] }} }} }},
{{ "name": "after", "type": "action/log", "options": {{ "message": "$mine" }} }} ] }}"#
        ),
        format!(
            r#"{{ "identifier": "Callee", "elements": [
{{ "name": "say", "type": "action/log", "set": {{ "theirs": "default:" }}, "options": {{ "message": "{callee}" }} }} ] }}"#
        ),
    ]
}

#[test]
fn what_an_input_names_is_set() {
    assert_eq!(short(&two(r#""input": { "given": 1 }"#, "$given")), [""; 0]);
    assert_eq!(short(&two(r#""input": { "given": "$mine" }"#, "$given.a")), [""; 0]);
    assert_eq!(short(&two(r#""input": { "given": 1 }"#, "$other")), ["HF018 say: $other"]);
    // Whatever an expression gives may be there.
    assert_eq!(short(&two(r#""input": "$mine""#, "$other")), [""; 0]);
}

#[test]
fn shared_variables_are_set_on_both_sides() {
    assert_eq!(short(&two(r#""scope": false"#, "$mine")), [""; 0]);
    assert_eq!(short(&two(r#""scope": true"#, "$mine")), ["HF018 say: $mine"]);
    let mut files = two(r#""scope": false"#, "x");
    files[0] = files[0].replace("\"$mine\"", "\"$theirs\"");
    assert_eq!(short(&files), [""; 0]);
    files[0] = files[0].replace("\"scope\": false", "\"scope\": true");
    assert_eq!(short(&files), ["HF018 after: $theirs"]);
}

#[test]
fn a_workflow_that_is_only_started_by_its_name_is_given_its_variables() {
    assert_eq!(of("HF018", &two("", "$anything")[1..]), [""; 0]);
}

#[test]
fn the_name_is_shown_where_it_stands() {
    let files = two(r#""input": { "given": 1 }"#, "$given and ${$giben + 1} and $$giben");
    assert_eq!(short(&files), ["HF018 say: $giben"]);
}
