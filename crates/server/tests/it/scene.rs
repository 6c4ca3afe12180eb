//! A server over a project, working its runs, until it is told to stop.

use std::sync::Arc;

use engine::{Engine, Settings, Stop};
use serde_json::{Value, json};
use store::sqlite::Sqlite;
use testkit::{
    client::{Answer, Client},
    project::Project,
    provider::Provider,
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

pub(crate) struct Scene {
    pub(crate) client: Client,
    pub(crate) engine: Engine,
    stop: watch::Sender<Stop>,
    tasks: JoinSet<()>,
    workers: std::thread::JoinHandle<()>,
    project: Project,
}

impl Scene {
    /// Of workflows by name; the provider may be called.
    pub(crate) async fn of(workflows: &[(&str, Value)], provider: Option<&Provider>) -> Scene {
        let project = Project::new();
        for (name, workflow) in workflows {
            project.workflow("main", name, workflow.to_string());
        }
        Scene::start(project, provider.map(Provider::host), server::Settings::default()).await
    }

    /// Whose requests wait a moment only.
    pub(crate) async fn impatient(workflows: &[(&str, Value)]) -> Scene {
        Scene::impatient_over(workflows, None).await
    }

    /// The same; the provider may be called.
    pub(crate) async fn impatient_with(workflows: &[(&str, Value)], provider: &Provider) -> Scene {
        Scene::impatient_over(workflows, Some(provider)).await
    }

    async fn impatient_over(workflows: &[(&str, Value)], provider: Option<&Provider>) -> Scene {
        let project = Project::new();
        for (name, workflow) in workflows {
            project.workflow("main", name, workflow.to_string());
        }
        let allow_private = provider.map(Provider::host).into_iter().collect();
        let settings = Settings { request_ms: 100, allow_private, ..Settings::default() };
        Scene::over(project, settings, server::Settings::default()).await
    }

    /// Whose engine has limits of its own.
    pub(crate) async fn limited(workflows: &[(&str, Value)], settings: Settings) -> Scene {
        let project = Project::new();
        for (name, workflow) in workflows {
            project.workflow("main", name, workflow.to_string());
        }
        Scene::over(project, settings, server::Settings::default()).await
    }

    /// Of a project as it lies there.
    pub(crate) async fn start(project: Project, host: Option<String>, settings: server::Settings) -> Scene {
        let of_engine = Settings { allow_private: host.into_iter().collect(), ..Settings::default() };
        Scene::over(project, of_engine, settings).await
    }

    async fn over(project: Project, of_engine: Settings, settings: server::Settings) -> Scene {
        let store =
            Sqlite::open(&project.path().join(".hefe/hefe.db"), store::sqlite::Settings::default()).unwrap();
        let of_engine = Settings { project: Some(project.path().to_owned()), ..of_engine };
        let engine = Engine::open(Arc::new(store), of_engine).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
        let (stop, stopped) = watch::channel(Stop::No);
        let mut tasks = JoinSet::new();
        let (working, at_work) = (engine.clone(), stopped.clone());
        let workers = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(working.work(at_work));
        });
        let site = server::site(engine.clone(), settings).await.unwrap();
        tasks.spawn(server::serve(listener, site, stopped));
        Scene { client, engine, stop, tasks, workers, project }
    }

    /// Starts a background run and waits for its end; gives GET runs/ID.
    pub(crate) async fn run(&self, workflow: &str, input: &Value) -> Value {
        let mut events = self.client.events("/main/events").await;
        let started = self.client.post(&format!("/main/workflows/{workflow}/run"), input).await;
        assert_eq!(started.status, 202, "{}", started.text());
        let id = started.json()["run"].as_str().unwrap().to_owned();
        events
            .until(|event| {
                event.event == "run" && event.json()["id"] == id && is_over(&event.json()["status"])
            })
            .await;
        self.client.get(&format!("/main/runs/{id}")).await.json()
    }

    /// Calls a webhook that runs inside the request, and waits for its row, which is written behind the answer.
    pub(crate) async fn inside(&self, identifier: &str, input: &Value) -> (Answer, Value) {
        let mut events = self.client.events("/main/events").await;
        let answer = self.client.post(&format!("/main/webhook/{identifier}"), input).await;
        let id = answer.header("x-hefe-run").unwrap_or_else(|| panic!("{}", answer.text())).to_owned();
        events.until(|event| event.event == "run" && event.json()["id"] == id).await;
        (answer, self.client.get(&format!("/main/runs/{id}")).await.json())
    }

    /// Stops the server as a signal would; returns once everything has ended. The project stays.
    pub(crate) async fn stop(mut self) -> Project {
        self.stop.send_replace(Stop::Soon);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        tokio::task::spawn_blocking(|| self.workers.join()).await.unwrap().unwrap();
        self.engine.store().close().await.unwrap();
        self.project
    }
}

pub(crate) fn is_over(status: &Value) -> bool {
    ["succeeded", "failed", "cancelled"].iter().any(|word| status == word)
}

/// A webhook `echo` that answers with what it got; `more` are the elements behind the event.
pub(crate) fn hook(identifier: &str, first: &str, elements: &[Value]) -> Value {
    let mut all = vec![
        json!({ "name": identifier, "type": "event/webhook", "to": { "default": { first: ["default"] } } }),
    ];
    all.extend_from_slice(elements);
    json!({ "identifier": format!("{identifier}Flow"), "events": [{ "identifier": identifier, "type": "webhook" }], "elements": all })
}

/// A background workflow with one bar that a provider's call holds in the middle.
pub(crate) fn bars(provider: &Provider, title: &str) -> Value {
    let bar = |name: &str, progress: i32, to: Option<&str>| {
        let mut element = json!({ "name": name, "type": "cast/progress",
            "options": { "title": title, "total": 2, "progress": progress, "statusMessage": name } });
        if let Some(to) = to {
            element["to"] = json!({ "default": { to: ["default"] } });
        }
        element
    };
    json!({ "identifier": "Bars", "async": true, "entry": "half", "elements": [
        bar("half", 1, Some("call")),
        { "name": "call", "type": "api/http", "options": { "uri": provider.url("/held"), "timeout": "60s" },
          "to": { "default": { "whole": ["default"] }, "error": { "whole": ["default"] } } },
        bar("whole", 2, None)
    ] })
}
