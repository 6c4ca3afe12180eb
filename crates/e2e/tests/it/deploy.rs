//! hefe deploy, diff, and the way back, beside a server and without one.

use std::path::Path;

use serde_json::{Value, json};
use testkit::{
    client::Client,
    process::{self, Hefe},
    project::Project,
    until,
};

/// Waits for `go`, then is over with what `word` says.
fn waits(word: &str) -> String {
    json!({ "identifier": "Waits", "async": true, "entry": "wait", "elements": [
        { "name": "wait", "type": "flow/await", "options": { "signal": "go" }, "to": { "default": { "answer": ["default"] } } },
        { "name": "answer", "type": "action/response", "options": { "body": word } }
    ] })
    .to_string()
}

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}{}", self.out, self.err))
    }
}

async fn hefe(command: &str, project: &Path, more: &[&str]) -> Said {
    let folder = project.display().to_string();
    let arguments: Vec<&str> = [command, &folder].into_iter().chain(more.iter().copied()).collect();
    let output = process::run(&arguments).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Starts one, and waits until it waits.
async fn begin(client: &Client) -> String {
    let started = client.post("/main/workflows/Waits/run", &json!({})).await;
    assert_eq!(started.status, 202, "{}", started.text());
    let run = started.json()["run"].as_str().unwrap().to_owned();
    let path = format!("/main/runs/{run}");
    until("it waits", async || client.get(&path).await.json()["status"] == "waiting").await;
    run
}

/// Lets it go on; what it comes to.
async fn result(client: &Client, run: &str) -> Value {
    let path = format!("/main/runs/{run}");
    assert!(client.post(&format!("{path}/signal/go"), &json!({})).await.status < 300);
    until("it is over", async || client.get(&path).await.json()["status"] == "succeeded").await;
    client.get(&path).await.json()["result"].clone()
}

#[tokio::test]
async fn a_deploy_is_for_what_starts_next_and_what_waits_goes_on_under_its_version() {
    let project = Project::new();
    project.workflow("main", "waits", waits("one"));
    let server = Hefe::serve(project.path(), &["--publish", "deploy"]).await;
    let client = server.client();
    let nothing = hefe("diff", project.path(), &[]).await;
    assert_eq!((nothing.code, nothing.out.contains("nothing changes")), (Some(0), true), "{}", nothing.out);
    let (first, second) = (begin(&client).await, begin(&client).await);
    project.workflow("main", "waits", waits("two"));
    project.workflow("main", "more", waits("more").replace("Waits", "More"));
    let diff = hefe("diff", project.path(), &[]).await;
    assert_eq!(diff.code, Some(1), "{}{}", diff.out, diff.err);
    for line in
        ["~ file workflows/waits.workflow.json", "+ workflow More", "2 runs under way", "Waits  (it changes)"]
    {
        assert!(diff.out.contains(line), "no `{line}` in:\n{}", diff.out);
    }
    let told = hefe("diff", project.path(), &["--json"]).await.json();
    let version = client.get(&format!("/main/runs/{first}")).await.json()["version"].clone();
    assert_eq!(told[0]["runs"], json!([{ "version": version, "workflow": "Waits", "runs": 2 }]));
    let deployed = hefe("deploy", project.path(), &["--note", "two words"]).await;
    assert_eq!((deployed.code, deployed.out.contains("deployed")), (Some(0), true), "{}", deployed.err);
    let third = begin(&client).await;
    assert_eq!(result(&client, &third).await, "two");
    assert_eq!(result(&client, &first).await, "one");
    // What was answered outlives the process; and so does the way back.
    server.kill().await;
    let server = Hefe::serve(project.path(), &["--publish", "deploy"]).await;
    let client = server.client();
    let listed = client.get("/main/versions").await.json();
    let lines: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|it| (&it["note"], &it["runs"])).collect();
    assert_eq!(lines, [(&json!("two words"), &json!(0)), (&json!(""), &json!(1))]);
    let back = hefe("deploy", project.path(), &["--rollback"]).await;
    assert_eq!(back.code, Some(0), "{}", back.err);
    let fourth = begin(&client).await;
    assert_eq!(result(&client, &fourth).await, "one");
    assert_eq!(result(&client, &second).await, "one");
    let deployed = listed["items"][0]["version"].as_str().unwrap();
    let named = hefe("deploy", project.path(), &["--rollback", &deployed[..8], "--json"]).await;
    assert_eq!(named.json()[0]["version"], deployed);
    let fifth = begin(&client).await;
    assert_eq!(result(&client, &fifth).await, "two");
    let none = hefe("deploy", project.path(), &["--rollback", "00000000"]).await;
    assert_eq!((none.code, none.err.contains("has no version `00000000`")), (Some(2), true), "{}", none.err);
    let trail = client.get("/main/audit").await.json();
    let done =
        |what: &str| trail["items"].as_array().unwrap().iter().filter(|line| line["what"] == what).count();
    assert_eq!((done("deployed"), done("rolled_back")), (1, 2), "{trail}");
}

