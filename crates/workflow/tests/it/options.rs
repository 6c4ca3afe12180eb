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

fn check_job(job: &str) -> String {
    crate::check(&[(
        "a",
        &format!("{{ \"job\": {job},\n\"elements\": [{{ \"name\": \"one\", \"type\": \"test/plain\" }}] }}"),
    )])
}

fn check_retry(retry: &str) -> String {
    check_elements(&[&format!(r#"{{ "name": "one", "type": "test/plain", "retry": {retry} }}"#)])
}

/// The first line and the help of each finding.
fn briefly(rendered: &str) -> String {
    let said = |line: &&str| ["error", "warning", "help", "loaded"].iter().any(|word| line.starts_with(word));
    rendered.lines().filter(said).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_a_job_cannot_be() {
    insta::assert_snapshot!(check_job(r#"{ "timeout": "soon" }"#), @r#"
    error[HF008]: `job.timeout` must be a duration, and is `soon`
      --> workflows/a.workflow.json:1:23
      |
    1 | { "job": { "timeout": "soon" },
      |                       ^^^^^^
    help: write a number with ms, s, m, h or d, such as "90s" or "10m"

    loaded: nothing
    "#);
    let wrong = r#"{ "attempts": "x", "backoff": { "kind": "linear", "base": -1, "max": "10", "jitter": "no" },
        "timeout": 90, "maxDuration": true, "priority": 1.5, "keep": "7 d", "maxStored": "much", "allow": "HF012",
        "unique": { "key": "this", "while": "always", "for": [], "then": "stop" }, "concurrency": { "key": "this", "limit": 0 } }"#;
    insta::assert_snapshot!(briefly(&check_job(wrong)), @r#"
    error[HF008]: `job.attempts` must be a whole number from 1 to 1000, and is `x`
    help: write how many tries there are in all, such as 3
    error[HF008]: `job.backoff.kind` must be `exponential` or `fixed`, and is `linear`
    help: leave it out to wait twice as long each time
    error[HF008]: `job.backoff.base` must be a duration, and is `-1`
    help: write a number with ms, s, m, h or d, such as "90s" or "10m"
    error[HF008]: `job.backoff.max` must be a duration, and is `10`
    help: write a number with ms, s, m, h or d, such as "90s" or "10m"
    error[HF008]: `job.backoff.jitter` must be true or false, and is a text
    help: write true or false
    error[HF008]: `job.timeout` must be a duration, and is `90`
    help: write a number with ms, s, m, h or d, such as "90s" or "10m"
    error[HF008]: `job.maxDuration` must be a duration, and is `true`
    help: write a number with ms, s, m, h or d, such as "90s" or "10m"
    error[HF008]: `job.priority` must be a whole number from -2147483648 to 2147483647, and is `1.5`
    help: write a number; higher goes first
    error[HF008]: `job.keep` must be a duration, and is `7 d`
    help: write a number with ms, s, m, h or d, such as "90s" or "10m"
    error[HF008]: `job.maxStored` must be a size, and is `much`
    help: write a number with B, kB, MB, GB, KiB, MiB or GiB, such as "64MiB"
    error[HF008]: `job.allow` must be a list, and is a text
    help: write the codes of findings, such as ["HF012"]
    error[HF008]: `job.unique.while` must be `queued` or `active`, and is `always`
    help: leave it out for `active`: until the run has ended
    error[HF008]: `job.unique.for` must be a duration, and is a list
    help: write a number with ms, s, m, h or d, such as "90s" or "10m"
    error[HF008]: `job.unique.then` must be `skip` or `replace`, and is `stop`
    help: leave it out to skip the second start
    error[HF008]: `job.concurrency.limit` must be a whole number from 1 to 1000000, and is `0`
    help: write how many runs with one key are worked at once
    loaded: nothing
    "#);
    insta::assert_snapshot!(briefly(&check_job(r#"{ "backoff": "2s", "unique": "$id", "concurrency": 3 }"#)), @r#"
    error[HF008]: `job.backoff` must be an object, and is a text
    help: write {"base": "2s"}, or another of its keys
    error[HF008]: `job.unique` must be an object, and is a text
    help: write {"key": "$order.id"}, and what else it needs
    warning[HF010]: `job.unique` has no `key`, and nothing is limited without one
    help: write {"key": "$order.id"}, or remove it
    error[HF008]: `job.concurrency` must be an object, and is a number
    help: write {"key": "$order.id", "limit": 1}
    warning[HF010]: `job.concurrency` has no `key`, and nothing is limited without one
    help: write {"key": "$order.id"}, or remove it
    loaded: nothing
    "#);
}

#[test]
fn what_a_job_does_not_know() {
    insta::assert_snapshot!(check_job(r#"{ "prioritty": 3 }"#), @r#"
    warning[HF010]: `job` has no key `prioritty`
      --> workflows/a.workflow.json:1:12
      |
    1 | { "job": { "prioritty": 3 },
      |            ^^^^^^^^^^^
    help: did you mean `priority`?

    loaded: a
    "#);
    let unknown = r#"{ "retry": 3, "backoff": { "bas": "1s" }, "unique": { "for": "1h", "than": "skip" }, "concurrency": { "limits": 2 } }"#;
    insta::assert_snapshot!(briefly(&check_job(unknown)), @r#"
    warning[HF010]: `job` has no key `retry`
    help: remove it; it is kept, and has no effect
    warning[HF010]: `job.backoff` has no key `bas`
    help: did you mean `base`?
    warning[HF010]: `job.unique` has no `key`, and nothing is limited without one
    help: write {"key": "$order.id"}, or remove it
    warning[HF010]: `job.unique` has no key `than`
    help: did you mean `then`?
    warning[HF010]: `job.concurrency` has no `key`, and nothing is limited without one
    help: write {"key": "$order.id"}, or remove it
    warning[HF010]: `job.concurrency` has no key `limits`
    help: did you mean `limit`?
    loaded: a
    "#);
}

#[test]
fn what_a_retry_cannot_be() {
    insta::assert_snapshot!(check_retry(r#"{ "attempts": "x" }"#), @r#"
    error[HF008]: `retry.attempts` must be a whole number from 1 to 1000000, and is `x`
      --> workflows/a.workflow.json:2:63
      |
    2 | { "name": "one", "type": "test/plain", "retry": { "attempts": "x" } }
      |                                                               ^^^
    help: write how many tries there are in all, such as 3

    loaded: nothing
    "#);
    let wrong = r#"{ "attempts": 0, "base": "1 second", "max": 60, "on": [true, 42], "atempts": 3 }"#;
    insta::assert_snapshot!(briefly(&check_retry(wrong)), @r#"
    error[HF008]: `retry.attempts` must be a whole number from 1 to 1000000, and is `0`
    help: write how many tries there are in all, such as 3
    error[HF008]: `retry.base` must be a duration, and is `1 second`
    help: write a number with ms, s, m, h or d, such as "90s" or "10m"
    error[HF008]: `retry.max` must be a duration, and is `60`
    help: write a number with ms, s, m, h or d, such as "90s" or "10m"
    error[HF008]: `retry.on` must be a code, a status or a class of statuses, and is `true`
    help: write what is tried again, such as ["timeout", 429, "5xx"]
    error[HF008]: `retry.on` must be a code, a status or a class of statuses, and is `42`
    help: write what is tried again, such as ["timeout", 429, "5xx"]
    warning[HF010]: `retry` has no key `atempts`
    help: did you mean `attempts`?
    loaded: nothing
    "#);
    let unknown = r#"{ "on": ["tiemout", "nine", "5xx", "429", 503, "connect"] }"#;
    insta::assert_snapshot!(briefly(&check_retry(unknown)), @r#"
    warning[HF011]: no failure has the code `tiemout`
    help: did you mean `timeout`?
    warning[HF011]: no failure has the code `nine`
    help: write what is tried again, such as ["timeout", 429, "5xx"]
    loaded: a
    "#);
}

#[test]
fn a_job_and_a_retry_as_they_should_be() {
    for job in [
        r#"{ "attempts": 3, "backoff": { "kind": "fixed", "base": "1.5s", "max": "1m", "jitter": 0 }, "timeout": "90s",
             "maxDuration": "2h", "priority": -3, "keep": "7d", "maxStored": "64MiB", "allow": ["HF012"],
             "unique": { "key": "this", "while": "queued", "for": "10m", "then": "replace" },
             "concurrency": { "key": "this", "limit": 2 } }"#,
        r#"{ "attempts": null, "backoff": [], "unique": null, "concurrency": {}, "maxStored": 1000 }"#,
    ] {
        assert_eq!(check_job(job), "loaded: a", "{job}");
    }
    for retry in [
        r#"{ "attempts": 5, "base": "1s", "max": "1m", "on": ["timeout", 429, "5xx"] }"#,
        r#"{ "on": "connect" }"#,
        "[]",
    ] {
        assert_eq!(check_retry(retry), "loaded: a", "{retry}");
    }
}
