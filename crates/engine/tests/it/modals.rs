//! Modals: a run inside a request that parks, and what happens until it is answered.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use engine::{Answer, Call, Clock, Door, Engine, Modal, Person, Said, Says, Settings, Started, Used};
use serde_json::{Value, json};
use store::{Deed, Did, Hash, Id, Kept, Key, Once, Signalled, Status, Write};

use crate::{
    crashes::dying::{Dying, When},
    scene::Scene,
};

fn workflow(elements: &Value) -> Value {
    json!({ "identifier": "Ask", "entry": elements[0]["name"], "elements": elements })
}

fn modal(confirm: &str, cancel: &str) -> Value {
    json!({ "name": "ask", "type": "action/modal", "options": { "title": "Sure?" },
        "to": { "confirm": { confirm: ["default"] }, "cancel": { cancel: ["default"] } } })
}

fn simple() -> Value {
    workflow(&json!([modal("answer", "answer"), { "name": "answer", "type": "action/response" }]))
}

async fn ask(scene: &Scene) -> (Id, String) {
    match scene.start("Ask", json!({ "n": 1 })).await {
        Started::Done(answer) => (answer.run, checkpoint(&answer)),
        Started::Queued { run, .. } => panic!("{run} was queued"),
    }
}

fn checkpoint(answer: &Answer) -> String {
    assert_eq!(answer.status, Status::Waiting, "{answer:?}");
    answer.effects.last().and_then(|effect| effect.get("checkpoint")).unwrap().to_text()
}

fn said(checkpoint: &str, person: Option<Person>) -> Said {
    let says = Says::Confirm(recipe::Value::from("yes"));
    Said {
        system: "main".into(),
        door: Door::Workflow("Ask".into()),
        person,
        checkpoint: checkpoint.into(),
        says,
    }
}

async fn found(engine: &Engine, checkpoint: &str) -> Modal {
    engine.modal(said(checkpoint, Some(Person::local()))).await.unwrap().expect("the modal")
}

