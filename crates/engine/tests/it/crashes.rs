//! Exhaustive: every example, with a crash after each of its submissions, and before each: the same end.

pub(crate) mod dying;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use serde_json::{Value, json};
use store::Id;
use testkit::{
    project::Project,
    provider::{Answer, Provider},
};

use tokio::{sync::Semaphore, task::JoinSet};

use self::dying::{Dying, When};
use crate::scene::Scene;

/// What is left of a run: how it and its children ended, what is kept, its bars, the keys that the provider saw.
#[derive(Debug, PartialEq)]
struct Left {
    runs: Vec<String>,
    notes: Vec<String>,
    bars: Vec<String>,
    keys: usize,
}

async fn left(scene: &Scene, provider: &Provider, run: Id) -> Left {
    let store = scene.engine.store();
    let mut tree = store.children(run).await.unwrap();
    tree.push(store.run(run).await.unwrap().unwrap());
    let said = |run: &store::Run| {
        let end = run.end.as_ref().expect("its end");
        format!(
            "{} {} {} {}",
            run.start.workflow,
            run.status.word(),
            end.result.to_json(),
            end.error.to_json()
        )
    };
    let notes = store.notifications("main".into(), "local".into(), 0, 0).await.unwrap();
    let mut notes: Vec<String> = notes.iter().map(|kept| kept.body.to_json()).collect();
    notes.sort();
    let bars = store.items_of(run).await.unwrap();
    let bar = |item: &Arc<store::Item>| {
        let words = item.message().to_text();
        format!("{} {:?} {} {:?} {words}", item.process, item.status, item.progress, item.total)
    };
    Left {
        runs: tree.iter().map(said).collect(),
        notes,
        bars: bars.iter().map(bar).collect(),
        keys: provider.by_key().len(),
    }
}

/// One example: the files of its system, the workflow to start, and what it is given.
struct Example {
    name: String,
    files: Vec<(String, String)>,
    workflow: String,
    input: Value,
    /// It keeps at least so many notifications.
    notes: usize,
}

impl Example {
    /// Starts it, and lets the process die as told; then works it to its end. None: it ended before that.
    async fn run(&self, crash: Option<(When, usize)>) -> Option<Left> {
        let provider = Provider::start().await;
        answers(&provider);
        let project = Project::new();
        for (name, text) in &self.files {
            project.workflow("main", name, text.replace("http://127.0.0.1:8087", &provider.url("")));
        }
        let mut scene = Scene::over(project, &[&provider.host()], engine::Settings::default()).await;
        let run = match scene.start(&self.workflow, self.input.clone()).await {
            engine::Started::Queued { run, .. } => run,
            engine::Started::Done(answer) => panic!("{answer:?} was not queued"),
        };
        if let Some((when, nth)) = crash {
            let dying = Dying::new(when, nth);
            scene = scene.opened_over(|store| dying.over(store)).await;
            scene.work();
            if !dying.dies_before(&scene, run).await {
                scene.close().await;
                return None;
            }
            scene = scene.dropped().await;
        }
        scene.work();
        let ended = scene.end(run).await;
        for child in scene.engine.store().children(run).await.unwrap() {
            scene.end(child.start.id).await;
        }
        assert!(ended.status.ended());
        let left = left(&scene, &provider, run).await;
        scene.close().await;
        Some(left)
    }

    /// A crash at each place, until there is none left; how many there were.
    async fn check(&self) -> usize {
        let expected = self.run(None).await.expect("its end");
        assert!(expected.notes.len() >= self.notes, "{}: {expected:?}", self.name);
        let mut crashes = 0;
        for when in [When::Before, When::After] {
            for nth in 1.. {
                let Some(left) = self.run(Some((when, nth))).await else { break };
                assert_eq!(left, expected, "{}, a crash {when:?} submission {nth}", self.name);
                crashes += 1;
            }
        }
        crashes
    }
}

/// Some at once; how many crashes there were.
async fn check(examples: Vec<Example>) -> usize {
    let (mut checks, places) = (JoinSet::new(), Arc::new(Semaphore::new(8)));
    for example in examples {
        let places = places.clone();
        checks.spawn(async move {
            let _place = places.acquire().await.unwrap();
            example.check().await
        });
    }
    checks.join_all().await.into_iter().sum()
}

/// What the demo's provider says; a path that begins otherwise gets 200 and `{}`.
fn answers(provider: &Provider) {
    for project in 1..=2 {
        provider.answer(&format!("/files/{project}"), Answer::json(&json!({ "count": 3 })));
    }
    let published = json!({ "url": "https://example.org/1", "revision": 4 });
    provider.answer("/publish/1", Answer::json(&published));
    provider.answer("/publish/2", Answer::of(503, &[], "busy"));
}

fn workflows(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().replace(".workflow.json", "");
        files.push((name, std::fs::read_to_string(&path).unwrap()));
    }
    files
}

