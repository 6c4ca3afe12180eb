//! Files that are no JSON.

use crate::{check, check_bytes};

const GOOD: &str = r#"{ "elements": [{ "name": "one", "type": "test/plain" }] }"#;

#[test]
fn a_truncated_file() {
    insta::assert_snapshot!(check(&[("a", "{\n  \"identifier\": \"A\",\n  \"elements\": [\n")]), @r#"
    error[HF001]: this is no JSON: unterminated array
      --> workflows/a.workflow.json:3:15
      |
    3 |   "elements": [
      |               ^
    help: mend the JSON at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(check(&[("a", "{ \"identifier\": \"A")]), @r#"
    error[HF001]: this is no JSON: unterminated string literal
      --> workflows/a.workflow.json:1:17
      |
    1 | { "identifier": "A
      |                 ^^
    help: mend the JSON at this place

    loaded: nothing
    "#);
}

#[test]
fn a_trailing_comma() {
    insta::assert_snapshot!(check(&[("a", "{\n  \"identifier\": \"A\",\n}")]), @r#"
    error[HF001]: this is no JSON: trailing commas are not allowed
      --> workflows/a.workflow.json:2:20
      |
    2 |   "identifier": "A",
      |                    ^
    help: mend the JSON at this place

    loaded: nothing
    "#);
}

#[test]
fn what_only_looser_dialects_take() {
    insta::assert_snapshot!(check(&[("a", "{\n\t// why\n}")]), @r#"
    error[HF001]: this is no JSON: comments are not allowed
      --> workflows/a.workflow.json:2:2
      |
    2 | 	// why
      | 	^^^^^^
    help: mend the JSON at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(check(&[("a", "{ 'identifier': 1 }")]), @r#"
    error[HF001]: this is no JSON: single-quoted strings are not allowed
      --> workflows/a.workflow.json:1:3
      |
    1 | { 'identifier': 1 }
      |   ^
    help: mend the JSON at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(check(&[("a", "{ \"a\": 1 } { }")]), @r#"
    error[HF001]: this is no JSON: text cannot contain more than one JSON value
      --> workflows/a.workflow.json:1:12
      |
    1 | { "a": 1 } { }
      |            ^
    help: mend the JSON at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(check(&[("a", "{ \"a\": 01 }")]), @r#"
    error[HF001]: this is no JSON: expected comma
      --> workflows/a.workflow.json:1:9
      |
    1 | { "a": 01 }
      |         ^
    help: mend the JSON at this place

    loaded: nothing
    "#);
    insta::assert_snapshot!(check(&[("a", "{ \"a\": \"one\ntwo\" }")]), @r#"
    error[HF001]: this is no JSON: a control character in a string
      --> workflows/a.workflow.json:1:12
      |
    1 | { "a": "one
      |            ^
    help: end the string, or write a line break as \n and a tab as \t

    loaded: nothing
    "#);
    insta::assert_snapshot!(check(&[("a", "{ \"a\": \"\\x\" }")]), @r#"
    error[HF001]: this is no JSON: invalid escape
      --> workflows/a.workflow.json:1:9
      |
    1 | { "a": "\x" }
      |         ^^
    help: mend the JSON at this place

    loaded: nothing
    "#);
}

#[test]
fn nothing_in_it() {
    insta::assert_snapshot!(check(&[("a", "")]), @r#"
    error[HF001]: the file is empty
      --> workflows/a.workflow.json:1:1
      |
    1 | 
      | ^
    help: write a workflow: { "elements": [..] }

    loaded: nothing
    "#);
    insta::assert_snapshot!(check(&[("a", " \n\n")]), @r#"
    error[HF001]: the file is empty
      --> workflows/a.workflow.json:1:1
      |
    1 |  
      | ^
    help: write a workflow: { "elements": [..] }

    loaded: nothing
    "#);
}

#[test]
fn no_object() {
    insta::assert_snapshot!(check(&[("a", "[1]")]), @r#"
    error[HF001]: a workflow is an object, and this is a list
      --> workflows/a.workflow.json:1:1
      |
    1 | [1]
      | ^^^
    help: begin the file with {

    loaded: nothing
    "#);
    insta::assert_snapshot!(check(&[("a", "\n  null")]), @r#"
    error[HF001]: a workflow is an object, and this is null
      --> workflows/a.workflow.json:2:3
      |
    2 |   null
      |   ^^^^
    help: begin the file with {

    loaded: nothing
    "#);
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert_eq!(check_bytes(format!("\u{feff}{GOOD}").as_bytes()), "loaded: a");
    insta::assert_snapshot!(check_bytes("\u{feff}{ \"a\" 1 }".as_bytes()), @r#"
    error[HF001]: this is no JSON: expected colon after the string or word in object property
      --> workflows/a.workflow.json:1:7
      |
    1 | { "a" 1 }
      |       ^
    help: mend the JSON at this place

    loaded: nothing
    "#);
}

#[test]
fn no_utf8() {
    insta::assert_snapshot!(check_bytes(b"{\n  \"identifier\": \"Gr\xfc\xdfe\" }"), @r#"
    error[HF001]: the file is no UTF-8
      --> workflows/a.workflow.json:2:20
      |
    2 |   "identifier": "Gr��e" }
      |                    ^
    help: save it as UTF-8

    loaded: nothing
    "#);
}

#[test]
fn line_ends_of_other_systems() {
    insta::assert_snapshot!(check(&[("a", "{\r\n\t\"identifier\": \"\u{e4}\" 1\r\n}")]), @r#"
    error[HF001]: this is no JSON: expected comma
      --> workflows/a.workflow.json:2:19
      |
    2 | 	"identifier": "ä" 1
      | 	                 ^
    help: mend the JSON at this place

    loaded: nothing
    "#);
}

#[test]
fn nesting_that_would_overflow_the_stack() {
    let deep = format!("{{ \"a\": {}{} }}", "[".repeat(10_000), "]".repeat(10_000));
    let objects = format!("{}1", "{\"a\":".repeat(10_000));
    let hidden = format!("/*\"*/{}", "[".repeat(10_000));
    let quoted = format!("'\"' {}", "[".repeat(10_000));
    let run = move || {
        insta::assert_snapshot!(check(&[("a", &deep)]), @r#"
        error[HF001]: the file nests deeper than 128
          --> workflows/a.workflow.json:1:135
          |
        1 | [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
          |                                                             ^
        help: nest less

        loaded: nothing
        "#);
        for text in [objects, hidden, quoted] {
            let found = check(&[("a", &text)]);
            assert!(found.starts_with("error[HF001]"), "{found}");
        }
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_file_in_one_long_line() {
    let many = r#"{ "name": "one", "type": "test/plain" }, "#.repeat(40);
    let text =
        format!(r#"{{ "entry": "one", "elements": [{many} {{ "name": "two", "type": "tset/plain" }}] }}"#);
    let found = check(&[("a", &text)]);
    let last = found.split("\n\n").find(|finding| finding.contains("HF002")).unwrap().to_owned();
    insta::assert_snapshot!(last, @r#"
    error[HF002]: there is no element type `tset/plain`
      --> workflows/a.workflow.json:1:1698
      |
    1 | ": "one", "type": "test/plain" },  { "name": "two", "type": "tset/plain" }] }
      |                                                             ^^^^^^^^^^^^
    help: did you mean `test/plain`?
    "#);
}
