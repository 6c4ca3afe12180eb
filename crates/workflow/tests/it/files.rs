//! Many files: each stands alone, and their order means nothing.

use crate::{check, files, rendered};

const ONE: &str = r#"{ "identifier": "One", "elements": [{ "name": "one", "type": "test/plain" }] }"#;
const TWO: &str = r#"{ "identifier": "Two", "elements": [{ "name": "one", "type": "test/plain" }] }"#;

#[test]
fn a_broken_file_does_not_stop_the_others() {
    insta::assert_snapshot!(check(&[("one", ONE), ("bad", "{"), ("two", TWO)]), @r#"
    error[HF001]: this is no JSON: unterminated object
      --> workflows/bad.workflow.json:1:1
      |
    1 | {
      | ^
    help: mend the JSON at this place

    loaded: One, Two
    "#);
}

#[test]
fn a_call_to_a_broken_workflow_finds_its_place() {
    let bad = r#"{ "identifier": "Bad", "events": [{ "identifier": "hook", "type": "webhook" }],
        "elements": [{ "name": "hook", "type": "event/webhook" }, { "name": "two", "type": "test/no" }] }"#;
    let system = files([("bad", bad.as_bytes()), ("worse", b"{" as &[u8])]);
    let broken: Vec<String> = system
        .broken
        .iter()
        .map(|(name, finding)| format!("{name} {} {}", finding.code, finding.place.line))
        .collect();
    assert_eq!(broken, ["hook HF002 2", "Bad HF002 2", "worse HF001 1"]);
}

#[test]
fn two_files_with_one_identifier() {
    let (first, second) = (("a/one", ONE), ("b/one", ONE));
    let found = check(&[first, second]);
    insta::assert_snapshot!(found, @r#"
    error[HF004]: two workflows have the identifier `One`
      --> workflows/b/one.workflow.json:1:17
      |
    1 | { "identifier": "One", "elements": [{ "name": "one", "type": "test/plain" }] }
      |                 ^^^^^
    help: give each its own; the first stands in `workflows/a/one.workflow.json`

    loaded: One
    "#);
    assert_eq!(found, check(&[second, first]));
}

#[test]
fn files_named_alike_without_identifiers() {
    let text = r#"{ "elements": [{ "name": "one", "type": "test/plain" }] }"#;
    insta::assert_snapshot!(check(&[("a/same", text), ("b/same", text)]), @r#"
    error[HF004]: two workflows have the identifier `same`
      --> workflows/b/same.workflow.json:1:1
      |
    1 | { "elements": [{ "name": "one", "type": "test/plain" }] }
      | ^
    help: give each its own; the first stands in `workflows/a/same.workflow.json`

    loaded: same
    "#);
}

#[test]
fn the_order_of_files_means_nothing() {
    let all = [("a", ONE), ("b", TWO), ("c", "{"), ("d", ONE), ("e", "[]")]
        .map(|(name, text)| (name, text.as_bytes()));
    let forwards = rendered(&files(all));
    for turn in 1..all.len() {
        let mut turned = all;
        turned.rotate_left(turn);
        assert_eq!(rendered(&files(turned)), forwards);
    }
    let (one, other) = (files(all), files(all.into_iter().rev()));
    assert_eq!(one.workflows["One"].path, other.workflows["One"].path);
}

#[test]
fn every_other_file_is_ignored() {
    let file = |path: &str| workflow::File { path: path.into(), bytes: b"{".as_slice().into() };
    let system = workflow::load(
        "main",
        &[file("views/a.html"), file("workflows/a.json"), file("config/a.workflow.json")],
        &crate::catalog::catalog(),
    );
    assert_eq!(rendered(&system), "loaded: nothing");
}

#[test]
fn a_file_over_its_limit() {
    let large = format!("{{ \"comments\": \"{}\" }}", "x".repeat(10 << 20));
    insta::assert_snapshot!(check(&[("large", &large), ("one", ONE)]), @r#"
    error[HF001]: the file is over 10 MiB
      --> workflows/large.workflow.json
    help: cut it into workflows that run one another

    loaded: One
    "#);
}
