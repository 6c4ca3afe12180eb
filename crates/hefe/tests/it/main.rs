//! Commands that need no project, or an empty one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod check;
mod config;
mod recipe;

use std::process::{Command, Output};

fn hefe(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hefe")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[test]
fn an_expression_is_evaluated() {
    let output = hefe(&["recipe", "(a + b) * 2 ?? c", "--input", r#"{"a": 1, "b": 2}"#]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "6"));
}

#[test]
fn what_is_wrong_with_an_expression_is_shown_at_its_place() {
    let output = hefe(&["recipe", "1 +"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains('^'), "{}", text(&output.stderr));
}

#[test]
fn a_folder_that_is_no_project_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = hefe(&["serve", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("it has no folder `systems`"), "{}", text(&output.stderr));
}

#[test]
fn the_demo_ends_as_it_should() {
    let output = hefe(&["demo", "--once"]);
    let says = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{says}");
    for words in ["1/4", "2/4", "3/4", "4/4 Finished", "Publishing did not work"] {
        assert!(says.contains(words), "{words} is not in:\n{says}");
    }
    assert!(!says.contains("s3cr3t"));
}
