//! examples/approval as its users meet it: a link that is answered without an account.

use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::{client::Client, process::Hefe, project::Project};
use tokio::process::Command;

use crate::browser::missing;

/// The example, being served, with one request for leave; its address and its run.
pub(crate) async fn scene(project: &Project, more: &[&str]) -> (Hefe, String, String) {
    let example =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/approval/systems/office/workflows");
    let text = std::fs::read(example.join("request-leave.workflow.json")).unwrap();
    project.workflow("office", "request-leave", text);
    let mut command = testkit::process::command();
    command.env("HEFE_LOG", "trace").arg("serve").arg(project.path());
    command.args(["--listen", "127.0.0.1:0"]).args(more);
    let hefe = Hefe::start(command).await;
    let client = hefe.client();
    let mut events = client.events("/office/events").await;
    let asked = client.post("/office/webhook/leave", &json!({ "name": "Ada", "days": 3 })).await;
    let run = asked.json()["run"].as_str().unwrap().to_owned();
    events.until(|event| event.event == "run" && event.json()["status"] == "waiting").await;
    let kept = client.get("/office/notifications").await.json();
    let link = kept["items"][0]["link"].as_str().unwrap_or_else(|| panic!("{kept}")).to_owned();
    (hefe, link, run)
}

async fn result(client: &Client, run: &str) -> Value {
    let mut events = client.events("/office/events").await;
    let path = format!("/office/runs/{run}");
    loop {
        let run = client.get(&path).await.json();
        if run["status"] == "succeeded" {
            return run["result"].clone();
        }
        events.until(|event| event.event == "run").await;
    }
}

#[tokio::test]
async fn an_address_outlives_the_server_and_is_in_no_log() {
    let project = Project::new();
    let url = "https://hefe.example.com";
    let (hefe, link, run) = scene(&project, &["--public-url", url]).await;
    let path = link.strip_prefix(url).unwrap_or_else(|| panic!("{link}")).to_owned();
    assert_eq!(hefe.client().get(&path).await.status, 200);
    let before = hefe.messages();
    hefe.kill().await;
    let mut command = testkit::process::command();
    command.env("HEFE_LOG", "trace").arg("serve").arg(project.path()).args(["--listen", "127.0.0.1:0"]);
    let hefe = Hefe::start(command).await;
    let client = hefe.client();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = client.request("POST", &path, &form, Bytes::from("answer=Approve")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(client.request("POST", &path, &form, Bytes::from("answer=Reject")).await.status, 409);
    assert_eq!(result(&client, &run).await, "approved");
    let (_, signature) = path.split_once("sig=").unwrap();
    let said = [before, hefe.messages()].concat().join("\n");
    assert!(!said.contains(signature) && !said.contains("sig="), "{said}");
}

#[tokio::test]
async fn a_public_url_that_is_none_is_refused() {
    let project = Project::new();
    let path = project.path().to_str().unwrap();
    for url in ["hefe.example.com", "ftp://example.com", "https://", "https://a b"] {
        let output =
            testkit::process::run(["serve", path, "--listen", "127.0.0.1:0", "--public-url", url]).await;
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && says.contains("--public-url"), "{url}: {says}");
    }
}

#[tokio::test]
async fn a_person_answers_by_keyboard_and_without_scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    if let Some(what) = missing(&folder) {
        assert!(std::env::var_os("CI").is_none(), "{what} is not there");
        eprintln!("skipped: {what} is not there");
        return;
    }
    let project = Project::new();
    let (hefe, link, run) = scene(&project, &[]).await;
    assert!(link.starts_with(hefe.base()), "{link}");
    let mut browser = Command::new("node");
    browser.current_dir(&folder).args(["answer.mjs", &link, "Reject"]).kill_on_drop(true);
    let output = testkit::within(browser.output(), || "the browser does not end".to_owned()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let saw: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |key: &str| saw[key].as_str().unwrap().to_owned();
    assert!(text("question").contains("May Ada have 3 days off?"), "{saw}");
    assert!(text("thanks").contains("Reject") && text("again").contains("answered already"), "{saw}");
    assert_eq!((&saw["styled"], &saw["broken"]), (&json!(true), &json!([])), "{saw}");
    assert_eq!(result(&hefe.client(), &run).await, "rejected");
}
