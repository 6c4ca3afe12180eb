//! A fault of hefe's own in the middle of a run: that run ends and says so, and the others go on.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;
use store::{Commit, Status, Store, Ticket};
use testkit::faulty::{Befalls, Faults, Faulty, Side};

use crate::scene::Scene;

/// Panics at the first submission of a claimed run.
#[derive(Default)]
struct Panics(AtomicBool);

impl Faults for Panics {
    fn befalls(&self, _: &'static str, _: Side, _: bool) -> Befalls<'_> {
        Box::pin(async { Ok(()) })
    }

    fn lives(&self, _: &'static str) -> bool {
        true
    }

    fn commit(&self, inner: &dyn Store, commit: Commit) -> Ticket {
        assert!(
            commit.epoch == 0 || self.0.swap(true, Ordering::SeqCst),
            "the first submission of a claimed run"
        );
        inner.commit(commit)
    }
}

#[tokio::test]
async fn a_run_that_panics_ends_and_the_next_one_is_worked() {
    let simple = json!({ "identifier": "Simple", "async": true, "elements": [{ "name": "then", "type": "action/response" }] });
    let settings = engine::Settings { runs_max: 1, ..Default::default() };
    let scene = Scene::with(&[("Simple", simple)], &[], settings).await;
    let over = |inner| Arc::new(Faulty { inner, faults: Arc::new(Panics::default()) }) as Arc<dyn Store>;
    let mut scene = scene.opened_over(over).await;
    let (first, second) = (scene.queue("Simple").await, scene.queue("Simple").await);
    scene.work();
    let ended = scene.end(first).await;
    assert_eq!(ended.status, Status::Failed);
    let error = ended.end.unwrap().error.to_json();
    assert!(error.contains("\"internal\"") && error.contains("a fault of its own"), "{error}");
    assert_eq!(scene.end(second).await.status, Status::Succeeded);
}
