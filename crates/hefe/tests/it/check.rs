//! `hefe check`, `explain`, `graph` and `schema`, as people type them.

use std::{fs, path::Path, process::Command};

use crate::{hefe, text};

const GOOD: &str = r#"{ "identifier": "Good", "elements": [
  { "name": "say", "type": "action/log", "options": { "message": "hello" } } ] }"#;

const BAD: &str = r#"{ "identifier": "Bad", "elements": [
  { "name": "say", "type": "action/log", "options": { "mesage": "hello" } },
  { "name": "say", "type": "action/log" } ] }"#;

const LIKELY: &str = r#"{ "identifier": "Likely", "async": true, "elements": [
  { "name": "say", "type": "action/log", "options": { "mesage": "hello" } } ] }"#;

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let workflows = folder.path().join("systems/main/workflows");
    fs::create_dir_all(&workflows).unwrap();
    for (name, text) in files {
        fs::write(workflows.join(format!("{name}.workflow.json")), text).unwrap();
    }
    folder
}

fn check(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hefe"))
        .current_dir(folder)
        .arg("check")
        .args(arguments)
        .output()
        .unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_is_wrong_is_shown_with_its_line() {
    let folder = project(&[("bad", BAD), ("good", GOOD)]);
    let (code, out, beside) = check(folder.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(out.contains("error[HF003]: two elements have the name `say`"), "{out}");
    assert!(out.contains("--> systems/main/workflows/bad.workflow.json:3:13"), "{out}");
    assert!(out.contains("help: did you mean `message`?"), "{out}");
    assert!(!out.contains('\u{1b}'), "{out}");
    assert_eq!(beside, "2 errors, 1 warning in 2 workflows; `hefe explain CODE` says more");
}

#[test]
fn a_warning_fails_nothing() {
    let folder = project(&[("likely", LIKELY)]);
    assert_eq!(check(folder.path(), &[]).0, Some(0));
    let (code, out, beside) = check(project(&[("good", GOOD)]).path(), &[]);
    assert_eq!((code, out.as_str(), beside.as_str()), (Some(0), "", "nothing found in 1 workflow"));
}

#[test]
fn settings_choose_how_grave_it_is() {
    let folder = project(&[("likely", LIKELY)]);
    let settings = folder.path().join("hefe.toml");
    fs::write(&settings, "[check]\nHF009 = \"error\"\n").unwrap();
    assert_eq!(check(folder.path(), &[]).0, Some(1));
    fs::write(&settings, "[check]\nHF009 = \"off\"\n").unwrap();
    assert_eq!(check(folder.path(), &[]).1, "");
    fs::write(&settings, "[check]\nHF999 = \"off\"\n").unwrap();
    let (code, _, beside) = check(folder.path(), &[]);
    assert_eq!(code, Some(2));
    assert!(beside.contains("`check.HF999` in hefe.toml: no finding has that code"), "{beside}");
}

#[test]
fn programs_get_a_list() {
    let folder = project(&[("likely", LIKELY)]);
    let (_, out, beside) = check(folder.path(), &["--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    let expected = serde_json::json!([{
        "code": "HF009", "severity": "warning", "path": "systems/main/workflows/likely.workflow.json", "line": 2,
        "column": 55, "element": "say", "says": "`action/log` has no option `mesage`", "help": "did you mean `message`?"
    }]);
    assert_eq!((list, beside.as_str()), (expected, ""));
    let (_, out, _) = check(folder.path(), &["--format", "github"]);
    assert_eq!(
        out,
        "::warning file=systems/main/workflows/likely.workflow.json,line=2,col=55,title=HF009::`action/log` has no option `mesage`. did you mean `message`?"
    );
}

#[test]
fn a_path_in_a_project_is_all_that_is_meant() {
    let folder = project(&[("bad", BAD), ("good", GOOD), ("likely", LIKELY)]);
    let one = |name: &str| format!("systems/main/workflows/{name}.workflow.json");
    assert_eq!(check(folder.path(), &[&one("good")]).2, "nothing found in 1 workflow");
    let (code, out, _) = check(folder.path(), &[&one("good"), &one("likely")]);
    assert_eq!(code, Some(0));
    assert!(out.contains(&format!("--> {}:2:55", one("likely"))), "{out}");
    assert_eq!(check(folder.path(), &["systems/main"]).0, Some(1));
    // From elsewhere, by its whole path.
    let (code, out, _) = check(Path::new("/"), &[folder.path().to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(out.contains(&format!("{}/systems/main/workflows/bad", folder.path().display())), "{out}");
}

#[test]
fn what_is_no_project_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, beside) = check(folder.path(), &[]);
    assert_eq!(code, Some(2));
    assert!(beside.contains("there is no folder `systems`"), "{beside}");
    assert_eq!(check(folder.path(), &["nowhere"]).0, Some(2));
}

#[test]
fn a_code_is_explained() {
    let output = hefe(&["explain", "hf027"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stdout).starts_with("HF027: a provider's words reach people as they came (warning)")
    );
    let output = hefe(&["explain", "HF99"]);
    assert_eq!(output.status.code(), Some(2));
    let output = hefe(&["explain", "--all"]);
    let page = include_str!("../../../../docs/check.md");
    assert_eq!(text(&output.stdout), page.trim());
}

#[test]
fn a_workflow_is_drawn() {
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/publishing");
    let drawn = |arguments: &[&str]| {
        let output = hefe(&[&["graph", "--project", project], arguments].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, svg, _) = drawn(&["LaunchPublish"]);
    assert_eq!(code, Some(0));
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && svg.contains("<style>"), "{svg}");
    let (_, mermaid, _) = drawn(&["LaunchPublish", "--format", "mermaid"]);
    assert!(mermaid.starts_with("flowchart LR\n    e0([\"publish<br>event/webhook\"])"), "{mermaid}");
    assert!(mermaid.contains("e1 -->|\"valid\"| e2"), "{mermaid}");
    let (code, _, beside) = drawn(&["LaunchPublsh"]);
    assert_eq!(code, Some(2));
    assert!(beside.contains("did you mean `LaunchPublish`?"), "{beside}");
}

#[test]
fn the_schema_is_json() {
    let output = hefe(&["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let types = schema["$defs"]["element"]["properties"]["type"]["enum"].as_array().unwrap();
    assert!(types.iter().any(|kind| kind == "cast/progress"), "{types:?}");
    assert_eq!(schema["properties"]["job"]["properties"]["attempts"]["minimum"], 1);
}
