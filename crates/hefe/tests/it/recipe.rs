//! `hefe recipe`, as people type it.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use crate::{hefe, text};

/// Exit code, standard output and standard error.
fn said(arguments: &[&str]) -> (Option<i32>, String, String) {
    parts(&hefe(&[&["recipe"], arguments].concat()))
}

fn parts(output: &Output) -> (Option<i32>, String, String) {
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn gives(arguments: &[&str], expected: &str) {
    assert_eq!(said(arguments), (Some(0), expected.to_owned(), String::new()), "{arguments:?}");
}

/// The prompt, its input piped.
fn typed(arguments: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hefe"))
        .arg("recipe")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    parts(&child.wait_with_output().unwrap())
}

#[test]
fn the_tree_is_printed() {
    for (expression, tree) in [
        ("1.5", r#"{"kind":"literal","value":1.5}"#),
        ("'a\"'", r#"{"kind":"literal","value":"a\""}"#),
        ("null", r#"{"kind":"literal","value":null}"#),
        ("$a", r#"{"kind":"var","name":"a"}"#),
        ("((a))", r#"{"kind":"name","name":"a"}"#),
        ("this", r#"{"kind":"this"}"#),
        (
            "[this, ...a]",
            r#"{"kind":"list","items":[{"kind":"this"},{"kind":"spread","of":{"kind":"name","name":"a"}}]}"#,
        ),
        (
            "{a: this, ...a, (a): this}",
            r#"{"kind":"object","entries":[{"key":"a","value":{"kind":"this"}},{"kind":"spread","of":{"kind":"name","name":"a"}},{"key":{"kind":"name","name":"a"},"value":{"kind":"this"}}]}"#,
        ),
        ("f'a {this}'", r#"{"kind":"template","parts":["a ",{"kind":"this"}]}"#),
        (
            "match (a) { this: a, default: this }",
            r#"{"kind":"match","of":{"kind":"name","name":"a"},"arms":[{"when":[{"kind":"this"}],"then":{"kind":"name","name":"a"}},{"when":null,"then":{"kind":"this"}}]}"#,
        ),
        ("(a, b) => this", r#"{"kind":"lambda","params":["a","b"],"body":{"kind":"this"}}"#),
        ("count(this)", r#"{"kind":"call","name":"count","args":[{"kind":"this"}]}"#),
        (
            "this.join('')",
            r#"{"kind":"method","of":{"kind":"this"},"name":"join","args":[{"kind":"literal","value":""}]}"#,
        ),
        (
            "this.a[0][*]",
            r#"{"kind":"wildcard","of":{"kind":"index","of":{"kind":"member","of":{"kind":"this"},"name":"a"},"index":{"kind":"literal","value":0}}}"#,
        ),
        (
            "a ? this : a",
            r#"{"kind":"choice","if":{"kind":"name","name":"a"},"then":{"kind":"this"},"else":{"kind":"name","name":"a"}}"#,
        ),
        ("-this", r#"{"kind":"unary","op":"-","of":{"kind":"this"}}"#),
        (
            "(a + b) * 2 ?? c",
            r#"{"kind":"binary","op":"??","left":{"kind":"binary","op":"*","left":{"kind":"binary","op":"+","left":{"kind":"name","name":"a"},"right":{"kind":"name","name":"b"}},"right":{"kind":"literal","value":2}},"right":{"kind":"name","name":"c"}}"#,
        ),
    ] {
        gives(&[expression, "--ast"], tree);
        gives(&["--ast", expression], tree);
    }
    let (code, tree, _) = said(&[&vec!["1"; 5000].join("+"), "--ast"]);
    assert_eq!((code, tree.matches("\"binary\"").count(), tree.contains("null")), (Some(0), 4999, false));
}

#[test]
fn the_value_is_printed_as_json() {
    let input = r#"{"a": 1, "b": {"c": ["x"]}}"#;
    gives(&["this", "--input", input], r#"{"a":1,"b":{"c":["x"]}}"#);
    gives(&["a + $a", "--input", input], "2");
    gives(&["--input", input, "b.c[0]"], "\"x\"");
    gives(&["this", "--input", "-1"], "-1");
    gives(&["this"], "null");
    gives(&["f'a\n{1}'"], "\"a\\n1\"");
}

#[test]
fn an_expression_may_begin_with_a_minus() {
    gives(&["-1"], "-1");
    gives(&["-a", "--input", r#"{"a": 2}"#], "-2");
    gives(&["--input", r#"{"a": 2}"#, "-a * 2"], "-4");
    gives(&["--1"], "1");
    gives(
        &["-(1 + 2)", "--ast"],
        r#"{"kind":"unary","op":"-","of":{"kind":"binary","op":"+","left":{"kind":"literal","value":1},"right":{"kind":"literal","value":2}}}"#,
    );
}

#[test]
fn what_is_wrong_is_said_on_standard_error() {
    let (code, out, err) = said(&["uper('a')"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("there is no function `uper`") && err.contains("is `upper` meant?"), "{err}");
    let (code, out, err) = said(&["1 + a", "--input", r#"{"a": [1]}"#]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("`+` cannot take a number and a list") && err.contains("^^^^^"), "{err}");
    assert_eq!(said(&["1 +", "--ast"]).0, Some(1));
    let (code, _, err) = said(&["1", "--input", "{"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("`--input` is no JSON"), "{err}");
}

#[test]
fn alone_it_answers_line_by_line() {
    assert_eq!(typed(&[], b"1 + 1\n\n'a'\n"), (Some(0), "2\n\"a\"".to_owned(), String::new()));
    assert_eq!(typed(&["--input", r#"{"a": 3}"#], b"a\r\n-a").1, "3\n-3");
    assert_eq!(typed(&["--ast"], b"this\n").1, r#"{"kind":"this"}"#);
    let (code, out, err) = typed(&[], b"1 +\n2\n");
    assert_eq!((code, out.as_str()), (Some(1), "2"));
    assert!(err.contains("expected an expression"), "{err}");
    assert_eq!(typed(&[], b"").0, Some(0));
    let (code, out, err) = typed(&[], b"\xff\n2\n");
    assert_eq!((code, out.as_str(), err.as_str()), (Some(1), "2", "the line is no UTF-8"));
    for leave in ["exit", "quit"] {
        assert_eq!(typed(&[], format!("1\n{leave}\n2\n").as_bytes()).1, "1");
    }
}

#[test]
fn trees_need_no_functions() {
    gives(
        &["f(1, ...a)", "--ast"],
        r#"{"kind":"call","name":"f","args":[{"kind":"literal","value":1},{"kind":"spread","of":{"kind":"name","name":"a"}}]}"#,
    );
    gives(
        &["a.b(c)", "--ast"],
        r#"{"kind":"method","of":{"kind":"name","name":"a"},"name":"b","args":[{"kind":"name","name":"c"}]}"#,
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_hefe")).args(["recipe", "1"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("standard output cannot be written"));
}

#[test]
fn hostile_expressions_end_in_an_error() {
    for expression in [
        "range(10000000)",
        &"[".repeat(100_000),
        "range(100).reduce((a, i) => a # a, 'x')",
        "padStart('', 9223372036854775807, 'x')",
    ] {
        let (code, _, err) = said(&[expression]);
        assert!(code == Some(1) && err.starts_with("the recipe "), "{code:?} {err}");
    }
}
