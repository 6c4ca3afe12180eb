//! Runs under way when the work stops, gracefully or not.

use engine::{Settings, Stop};
use serde_json::{Value, json};
use store::{Id, Status};
use testkit::provider::{Answer, Gate, Provider};

use crate::scene::{Scene, calls_behind};

/// Two calls, of which the second is held.
struct Held {
    provider: Provider,
    gate: Gate,
    scene: Scene,
    run: Id,
}

impl Held {
    /// Returns when the second call has arrived.
    async fn start(settings: Settings) -> Held {
        let provider = Provider::start().await;
        let gate = Gate::new();
        provider.queue("/two", [Answer { held: Some(gate.clone()), ..Answer::json(&json!({ "n": 2 })) }]);
        let options = |path: &str| json!({ "uri": provider.url(path), "method": "POST", "timeout": "60s" });
        let steps: Vec<(&str, Value)> =
            ["one", "two", "three"].map(|name| (name, options(&format!("/{name}")))).into();
        let mut scene = Scene::with(&[("Call", calls_behind(&steps))], &[&provider.host()], settings).await;
        let run = scene.queue("Call").await;
        scene.work();
        provider.arrived_at("/two", 1).await;
        Held { provider, gate, scene, run }
    }

    /// How often each path was called.
    fn counts(&self) -> [usize; 3] {
        ["/one", "/two", "/three"].map(|path| self.provider.seen_at(path).len())
    }

    /// Works the run to its end; a firing's key is the same each time.
    async fn finish(mut self, counts: [usize; 3]) {
        self.scene.work();
        let run = self.scene.end(self.run).await;
        assert_eq!((run.status, self.counts()), (Status::Succeeded, counts));
        let keys = self.provider.by_key();
        let mut times: Vec<usize> = keys.values().copied().collect();
        times.sort_unstable();
        let mut expected = counts;
        expected.sort_unstable();
        assert_eq!(times, expected, "{keys:?}");
        self.scene.stop(Stop::Soon);
        self.scene.stopped().await;
        self.scene.close().await;
    }
}

#[tokio::test]
async fn a_graceful_stop_finishes_the_effect_and_hands_the_run_back() {
    let mut held = Held::start(Settings::default()).await;
    held.scene.stop(Stop::Soon);
    held.gate.open();
    held.scene.stopped().await;
    assert_eq!((held.scene.status(held.run).await, held.counts()), (Status::Queued, [1, 1, 0]));
    held.scene = held.scene.opened_again().await;
    held.finish([1, 1, 1]).await;
}

#[tokio::test]
async fn at_the_end_of_the_grace_period_the_effect_is_left() {
    let mut held = Held::start(Settings { grace_ms: 50, ..Settings::default() }).await;
    held.scene.stop(Stop::Soon);
    held.provider.abandoned(1).await;
    held.scene.stopped().await;
    assert_eq!((held.scene.status(held.run).await, held.counts()), (Status::Queued, [1, 1, 0]));
    // The same engine, and the same database, still open: the run is free again.
    held.scene.stop(Stop::No);
    held.finish([1, 2, 1]).await;
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let mut held = Held::start(Settings::default()).await;
    held.scene.stop(Stop::Soon);
    held.scene.stop(Stop::Now);
    held.provider.abandoned(1).await;
    held.scene.stopped().await;
    assert_eq!((held.scene.status(held.run).await, held.counts()), (Status::Queued, [1, 1, 0]));
    held.scene.stop(Stop::No);
    held.finish([1, 2, 1]).await;
}

#[tokio::test]
async fn a_run_resumes_from_its_journal_after_its_engine_is_gone() {
    let mut held = Held::start(Settings::default()).await;
    held.scene = held.scene.dropped().await;
    assert_eq!((held.scene.status(held.run).await, held.counts()), (Status::Queued, [1, 1, 0]));
    held.finish([1, 2, 1]).await;
}

#[tokio::test]
async fn a_run_that_is_dropped_again_and_again_ends() {
    let mut held = Held::start(Settings::default()).await;
    for time in 2..5 {
        held.provider.queue("/two", [Answer { held: Some(held.gate.clone()), ..Answer::default() }]);
        held.scene = held.scene.dropped().await;
        held.scene.work();
        held.provider.arrived_at("/two", time).await;
    }
    held.scene = held.scene.dropped().await;
    held.finish([1, 5, 1]).await;
}

#[tokio::test]
async fn a_cancel_drops_the_call() {
    let mut held = Held::start(Settings::default()).await;
    held.scene.engine.cancel(held.run, true).await.unwrap();
    held.provider.abandoned(1).await;
    assert_eq!(held.scene.end(held.run).await.status, Status::Cancelled);
    assert_eq!(held.counts(), [1, 1, 0]);
    held.scene.stop(Stop::Soon);
    held.scene.stopped().await;
    held.scene.close().await;
}

#[tokio::test]
async fn what_a_bar_last_said_outlives_a_stop() {
    let provider = Provider::start().await;
    provider.answer("/held", Answer { held: Some(Gate::new()), ..Answer::default() });
    let bar = |name: &str, to: &str, progress: i32| {
        json!({ "name": name, "type": "cast/progress", "options": { "total": 9, "progress": progress },
        "to": { "default": { to: ["default"] } } })
    };
    let call = |name: &str, path: &str, to: Value| {
        let options = json!({ "uri": provider.url(path), "timeout": "60s" });
        json!({ "name": name, "type": "api/http", "options": options, "to": to })
    };
    let workflow = json!({ "identifier": "Bars", "async": true, "entry": "first", "elements": [
        bar("first", "call", 1),
        call("call", "/one", json!({ "default": { "second": ["default"] } })),
        bar("second", "held", 2),
        call("held", "/held", json!({}))
    ] });
    // Between two writes of a bar lies more time than this test takes.
    let settings = Settings { progress_ms: 600_000, grace_ms: 0, ..Settings::default() };
    let mut scene = Scene::with(&[("Bars", workflow)], &[&provider.host()], settings).await;
    let run = scene.queue("Bars").await;
    scene.work();
    provider.arrived_at("/held", 1).await;
    let store = scene.engine.store().clone();
    let progress = async || -> Vec<f64> {
        let items = store.items_of(run).await.unwrap();
        items.iter().map(|item| item.progress).collect()
    };
    assert_eq!(progress().await, [1.0]);
    scene.stop(Stop::Soon);
    scene.stopped().await;
    assert_eq!(progress().await, [2.0]);
    scene.close().await;
}

#[tokio::test]
async fn closing_the_store_under_the_work_does_not_keep_it_from_stopping() {
    let mut scene = Scene::of(&[], &[]).await;
    scene.work();
    scene.engine.store().close().await.unwrap();
    tokio::task::yield_now().await;
    scene.stop(Stop::Soon);
    scene.stopped().await;
}
