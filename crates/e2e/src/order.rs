//! Nothing is answered before it is on disk: launches under strace, and the order of what the kernel was asked for.

use std::{ffi::OsStr, path::Path};

use serde_json::{Map, json};
use testkit::{
    client::Client,
    process::{self, Hefe},
    project::Project,
    provider::{Answer, Gate, Provider},
};

use crate::proof::{Report, Sabotage};

/// Launches under strace: is the write-ahead log synced before each answer leaves?
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {
    /// How many launches
    #[arg(long, default_value_t = 10)]
    pub launches: usize,
}

/// Launches one after another and looks at the trace. Needs strace.
pub async fn check(Asked { launches }: Asked, sabotage: Sabotage) -> Report {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider.answer("/held", Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) });
    let project = project(&provider);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("trace");
    let mut server = Hefe::start(traced(&file, project.path(), &sabotage)).await;
    launch(&server.client(), launches).await;
    gate.open();
    server.terminate();
    server.wait().await;
    let trace = whole(&file).await;
    let mut broken = broken(&trace);
    let answers = trace.lines().filter(|line| is_answer(line)).count();
    if answers != launches {
        broken.push(format!("{launches} launches have {answers} answers in the trace"));
    }
    let mut figures = Map::new();
    figures.insert("launches".to_owned(), launches.into());
    figures.insert("syncs".to_owned(), trace.lines().filter(|line| is_sync(line)).count().into());
    Report { proof: "order", figures, broken, ..Report::default() }
}

/// A worker that is held by its provider before it writes anything: the only commits are those of launches.
fn project(provider: &Provider) -> Project {
    let project = Project::new();
    let launcher = json!({ "identifier": "Launch", "events": [{ "identifier": "launch", "type": "webhook" }], "elements": [
        { "name": "launch", "type": "event/webhook", "to": { "default": { "start": ["default"] } } },
        { "name": "start", "type": "action/run", "options": { "workflow": "Work", "async": true }, "to": { "default": { "said": ["default"] } } },
        { "name": "said", "type": "action/response", "options": { "status": 201 } }
    ] });
    let worker = json!({ "identifier": "Work", "async": true, "elements": [
        { "name": "call", "type": "api/http", "options": { "uri": provider.url("/held"), "timeout": "120s" } }
    ] });
    project.workflow("main", "launch", launcher.to_string());
    project.workflow("main", "work", worker.to_string());
    project.settings(format!("[hosts.\"{}\"]\nallow_private = true\n", provider.host()));
    project
}

fn traced(file: &Path, project: &Path, sabotage: &Sabotage) -> tokio::process::Command {
    let arguments = [
        "-D",
        "-f",
        "-y",
        "-s",
        "32",
        "-e",
        "trace=pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg",
        "-o",
    ];
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).chain([file.as_os_str()]).collect();
    let mut command = process::command_under("strace", &arguments);
    command.arg("serve").arg(project).args(["--listen", "127.0.0.1:0"]);
    sabotage.ask(&mut command);
    command
}

/// Each launch begins when all that the one before it wrote is committed, which /account shows.
async fn launch(client: &Client, launches: usize) {
    for n in 1..=launches as u64 {
        let answer = client.post("/main/webhook/launch", &json!({})).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        while client.get("/account").await.json()["accepted"] != 2 * n {
            tokio::task::yield_now().await;
        }
    }
}

/// strace ends a moment after what it traced.
async fn whole(file: &Path) -> String {
    let read = async {
        loop {
            let trace = std::fs::read_to_string(file).unwrap_or_default();
            if trace.lines().last().is_some_and(|line| line.contains("+++ exited")) {
                return trace;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    testkit::within(read, || "strace does not end".to_owned()).await
}

fn is_answer(line: &str) -> bool {
    line.contains("\"HTTP/1.1 201 ")
}

fn is_account(line: &str) -> bool {
    line.contains("\"HTTP/1.1 200 ")
}

/// A sync of the log that has returned: on one line, or where an interrupted one is taken up again.
fn is_sync(line: &str) -> bool {
    line.contains("sync") && line.ends_with("= 0") && (line.contains("-wal>") || line.contains("resumed"))
}

/// Before every answer, since the account before it: the log was written, then synced.
fn broken(trace: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let (mut written, mut synced, mut launches) = (false, false, 0);
    for line in trace.lines() {
        if line.contains("pwrite64") && line.contains("-wal>") {
            (written, synced) = (true, false);
        } else if is_sync(line) {
            synced |= written;
        } else if is_answer(line) {
            launches += 1;
            if !(written && synced) {
                let what = if written { "synced" } else { "written" };
                broken.push(format!("answer {launches} left before the log was {what}"));
            }
        } else if is_account(line) {
            (written, synced) = (false, false);
        }
    }
    broken
}
