//! A provider: a real HTTP server on this machine that answers as it is told and remembers what it was asked.
//!
//! ```text
//! test: answer(path, ..) ---> plan --\
//!                                     exchange ---> seen ---> test: arrived(n).await, by_key()
//! request --------------------------/    |
//!                                        \--> held until the test opens its Gate
//! ```

mod answer;
mod exchange;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};

pub use answer::{Answer, Body, Gate};
use bytes::Bytes;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::within;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// In upper case.
    pub method: String,
    /// Without its query.
    pub path: String,
    /// What stands after the `?`, or empty.
    pub query: String,
    /// Names in lower case, in the order in which they arrived.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Bytes,
    /// When it was complete.
    pub at: Instant,
}

impl Seen {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the request's body is no JSON: {error}"))
    }
}

type Rule = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

/// Runs until it is dropped; then its port refuses connections and those that are open are closed.
pub struct Provider {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    plan: Mutex<Plan>,
    log: watch::Sender<Log>,
}

#[derive(Default)]
struct Plan {
    queued: HashMap<String, VecDeque<Answer>>,
    lasting: HashMap<String, Rule>,
}

#[derive(Default)]
struct Log {
    seen: Vec<Seen>,
    abandoned: usize,
    connections: usize,
}

impl Provider {
    /// On 127.0.0.1 and a free port. Until told otherwise it answers every path with 200 and `{}`.
    pub async fn start() -> Provider {
        Provider::start_at("127.0.0.1:0").await
    }

    /// On that address, such as one that it had before it was dropped.
    pub async fn start_at(address: &str) -> Provider {
        let listener = TcpListener::bind(address).await.expect("a port to listen on");
        let address = listener.local_addr().expect("the listener's address");
        let shared = Arc::new(Shared { plan: Mutex::default(), log: watch::Sender::new(Log::default()) });
        let accepting = tokio::spawn(exchange::accept(listener, shared.clone()));
        Provider { address, shared, accepting }
    }

    /// The address of a path: `http://127.0.0.1:PORT` and the path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on that path gets this answer, whenever nothing is queued for it.
    pub fn answer(&self, path: &str, answer: Answer) {
        self.answer_with(path, move |_| answer.clone());
    }

    /// From now on that path's answer is made from the request, whenever nothing is queued for it.
    pub fn answer_with(&self, path: &str, rule: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        self.plan().lasting.insert(path.to_owned(), Arc::new(rule));
    }

    /// The next requests for that path get these, each once, before its lasting answer.
    pub fn queue(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.plan().queued.entry(path.to_owned()).or_default().extend(answers);
    }

    /// `PATH/N` redirects to `PATH/N-1` and so on to `PATH/0`, which answers 200: N hops in all.
    pub fn chain(&self, path: &str, hops: usize, status: u16) {
        for hop in 1..=hops {
            self.answer(&format!("{path}/{hop}"), Answer::redirect(status, &format!("{path}/{}", hop - 1)));
        }
    }

    /// Every request so far, in the order in which they arrived.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.log.borrow().seen.clone()
    }

    /// Every request for that path so far.
    pub fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.shared.log.borrow().seen.iter().filter(|seen| seen.path == path).cloned().collect()
    }

    /// How many requests brought each `Idempotency-Key`; those without one count under the empty text.
    pub fn by_key(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for seen in &self.shared.log.borrow().seen {
            *counts.entry(seen.header("idempotency-key").unwrap_or_default().to_owned()).or_default() += 1;
        }
        counts
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.log.borrow().connections
    }

    /// Awaits `count` requests in all and gives them.
    pub async fn arrived(&self, count: usize) -> Vec<Seen> {
        self.until(|log| log.seen.len() >= count, || format!("{count} requests")).await;
        self.seen()
    }

    /// Awaits `count` requests for that path and gives them.
    pub async fn arrived_at(&self, path: &str, count: usize) -> Vec<Seen> {
        let there = |log: &Log| log.seen.iter().filter(|seen| seen.path == path).count() >= count;
        self.until(there, || format!("{count} requests for {path}")).await;
        self.seen_at(path)
    }

    /// Awaits `count` clients that hung up before they had their answer's head.
    pub async fn abandoned(&self, count: usize) {
        self.until(|log| log.abandoned >= count, || format!("{count} clients that hang up")).await;
    }

    async fn until(&self, met: impl Fn(&Log) -> bool, wanted: impl Fn() -> String) {
        let mut log = self.shared.log.subscribe();
        let says = || {
            let log = self.shared.log.borrow();
            let paths: Vec<_> =
                log.seen.iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
            format!("the provider awaited {}; it saw {paths:?}, {} hung up", wanted(), log.abandoned)
        };
        within(log.wait_for(|log| met(log)), says).await.expect("the log lives as long as the provider");
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.shared.plan.lock().expect("the plan")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    /// Remembers the request and says what it gets.
    fn take(&self, seen: Seen) -> Answer {
        let answer = {
            let mut plan = self.plan.lock().expect("the plan");
            let queued = plan.queued.get_mut(&seen.path).and_then(VecDeque::pop_front);
            queued.ok_or_else(|| plan.lasting.get(&seen.path).cloned())
        };
        let answer = answer.unwrap_or_else(|rule| rule.map_or_else(Answer::default, |rule| rule(&seen)));
        self.log.send_modify(|log| log.seen.push(seen));
        answer
    }
}
