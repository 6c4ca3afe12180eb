//! What a stranger tries, all of it refused. That a product with a check less is noticed is shown by the gate, with a build of its
//! own: `cargo run -p e2e --features sabotage --bin attack -- --sabotage no-address-rule`.

use std::{path::Path, process::Stdio};

use e2e::{
    attack::{Asked, Laid},
    proof::Sabotage,
};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::browser::missing;

#[tokio::test]
async fn nothing_gets_through() {
    let report = e2e::attack::check(Asked {}, Sabotage::default()).await;
    assert!(report.broken.is_empty(), "{:#?}", report.broken);
    assert!(report.figures["attacks"].as_u64().unwrap() > 1_000, "{:?}", report.figures);
}

#[tokio::test]
async fn a_browser_runs_nothing_that_people_typed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    if let Some(what) = missing(&folder) {
        assert!(std::env::var_os("CI").is_none(), "{what} is not there");
        eprintln!("skipped: {what} is not there");
        return;
    }
    let laid = Laid::start().await;
    let mut browser = Command::new("node")
        .current_dir(&folder)
        .arg("markup.mjs")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let told =
        json!({ "base": laid.base(), "key": laid.key(), "pages": laid.pages(), "start": laid.start_again() });
    browser.stdin.take().unwrap().write_all(told.to_string().as_bytes()).await.unwrap();
    let output = browser.wait_with_output().await.unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["control"], json!([0]), "a script that is there is run: {said}");
    assert_eq!(said["ran"], json!([]), "{said}");
    assert_eq!(said["links"], json!([]), "links that are scripts, or lead away: {said}");
    assert!(said["shown"].as_u64().unwrap() > 30 && said["toasts"].as_u64().unwrap() > 0, "{said}");
}
