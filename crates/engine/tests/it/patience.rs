//! `job.timeout` and `job.maxDuration`: how long a worker holds a run.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use serde_json::{Value, json};
use store::{Id, Run, Status};
use testkit::provider::{Answer, Gate, Provider};

use crate::scene::{Scene, calls_behind};

/// The code of the error that it ended with.
fn code(run: &Run) -> String {
    run.end.as_ref().expect("its end").error.get("code").map_or_else(String::new, recipe::Value::to_text)
}

/// A call that is held the first time, and answered the second.
async fn held(job: Value) -> (Provider, Gate, Scene) {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider.answer("/held", Answer::json(&json!({ "n": 1 })));
    provider.queue("/held", [Answer { held: Some(gate.clone()), ..Answer::json(&json!({ "n": 0 })) }]);
    let mut workflow = calls_behind(&[(
        "held",
        json!({ "uri": provider.url("/held"), "method": "POST", "timeout": "60s" }),
    )]);
    workflow["job"] = job;
    let mut scene = Scene::of(&[("Call", workflow)], &[&provider.host()]).await;
    scene.work();
    (provider, gate, scene)
}

/// So many waits of 300 ms, one after another: a worker holds the run all the while.
fn waits(count: usize, span: &str, job: &Value) -> Value {
    let step = |n: usize| {
        json!({ "name": format!("w{n}"), "type": "flow/wait", "options": { "for": span },
        "to": { "default": { format!("w{}", n + 1): ["default"] } } })
    };
    let mut elements: Vec<Value> = (0..count).map(step).collect();
    elements.push(
        json!({ "name": format!("w{count}"), "type": "action/response", "options": { "body": "done" } }),
    );
    json!({ "identifier": "Waits", "async": true, "entry": "w0", "job": job, "elements": elements })
}

async fn ends(workflow: Value) -> Run {
    let mut scene = Scene::of(&[("Waits", workflow)], &[]).await;
    scene.work();
    let run = scene.queue("Waits").await;
    let run = scene.end(run).await;
    scene.close().await;
    run
}

#[tokio::test]
async fn an_effect_that_takes_too_long_is_left_and_tried_again_under_its_own_key() {
    let (provider, _gate, scene) =
        held(json!({ "timeout": "400ms", "attempts": 2, "backoff": { "base": "10ms" } })).await;
    let run = scene.queue("Call").await;
    let ended = scene.end(run).await;
    assert_eq!((ended.status, ended.attempts), (Status::Succeeded, 2));
    provider.abandoned(1).await;
    assert_eq!(provider.by_key().values().copied().collect::<Vec<_>>(), [2]);
    scene.close().await;
}

#[tokio::test]
async fn without_another_attempt_it_fails_and_can_be_tried_again_by_hand() {
    let (provider, _gate, scene) = held(json!({ "timeout": "300ms" })).await;
    let run = scene.queue("Call").await;
    let ended = scene.end(run).await;
    assert_eq!((ended.status, code(&ended).as_str()), (Status::Failed, "timeout"));
    assert_eq!(ended.end.as_ref().unwrap().error.get("element"), Some(&recipe::Value::from("held")));
    let retryable = ended.end.as_ref().and_then(|end| end.error.get("retryable").cloned());
    assert_eq!(retryable, Some(recipe::Value::Bool(true)));
    let from = engine::RetryFrom::Failure { current: false };
    assert!(matches!(scene.engine.retry(run, from).await.unwrap(), engine::Retried::Queued(_)));
    assert_eq!(scene.end(run).await.status, Status::Succeeded);
    assert_eq!(provider.by_key().values().copied().collect::<Vec<_>>(), [2]);
    scene.close().await;
}

#[tokio::test]
async fn outcomes_keep_a_run_going() {
    let run = ends(waits(5, "300ms", &json!({ "timeout": "900ms" }))).await;
    assert_eq!(run.status, Status::Succeeded, "{:?}", run.end);
}

#[tokio::test]
async fn the_whole_run_ends_at_its_longest_duration_whatever_attempts_are_left() {
    let job = json!({ "maxDuration": "700ms", "attempts": 5, "backoff": { "base": "10ms" } });
    let run = ends(waits(5, "300ms", &job)).await;
    assert_eq!((run.status, run.attempts, code(&run).as_str()), (Status::Failed, 1, "timeout"));
}

#[tokio::test]
async fn parked_time_does_not_count() {
    let job = json!({ "maxDuration": "1s", "timeout": "1s" });
    let run = ends(waits(2, "1200ms", &job)).await;
    assert_eq!(run.status, Status::Succeeded, "{:?}", run.end);
}