async fn confirm(engine: &Engine, checkpoint: &str) -> Result<Answer, Used> {
    let modal = found(engine, checkpoint).await;
    match engine.act(modal.clone().into_deed()).await.unwrap() {
        Did::Signalled(Signalled::Kept) => Ok(engine.answered(&modal).await.unwrap().expect("in time")),
        Did::Signalled(came) => Err(Used::of(came).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn body(answer: &Answer) -> String {
    answer.response.as_ref().unwrap_or_else(|| panic!("{answer:?}")).body.to_json()
}

#[tokio::test]
async fn it_is_its_persons_alone() {
    let mut scene = Scene::of(&[("ask", simple())], &[]).await;
    scene.work();
    let (run, checkpoint) = ask(&scene).await;
    let bob = Person { id: "bob".into(), ..Person::local() };
    for other in [Some(bob), None] {
        assert_eq!(scene.engine.modal(said(&checkpoint, other)).await.unwrap(), None);
    }
    let elsewhere = Said { system: "other".into(), ..said(&checkpoint, Some(Person::local())) };
    assert_eq!(scene.engine.modal(elsewhere).await.unwrap(), None);
    assert_eq!(scene.status(run).await, Status::Waiting);
    assert_eq!(body(&confirm(&scene.engine, &checkpoint).await.unwrap()), r#""yes""#);
    assert_eq!(confirm(&scene.engine, &checkpoint).await, Err(Used::Over));
    scene.close().await;
}

#[tokio::test]
async fn nobody_answers_for_a_day_and_it_is_closed() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let ahead = Arc::new(AtomicI64::new(-DAY_MS - 60_000));
    let (clock, moves) = (Clock::default(), ahead.clone());
    let settings = Settings {
        clock: Clock::new(move || clock.now_ms() + moves.load(Ordering::SeqCst)),
        ..Settings::default()
    };
    let ask_then_wait = workflow(&json!([
        modal("never", "hold"),
        { "name": "never", "type": "flow/stop", "options": { "status": "failed" } },
        { "name": "hold", "type": "flow/await", "options": { "signal": "go" }, "to": { "default": { "answer": ["default"] } } },
        { "name": "answer", "type": "action/response", "options": { "body": "closed" } }
    ]));
    let mut scene = Scene::with(&[("ask", ask_then_wait)], &[], settings).await;
    let (run, checkpoint) = ask(&scene).await;
    let modal = found(&scene.engine, &checkpoint).await;
    assert!(scene.engine.is_open(&modal).await.unwrap());
    ahead.store(0, Ordering::SeqCst);
    scene.work();
    let store = scene.engine.store().clone();
    let mut changes = store.changes();
    while scene.engine.is_open(&modal).await.unwrap() {
        changes.recv().await.unwrap();
    }
    scene.until(run, Status::Waiting).await;
    store.signal(run, "go".into(), recipe::Value::Null).await.unwrap();
    let ended = scene.end(run).await;
    assert_eq!(
        (ended.status, ended.end.unwrap().result.to_json()),
        (Status::Succeeded, r#""closed""#.into())
    );
    scene.close().await;
}

#[tokio::test]
async fn what_was_done_before_it_is_done_and_its_state_is_kept_with_a_long_journal() {
    let elements = json!([
        { "name": "loop", "type": "flow/each", "options": { "collect": "this" }, "in": { "default": "range(40)" },
          "to": { "each": { "tell": ["default"] }, "next": { "ask": ["default"] } } },
        { "name": "tell", "type": "action/notify", "options": { "notification": "n" } },
        modal("answer", "answer"),
        { "name": "answer", "type": "action/response" }
    ]);
    let mut scene = Scene::of(&[("ask", workflow(&elements))], &[]).await;
    let (run, checkpoint) = ask(&scene).await;
    let store = scene.engine.store();
    assert_eq!(store.notifications("main".into(), "local".into(), 0, 0).await.unwrap().len(), 40);
    assert_eq!(store.resume(run).await.unwrap().0.map(|kept| kept.at), Some(40));
    scene.work();
    assert_eq!(body(&confirm(&scene.engine, &checkpoint).await.unwrap()), r#""yes""#);
    scene.close().await;
}

#[tokio::test]
async fn what_else_it_waits_for_goes_on_meanwhile() {
    let elements = json!([
        { "name": "start", "type": "action/run", "options": { "workflow": "Child", "async": true },
          "to": { "default": { "all": ["default"], "ask": ["default"] } } },
        { "name": "all", "type": "flow/await", "to": { "default": { "tell": ["default"] } } },
        { "name": "tell", "type": "action/notify", "options": { "notification": "child" }, "to": { "default": { "shown": ["default"] } } },
        { "name": "shown", "type": "action/redirect", "options": { "url": "child" } },
        modal("answer", "answer"),
        { "name": "answer", "type": "action/response" }
    ]);
    let child = json!({ "identifier": "Child", "async": true, "entry": "log", "elements": [{ "name": "log", "type": "action/log" }] });
    let mut scene = Scene::of(&[("ask", workflow(&elements)), ("child", child)], &[]).await;
    let (run, checkpoint) = ask(&scene).await;
    scene.work();
    let store = scene.engine.store().clone();
    let mut changes = store.changes();
    while store.notifications("main".into(), "local".into(), 0, 0).await.unwrap().is_empty() {
        changes.recv().await.unwrap();
    }
    scene.until(run, Status::Waiting).await;
    let mut scene = scene.dropped().await;
    scene.work();
    let answer = confirm(&scene.engine, &checkpoint).await.unwrap();
    assert_eq!(
        (body(&answer), answer.effects.len()),
        (r#""yes""#.into(), 1),
        "with what came while nobody waited"
    );
    scene.close().await;
}

/// A request with a key, as the server does it.
async fn keyed(engine: &Engine, key: Key) -> Answer {
    let call = Call {
        system: "main".into(),
        door: Door::Workflow("Ask".into()),
        input: recipe::Value::Null,
        person: Some(Person::local()),
    };
    let planned = engine.plan(call).await.unwrap();
    let Once::Did(Did::Taken(run)) = engine.once(key, Deed::Take(planned.run()), None).await.unwrap() else {
        panic!("it was answered");
    };
    let worked = engine.work_inside(planned.under(run)).await;
    let answer = Kept { status: 200, headers: vec![], body: Some(checkpoint(&worked.answer).into()) };
    engine.settle(worked, Some(Write::Keep { name: key.name, answer: Some(answer) })).await.unwrap()
}

#[tokio::test]
async fn a_process_that_dies_as_it_parks_has_kept_all_of_it_or_nothing() {
    for when in [When::Before, When::After] {
        let dying = Dying::new(when, 1);
        let scene = Scene::of(&[("ask", simple())], &[]).await;
        let scene = scene.opened_over(|store| dying.over(store)).await;
        let key = Key { name: Hash::of(b"key"), body: Hash::of(b"body"), at_ms: scene.engine.clock_ms() };
        let mut dead = dying.death();
        tokio::select! {
            answer = keyed(&scene.engine, key) => panic!("{when:?}: {answer:?} is not durable"),
            _ = dead.wait_for(|dead| *dead) => {}
        }
        let mut scene = scene.dropped().await;
        let checkpoint = match scene.engine.store().answered(key).await.unwrap() {
            Some(Once::Answered(kept)) => String::from_utf8(kept.body.unwrap()).unwrap(),
            None => checkpoint(&keyed(&scene.engine, key).await),
            other => panic!("{other:?}"),
        };
        let account = scene.engine.store().account().await.unwrap();
        assert_eq!((account.accepted, account.waiting), (1, 1), "{when:?}");
        scene.work();
        assert_eq!(body(&confirm(&scene.engine, &checkpoint).await.unwrap()), r#""yes""#);
        scene.close().await;
    }
}
