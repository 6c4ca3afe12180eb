//! A version is the hash of a folder's content.

use serde_json::{Value, json};
use testkit::project::Project;

use crate::scene::Scene;

fn answers(word: &str) -> Value {
    json!({ "identifier": "Answers", "elements": [{ "name": "answer", "type": "action/response", "options": { "body": word } }] })
}

/// The hash of `main` in a project with these files, written in this order.
fn version(files: &[(&str, &str)]) -> String {
    let project = Project::new();
    for (path, text) in files {
        project.write(&format!("systems/main/{path}"), text);
    }
    let mut versions = engine::read_folder(project.path()).unwrap();
    assert_eq!(versions.len(), 1);
    versions.remove(0).hash().to_string()
}

#[test]
fn the_same_content_is_the_same_version() {
    let all = [
        ("workflows/b.workflow.json", "{}"),
        ("workflows/x/a.workflow.json", "[]"),
        ("views/mail.html", "<p>"),
    ];
    let one = version(&all);
    let mut other = all;
    other.reverse();
    assert_eq!(version(&other), one, "the order in which files were written means nothing");
    let ignored = [
        all.as_slice(),
        &[("workflows/notes.md", "x"), ("workflows/.b.workflow.json", "{"), ("other/c.workflow.json", "{")],
    ]
    .concat();
    assert_eq!(version(&ignored), one, "every other file is ignored");
    let mut changed = all;
    changed[2].1 = "<b>";
    assert_ne!(version(&changed), one);
    let mut moved = all;
    moved[0].0 = "workflows/c.workflow.json";
    assert_ne!(version(&moved), one);
    assert_ne!(version(&all[..2]), one);
}

#[tokio::test]
async fn what_is_put_back_is_the_version_that_it_was() {
    let scene = Scene::of(&[("a", answers("one"))], &[]).await;
    let version = || scene.engine.system("main").unwrap().version;
    let first = version();
    scene.project.workflow("main", "a", answers("two").to_string());
    scene.engine.publish().await.unwrap();
    assert_ne!(version(), first);
    scene.project.workflow("main", "a", answers("one").to_string());
    scene.engine.publish().await.unwrap();
    assert_eq!(version(), first);
    scene.close().await;
}

#[tokio::test]
async fn a_file_with_errors_stands_as_it_was_when_it_was_last_good() {
    let scene = Scene::of(&[("a", answers("one")), ("b", json!({ "elements": [] }))], &[]).await;
    scene.project.workflow("main", "a", "{");
    scene.engine.publish().await.unwrap();
    let published = scene.engine.system("main").unwrap();
    assert!(published.system.workflows.contains_key("Answers"));
    let found: Vec<&str> = published.system.findings.iter().map(|finding| &*finding.place.path).collect();
    assert_eq!(found, ["workflows/a.workflow.json", "workflows/b.workflow.json"]);
    let scene = scene.opened_again().await;
    assert!(
        scene.engine.system("main").unwrap().system.workflows.contains_key("Answers"),
        "after a restart too"
    );
    scene.close().await;
}

#[tokio::test]
async fn what_cannot_be_read_in_the_folder_is_left_out_and_the_rest_loads() {
    let scene = Scene::of(&[("good", crate::scene::calls(&[("call", serde_json::json!({}))]))], &[]).await;
    let folder = scene.project.path().join("systems/main/workflows");
    std::os::unix::fs::symlink("/nowhere", folder.join("gone.workflow.json")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.join("endless.workflow.json")).unwrap();
    std::os::unix::fs::symlink("..", folder.join("loop")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(folder.join("pipe.workflow.json")).status().unwrap();
    assert!(pipe.success());
    let published = engine::read_folder(scene.project.path()).unwrap();
    let paths: Vec<&str> = published[0].files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["workflows/good.workflow.json"]);
    scene.close().await;
}
