//! What people have launched, and what they were answered.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Mutex,
};

use serde_json::Value;

use super::load::{Deed, KINDS};

/// One launch.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) n: u64,
    pub(crate) kind: &'static str,
    /// Through the launcher, which tells its person as well.
    pub(crate) through: bool,
    /// The run that was answered for; None: the server died before it answered, and the launch may or may not be there.
    pub(crate) run: Option<String>,
}

/// What a run waits for.
#[derive(Debug, Clone)]
pub(crate) struct Todo {
    pub(crate) deed: Deed,
    pub(crate) n: u64,
    pub(crate) run: String,
}

#[derive(Default)]
pub(crate) struct Ledger(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    launches: Vec<Launch>,
    /// Runs to which somebody has to do something.
    todo: Vec<Todo>,
    /// How far each bar had come at each server: its number in the order of its states, and its progress.
    bars: HashMap<(usize, String), (u64, f64)>,
    /// Runs that had failed when they were tried again.
    failed: BTreeSet<String>,
    /// What people found wrong on their way.
    complaints: Vec<String>,
}

impl Ledger {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("the ledger")
    }

    /// Writes down a launch before it is sent.
    pub(crate) fn begin(&self, roll: u64) -> Launch {
        let mut inner = self.inner();
        let weights: u64 = KINDS.iter().map(|(_, weight)| weight).sum();
        let mut left = roll % weights;
        let mut kind = KINDS[0].0;
        for (name, weight) in KINDS {
            if left < weight {
                kind = name;
                break;
            }
            left -= weight;
        }
        let launch =
            Launch { n: inner.launches.len() as u64, kind, through: roll.is_multiple_of(3), run: None };
        inner.launches.push(launch.clone());
        launch
    }

    /// The server has answered for it.
    pub(crate) fn answered(&self, launch: &Launch, run: String) {
        let mut inner = self.inner();
        if let Some(deed) = Deed::of(launch.kind) {
            inner.todo.push(Todo { deed, n: launch.n, run: run.clone() });
        }
        inner.launches[launch.n as usize].run = Some(run);
    }

    /// Whoever takes it puts it back if it could not be done.
    pub(crate) fn todo(&self) -> Option<Todo> {
        self.inner().todo.pop()
    }

    pub(crate) fn put_back(&self, todo: Todo) {
        self.inner().todo.insert(0, todo);
    }

    /// It had, and is tried again.
    pub(crate) fn had_failed(&self, run: &str) {
        self.inner().failed.insert(run.to_owned());
    }

    pub(crate) fn failed(&self) -> BTreeSet<String> {
        self.inner().failed.clone()
    }

    pub(crate) fn unbalanced(&self, account: &Value) {
        self.inner().complaints.push(format!("the account was not balanced: {account}"));
    }

    /// A bar's newest state, as somebody sees it at that server.
    pub(crate) fn bar(&self, place: usize, item: &Value) {
        let mut inner = self.inner();
        let now = (item["seq"].as_u64().unwrap_or(0), item["progress"].as_f64().unwrap_or(0.0));
        let id = item["id"].as_str().unwrap_or_default().to_owned();
        let before = inner.bars.insert((place, id), now).unwrap_or(now);
        if now.0 < before.0 || now.1 < before.1 {
            inner.complaints.push(format!("a bar went back from {before:?} to {now:?}: {item}"));
        }
    }

    /// How many bars were seen to move.
    pub(crate) fn bars(&self) -> usize {
        self.inner().bars.len()
    }

    pub(crate) fn complaints(&self) -> Vec<String> {
        self.inner().complaints.clone()
    }

    pub(crate) fn launches(&self) -> Vec<Launch> {
        self.inner().launches.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.inner().launches.len()
    }
}