#[tokio::test]
async fn files_with_errors_are_refused_and_nothing_of_the_others_is_deployed() {
    let project = Project::new();
    project.workflow("main", "waits", waits("one"));
    let server = Hefe::serve(project.path(), &["--publish", "deploy"]).await;
    let client = server.client();
    project.workflow("main", "waits", waits("two"));
    project.workflow("other", "broken", "{ \"elements\": [{ \"name\": \"x\" }] }");
    for (command, code) in [("deploy", 1), ("diff", 2)] {
        let refused = hefe(command, project.path(), &[]).await;
        assert_eq!(refused.code, Some(code), "{}{}", refused.out, refused.err);
        for part in ["other: error[", "--> workflows/broken.workflow.json:1:", "^", "help: "] {
            assert!(refused.err.contains(part), "no `{part}` in:\n{}", refused.err);
        }
    }
    let told = hefe("deploy", project.path(), &["--json"]).await;
    let errors: Vec<usize> =
        told.json().as_array().unwrap().iter().map(|it| it["findings"].as_array().unwrap().len()).collect();
    assert_eq!((told.code, errors[0], errors[1] > 0), (Some(1), 0, true), "{}", told.out);
    let run = begin(&client).await;
    assert_eq!(result(&client, &run).await, "one");
    let alone = hefe("deploy", project.path(), &["--system", "main"]).await;
    assert_eq!(alone.code, Some(0), "{}", alone.err);
    let run = begin(&client).await;
    assert_eq!(result(&client, &run).await, "two");
}

#[tokio::test]
async fn without_a_server_the_database_is_taken_for_a_moment() {
    let project = Project::new();
    project.workflow("main", "waits", waits("one"));
    let new = hefe("diff", project.path(), &[]).await;
    assert_eq!((new.code, new.out.contains("a new system")), (Some(1), true), "{}{}", new.out, new.err);
    let again = hefe("diff", project.path(), &[]).await;
    assert_eq!(again.code, Some(1), "looking publishes nothing");
    assert_eq!(hefe("deploy", project.path(), &[]).await.code, Some(0));
    assert_eq!(hefe("diff", project.path(), &[]).await.code, Some(0));
    project.workflow("main", "waits", waits("two"));
    assert_eq!(hefe("deploy", project.path(), &[]).await.code, Some(0));
    assert_eq!(hefe("deploy", project.path(), &["--rollback"]).await.code, Some(0));
    // A server that watches the folder finds it as it was when somebody went back.
    let server = Hefe::serve(project.path(), &[]).await;
    let client = server.client();
    let run = begin(&client).await;
    assert_eq!(result(&client, &run).await, "one");
    project.workflow("main", "waits", waits("three"));
    let versions = async || client.get("/main/versions").await.json()["items"].as_array().unwrap().len();
    until("the folder is published", async || versions().await == 3).await;
    until("what is started is of it", async || result(&client, &begin(&client).await).await == "three").await;
}

/// Is told `first`, waits for `go`, and is over.
fn told(first: &str) -> String {
    json!({ "identifier": "Waits", "async": true, "entry": "tell", "elements": [
        { "name": "tell", "type": "flow/await", "options": { "signal": first }, "to": { "default": { "wait": ["default"] } } },
        { "name": "wait", "type": "flow/await", "options": { "signal": "go" } }
    ] })
    .to_string()
}

#[tokio::test]
async fn a_diff_says_which_runs_would_go_another_way_under_way_and_ended() {
    let project = Project::new();
    project.workflow("main", "waits", told("hello"));
    let server = Hefe::serve(project.path(), &["--publish", "deploy"]).await;
    let client = server.client();
    let (ended, waiting, fresh) = (begin(&client).await, begin(&client).await, begin(&client).await);
    for run in [&ended, &waiting] {
        let path = format!("/main/runs/{run}");
        client.post(&format!("{path}/signal/hello"), &json!({})).await;
        let heard =
            async || client.get(&path).await.json()["journal"].as_array().is_some_and(|it| it.len() == 1);
        until("it is told", heard).await;
    }
    result(&client, &ended).await;
    project.workflow("main", "waits", told("hello").replace("}]", "} ]"));
    let diff = hefe("diff", project.path(), &[]).await;
    assert!(
        diff.out.contains("1 under way, 0 ended; they would go the same way"),
        "{}{}",
        diff.out,
        diff.err
    );
    project.workflow("main", "waits", told("good-bye"));
    let diff = hefe("diff", project.path(), &["--last", "10"]).await;
    assert!(diff.out.contains("1 under way, 1 ended; 2 would go another way:"), "{}{}", diff.out, diff.err);
    for run in [&ended, &waiting] {
        let line = diff.out.lines().find(|line| line.contains(run.as_str())).unwrap_or_default();
        assert!(
            line.contains("Waits  entry 0: expected effect 0 of `tell`, with other options"),
            "{}",
            diff.out
        );
    }
    assert!(!diff.out.contains(&fresh), "nothing of it is recorded that could differ: {}", diff.out);
}

#[tokio::test]
async fn a_server_over_an_empty_folder_serves_what_is_deployed_to_it() {
    let project = tempfile::tempdir().unwrap();
    let server = Hefe::serve(project.path(), &["--publish", "deploy"]).await;
    let files = json!({ "files": { "workflows/waits.workflow.json": waits("sent") } });
    let sent = server.client().post("/main/versions", &files).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    server.kill().await;
    let server = Hefe::serve(project.path(), &["--publish", "deploy"]).await;
    let client = server.client();
    let run = begin(&client).await;
    assert_eq!(result(&client, &run).await, "sent");
    let back = hefe("deploy", project.path(), &["--system", "main", "--rollback"]).await;
    assert_eq!((back.code, back.err.contains("has no earlier version")), (Some(2), true), "{}", back.err);
}
