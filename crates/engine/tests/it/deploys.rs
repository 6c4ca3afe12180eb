//! Versions that somebody deploys, that another process publishes, and that cannot be loaded here.

use std::sync::Arc;

use engine::{Call, Door, Person, Publishes, Refusal, Settings, Started, Turn, deploy::Wish};
use serde_json::{Value, json};
use store::{Hash, Id, Publish, Status, Version};
use testkit::{DEADLINE, project::Project};

use crate::scene::Scene;

fn answers(word: &str) -> Value {
    json!({ "identifier": "Answers", "elements": [{ "name": "answer", "type": "action/response", "options": { "body": word } }] })
}

/// Waits for `go`, then is over with what `word` says.
fn waits(word: &str) -> Value {
    json!({ "identifier": "Waits", "async": true, "entry": "wait", "elements": [
        { "name": "wait", "type": "flow/await", "options": { "signal": "go" }, "to": { "default": { "answer": ["default"] } } },
        { "name": "answer", "type": "action/response", "options": { "body": word } }
    ] })
}

fn version(files: &[(&str, Value)]) -> Version {
    let file = |(name, text): &(&str, Value)| {
        (format!("workflows/{name}.workflow.json"), text.to_string().into_bytes().into())
    };
    Version { system: "main".into(), files: files.iter().map(file).collect(), broken: vec![] }
}

fn wish() -> Wish {
    Wish { by: "ada".into(), note: "because".into() }
}

fn nightly(at: &str) -> Value {
    json!({
        "identifier": "Nightly",
        "async": true,
        "elements": [
            { "name": "night", "type": "event/cron", "to": { "default": { "answer": ["default"] } } },
            { "name": "answer", "type": "action/response" }
        ],
        "events": [{ "identifier": "night", "type": "cron", "expression": at, "timezone": "Europe/Berlin" }]
    })
}

async fn says(scene: &Scene) -> String {
    match scene.start("Answers", json!({})).await {
        Started::Done(answer) => answer.response.unwrap().body.to_text().to_string(),
        Started::Queued { run, .. } => panic!("{run} was queued"),
    }
}

fn current(scene: &Scene) -> Hash {
    scene.engine.system("main").unwrap().version
}