#[tokio::test]
async fn an_example_workflow_ends_the_same_with_a_crash_anywhere() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/publishing/systems/shop/workflows");
    let mut files = workflows(&folder);
    let mut started = BTreeSet::new();
    for (_, text) in files.clone() {
        let workflow: Value = serde_json::from_str(&text).unwrap();
        let name = workflow["identifier"].as_str().unwrap().to_owned();
        started.insert((name, workflow["async"] == true));
    }
    // What answers in a request is run in the background by one that awaits what it starts.
    for (name, behind) in &started {
        if !behind {
            let outer = json!({ "identifier": format!("Behind{name}"), "async": true, "entry": "run", "elements": [
                { "name": "run", "type": "action/run", "options": { "workflow": name, "async": false, "input": { "project": "$project" } }, "to": { "default": { "await": ["default"] } } },
                { "name": "await", "type": "flow/await", "to": { "default": { "tell": ["default"] } } },
                { "name": "tell", "type": "action/notify", "options": { "notification": "it has ended" } }
            ] });
            files.push((format!("behind-{name}"), outer.to_string()));
        }
    }
    let mut examples = Vec::new();
    for (name, behind) in started {
        let workflow = if behind { name.clone() } else { format!("Behind{name}") };
        for project in 1..=2 {
            let input = json!({ "project": { "id": project, "name": "hut" } });
            let example = Example {
                name: format!("{name} {project}"),
                files: files.clone(),
                workflow: workflow.clone(),
                input,
                notes: 1,
            };
            examples.push(example);
        }
    }
    let crashes = check(examples).await;
    assert!(crashes >= 20, "{crashes} crashes");
}

#[tokio::test]
async fn an_elements_example_ends_the_same_with_a_crash_anywhere() {
    let mut examples = Vec::new();
    for declaration in &interpreter::catalog().types {
        for (n, example) in declaration.examples.iter().enumerate() {
            let mut element: Value = serde_json::from_str(example.element).unwrap();
            let fired: Value = serde_json::from_str(example.output).unwrap();
            element["name"] = json!("it");
            element["type"] = declaration.name.into();
            let input: Value = serde_json::from_str(example.input).unwrap();
            let mut elements = vec![json!({ "name": "call", "type": "api/http",
                "options": { "uri": "http://127.0.0.1:8087/before" }, "to": { "default": { "it": ["default"] } } })];
            // Between a call before it and a call after it, on every port that fires: what it gave is kept.
            element["in"] = json!({ "default": "$given.input" });
            let mut to = serde_json::Map::new();
            for port in fired.as_object().unwrap().keys() {
                to.insert(port.clone(), json!({ format!("tell {port}"): ["default"] }));
                elements.push(json!({ "name": format!("tell {port}"), "type": "action/notify",
                    "options": { "notification": { "title": port, "value": "${this}" } },
                    "to": { "default": { format!("call {port}"): ["default"] } } }));
                elements.push(json!({ "name": format!("call {port}"), "type": "api/http",
                    "options": { "uri": "http://127.0.0.1:8087/after" } }));
            }
            element["to"] = Value::Object(to);
            elements.push(element);
            let file = json!({ "identifier": "It", "async": true, "entry": "call", "elements": elements });
            let example = Example {
                name: format!("{} {n}: {}", declaration.name, example.says),
                files: vec![("it".to_owned(), file.to_string())],
                workflow: "It".to_owned(),
                input: json!({ "given": { "input": input } }),
                notes: fired.as_object().unwrap().len(),
            };
            examples.push(example);
        }
    }
    let crashes = check(examples).await;
    assert!(crashes >= 40, "{crashes} crashes");
}

#[tokio::test]
async fn a_run_that_waits_briefly_goes_on_without_a_read_and_after_a_restart_with_one() {
    let wait = |n: usize| {
        json!({ "name": format!("w{n}"), "type": "flow/await", "options": { "signal": format!("go{n}") },
        "to": { "default": { format!("w{}", n + 1): ["default"] } } })
    };
    let mut elements: Vec<Value> = (0..=12).map(wait).collect();
    elements.push(json!({ "name": "w13", "type": "action/response", "options": { "body": "done" } }));
    let workflow = json!({ "identifier": "Waits", "async": true, "entry": "w0", "elements": elements });
    let scene = Scene::of(&[("Waits", workflow)], &[]).await;
    let living = Dying::never();
    let mut scene = scene.opened_over(|store| living.over(store)).await;
    scene.work();
    let run = scene.queue("Waits").await;
    let signal = async |scene: &Scene, n: usize| {
        scene.until(run, store::Status::Waiting).await;
        let name = format!("go{n}");
        scene.engine.store().signal(run, name.as_str().into(), recipe::Value::Null).await.unwrap();
    };
    for n in 0..12 {
        let mut changes = scene.engine.store().changes();
        signal(&scene, n).await;
        // It is woken, worked, and waits again.
        let mut stood = Vec::new();
        while stood.last() != Some(&store::Status::Waiting) || stood.len() < 3 {
            let batch = changes.recv().await.unwrap();
            stood.extend(batch.iter().filter_map(|(_, change)| match change {
                store::Change::Run { start, stands } if start.id == run => Some(stands.status),
                _ => None,
            }));
        }
    }
    // One that is woken before its worker has heard that it parked is read.
    assert!(living.reads() < 6, "{} reads", living.reads());
    scene.stop(engine::Stop::Soon);
    scene.stopped().await;
    let again = Dying::never();
    let mut scene = scene.opened_over(|store| again.over(store)).await;
    scene.work();
    signal(&scene, 12).await;
    assert_eq!(scene.end(run).await.status, store::Status::Succeeded);
    assert_eq!(again.reads(), 1);
    scene.close().await;
}
