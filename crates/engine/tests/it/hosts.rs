//! Hosts that take so many calls: runs wait for their turn, and it costs them nothing.

use std::{collections::BTreeMap, time::Duration};

use engine::{Settings, Started};
use serde_json::json;
use store::{HostLimits, Id, Status};
use testkit::provider::{Answer, Gate, Provider};

use crate::scene::{Scene, calls, calls_behind};

fn limits(per_second: Option<f64>, concurrent: Option<u32>) -> HostLimits {
    HostLimits { per_second, concurrent }
}

/// A workflow that calls that path of a provider that takes so many, in the background or in a request.
async fn scene(limits: HostLimits, behind: bool) -> (Provider, Scene) {
    let provider = Provider::start().await;
    let options = json!({ "uri": provider.url("/a"), "method": "POST" });
    let call = [("call", options)];
    let workflow = if behind { calls_behind(&call) } else { calls(&call) };
    let hosts = BTreeMap::from([(provider.host(), limits)]);
    let settings = Settings { hosts, request_ms: 1_500, ..Settings::default() };
    let mut scene = Scene::with(&[("Call", workflow)], &[&provider.host()], settings).await;
    scene.work();
    (provider, scene)
}

async fn queue(scene: &Scene, count: usize) -> Vec<Id> {
    let mut runs = Vec::new();
    for _ in 0..count {
        runs.push(scene.queue("Call").await);
    }
    runs
}

async fn all_succeed_at_once(scene: &Scene, runs: &[Id]) {
    for run in runs {
        let ended = scene.end(*run).await;
        assert_eq!((ended.status, ended.attempts), (Status::Succeeded, 1), "{:?}", ended.end);
    }
}

#[tokio::test]
async fn so_many_calls_begin_in_a_second_and_none_is_left_out() {
    let (provider, scene) = scene(limits(Some(10.0), None), true).await;
    let runs = queue(&scene, 25).await;
    all_succeed_at_once(&scene, &runs).await;
    let seen = provider.seen();
    assert_eq!((seen.len(), provider.by_key().len()), (25, 25));
    // The first may have come late, and none of the others can be early: eleven span a second.
    let late = Duration::from_millis(300);
    for window in seen.windows(14) {
        assert!(
            window[13].at - window[0].at + late > Duration::from_millis(1_300),
            "14 in {:?}",
            window[13].at - window[0].at
        );
    }
    scene.close().await;
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_may_be_and_other_runs_are_worked_meanwhile() {
    let (provider, scene) = scene(limits(None, Some(1)), true).await;
    let gate = Gate::new();
    provider.queue("/a", [Answer { held: Some(gate.clone()), ..Answer::default() }]);
    let runs = queue(&scene, 20).await;
    provider.arrived(1).await;
    let waits = async {
        loop {
            let mut places = 0;
            for run in &runs {
                let found = scene.engine.store().run(*run).await.unwrap().unwrap();
                places += usize::from(found.host.is_some());
            }
            if places > 2 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(testkit::DEADLINE, waits)
        .await
        .expect("those whose turn is far leave their workers");
    assert_eq!(provider.seen().len(), 1, "the one that is held is alone");
    gate.open();
    all_succeed_at_once(&scene, &runs).await;
    assert_eq!(provider.by_key().len(), 20);
    scene.close().await;
}

#[tokio::test]
async fn a_provider_that_asks_for_time_gets_it_from_all_and_no_attempt_is_spent() {
    let (provider, scene) = scene(limits(None, Some(5)), true).await;
    provider.queue("/a", [Answer::of(503, &[("retry-after", "3")], "busy")]);
    let first = scene.queue("Call").await;
    let began = provider.arrived(1).await[0].at;
    let parked = scene.until(first, Status::Queued).await;
    assert_eq!(parked.attempts, 0, "none has failed");
    let why = scene.engine.why(&parked).await.unwrap_or_default();
    let place = format!("it waits for its turn at {} until ", provider.host());
    assert!(why.starts_with(&place) && why.ends_with(" UTC"), "{why}");
    let second = scene.queue("Call").await;
    all_succeed_at_once(&scene, &[first, second]).await;
    let seen = provider.seen();
    assert_eq!((seen.len(), provider.by_key().len()), (3, 2), "the call is made again under its own key");
    assert!(seen[1].at - began >= Duration::from_millis(2_900), "{:?}", seen[1].at - began);
    scene.close().await;
}

#[tokio::test]
async fn a_date_says_when_too() {
    let (provider, scene) = scene(limits(None, Some(5)), true).await;
    let headers =
        [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:59:37 GMT")];
    provider.queue("/a", [Answer::of(429, &headers, "slowly")]);
    let run = scene.queue("Call").await;
    provider.arrived(1).await;
    let parked = scene.until(run, Status::Queued).await;
    let in_ms = parked.wake_at_ms.unwrap() - scene.engine.clock_ms();
    assert!((540_000..=600_000).contains(&in_ms), "{in_ms}");
    scene.engine.cancel(run, true).await.unwrap();
    assert_eq!(scene.end(run).await.status, Status::Cancelled, "one that waits can be ended");
    scene.close().await;
}

#[tokio::test]
async fn who_waits_for_an_answer_waits_in_place_and_is_told_of_a_timeout() {
    let (provider, scene) = scene(limits(Some(0.001), None), false).await;
    let answer = async || match scene.start("Call", json!({})).await {
        Started::Done(answer) => answer,
        Started::Queued { run, .. } => panic!("{run} was queued"),
    };
    assert_eq!(answer().await.status, Status::Succeeded);
    let late = answer().await;
    assert_eq!(late.status, Status::Failed);
    let code = late.error.get("code").map(recipe::Value::to_text);
    assert_eq!(code.as_deref(), Some("timeout"), "{:?}", late.error);
    assert_eq!(provider.seen().len(), 1);
    scene.close().await;
}
