//! examples/embed as its users meet it: on a page of another origin, on "my work" behind a proxy, and each page with axe.

use std::path::Path;

use serde_json::{Value, json};
use testkit::{client::Client, process::Hefe, project::Project};

use crate::script::Script;

/// The example as it lies there.
fn example() -> Project {
    let (project, from) =
        (Project::new(), Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/embed"));
    project.settings(std::fs::read(from.join("hefe.toml")).unwrap());
    let bake = std::fs::read(from.join("systems/bakery/workflows/bake.workflow.json")).unwrap();
    project.workflow("bakery", "bake", bake);
    project
}

async fn key(project: &Project, name: &str, role: &str) -> String {
    let path = project.path().to_str().unwrap();
    let added =
        testkit::process::run(["user", "add", name, "--role", role, "--print-key", "--project", path]).await;
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    String::from_utf8(added.stdout).unwrap().trim().to_owned()
}

fn port(hefe: &Hefe) -> String {
    let address = hefe.base().strip_prefix("http://").unwrap();
    let (_, port) = address.split('/').next().unwrap().split_once(':').unwrap();
    port.to_owned()
}

/// The same again where it was.
async fn again(project: &Project, port: &str, more: &[&str]) -> Hefe {
    let mut command = testkit::process::command();
    command.arg("serve").arg(project.path()).args(["--listen", &format!("127.0.0.1:{port}")]).args(more);
    Hefe::start(command).await
}

#[tokio::test]
async fn a_page_of_another_origin_shows_cancels_and_outlives_the_connection() {
    let project = example();
    let shown = key(&project, "ada", "user").await;
    let hefe = Hefe::serve(project.path(), &[]).await;
    let port = port(&hefe);
    let Some(mut page) = Script::start("embed.mjs", &[&port, &shown]) else { return };
    let first = page.said().await;
    let seen: Vec<i64> = first["seen"].as_array().unwrap().iter().filter_map(Value::as_i64).collect();
    assert!(seen.len() > 3 && seen.is_sorted() && seen.last() == Some(&6), "{first}");
    // What was typed is text, also where it looks like markup.
    assert_eq!(first["text"], "✓ done, 6 / 6 · Rye <b>bread</b> is ready");
    assert_eq!(first["found"], json!([]));
    // The focus is seen, stays while the bar moves and while it is asked, and goes to the bar when the button goes.
    let cancelled =
        json!({ "outline": "solid", "kept": "cancel", "asked": [], "back": "cancel", "after": "item" });
    assert_eq!(page.said().await, cancelled);
    assert_eq!(page.said().await["ready"], true);
    hefe.kill().await;
    assert_eq!(page.said().await, json!({ "lost": [] }));
    let _hefe = again(&project, &port, &[]).await;
    page.go_on().await;
    assert_eq!(page.said().await["back"], "✓ done, 6 / 6 · Long loaf is ready");
    assert_eq!(page.said().await["ready"], true);
    let path = project.path().to_str().unwrap();
    assert!(testkit::process::run(["user", "remove", "ada", "--project", path]).await.status.success());
    page.go_on().await;
    assert_eq!(page.said().await, json!({ "out": [], "left": 0, "wrong": [] }));
}

#[tokio::test]
async fn my_work_under_a_path_by_keyboard_in_two_tabs_over_a_crash_and_a_session() {
    let project = example();
    let shown = key(&project, "ada", "operator").await;
    let under = ["--base-path", "/hefe"];
    let hefe = Hefe::serve(project.path(), &under).await;
    let port = port(&hefe);
    let Some(mut page) = Script::start("mine.mjs", &[&port, &shown]) else { return };
    let door = "/hefe/ui/signin?next=%2Fhefe%2Fui%2Fbakery%2Fmine";
    assert_eq!(page.said().await, json!({ "door": door, "here": true, "path": "/hefe/" }));
    let mut cancelled = page.said().await;
    let place = cancelled.as_object_mut().unwrap().remove("place").unwrap();
    assert!(place.as_str().unwrap().starts_with("/hefe/bakery/runs/"), "{place}");
    let wanted = json!({ "streams": 1, "button": "Cancel Bake", "safe": "No, keep it", "back": "Cancel Bake", "stays": true });
    assert_eq!(cancelled, wanted);
    assert_eq!(page.said().await, json!({ "strays": [], "socket": "pusher:connection_established" }));
    assert_eq!(page.said().await["ready"], true);
    hefe.kill().await;
    let _hefe = again(&project, &port, &under).await;
    page.go_on().await;
    assert_eq!(page.said().await["back"], "✓ done, 6 / 6 · Long loaf is ready");
    assert_eq!(page.said().await, json!({ "out": door, "again": true, "wrong": [] }));
}

/// Ends badly, waits, has no end in sight, does not load: what pages have to show beside what goes well.
fn more(project: &Project) {
    let bar = |title: &str, total: Value, then: &str| {
        json!({ "name": "bar", "type": "cast/progress", "options": { "title": title, "total": total, "progress": 4, "statusMessage": "in the oven" },
        "to": { "default": { then: ["default"] } } })
    };
    let long = "Baking a bread whose name does not end soon: Pneumonoultramicroscopicsilicovolcanoconiosis <b>bold</b>";
    let hook = |name: &str, title: &str, elements: Value| {
        json!({ "identifier": name, "title": title, "description": "Bakes.", "async": true, "entry": "bar", "elements": elements }).to_string()
    };
    let stop = json!({ "name": "stop", "type": "flow/stop", "options": { "status": "failed", "message": "The oven was too hot." } });
    let wait = json!({ "name": "go", "type": "flow/await", "options": { "signal": "go", "question": "May it go on?", "answers": ["Yes", "No"] } });
    let log = json!({ "name": "log", "type": "action/log", "options": { "level": "warning", "message": "It is hot in here" }, "to": { "default": { "stop": ["default"] } } });
    project.workflow(
        "bakery",
        "burn",
        hook("Burn", "Burn a bread", json!([bar(long, json!(6), "log"), log, stop])),
    );
    project.workflow(
        "bakery",
        "wait",
        hook("Wait", "Let it rise", json!([bar("خبز بطيء", json!(6), "go"), wait])),
    );
    project.workflow(
        "bakery",
        "open",
        hook("Open", "Count crumbs", json!([bar("Crumbs", Value::Null, "go"), wait])),
    );
    project.workflow(
        "bakery",
        "broken",
        json!({ "identifier": "Broken", "elements": [{ "name": "x", "type": "nothing/here" }] }).to_string(),
    );
    project.write("systems/empty/workflows/.keep", "");
}

async fn until(client: &Client, workflow: &str, status: &str) -> String {
    let mut events = client.events("/bakery/events").await;
    let started = client.post(&format!("/bakery/workflows/{workflow}/run"), &json!({ "bread": "Rye" })).await;
    let id = started.json()["run"].as_str().unwrap().to_owned();
    events
        .until(|event| event.event == "run" && event.json()["id"] == id && event.json()["status"] == status)
        .await;
    id
}

#[tokio::test]
async fn axe_finds_nothing_on_any_page_in_any_look() {
    let project = example();
    more(&project);
    let shown = key(&project, "ada", "operator").await;
    let hefe = Hefe::serve(project.path(), &["--base-path", "/hefe"]).await;
    let client = hefe.client().with("x-api-key", &shown);
    let done = until(&client, "Bake", "succeeded").await;
    let failed = until(&client, "Burn", "failed").await;
    let waiting = until(&client, "Wait", "waiting").await;
    until(&client, "Open", "waiting").await;
    let bulk = json!({ "action": "retry", "filter": { "workflow": "Burn" } });
    let bulk = client.post("/bakery/runs/bulk", &bulk).await.json()["action"].as_str().unwrap().to_owned();
    let pages = json!({
        "mine": "/ui/bakery/mine", "runs": "/ui/bakery/runs", "progress": "/ui/bakery/progress", "workflows": "/ui/bakery/workflows",
        "run-done": format!("/ui/bakery/runs/{done}"), "run-failed": format!("/ui/bakery/runs/{failed}"), "run-waiting": format!("/ui/bakery/runs/{waiting}"),
        "bulk": "/ui/bakery/runs/bulk?action=cancel", "bulk-going": format!("/ui/bakery/runs/bulk/{bulk}"),
        "mine-none": "/ui/empty/mine", "runs-none": "/ui/empty/runs", "progress-none": "/ui/empty/progress", "workflows-none": "/ui/empty/workflows",
        "bulk-none": "/ui/empty/runs/bulk?action=retry", "systems": "/ui", "docs": "/docs", "error": "/ui/nothing/mine", "error-run": "/ui/bakery/runs/7",
        "signal": format!("/bakery/signal/{waiting}/go?sig=no"), "mine-again": "/ui/bakery/mine"
    });
    let Some(mut browser) = Script::start("access.mjs", &[hefe.base(), &shown, &pages.to_string()]) else {
        return;
    };
    let mut looked = 0;
    while let Some(page) = browser.next().await {
        assert_eq!(page["found"], json!([]), "{page}");
        assert_eq!(page["wide"], 0, "it is wider than the window: {page}");
        looked += 1;
    }
    // Each page, both of the door's, and the question before a cancel; in three looks.
    assert_eq!(looked, 3 * (pages.as_object().unwrap().len() + 3));
}
