//! Names that hit nothing, and names that hit twice.

use crate::{check, check_elements};

#[test]
fn an_unknown_element_type() {
    insta::assert_snapshot!(check_elements(&[r#"{ "name": "one", "type": "test/plian" }"#]), @r#"
    error[HF002]: there is no element type `test/plian`
      --> workflows/a.workflow.json:2:26
      |
    2 | { "name": "one", "type": "test/plian" }
      |                          ^^^^^^^^^^^^
    help: did you mean `test/plain`?

    loaded: nothing
    "#);
    insta::assert_snapshot!(check_elements(&[r#"{ "name": "one", "type": "zebra" }"#]), @r#"
    error[HF002]: there is no element type `zebra`
      --> workflows/a.workflow.json:2:26
      |
    2 | { "name": "one", "type": "zebra" }
      |                          ^^^^^^^
    help: look at the list of elements for what there is

    loaded: nothing
    "#);
    insta::assert_snapshot!(check_elements(&[r#"{ "name": "one" }"#]), @r#"
    error[HF002]: the element `one` has no `type`
      --> workflows/a.workflow.json:2:1
      |
    2 | { "name": "one" }
      | ^
    help: look at the list of elements for what there is

    loaded: nothing
    "#);
    insta::assert_snapshot!(check_elements(&[r#"{ "name": "one", "type": 7 }"#]), @r#"
    error[HF002]: `type` must be a text, and is a number
      --> workflows/a.workflow.json:2:26
      |
    2 | { "name": "one", "type": 7 }
      |                          ^
    help: look at the list of elements for what there is

    loaded: nothing
    "#);
}

#[test]
fn an_element_without_a_name() {
    insta::assert_snapshot!(check_elements(&[r#"{ "name": "one", "type": "test/plain" }"#, r#"{ "type": "test/plain" }"#]), @r#"
    error[HF003]: an element has no `name`
      --> workflows/a.workflow.json:3:1
      |
    3 | { "type": "test/plain" }
      | ^
    help: give it one that no other element has

    loaded: nothing
    "#);
    insta::assert_snapshot!(check_elements(&[r#"{ "name": "one", "type": "test/plain" }"#, "7"]), @r#"
    error[HF003]: an element has no `name`
      --> workflows/a.workflow.json:3:1
      |
    3 | 7
      | ^
    help: give it one that no other element has

    loaded: nothing
    "#);
}

#[test]
fn two_elements_of_one_name() {
    insta::assert_snapshot!(check_elements(&[
        r#"{ "name": "one", "type": "test/plain" }"#,
        r#"{ "name": "one", "type": "test/join" }"#,
    ]), @r#"
    error[HF003]: two elements have the name `one`
      --> workflows/a.workflow.json:3:11
      |
    3 | { "name": "one", "type": "test/join" }
      |           ^^^^^
    help: give each its own; the first begins in line 2

    loaded: nothing
    "#);
}

#[test]
fn a_workflow_that_is_not_there() {
    let caller = |name: &str| {
        let one =
            format!(r#"{{ "name": "one", "type": "test/plain", "options": {{ "workflow": "{name}" }} }}"#);
        let callee =
            r#"{ "identifier": "PublishWorker", "elements": [{ "name": "one", "type": "test/plain" }] }"#;
        check(&[("a", &crate::of_elements(&[&one])), ("b", callee), ("broken", "{")])
    };
    insta::assert_snapshot!(caller("PublishWroker"), @r#"
    warning[HF011]: there is no workflow `PublishWroker`
      --> workflows/a.workflow.json:2:65
      |
    2 | { "name": "one", "type": "test/plain", "options": { "workflow": "PublishWroker" } }
      |                                                                 ^^^^^^^^^^^^^^^
    help: did you mean `PublishWorker`?

    error[HF001]: this is no JSON: unterminated object
      --> workflows/broken.workflow.json:1:1
      |
    1 | {
      | ^
    help: mend the JSON at this place

    loaded: PublishWorker, a
    "#);
    for there in ["PublishWorker", "broken", "$name", "${$name}"] {
        assert!(!caller(there).contains("HF011"), "{}", caller(there));
    }
}

#[test]
fn unknown_keys_are_kept_and_told() {
    insta::assert_snapshot!(check(&[("a", r#"{
  "identifer": "A",
  "elements": [{ "name": "one", "type": "test/plain", "option": {} }],
  "events": [{ "identifier": "one", "type": "cron", "expresion": "* * * * *", "color": "red" }]
}"#)]), @r#"
    warning[HF010]: a workflow has no key `identifer`
      --> workflows/a.workflow.json:2:3
      |
    2 |   "identifer": "A",
      |   ^^^^^^^^^^^
    help: did you mean `identifier`?

    warning[HF010]: an element has no key `option`
      --> workflows/a.workflow.json:3:55
      |
    3 |   "elements": [{ "name": "one", "type": "test/plain", "option": {} }],
      |                                                       ^^^^^^^^
    help: did you mean `options`?

    error[HF015]: a schedule has no `expression`
      --> workflows/a.workflow.json:4:14
      |
    4 |   "events": [{ "identifier": "one", "type": "cron", "expresion": "* * * * *", "color": "red" }]
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: write when it is due: `0 8 * * 1-5`, or `@daily`

    warning[HF010]: an event has no key `expresion`
      --> workflows/a.workflow.json:4:53
      |
    4 |   "events": [{ "identifier": "one", "type": "cron", "expresion": "* * * * *", "color": "red" }]
      |                                                     ^^^^^^^^^^^
    help: did you mean `expression`?

    warning[HF010]: an event has no key `color`
      --> workflows/a.workflow.json:4:79
      |
    4 |   "events": [{ "identifier": "one", "type": "cron", "expresion": "* * * * *", "color": "red" }]
      |                                                                               ^^^^^^^
    help: remove it; it is kept, and has no effect

    loaded: nothing
    "#);
}