/// Awaits that a version is current here.
async fn becomes_current(scene: &Scene, version: Hash) {
    let seen = async {
        while current(scene) != version {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, seen).await.expect("it becomes current");
}

#[tokio::test]
async fn what_is_deployed_is_for_what_starts_next_and_runs_under_way_keep_theirs() {
    let mut scene = Scene::of(&[("a", answers("old")), ("w", waits("old"))], &[]).await;
    scene.work();
    let old = scene.queue("Waits").await;
    scene.until(old, Status::Waiting).await;
    let files = version(&[("a", answers("new")), ("w", waits("new"))]);
    let plan = scene.engine.deploy(files.clone(), wish()).await.unwrap();
    assert_eq!((plan.errors, plan.diff.to), (0, files.hash()));
    assert_eq!(says(&scene).await, "new");
    let new = scene.queue("Waits").await;
    scene.until(new, Status::Waiting).await;
    for run in [old, new] {
        scene.engine.store().signal(run, "go".into(), recipe::Value::Null).await.unwrap();
    }
    let result = async |run: Id| scene.end(run).await.end.unwrap().result.to_text().to_string();
    assert_eq!((result(old).await, result(new).await), ("old".into(), "new".into()));
    let history = scene.engine.versions("main").await.unwrap();
    assert_eq!(history[0].publication.by.as_deref(), Some("ada"));
    assert_eq!(&*history[0].publication.note, "because");
    scene.close().await;
}

#[tokio::test]
async fn a_diff_says_what_changes_and_for_how_many_runs() {
    let before = [("a", answers("old")), ("n", nightly("0 3 * * *")), ("w", waits("old"))];
    let mut scene = Scene::of(&before, &[]).await;
    scene.work();
    for _ in 0..3 {
        let run = scene.queue("Waits").await;
        scene.until(run, Status::Waiting).await;
    }
    let was = current(&scene);
    let files = version(&[("a2", answers("old")), ("n", nightly("0 4 * * *")), ("w", waits("new"))]);
    let plan = scene.engine.plan_deploy(&files).await.unwrap();
    let diff = plan.diff;
    assert_eq!((diff.from, diff.to, current(&scene)), (Some(was), files.hash(), was));
    let parts = |parts: &[engine::Part]| -> Vec<_> {
        parts.iter().map(|part| (part.name.to_string(), part.turn)).collect()
    };
    let file = |name: &str| format!("workflows/{name}.workflow.json");
    let changed = [
        (file("a"), Turn::Removed),
        (file("a2"), Turn::Added),
        (file("n"), Turn::Changed),
        (file("w"), Turn::Changed),
    ];
    assert_eq!(parts(&diff.files), changed);
    let changed = [("Nightly".to_owned(), Turn::Changed), ("Waits".to_owned(), Turn::Changed)];
    assert_eq!(parts(&diff.workflows), changed, "a file that has moved changes nothing");
    let [schedule] = &diff.schedules[..] else { panic!("{:?}", diff.schedules) };
    let times = (schedule.before.as_deref(), schedule.after.as_deref());
    assert_eq!(times, (Some("0 3 * * * Europe/Berlin"), Some("0 4 * * * Europe/Berlin")));
    let [runs] = &diff.runs[..] else { panic!("{:?}", diff.runs) };
    assert_eq!((runs.version, &*runs.workflow, runs.runs), (was, "Waits", 3));
    let same = version(&before);
    let plan = scene.engine.plan_deploy(&same).await.unwrap();
    assert!(plan.diff.is_empty() && plan.diff.files.is_empty() && plan.diff.runs.is_empty());
    scene.close().await;
}

#[tokio::test]
async fn files_with_errors_are_not_deployed() {
    let scene = Scene::of(&[("a", answers("old"))], &[]).await;
    let was = current(&scene);
    let files = version(&[("a", answers("new")), ("b", json!({ "elements": [] }))]);
    let plan = scene.engine.deploy(files, wish()).await.unwrap();
    assert_eq!((plan.errors, &*plan.findings[0].place.path), (1, "workflows/b.workflow.json"));
    assert_eq!(current(&scene), was);
    assert_eq!(scene.engine.store().current().await.unwrap(), [("main".into(), was)]);
    scene.close().await;
}

#[tokio::test]
async fn a_rollback_holds_until_the_folder_changes() {
    let scene = Scene::of(&[("a", answers("one"))], &[]).await;
    let first = current(&scene);
    scene.project.workflow("main", "a", answers("two").to_string());
    scene.engine.publish().await.unwrap();
    let plan = scene.engine.roll_back("main", first, wish()).await.unwrap().unwrap();
    assert_eq!((plan.diff.to, says(&scene).await), (first, "one".to_owned()));
    scene.engine.publish().await.unwrap();
    assert_eq!(says(&scene).await, "one", "the folder has not changed since");
    let scene = scene.opened_again().await;
    assert_eq!(says(&scene).await, "one", "after a restart too");
    scene.project.workflow("main", "a", answers("three").to_string());
    scene.engine.publish().await.unwrap();
    assert_eq!(says(&scene).await, "three");
    assert!(scene.engine.roll_back("main", Hash([7; 32]), wish()).await.unwrap().is_none());
    assert!(scene.engine.roll_back("other", first, wish()).await.unwrap().is_none());
    scene.close().await;
}

#[tokio::test]
async fn what_another_process_publishes_is_current_here() {
    let mut scene = Scene::of(&[("a", answers("one"))], &[]).await;
    scene.work();
    let files = version(&[("a", answers("two"))]);
    scene.engine.store().publish(files.clone(), Publish::default()).await.unwrap();
    becomes_current(&scene, files.hash()).await;
    assert_eq!(says(&scene).await, "two");
    scene.close().await;
}

#[tokio::test]
async fn a_server_that_waits_for_deploys_publishes_only_what_there_is_no_version_of() {
    let first = || Settings { publishes: Publishes::First, ..Settings::default() };
    let scene = Scene::with(&[("a", answers("one"))], &[], first()).await;
    assert_eq!(says(&scene).await, "one");
    scene.project.workflow("main", "a", answers("two").to_string());
    scene.project.write("systems/other/workflows/a.workflow.json", answers("other").to_string());
    let scene = scene.opened_again().await;
    assert_eq!(says(&scene).await, "one");
    assert!(scene.engine.system("other").is_some(), "of that there was none");
    // It needs no folder.
    std::fs::remove_dir_all(scene.project.path().join("systems")).unwrap();
    let scene = scene.opened_again().await;
    assert_eq!(says(&scene).await, "one");
    scene.close().await;
    let scene = Scene::over(Project::new(), &[], first()).await;
    assert!(scene.engine.system("main").is_some_and(|published| published.system.workflows.is_empty()));
    scene.close().await;
}

/// As a hefe publishes it that knows more elements than this one.
async fn published_by_a_newer_one(scene: &Scene) -> Hash {
    let newer = json!({ "identifier": "Newer", "elements": [{ "name": "new", "type": "flow/invented" }] });
    let files = version(&[("a", answers("new")), ("new", newer), ("w", waits("new"))]);
    scene.engine.store().publish(files, Publish::default()).await.unwrap()
}

#[tokio::test]
async fn runs_of_a_version_that_cannot_be_loaded_here_stay_queued() {
    let mut scene = Scene::of(&[("a", answers("old")), ("w", waits("old"))], &[]).await;
    scene.work();
    let foreign = published_by_a_newer_one(&scene).await;
    becomes_current(&scene, foreign).await;
    let mut changes = scene.engine.store().changes();
    let run = scene.queue("Waits").await;
    let put_off = async {
        loop {
            let found = scene.engine.store().run(run).await.unwrap().unwrap();
            if found.wake_at_ms.is_some() || found.status.ended() {
                return found;
            }
            changes.recv().await.unwrap();
        }
    };
    let found = tokio::time::timeout(DEADLINE, put_off).await.expect("it is taken, and put off");
    assert_eq!((found.status, found.start.version, found.attempts), (Status::Queued, foreign, 0));
    let put_off_ms = found.wake_at_ms.unwrap_or(0) - found.start.created_at_ms;
    assert!(put_off_ms < 10_000, "others have it soon: {put_off_ms} ms");
    let why = scene.engine.why(&found).await.unwrap();
    assert!(why.contains("a newer hefe") && why.contains("flow/invented"), "{why}");
    // What could be worked here alone is refused, with the place.
    let call = Call {
        system: "main".into(),
        door: Door::Workflow("Answers".into()),
        input: recipe::Value::Null,
        person: Some(Person::local()),
    };
    let refused = scene.engine.call(call).await;
    assert!(
        matches!(&refused, Err(Refusal::Broken(finding)) if &*finding.place.path == "workflows/new.workflow.json"),
        "{refused:?}"
    );
    // Here it cannot be made current by hand; what can be loaded is.
    let plan = scene.engine.roll_back("main", foreign, wish()).await.unwrap().unwrap();
    assert_eq!(plan.errors, 1);
    scene.engine.deploy(version(&[("a", answers("mine"))]), wish()).await.unwrap();
    assert_eq!(says(&scene).await, "mine");
    scene.close().await;
}

#[tokio::test]
async fn schedules_of_a_version_that_cannot_be_loaded_here_stay() {
    let mut scene = Scene::of(&[("n", nightly("0 3 * * *"))], &[]).await;
    scene.work();
    let schedules = async || scene.engine.store().schedules(None).await.unwrap().len();
    let declared = async {
        while schedules().await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, declared).await.expect("it is declared");
    let foreign = published_by_a_newer_one(&scene).await;
    becomes_current(&scene, foreign).await;
    let all: Arc<dyn store::Store> = scene.engine.store().clone();
    // Whatever the schedules do at the change has been written when this is answered.
    for _ in 0..50 {
        tokio::task::yield_now().await;
        assert_eq!(all.schedules(None).await.unwrap().len(), 1, "a newer one knows which there are");
    }
    scene.close().await;
}
