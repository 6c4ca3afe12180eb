//! Schedules that come due while the engine works, and those that did while nobody was there.

use engine::{Stop, Wish};
use serde_json::{Value, json};
use store::{Change, Declared, Fate, Id, Paused, Schedule, Settled, Status, Timing, Why};
use testkit::DEADLINE;

use crate::scene::Scene;

/// A workflow that gives back the event's value.
fn timed(event: &Value) -> Value {
    let mut event = event.clone();
    (event["identifier"], event["type"]) = (json!("timer"), json!("cron"));
    json!({
        "identifier": "Timed",
        "async": true,
        "elements": [
            { "name": "timer", "type": "event/cron", "to": { "default": { "tell": ["default"] } } },
            { "name": "tell", "type": "action/response" }
        ],
        "events": [event]
    })
}

fn id() -> Id {
    Schedule::id_of("main", "Timed", "timer")
}

/// The ledger once it has so many lines, the oldest first.
async fn ledger(scene: &Scene, count: usize) -> Vec<Settled> {
    let seen = async {
        loop {
            let mut lines: Vec<Settled> = Vec::new();
            loop {
                let before_ms = lines.last().map(|line| line.due_ms);
                let page = scene.engine.store().ledger(id(), before_ms).await.unwrap();
                if page.is_empty() {
                    break;
                }
                lines.extend(page);
            }
            lines.reverse();
            if lines.len() >= count {
                return lines;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, seen).await.expect("the schedule comes due")
}

fn iso(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

#[tokio::test]
async fn a_due_time_starts_a_run_that_knows_when_it_was_due() {
    let mut scene =
        Scene::of(&[("Timed", timed(&json!({ "expression": "* * * * * *", "overlap": "allow" })))], &[])
            .await;
    let began_ms = scene.engine.clock_ms();
    scene.work();
    let lines = ledger(&scene, 2).await;
    let [first, second] = &lines[..2] else { panic!("{lines:?}") };
    assert!(first.due_ms > began_ms - 1 && second.due_ms == first.due_ms + 1_000, "{lines:?}");
    assert!(matches!(first.fate, Fate::Ran(Timing::OnTime | Timing::Late)), "{first:?}");
    let run = scene.end(second.run.unwrap()).await;
    let said: Value = serde_json::from_str(&run.end.unwrap().result.to_json()).unwrap();
    assert_eq!(
        (said["scheduled_at"].as_str().unwrap(), said["previous_at"].as_str().unwrap()),
        (&*iso(second.due_ms), &*iso(first.due_ms))
    );
    assert_eq!((run.start.user.clone(), &*run.start.entry), (None, "timer"));
    scene.stop(Stop::Now);
    scene.stopped().await;
    scene.close().await;
}

/// What becomes of three days at which everything was down.
async fn after_three_days(event: Value) -> Vec<Fate> {
    let scene = Scene::of(&[("Timed", timed(&event))], &[]).await;
    let mut scene = three_days_ago(scene, "0 12 * * * UTC").await;
    scene.work();
    let lines = ledger(&scene, 3).await;
    scene.stop(Stop::Now);
    scene.stopped().await;
    scene.close().await;
    lines.into_iter().map(|line| line.fate).collect()
}

/// The store has known it since then, and the process begins now.
async fn three_days_ago(scene: Scene, rule: &str) -> Scene {
    let declared = Declared { workflow: "Timed".into(), event: "timer".into(), rule: rule.into() };
    let at_ms = scene.engine.clock_ms() - 3 * 86_400_000;
    let version = scene.engine.system("main").unwrap().version;
    scene.engine.store().declare("main".into(), version, vec![declared], at_ms).await.unwrap();
    scene
}

#[tokio::test]
async fn times_at_which_everything_was_down_follow_catchup() {
    let missed = || Fate::Skipped(Why::Missed(1));
    let caught_up = || Fate::Ran(Timing::CaughtUp);
    let event = |catchup: &str, overlap: &str| json!({ "expression": "0 12 * * *", "catchup": catchup, "overlap": overlap });
    assert_eq!(
        after_three_days(json!({ "expression": "0 12 * * *" })).await,
        [missed(), missed(), caught_up()]
    );
    assert_eq!(after_three_days(event("none", "skip")).await, [missed(), missed(), missed()]);
    assert_eq!(after_three_days(event("all", "queue")).await, [caught_up(), caught_up(), caught_up()]);
    let skipped = || Fate::Skipped(Why::Overlap);
    assert_eq!(after_three_days(event("all", "skip")).await, [caught_up(), skipped(), skipped()]);
}

#[tokio::test]
async fn a_run_that_comes_after_others_says_so() {
    let mut workflow = timed(&json!({ "expression": "0 12 * * *", "catchup": "all", "overlap": "queue" }));
    workflow["elements"][1] = json!({ "name": "tell", "type": "flow/await", "options": { "signal": "go" } });
    let scene = Scene::of(&[("Timed", workflow)], &[]).await;
    let mut scene = three_days_ago(scene, "0 12 * * * UTC").await;
    scene.work();
    let lines = ledger(&scene, 3).await;
    let [first, second, ..] = &lines[..] else { panic!("{lines:?}") };
    scene.until(first.run.unwrap(), Status::Waiting).await;
    let run = scene.engine.store().run(second.run.unwrap()).await.unwrap().unwrap();
    let why = scene.engine.why(&run).await.unwrap();
    assert_eq!(
        why,
        "it begins when the runs of its schedule before it have ended, as its `overlap` is `queue`"
    );
    assert_eq!(scene.engine.why_briefly(&run).await, Some(why));
    scene.stop(Stop::Now);
    scene.stopped().await;
    scene.close().await;
}

#[tokio::test]
async fn a_long_time_is_told_together_and_a_changed_schedule_catches_up_on_nothing() {
    let scene = Scene::of(&[("Timed", timed(&json!({ "expression": "* * * * * *" })))], &[]).await;
    let mut scene = three_days_ago(scene, "* * * * * * UTC").await;
    scene.work();
    let seconds = 3 * 86_400;
    let told = |lines: &[Settled]| -> u64 {
        lines
            .iter()
            .map(|line| if let Fate::Skipped(Why::Missed(count)) = line.fate { count } else { 1 })
            .sum()
    };
    let lines = ledger(&scene, 103).await;
    assert!(
        lines.len() < 200 && lines.iter().any(|line| line.fate == Fate::Ran(Timing::CaughtUp)),
        "{lines:?}"
    );
    let all = told(&lines);
    assert!(all >= seconds && all < seconds + 200, "{all} of {seconds}");
    scene.stop(Stop::Now);
    scene.stopped().await;
    scene.close().await;

    let scene = Scene::of(&[("Timed", timed(&json!({ "expression": "* * * * * *" })))], &[]).await;
    let mut scene = three_days_ago(scene, "@daily UTC").await;
    scene.work();
    let first = ledger(&scene, 1).await.remove(0);
    assert!(matches!(first.fate, Fate::Ran(Timing::OnTime | Timing::Late)), "{first:?}");
    scene.stop(Stop::Now);
    scene.stopped().await;
    scene.close().await;
}

#[tokio::test]
async fn a_paused_schedule_skips_and_may_be_run_by_hand() {
    let scene = Scene::of(&[("Timed", timed(&json!({ "expression": "* * * * * *" })))], &[]).await;
    let mut scene = three_days_ago(scene, "0 12 * * * UTC").await;
    let paused = scene.engine.pause(id(), Wish::Pause, "ada".into()).await.unwrap().unwrap().paused;
    assert!(matches!(paused, Some(Paused { by, .. }) if &*by == "ada"));
    scene.work();
    let line = ledger(&scene, 1).await.remove(0);
    assert_eq!((line.fate, line.run), (Fate::Skipped(Why::Paused("ada".into())), None));
    let by_hand = scene.engine.run_now(id()).await.unwrap().unwrap();
    assert_eq!(by_hand.fate, Fate::Ran(Timing::ByHand));
    assert_eq!(scene.end(by_hand.run.unwrap()).await.status, Status::Succeeded);
    let mut changes = scene.engine.store().changes();
    assert_eq!(scene.engine.pause(id(), Wish::Resume, "bob".into()).await.unwrap().unwrap().paused, None);
    let started = async {
        while !changes.recv().await.unwrap().iter().any(|(_, change)| matches!(change, Change::Run { .. })) {}
    };
    tokio::time::timeout(DEADLINE, started).await.expect("it comes due again");
    assert_eq!(scene.engine.run_now(Id(7)).await.unwrap(), None);
    scene.stop(Stop::Now);
    scene.stopped().await;
    scene.close().await;
}

#[tokio::test]
async fn a_run_by_the_clock_has_three_tries() {
    let mut workflow = timed(&json!({ "expression": "@yearly" }));
    workflow["job"] = json!({ "backoff": { "base": "1ms" } });
    workflow["elements"][0]["to"] = json!({ "default": { "call": ["default"] } });
    workflow["elements"][1] =
        json!({ "name": "call", "type": "api/http", "options": { "uri": "http://127.0.0.1:1/" } });
    let scene = Scene::of(&[("Timed", workflow)], &["127.0.0.1:1"]).await;
    let mut scene = three_days_ago(scene, "@yearly UTC").await;
    let line = scene.engine.run_now(id()).await.unwrap().unwrap();
    scene.work();
    let run = scene.end(line.run.unwrap()).await;
    assert_eq!((run.status, run.attempts), (Status::Failed, 3));
    scene.stop(Stop::Now);
    scene.stopped().await;
    scene.close().await;
}