#[tokio::test]
async fn what_was_worked_before_a_park_counts() {
    let mut workflow = waits(3, "600ms", &json!({ "maxDuration": "1s" }));
    workflow["elements"][1]["options"]["for"] = json!("1200ms");
    let run = ends(workflow).await;
    assert_eq!((run.status, code(&run).as_str()), (Status::Failed, "timeout"));
}

/// Two calls that may take 400 ms in all, by a clock that goes on when it is told to; each is held the first times.
struct Slow {
    provider: Provider,
    gate: Gate,
    now_ms: Arc<AtomicI64>,
    scene: Scene,
    run: Id,
}

impl Slow {
    /// Returns when the first call has arrived.
    async fn start() -> Slow {
        let provider = Provider::start().await;
        let gate = Gate::new();
        let held = || Answer { held: Some(gate.clone()), ..Answer::json(&json!({})) };
        provider.queue("/one", [held(), held()]);
        let never = Answer { held: Some(Gate::new()), ..Answer::json(&json!({})) };
        provider.answer("/two", never);
        let options = |path: &str| json!({ "uri": provider.url(path), "method": "POST", "timeout": "60s" });
        let mut workflow = calls_behind(&[("one", options("/one")), ("two", options("/two"))]);
        workflow["job"] = json!({ "maxDuration": "400ms", "attempts": 3 });
        let now_ms = Arc::new(AtomicI64::new(1_800_000_000_000));
        let source = now_ms.clone();
        let clock = engine::Clock::new(move || source.load(Ordering::Relaxed));
        let settings = engine::Settings { clock, ..engine::Settings::default() };
        let mut scene = Scene::with(&[("Call", workflow)], &[&provider.host()], settings).await;
        let run = scene.queue("Call").await;
        scene.work();
        provider.arrived_at("/one", 1).await;
        Slow { provider, gate, now_ms, scene, run }
    }

    fn goes_on(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// It has taken too long.
    async fn fails_late(self) {
        let ended = self.scene.end(self.run).await;
        assert_eq!((ended.status, code(&ended).as_str()), (Status::Failed, "timeout"));
        self.scene.close().await;
    }
}

#[tokio::test]
async fn what_was_worked_before_a_stop_counts() {
    let mut slow = Slow::start().await;
    slow.goes_on(300);
    slow.scene.stop(engine::Stop::Now);
    slow.scene.stopped().await;
    assert_eq!(slow.scene.status(slow.run).await, Status::Queued);
    slow.scene = slow.scene.opened_again().await;
    slow.scene.work();
    slow.provider.arrived_at("/one", 2).await;
    slow.goes_on(150);
    slow.fails_late().await;
}

#[tokio::test]
async fn what_was_worked_before_a_crash_counts_up_to_the_last_outcome() {
    let mut slow = Slow::start().await;
    slow.goes_on(300);
    slow.gate.open();
    slow.provider.arrived_at("/two", 1).await;
    // Nobody hears of this.
    slow.goes_on(50);
    slow.scene = slow.scene.dropped().await;
    slow.scene.work();
    slow.provider.arrived_at("/two", 2).await;
    slow.goes_on(90);
    assert_eq!(slow.scene.status(slow.run).await, Status::Running);
    slow.goes_on(10);
    slow.fails_late().await;
}

/// Turns without an end, and without an outcome.
fn computes(job: &Value) -> Value {
    let work = json!({ "recipe": "range(0, 2000).map(x => x * 2).length" });
    let turns = json!({ "name": "turn", "type": "flow/while", "options": { "condition": "true", "max": 100_000_000 },
        "to": { "each": { "work": ["default"] } } });
    json!({ "identifier": "Waits", "async": true, "entry": "turn", "job": job,
        "elements": [turns, { "name": "work", "type": "op/recipe", "options": work }] })
}

#[tokio::test]
async fn a_run_that_only_computes_ends_when_its_time_is_over() {
    let run = ends(computes(&json!({ "timeout": "300ms" }))).await;
    assert_eq!((run.status, code(&run).as_str()), (Status::Failed, "timeout"));
}

#[tokio::test]
async fn runs_that_only_compute_hear_a_cancel_and_a_stop_and_leave_others_time() {
    let mut scene = Scene::of(&[("Waits", computes(&Value::Null))], &[]).await;
    scene.work();
    let runs = [scene.queue("Waits").await, scene.queue("Waits").await];
    scene.until(runs[1], Status::Running).await;
    scene.engine.cancel(runs[0], true).await.unwrap();
    assert_eq!(scene.end(runs[0]).await.status, Status::Cancelled);
    scene.stop(engine::Stop::Now);
    scene.stopped().await;
    assert_eq!(scene.status(runs[1]).await, Status::Queued, "it is handed back");
    scene.close().await;
}
