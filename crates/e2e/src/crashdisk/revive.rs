//! The real server on a disk after a power cut: everything goes on to its end.

use std::collections::{BTreeMap, BTreeSet};

use store::Id;
use testkit::process::{self, Hefe};

use super::{promise::Promise, record::Recording};
use crate::torture::{self, ledger::Launch, people, verdict};

/// Puts the files in the project's place of the database, and lets all of it end.
pub(crate) async fn revive(
    recording: &Recording,
    files: &[(&str, Vec<u8>)],
    promises: &[Promise],
) -> Vec<String> {
    let folder = recording.project.path().join(".hefe");
    let _ = std::fs::remove_dir_all(&folder);
    super::lay_out(&folder, files);
    let mut command = process::command();
    command
        .arg("serve")
        .arg(recording.project.path())
        .args(["--listen", "127.0.0.1:0"])
        .env("HEFE_LOG", "warn");
    let server = Hefe::start(command).await;
    let client = server.client();
    let mut broken = Vec::new();
    if let Err(says) = people::finish(&recording.scene, &client).await {
        broken.push(says);
    }
    verdict::kept(&launches(recording, promises), &BTreeMap::new(), &client, &mut broken).await;
    torture::complaints(&server, &mut broken);
    server.kill().await;
    broken
}

/// Those of all; answered for are only those whose answer had left.
fn launches(recording: &Recording, promises: &[Promise]) -> Vec<Launch> {
    let started = |promise: &Promise| match promise {
        Promise::Started(run) => Some(*run),
        _ => None,
    };
    let started: BTreeSet<Id> = promises.iter().filter_map(started).collect();
    let known = |run: &String| run.parse().is_ok_and(|run| started.contains(&run));
    let launches = recording.scene.ledger.launches().into_iter();
    launches.map(|launch| Launch { run: launch.run.filter(known), ..launch }).collect()
}

/// Over all power cuts each firing called under one key.
pub(crate) fn keys(recording: &Recording) -> Vec<String> {
    let calls = recording.scene.firings.all();
    let several = calls.iter().filter(|(_, calls)| calls.keys.len() != 1);
    several.map(|(firing, calls)| format!("the firing {firing:?} called under {:?}", calls.keys)).collect()
}
