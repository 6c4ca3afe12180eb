//! What the provider saw: which firing called, under which keys, in which order; and what it answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use testkit::provider::{Answer, Provider, Seen};
use tokio::sync::watch;

use crate::dice::Dice;

/// (path, launch, item)
pub(crate) type Firing = (&'static str, u64, u64);

/// Paths, and how often at most each fails before it answers well.
const PATHS: [(&str, u64); 11] = [
    ("/loop", 0),
    ("/child", 0),
    ("/waits", 0),
    ("/signals", 0),
    ("/parallel", 0),
    ("/once", 0),
    ("/later", 0),
    ("/mended", 0),
    ("/broken", 1),
    ("/flaky", 2),
    ("/shaky", 3),
];

/// The longest that the provider takes, milliseconds.
const SLOW_MS: u64 = 40;

#[derive(Debug, Default, Clone)]
pub(crate) struct Calls {
    pub(crate) keys: BTreeSet<String>,
    /// When each arrived, in the order of all.
    pub(crate) arrivals: Vec<u64>,
}

pub(crate) struct Firings {
    seen: Mutex<BTreeMap<Firing, Calls>>,
    /// How many calls there were: whoever waits for something to happen waits for it.
    beat: watch::Sender<u64>,
}

impl Firings {
    pub(crate) fn watch(provider: &Provider) -> Arc<Firings> {
        let firings = Arc::new(Firings { seen: Mutex::default(), beat: watch::Sender::new(0) });
        for (path, fails) in PATHS {
            let shared = firings.clone();
            provider.answer_with(path, move |seen| shared.take(path, fails, seen));
        }
        firings
    }

    fn take(&self, path: &'static str, fails: u64, seen: &Seen) -> Answer {
        let number = |name: &str| {
            let part = seen.query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            part.and_then(|part| part.parse::<u64>().ok()).unwrap_or(u64::MAX)
        };
        let firing = (path, number("n"), number("i"));
        let mut dice = Dice::new(firing.1.wrapping_mul(1_000).wrapping_add(firing.2));
        let (delay, fails) = (dice.below(SLOW_MS), dice.below(fails + 1));
        let mut beat = 0;
        self.beat.send_modify(|count| {
            *count += 1;
            beat = *count;
        });
        let mut all = self.seen.lock().expect("the calls");
        let calls = all.entry(firing).or_default();
        calls.keys.insert(seen.header("idempotency-key").unwrap_or_default().to_owned());
        calls.arrivals.push(beat);
        let answer = match calls.arrivals.len() as u64 <= fails {
            true => Answer::status(503),
            // Two kilobytes: what a loop has done soon outweighs its state.
            false => Answer::json(&json!({ "i": firing.2, "more": "x".repeat(2_000) })),
        };
        Answer { delay: Duration::from_millis(delay), ..answer }
    }

    /// Changes with every call.
    pub(crate) fn beat(&self) -> watch::Receiver<u64> {
        self.beat.subscribe()
    }

    pub(crate) fn all(&self) -> BTreeMap<Firing, Calls> {
        self.seen.lock().expect("the calls").clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.seen.lock().expect("the calls").len()
    }

    /// Calls that were made once more.
    pub(crate) fn repeated(&self) -> usize {
        self.seen.lock().expect("the calls").values().map(|calls| calls.arrivals.len() - 1).sum()
    }
}
