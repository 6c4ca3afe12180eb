//! /openapi.json against what is served: schemathesis makes requests from it and holds the answers against it. No 5xx, no status
//! that is not named, no body that does not fit.
//!
//! It is installed into a folder of `target` when it is not there. Without python the test says so and passes, but not in the
//! gate (`CI`), which installs python.

use std::path::{Path, PathBuf};

use serde_json::json;
use testkit::{
    client::Client,
    process::{self, Hefe},
    project::Project,
};
use tokio::process::Command;

const VERSION: &str = "4.32.5";

/// Seconds for each of the two passes.
const PASS_S: &str = "25";

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

#[tokio::test]
async fn what_is_answered_is_what_is_described() {
    let Some(tool) = tool().await else {
        assert!(std::env::var_os("CI").is_none(), "schemathesis is not there");
        eprintln!("skipped: python with venv, or schemathesis, is not there (`.ci/browser` installs python)");
        return;
    };
    let (project, key) = project().await;
    let hefe = Hefe::serve(project.path(), &[]).await;
    let client = hefe.client().with("x-api-key", &key);
    let config =
        project.write("schemathesis.toml", format!("[auth.openapi]\nkey = {{ api_key = \"{key}\" }}\n"));
    // Names as they come: hardly anything is there.
    holds(&tool, &config, hefe.base()).await;
    // Names of what is there.
    let known = format!("{}{}", std::fs::read_to_string(&config).unwrap(), things(&client).await);
    project.write("schemathesis.toml", known);
    holds(&tool, &config, hefe.base()).await;
    let account = client.get("/account").await.json();
    assert!(account["accepted"].as_u64().unwrap() > 10, "it got as far as starting runs: {account}");
    assert_eq!(account["balanced"], true);
}

async fn holds(tool: &Path, config: &Path, base: &str) {
    let mut command = Command::new(tool);
    command.arg("--config-file").arg(config).arg("run").arg(format!("{base}/openapi.json"));
    // The stream does not end, a WebSocket begins: `server`'s tests and the matrix read them.
    command.args(["--exclude-path-regex", "/events$|^/app/", "--checks", CHECKS]);
    command.args(["--phases", "coverage,fuzzing", "--max-time", PASS_S, "--request-timeout", "20"]);
    // Whether names that fit are found soon enough is a matter of chance, and not of the answers.
    command.args(["--suppress-health-check", "all"]);
    command
        .args(["--no-shrink", "--warnings", "off"])
        .current_dir(config.parent().unwrap())
        .kill_on_drop(true);
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("passed"), "{said}");
}

/// The program, installed if it has to be; None: it cannot be.
async fn tool() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("schemathesis-{VERSION}"));
    let tool = folder.join("bin/st");
    let done = folder.join("done");
    if done.exists() {
        return Some(tool);
    }
    let run =
        async |command: &mut Command| command.output().await.is_ok_and(|output| output.status.success());
    let made = run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder)).await
        && run(Command::new(folder.join("bin/pip")).args([
            "install",
            "-q",
            &format!("schemathesis=={VERSION}"),
        ]))
        .await;
    // What was cut off in the middle is begun anew.
    made.then(|| std::fs::write(done, "")).and_then(Result::ok).map(|()| tool)
}

/// The admin is named by the file: what is deleted and revoked at random does not lock the requests out.
async fn project() -> (Project, String) {
    let made = process::run(["user", "key"]).await;
    let made = String::from_utf8(made.stdout).unwrap();
    let (key, line) = made.trim().split_once('\n').unwrap();
    let project = Project::new();
    project.settings(format!("[[users]]\nname = \"root\"\nroles = [\"admin\"]\n{line}\n"));
    let hook = |name: &str| json!({ "name": name, "type": "event/webhook", "to": { "default": { "first": ["default"] } } });
    let webhook = |name: &str| json!([{ "identifier": name, "type": "webhook", "public": true }]);
    let flows = [
        ("Echo", "echo", false, json!([hook("echo"), { "name": "first", "type": "flow/stop" }])),
        (
            "Bar",
            "bar",
            true,
            json!([hook("bar"),
            { "name": "first", "type": "cast/progress", "options": { "title": "a bar", "total": 2, "progress": 1 },
              "to": { "default": { "tell": ["default"] } } },
            { "name": "tell", "type": "action/notify", "options": { "notification": { "title": "done", "message": "all" } } }]),
        ),
        (
            "Held",
            "held",
            true,
            json!([hook("held"), { "name": "first", "type": "flow/await", "options": { "signal": "go" } }]),
        ),
    ];
    for (identifier, event, is_async, elements) in flows {
        let flow = json!({ "identifier": identifier, "async": is_async, "events": webhook(event), "elements": elements });
        project.workflow("main", event, flow.to_string());
    }
    (project, key.to_owned())
}

/// A run that waits, a bar, a notification and a bulk action, as schemathesis is told of them.
async fn things(client: &Client) -> String {
    let mut events = client.events("/main/events").await;
    let mut notes = client.events("/main/events").await;
    let held = client.post("/main/webhook/held", &json!({})).await.json()["run"].clone();
    client.post("/main/webhook/bar", &json!({})).await;
    let bar = events.until(|event| event.event == "progress").await.json()["id"].clone();
    let note = notes.until(|event| event.event == "notification").await.json()["id"].clone();
    let bulk = json!({ "action": "cancel", "filter": { "workflow": "None" } });
    let action = client.post("/main/runs/bulk", &bulk).await.json()["action"].clone();
    assert!(held.is_string() && bar.is_string() && note.is_string() && action.is_string());
    format!(
        "[parameters]\n\"path.system\" = \"main\"\n\"path.run\" = {held}\n\"path.item\" = {bar}\n\"path.action\" = {action}\n\"path.id\" = {note}\n"
    )
}
