//! An answer to a modal: {checkpoint, data} or {checkpoint, cancel: true}, at the door that started the run.

use axum::{http::StatusCode, response::Response};
use engine::{Call, Said, Says, Used};
use recipe::Value;
use store::{Did, Key, Once};

use super::webhook::{done, named, queued};
use crate::{
    answer::{Answer, Refused},
    app::App,
    once::{keep, kept, replay},
};

/// What a call says to a modal, if it is an answer to one: nothing else stands in its body.
pub(super) fn said(call: &Call) -> Option<Said> {
    let body = call.input.as_object()?;
    let checkpoint = body.get("checkpoint")?.as_str()?.to_owned();
    if body.iter().any(|(key, _)| !["checkpoint", "data", "cancel"].contains(&&**key)) {
        return None;
    }
    let closed = |value: &Value| value.get("cancel") == Some(&Value::Bool(true));
    let data = body.get("data").cloned().unwrap_or_default();
    let alone = data.as_object().is_some_and(|data| data.len() == 1);
    let cancels = closed(&call.input) || (alone && closed(&data));
    let says = if cancels { Says::Cancel } else { Says::Confirm(data) };
    let (system, door, person) = (call.system.clone(), call.door.clone(), call.person.clone());
    Some(Said { system, door, person, checkpoint, says })
}

/// Gives the run its answer, once, and waits for what it says to it.
pub(super) async fn answer(app: &App, key: Option<Key>, said: Said) -> Answer {
    let (engine, system) = (&app.engine, said.system.clone());
    let Some(modal) = engine.modal(said).await? else {
        return Err(Refused::new(StatusCode::NOT_FOUND, "there is no such checkpoint")
            .help("send the `checkpoint` of a modal of your own, to the address that was answered with it"));
    };
    let run = modal.run;
    let used = |says: &str| {
        Refused::new(StatusCode::CONFLICT, says)
            .code("checkpoint_used")
            .help("a modal is answered once, within 24 h; begin anew")
            .run(run)
    };
    if !engine.is_open(&modal).await? {
        return Err(used("nobody waits for an answer to this modal any more"));
    }
    let deed = modal.clone().into_deed();
    let did = match key {
        None => engine.act(deed).await?,
        Some(key) => match engine.once(key, deed, None).await? {
            Once::Did(did) => did,
            found => return replay(found),
        },
    };
    if let Did::Signalled(came) = did {
        match Used::of(came) {
            None => {}
            Some(Used::Answered) => return Err(used("this modal was answered before")),
            Some(Used::Over) => return Err(used("the run that asked has ended")),
        }
    }
    let Some(answer) = engine.answered(&modal).await? else {
        // Whoever has the key asks again, and waits again.
        return Ok(named(run, queued(app, &system, run, false)));
    };
    let response: Response = named(run, done(answer));
    let Some(key) = key else { return Ok(response) };
    let (response, answer) = kept(response).await?;
    engine.keep(run, keep(&key, answer)).await?;
    Ok(response)
}
