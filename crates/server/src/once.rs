//! `Idempotency-Key`: a request that names itself is done once (delivery.md). A second one with the same body gets the
//! first one's answer, for 24 h; while the first is under way it waits.
//!
//! What has a key goes on when its client hangs up: that client comes again, and wants the answer. What leaves nothing
//! behind (a refusal before anything began, an answer with 4xx, a store that takes nothing) takes no key.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri},
    response::Response,
};
use store::{Hash, Kept, Key, Once, Write};
use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
};

use crate::{
    answer::{Answer, Refused},
    app::App,
};

/// An answer with a longer body is not kept, though what it answered is not done again.
const BODY_MAX: usize = 1024 * 1024;

/// The longest name that a client may give.
const NAME_MAX: usize = 255;

const NAME: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A request that names itself, before its body is read.
pub(crate) struct Named {
    name: String,
    method: Method,
    uri: Uri,
}

impl Named {
    /// None: it has no key, and is done as often as it comes.
    pub(crate) fn of(request: &Request) -> Result<Option<Named>, Refused> {
        let mut given = request.headers().get_all(NAME).iter();
        let Some(value) = given.next() else { return Ok(None) };
        let name = value.to_str().ok().filter(|name| {
            (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
        });
        match name {
            Some(name) if given.next().is_none() => {
                let (method, uri) = (request.method().clone(), request.uri().clone());
                Ok(Some(Named { name: name.to_owned(), method, uri }))
            }
            _ => Err(Refused::new(
                StatusCode::BAD_REQUEST,
                format!("`Idempotency-Key` is not one text of 1 to {NAME_MAX} visible ASCII characters"),
            )
            .code("idempotency_key")
            .help("send a UUID, a new one for each thing that is to be done")),
        }
    }

    /// Its key. The system is the path's first part; what stands behind `?` belongs to what is asked for.
    fn key(&self, person: &str, body: &[u8], at_ms: i64) -> Key {
        let query = self.uri.query().unwrap_or_default();
        Key {
            name: hash(&[person, self.method.as_str(), self.uri.path(), &self.name].map(str::as_bytes)),
            body: hash(&[query.as_bytes(), body]),
            at_ms,
        }
    }
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut all = Vec::new();
    for part in parts {
        all.extend_from_slice(&(part.len() as u64).to_be_bytes());
        all.extend_from_slice(part);
    }
    Hash::of(&all)
}

/// Between two looks whether another process has an answer.
const LOOK: Duration = Duration::from_millis(100);

/// Names under which something is done in this process.
#[derive(Default)]
pub(crate) struct UnderWay {
    held: Arc<Mutex<HashMap<Hash, watch::Receiver<()>>>>,
    works: Mutex<JoinSet<()>>,
}

/// While it lives nothing else is done under that name.
struct Holding {
    name: Hash,
    held: Arc<Mutex<HashMap<Hash, watch::Receiver<()>>>>,
    /// Goes with it, which wakes who waits.
    _end: watch::Sender<()>,
}

impl Drop for Holding {
    fn drop(&mut self) {
        lock(&self.held).remove(&self.name);
    }
}

impl UnderWay {
    /// Waits until the name is free; None after `wait`.
    async fn hold(&self, name: Hash, wait: Duration) -> Option<Holding> {
        let free = async {
            loop {
                let mut before = match self.enter(name) {
                    Ok(holding) => return holding,
                    Err(before) => before,
                };
                // It never says anything: its end is what is waited for.
                let _ = before.changed().await;
            }
        };
        tokio::time::timeout(wait, free).await.ok()
    }

    fn enter(&self, name: Hash) -> Result<Holding, watch::Receiver<()>> {
        match lock(&self.held).entry(name) {
            Entry::Occupied(before) => Err(before.get().clone()),
            Entry::Vacant(place) => {
                let (end, ended) = watch::channel(());
                place.insert(ended);
                Ok(Holding { name, held: self.held.clone(), _end: end })
            }
        }
    }

