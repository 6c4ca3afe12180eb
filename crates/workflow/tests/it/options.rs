//! Options: their JSON types, those that nobody knows, and what stands for nothing.

use crate::{check_elements, graph, of_elements};

fn check_options(options: &str) -> String {
    check_elements(&[&format!(r#"{{ "name": "one", "type": "test/plain", "options": {options} }}"#)])
}

/// Which options the loaded element has, with their literal values.
fn given(options: &str) -> String {
    let text = of_elements(&[&format!(r#"{{ "name": "one", "type": "test/plain", "options": {options} }}"#)]);
    let graph = graph(&text);
    let list = graph.elements[0].options.list.iter();
    let said = list.map(|(name, template)| match template.literal() {
        Some(value) => format!("{name}: {}", value.to_json()),
        None => format!("{name}: a template"),
    });
    said.collect::<Vec<_>>().join(", ")
}

#[test]
fn another_json_type() {
    insta::assert_snapshot!(check_options(r#"{ "count": "3" }"#), @r#"
    error[HF008]: the option `count` must be a number, and is a text
      --> workflows/a.workflow.json:2:62
      |
    2 | { "name": "one", "type": "test/plain", "options": { "count": "3" } }
      |                                                              ^^^
    help: How many.

    loaded: nothing
    "#);
    insta::assert_snapshot!(check_options(r#"{ "flag": "yes" }"#), @r#"
    error[HF008]: the option `flag` must be true or false, and is a text
      --> workflows/a.workflow.json:2:61
      |
    2 | { "name": "one", "type": "test/plain", "options": { "flag": "yes" } }
      |                                                             ^^^^^
    help: Whether.

    loaded: nothing
    "#);
    insta::assert_snapshot!(check_options(r#"{ "mode": [1] }"#), @r#"
    error[HF008]: the option `mode` must be a text or a number, and is a list
      --> workflows/a.workflow.json:2:61
      |
    2 | { "name": "one", "type": "test/plain", "options": { "mode": [1] } }
      |                                                             ^^^
    help: How.

    loaded: nothing
    "#);
    insta::assert_snapshot!(check_options(r#"{ "list": { "a": 1 } }"#), @r#"
    error[HF008]: the option `list` must be a list, and is an object
      --> workflows/a.workflow.json:2:61
      |
    2 | { "name": "one", "type": "test/plain", "options": { "list": { "a": 1 } } }
      |                                                             ^^^^^^^^^^
    help: Which.

    loaded: nothing
    "#);
    insta::assert_snapshot!(check_options(r#"{ "values": 1 }"#), @r#"
    error[HF008]: the option `values` must be an object, and is a number
      --> workflows/a.workflow.json:2:63
      |
    2 | { "name": "one", "type": "test/plain", "options": { "values": 1 } }
      |                                                               ^
    help: Field to value.

    loaded: nothing
    "#);
    insta::assert_snapshot!(check_options(r#"{ "recipes": ["a"] }"#), @r#"
    error[HF008]: the option `recipes` must be an object, and is a list
      --> workflows/a.workflow.json:2:64
      |
    2 | { "name": "one", "type": "test/plain", "options": { "recipes": ["a"] } }
      |                                                                ^^^^^
    help: Field to expression.

    loaded: nothing
    "#);
    insta::assert_snapshot!(check_options(r#"{ "condition": ["a"] }"#), @r#"
    error[HF008]: the option `condition` must be a text, and is a list
      --> workflows/a.workflow.json:2:66
      |
    2 | { "name": "one", "type": "test/plain", "options": { "condition": ["a"] } }
      |                                                                  ^^^^^
    help: An expression.

    loaded: nothing
    "#);
}

#[test]
fn a_recipe_may_become_any_type() {
    for options in [
        r#"{ "values": "$all" }"#,
        r#"{ "values": "${all}" }"#,
        r#"{ "values": ":default" }"#,
        r#"{ "values": { ".recipe": "this" } }"#,
        r#"{ "condition": true }"#,
        r#"{ "flag": 1 }"#,
    ] {
        assert_eq!(check_options(options), "loaded: a", "{options}");
    }
}

#[test]
fn an_option_that_nobody_knows_is_a_warning() {
    insta::assert_snapshot!(check_options(r#"{ "conditon": "true", "colour": "red", "debug": [] }"#), @r#"
    warning[HF009]: `test/plain` has no option `conditon`
      --> workflows/a.workflow.json:2:53
      |
    2 | { "name": "one", "type": "test/plain", "options": { "conditon": "true", "colour": "red", "debug": [] } }
      |                                                     ^^^^^^^^^^
    help: did you mean `condition`?

    warning[HF009]: `test/plain` has no option `colour`
      --> workflows/a.workflow.json:2:73
      |
    2 | { "name": "one", "type": "test/plain", "options": { "conditon": "true", "colour": "red", "debug": [] } }
      |                                                                         ^^^^^^^^
    help: remove it; it is kept, and has no effect

    loaded: a
    "#);
}

#[test]
fn null_is_left_out() {
    assert_eq!(given(r#"{ "value": null, "count": null, "condition": null, "nobody": null }"#), "");
    assert_eq!(given(r#"{ "value": [null, { "a": null }] }"#), r#"value: [null,{"a":null}]"#);
    assert_eq!(given(r#"{ "count": 1, "count": null }"#), "");
    assert_eq!(given(r#"{ "count": null, "count": 2, "count": 3 }"#), "count: 3");
}

#[test]
fn null_is_left_out_of_the_file() {
    let text = r#"{ "identifier": null, "title": null, "async": null, "queue": null, "entry": null, "events": null,
        "comments": null, "job": null, "elements": [{ "name": "one", "type": "test/plain", "options": null, "in": null,
        "set": null, "to": null, "meta": null, "retry": null }] }"#;
    let graph = graph(text);
    assert_eq!((&*graph.identifier, &*graph.title, graph.is_async, graph.entry), ("a", "a", false, Some(0)));
    assert!(graph.queue.is_none() && graph.events.is_empty() && graph.settings.is_null());
}

#[test]
fn an_empty_text_is_left_out_where_it_says_nothing() {
    assert_eq!(given(r#"{ "url": "", "title": "", "value": "" }"#), r#"value: """#);
    let titled = graph(r#"{ "title": "", "elements": [{ "name": "one", "type": "test/plain" }] }"#);
    assert_eq!(&*titled.title, "a");
}

#[test]
fn an_empty_list_stands_for_an_empty_object() {
    assert_eq!(
        given(r#"{ "values": [], "recipes": [], "schema": [] }"#),
        "values: {}, recipes: {}, schema: {}"
    );
    assert_eq!(given(r#"{ "list": {} }"#), "list: []");
    assert_eq!(given(r#"{ "value": [], "title": {} }"#), "value: [], title: {}");
    assert_eq!(
        graph(r#"{ "elements": [{ "name": "one", "type": "test/plain" }], "events": {}, "job": [] }"#)
            .events
            .len(),
        0
    );
}

#[test]
fn known_keys_of_another_type() {
    insta::assert_snapshot!(crate::check(&[("a", r#"{
  "identifier": 7, "async": "no", "queue": [], "events": "hook",
  "elements": { "one": { "type": "test/plain" } }
}"#)]), @r#"
    error[HF008]: `identifier` must be a text, and is a number
      --> workflows/a.workflow.json:2:17
      |
    2 |   "identifier": 7, "async": "no", "queue": [], "events": "hook",
      |                 ^
    help: write a name that no other workflow has

    error[HF008]: `async` must be true or false, and is a text
      --> workflows/a.workflow.json:2:29
      |
    2 |   "identifier": 7, "async": "no", "queue": [], "events": "hook",
      |                             ^^^^
    help: write true or false

    error[HF008]: `queue` must be a text, and is a list
      --> workflows/a.workflow.json:2:44
      |
    2 |   "identifier": 7, "async": "no", "queue": [], "events": "hook",
      |                                            ^^
    help: write the queue's name

    error[HF008]: `events` must be a list, and is a text
      --> workflows/a.workflow.json:2:58
      |
    2 |   "identifier": 7, "async": "no", "queue": [], "events": "hook",
      |                                                          ^^^^^^
    help: write [{"identifier": .., "type": ..}]

    error[HF008]: `elements` must be a list, and is an object
      --> workflows/a.workflow.json:3:15
      |
    3 |   "elements": { "one": { "type": "test/plain" } }
      |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    help: write [{"name": .., "type": ..}]

    error[HF006]: this workflow has no elements
      --> workflows/a.workflow.json:3:15
      |
    3 |   "elements": { "one": { "type": "test/plain" } }
      |               ^
    help: name one with `entry`, or add an event

    loaded: nothing
    "#);
    insta::assert_snapshot!(check_options(r#""value""#), @r#"
    error[HF008]: `options` must be an object, and is a text
      --> workflows/a.workflow.json:2:51
      |
    2 | { "name": "one", "type": "test/plain", "options": "value" }
      |                                                   ^^^^^^^
    help: write {"option": value}

    loaded: nothing
    "#);
}
