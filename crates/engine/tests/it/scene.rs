//! An engine over a project, closed and opened again as often as a test wants.

use std::sync::Arc;

use engine::{Call, Door, Engine, Person, Settings, Started, Stop};
use serde_json::{Value, json};
use store::{Change, Id, Status, Store, sqlite::Sqlite};
use testkit::{DEADLINE, project::Project, provider::Provider};
use tokio::{sync::watch, task::JoinSet};

/// Makes one call of that provider inside a request: {status, headers, body}, or the error value.
pub(crate) async fn call(provider: &Provider, options: Value) -> Value {
    call_allowing(&[&provider.host()], options).await
}

/// The same with other hosts allowed.
pub(crate) async fn call_allowing(hosts: &[&str], options: Value) -> Value {
    let scene = Scene::of(&[("Call", calls(&[("call", options)]))], hosts).await;
    let answer = match scene.start("Call", json!({})).await {
        Started::Done(answer) => answer,
        Started::Queued { run, .. } => panic!("{run} was queued"),
    };
    let value = answer.response.map_or(answer.error, |response| response.body);
    scene.close().await;
    serde_json::from_str(&value.to_json()).unwrap()
}

/// A workflow `Call` whose elements call one after the other, and answer with what the last one got.
pub(crate) fn calls(elements: &[(&str, Value)]) -> Value {
    let mut all: Vec<Value> = Vec::new();
    for (at, (name, options)) in elements.iter().enumerate() {
        let next = elements.get(at + 1).map_or("answer", |(next, _)| next);
        all.push(json!({ "name": name, "type": "api/http", "options": options, "to": { "response": { next: ["default"] } } }));
    }
    all.push(json!({ "name": "answer", "type": "action/response" }));
    json!({ "identifier": "Call", "entry": elements[0].0, "elements": all })
}

/// The same, in the background.
pub(crate) fn calls_behind(elements: &[(&str, Value)]) -> Value {
    let mut workflow = calls(elements);
    workflow["async"] = json!(true);
    workflow
}

pub(crate) struct Scene {
    pub(crate) engine: Engine,
    pub(crate) project: Project,
    settings: Settings,
    stop: watch::Sender<Stop>,
    work: JoinSet<()>,
}

impl Scene {
    /// Of workflows by name; those hosts may be called.
    pub(crate) async fn of(workflows: &[(&str, Value)], hosts: &[&str]) -> Scene {
        Scene::with(workflows, hosts, Settings::default()).await
    }

    pub(crate) async fn with(workflows: &[(&str, Value)], hosts: &[&str], settings: Settings) -> Scene {
        let project = Project::new();
        for (name, workflow) in workflows {
            project.workflow("main", name, workflow.to_string());
        }
        Scene::over(project, hosts, settings).await
    }

    /// Of a project that is there.
    pub(crate) async fn over(project: Project, hosts: &[&str], settings: Settings) -> Scene {
        let settings = Settings {
            project: Some(project.path().to_owned()),
            allow_private: hosts.iter().map(ToString::to_string).collect(),
            ..settings
        };
        Scene::open(project, settings, |store| store).await
    }

    async fn open(
        project: Project,
        settings: Settings,
        store: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>,
    ) -> Scene {
        let path = project.path().join(".hefe/hefe.db");
        let sqlite = Sqlite::open(&path, store::sqlite::Settings::default()).unwrap();
        let engine = Engine::open(store(Arc::new(sqlite)), settings.clone()).await.unwrap();
        Scene { engine, project, settings, stop: watch::Sender::new(Stop::No), work: JoinSet::new() }
    }

    pub(crate) async fn start(&self, workflow: &str, input: Value) -> Started {
        let call = Call {
            system: "main".into(),
            door: Door::Workflow(workflow.into()),
            input: recipe::Value::from_json(&input.to_string()).unwrap(),
            person: Some(Person::local()),
        };
        self.engine.call(call).await.unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }

    pub(crate) async fn queue(&self, workflow: &str) -> Id {
        match self.start(workflow, json!({})).await {
            Started::Queued { run, .. } => run,
            Started::Done(answer) => panic!("{answer:?} was not queued"),
        }
    }

    /// Works what is ready, until told otherwise.
    pub(crate) fn work(&mut self) {
        let (engine, stop) = (self.engine.clone(), self.stop.subscribe());
        self.work.spawn(async move { engine.work(stop).await });
    }

    pub(crate) fn stop(&self, how: Stop) {
        self.stop.send_replace(how);
    }

    /// Awaits the end of the work.
    pub(crate) async fn stopped(&mut self) {
        let all = async { while self.work.join_next().await.is_some_and(|ended| ended.is_ok()) {} };
        tokio::time::timeout(DEADLINE, all).await.expect("the workers stop");
    }

    /// Awaits the end of a run.
    pub(crate) async fn end(&self, run: Id) -> store::Run {
        self.look(run, Status::ended).await
    }

    /// Awaits that a run stands there.
    pub(crate) async fn until(&self, run: Id, status: Status) -> store::Run {
        self.look(run, |stands| stands == status).await
    }

    async fn look(&self, run: Id, wanted: impl Fn(Status) -> bool) -> store::Run {
        let mut changes = self.engine.store().changes();
        let seen = async {
            loop {
                let found = self.engine.store().run(run).await.unwrap().expect("the run");
                if wanted(found.status) {
                    return found;
                }
                while !changes.recv().await.unwrap().iter().any(|(_, change)| is_of(change, run)) {}
            }
        };
        tokio::time::timeout(DEADLINE, seen).await.expect("the run comes there")
    }

    pub(crate) async fn status(&self, run: Id) -> Status {
        self.engine.store().run(run).await.unwrap().expect("the run").status
    }

    /// Opens the project anew after its work was dropped where it stood: nothing is handed back, nothing is said.
    pub(crate) async fn dropped(mut self) -> Scene {
        self.work.shutdown().await;
        self.opened_again().await
    }

    /// Opens the project anew.
    pub(crate) async fn opened_again(self) -> Scene {
        self.opened_over(|store| store).await
    }

    /// The same, over what is made of its store.
    pub(crate) async fn opened_over(self, store: impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store>) -> Scene {
        let settings = self.settings.clone();
        let project = self.close().await;
        Scene::open(project, settings, store).await
    }

    pub(crate) async fn close(self) -> Project {
        let store: Arc<dyn Store> = self.engine.store().clone();
        drop((self.engine, self.work));
        store.close().await.unwrap();
        self.project
    }
}

fn is_of(change: &Change, run: Id) -> bool {
    matches!(change, Change::Run { start, .. } if start.id == run)
}