    /// Goes on without whoever asked.
    fn work(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut works = lock(&self.works);
        while works.try_join_next().is_some() {}
        works.spawn(work);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does what is asked for, once if it has a key. `work` does it under that key, and keeps the answer with what it does.
pub(crate) async fn once<W: Future<Output = Answer> + Send + 'static>(
    app: &Arc<App>,
    asked: Option<Named>,
    person: &str,
    body: &Bytes,
    work: impl FnOnce(Option<Key>) -> W,
) -> Answer {
    let Some(asked) = asked else { return work(None).await };
    let key = asked.key(person, body, app.engine.clock_ms());
    let wait = app.settings.once_wait;
    let begun = tokio::time::Instant::now();
    let Some(holding) = app.under_way.hold(key.name, wait).await else { return Err(under_way()) };
    while let Some(found) = app.engine.store().answered(key).await? {
        // Another process is at it, and does not say when it has an answer.
        if found != Once::UnderWay || begun.elapsed() > wait {
            return replay(found);
        }
        tokio::time::sleep(LOOK).await;
    }
    let (work, (tell, told)) = (work(Some(key)), oneshot::channel());
    app.under_way.work(async move {
        let answer = work.await;
        drop(holding);
        // Nobody waiting is no failure: the answer is kept.
        let _ = tell.send(answer);
    });
    told.await.unwrap_or_else(|_| {
        Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "the server could not answer this")
            .help("the server's log says why"))
    })
}

fn under_way() -> Refused {
    Refused::new(StatusCode::CONFLICT, "a request with this `Idempotency-Key` is under way")
        .code("under_way")
        .help("send it again with the same key, to get the answer to that one")
}

/// The answer to one that finds another before it.
pub(crate) fn replay(found: Once) -> Answer {
    match found {
        Once::Answered(kept) => again(kept),
        Once::UnderWay => Err(under_way()),
        Once::Other | Once::Did(_) => Err(Refused::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "a request with this `Idempotency-Key` asked for something else",
        )
        .code("idempotency_key")
        .help("send the same body and the same query with a key, or a new key")),
    }
}

/// The answer as it was sent.
fn again(kept: Kept) -> Answer {
    let header = |name: &str| kept.headers.iter().find(|(kept, _)| kept == name).map(|(_, value)| value);
    let Some(body) = kept.body else {
        let run = header("x-hefe-run").and_then(|run| std::str::from_utf8(run).ok()?.parse().ok());
        let says = "it was done, and its answer was too large to be kept";
        let refused = Refused::new(StatusCode::CONFLICT, says).code("answer_not_kept").help(format!(
            "answers up to {BODY_MAX} bytes are kept; GET runs/ID shows what the run gave back"
        ));
        return Err(match run {
            Some(run) => refused.run(run),
            None => refused,
        });
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    for (name, value) in kept.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
            response.headers_mut().append(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// An answer with what is kept of it.
pub(crate) async fn kept(response: Response) -> Result<(Response, Kept), Refused> {
    let (head, body) = response.into_parts();
    // Answers to these calls are whole already: nothing is waited for, and nothing can break off.
    let body = to_bytes(body, usize::MAX).await.map_err(|error| {
        tracing::error!(%error, "an answer could not be kept");
        Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be kept")
    })?;
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    let kept = Kept {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: (body.len() <= BODY_MAX).then(|| body.to_vec()),
    };
    Ok((Response::from_parts(head, Body::from(body)), kept))
}

/// What writes the answer to a run inside the request: one that blames the client is not kept.
pub(crate) fn keep(key: &Key, kept: Kept) -> Write {
    let blames = StatusCode::from_u16(kept.status).is_ok_and(|status| status.is_client_error());
    Write::Keep { name: key.name, answer: (!blames).then_some(kept) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::{body::Body, http::Request};

    use super::Named;

    fn named(path: &str, key: &str) -> Named {
        let request = Request::post(path).header("idempotency-key", key).body(Body::empty()).unwrap();
        Named::of(&request).ok().flatten().unwrap()
    }

    #[test]
    fn system_person_and_route_are_its_scope_and_query_and_body_what_it_asks_for() {
        let one = named("/shop/webhook/buy", "k").key("ada", b"{}", 1);
        for other in [
            named("/other/webhook/buy", "k").key("ada", b"{}", 1),
            named("/shop/webhook/sell", "k").key("ada", b"{}", 1),
            named("/shop/webhook/buy", "l").key("ada", b"{}", 1),
            named("/shop/webhook/buy", "k").key("bob", b"{}", 1),
        ] {
            assert_ne!(one.name, other.name);
        }
        let query = named("/shop/webhook/buy?a", "k").key("ada", b"{}", 1);
        let body = named("/shop/webhook/buy", "k").key("ada", b"[]", 1);
        assert!(query.name == one.name && body.name == one.name);
        assert!(query.body != one.body && body.body != one.body);
    }
}
