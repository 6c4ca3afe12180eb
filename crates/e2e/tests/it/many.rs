//! Two servers and a worker on one PostgreSQL, each a process: what is done at one shows and counts at the others.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{
    client::Client,
    postgres::{Database, shared},
    process::{self, Hefe},
    project::Project,
    provider::{Answer, Gate, Provider},
};
use tokio::process::Child;

/// A lease, the look that finds that it has run out, and some more.
const LEASE_IS_OVER: Duration = Duration::from_secs(45);

/// A call to that path, then a bar that is full.
fn worker(name: &str, queue: &str, provider: &Provider) -> Value {
    let bar = |name: &str, at: u32, to: Value| {
        json!({ "name": name, "type": "cast/progress", "to": to,
            "options": { "process": "work", "title": "Working", "total": 3, "progress": at } })
    };
    let to = |name: &str| json!({ "default": { name: ["default"] } });
    let call = |name: &str, next: &str| {
        json!({ "name": name, "type": "api/http", "to": to(next),
            "options": { "uri": provider.url(&format!("/{name}/$id")), "timeout": "100s" } })
    };
    json!({ "identifier": name, "async": true, "queue": queue, "entry": "begun", "elements": [
        bar("begun", 1, to("first")), call("first", "half"), bar("half", 2, to("second")),
        call("second", "done"), bar("done", 3, json!({}))
    ] })
}

struct Scene {
    database: Database,
    provider: Provider,
    project: Project,
}

impl Scene {
    async fn new() -> Scene {
        let provider = Provider::start().await;
        let project = Project::new();
        project.workflow("shop", "work", worker("Work", "default", &provider).to_string());
        project.workflow("shop", "side", worker("Side", "side", &provider).to_string());
        project.settings(format!("[hosts.\"{}\"]\nallow_private = true\n", provider.host()));
        Scene { database: shared().database(), provider, project }
    }

    /// A server that works one run at once.
    async fn server(&self) -> Hefe {
        Hefe::serve(self.project.path(), &["--database", &self.database.url(), "--runs", "1"]).await
    }

    fn worker(&self) -> Child {
        let mut command = process::command();
        command.arg("worker").arg(self.project.path()).args(["--database", &self.database.url()]);
        command.kill_on_drop(true).spawn().expect("a worker")
    }

    /// From now on that call waits.
    fn hold(&self, path: &str) -> Gate {
        let gate = Gate::default();
        self.provider.answer(path, Answer { held: Some(gate.clone()), ..Answer::default() });
        gate
    }

    fn passes(&self, id: u32) {
        self.provider.answer(&format!("/first/{id}"), Answer::default());
        self.provider.answer(&format!("/second/{id}"), Answer::default());
    }

    /// One server each is busy with a call that waits: whatever is launched from now on is the worker's.
    async fn busy(&self) -> (Hefe, Hefe, [Gate; 2]) {
        let gates = [self.hold("/first/100"), self.hold("/first/101")];
        self.provider.answer("/second/100", Answer::default());
        self.provider.answer("/second/101", Answer::default());
        let a = self.server().await;
        launch(&a.client(), "Work", 100).await;
        self.provider.arrived_at("/first/100", 1).await;
        let b = self.server().await;
        launch(&b.client(), "Work", 101).await;
        self.provider.arrived_at("/first/101", 1).await;
        (a, b, gates)
    }
}

async fn launch(client: &Client, workflow: &str, id: u32) -> String {
    let answer = client.post(&format!("/shop/workflows/{workflow}/run"), &json!({ "id": id })).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["run"].as_str().unwrap().to_owned()
}

/// Once the run stands so, as that server says.
async fn stands(client: &Client, run: &str, status: &str) -> Value {
    let mut events = client.events("/shop/events").await;
    loop {
        let found = client.get(&format!("/shop/runs/{run}")).await.json();
        if found["status"] == status {
            return found;
        }
        events.until(|event| event.event == "run").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_launched_at_one_server_worked_elsewhere_and_seen_at_another() {
    let scene = Scene::new().await;
    let (a, b, _gates) = scene.busy().await;
    let (a, b) = (a.client(), b.client());
    let _worker = scene.worker();
    scene.passes(1);
    let second = scene.hold("/second/1");

    let mut events = b.events("/shop/events").await;
    let run = launch(&a, "Work", 1).await;
    scene.provider.arrived_at("/second/1", 1).await;
    let mut seen = Vec::new();
    let mut opened = false;
    while seen.last() != Some(&json!([3, "succeeded"])) {
        let item = events
            .until(|event| event.event == "progress" && event.json()["run"] == run.as_str())
            .await
            .json();
        seen.push(json!([item["progress"], item["status"]]));
        if item["progress"] == 2 && !opened {
            // It came before the run went on.
            second.open();
            opened = true;
        }
    }
    let at: Vec<u64> = seen.iter().map(|state| state[0].as_u64().unwrap()).collect();
    assert!(at.is_sorted() && at.contains(&2), "{seen:?}");

    scene.hold("/first/2");
    let run = launch(&a, "Work", 2).await;
    scene.provider.arrived_at("/first/2", 1).await;
    assert!(b.post(&format!("/shop/runs/{run}/cancel"), &json!({})).await.status < 300);
    scene.provider.abandoned(1).await;
    stands(&a, &run, "cancelled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_paused_at_one_server_is_paused_for_all() {
    let scene = Scene::new().await;
    let (a, b, _gates) = scene.busy().await;
    let (a, b) = (a.client(), b.client());
    let _worker = scene.worker();
    (1..=3).for_each(|id| scene.passes(id));
    // The worker is there, and works.
    let run = launch(&a, "Work", 1).await;
    stands(&b, &run, "succeeded").await;

    assert_eq!(a.post("/shop/queues/default/pause", &json!({})).await.status, 200);
    let held = launch(&b, "Work", 2).await;
    let other = launch(&b, "Side", 3).await;
    stands(&a, &other, "succeeded").await;
    assert_eq!(scene.provider.seen_at("/first/2").len(), 0);
    assert_eq!(b.get(&format!("/shop/runs/{held}")).await.json()["status"], "queued");
    assert_eq!(b.post("/shop/queues/default/resume", &json!({})).await.status, 200);
    stands(&a, &held, "succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_held_when_it_was_killed_goes_on_elsewhere_under_the_same_keys() {
    let scene = Scene::new().await;
    let (a, b, gates) = scene.busy().await;
    let mut worker = scene.worker();
    scene.passes(1);
    let second = scene.hold("/second/1");
    let run = launch(&a.client(), "Work", 1).await;
    scene.provider.arrived_at("/second/1", 1).await;
    worker.kill().await.unwrap();
    // The servers are free for it, which they learn from nobody but the lease.
    gates.iter().for_each(Gate::open);
    let again = async {
        while scene.provider.seen_at("/second/1").len() < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LEASE_IS_OVER, again).await.expect("its call is made again once its lease is over");
    second.open();
    let ended = stands(&b.client(), &run, "succeeded").await;
    assert_eq!(ended["progress"][0]["progress"], 3, "{ended}");
    assert_eq!(scene.provider.seen_at("/first/1").len(), 1, "what was done is not done again");
    let calls = scene.provider.seen_at("/second/1");
    let keys: Vec<_> = calls.iter().map(|seen| seen.header("idempotency-key")).collect();
    assert!(keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
}
