//! What a person sees, in Debian's chromium: bars that grow on one live stream, without another request.
//!
//! Where chromium or node is missing the test says so and passes, but not in the gate (`CI`), which installs them.

use std::{path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};
use testkit::{process::Hefe, provider::Answer};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::jobs::{launch, scene};

/// What the tests with a browser need and is not there.
pub(crate) fn missing(folder: &Path) -> Option<&'static str> {
    let found = [Path::new("/usr/bin/chromium").exists(), folder.join("node_modules/axe-core").is_dir()];
    (found != [true, true]).then_some("chromium, playwright-core or axe-core (`.ci/browser` installs them)")
}

#[tokio::test]
async fn a_bar_grows_on_one_stream_without_another_request() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    if let Some(what) = missing(&folder) {
        assert!(std::env::var_os("CI").is_none(), "{what} is not there");
        eprintln!("skipped: {what} is not there");
        return;
    }
    let (provider, project) = scene().await;
    for path in ["/first/1", "/second/1"] {
        let delay = Duration::from_millis(700);
        provider.answer(path, Answer { delay, ..Answer::json(&json!({})) });
    }
    let hefe = Hefe::serve(project.path(), &[]).await;
    let mut browser = Command::new("node")
        .current_dir(&folder)
        .args(["bars.mjs", &format!("{}/ui/shop/mine", hefe.base())])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(browser.stdout.take().unwrap()).lines();
    let ready: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(ready["ready"], true);
    launch(&hefe.client()).await;
    let said: Value =
        serde_json::from_str(&lines.next_line().await.unwrap().expect("what the page showed")).unwrap();
    let seen: Vec<i64> = said["seen"].as_array().unwrap().iter().filter_map(Value::as_i64).collect();
    assert!(seen.len() >= 3 && seen.is_sorted() && seen.last() == Some(&100), "{said}");
    let paths = |key: &str| -> Vec<String> {
        said[key].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect()
    };
    let all = [paths("before"), paths("after")].concat();
    assert_eq!(all.iter().filter(|path| path.ends_with("/events")).count(), 1, "{said}");
    let more: Vec<_> = paths("after").into_iter().filter(|path| !path.ends_with("/events")).collect();
    assert!(more.is_empty(), "the page asked again: {more:?}");
}
