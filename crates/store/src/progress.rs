//! Progress items: what runs contribute, and the state people see (delivery.md, Progress). Pure: both databases use it.

use std::{collections::BTreeMap, sync::Arc};

use recipe::Value;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Id;

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemStatus {
    /// Moving.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly, in neutral words.
    Failed,
    /// Ended on request.
    Cancelled,
}

/// What one run says of one item: its own newest words and figures, whole, so that the newest one wins and a repetition changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution {
    /// hash of (system, root, process), see [`Item::id_of`].
    pub item: Id,
    /// The tenant.
    pub system: Arc<str>,
    /// The root run.
    pub root: Id,
    /// The run that speaks.
    pub run: Id,
    /// The root run's workflow.
    pub workflow: Arc<str>,
    /// The item's name within its tree.
    pub process: Arc<str>,
    /// Who started the root run.
    pub user: Option<Arc<str>>,
    /// Only that person sees it; once private, always private.
    pub private: bool,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// A text with its mark; null: as before.
    pub title: Value,
    /// None: as before.
    pub total: Option<f64>,
    /// The run's last set value, and how many sets it has made (a higher count is newer); None: it only adds.
    pub set: Option<(u64, f64)>,
    /// The sum of the run's increments since its last set.
    pub subtotal: f64,
    /// Null: as before.
    pub status_message: Value,
    /// Set by hand; None leaves it running.
    pub status: Option<ItemStatus>,
    /// Null: as before.
    pub link: Value,
}

/// What one run has put into an item.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Share {
    /// How many sets the run has made.
    pub sets: u64,
    /// Its increments since then.
    pub subtotal: f64,
}

/// An item as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub id: Id,
    /// The tenant.
    pub system: Arc<str>,
    /// The root run.
    pub run: Id,
    /// The root run's workflow.
    pub workflow: Arc<str>,
    /// Its name within the tree.
    pub process: Arc<str>,
    /// Who started the root run.
    pub user: Option<Arc<str>>,
    /// Only that person sees it.
    pub private: bool,
    /// For people.
    pub title: Value,
    /// None: indeterminate.
    pub total: Option<f64>,
    /// Between 0 and `total`.
    pub progress: f64,
    /// For people.
    pub status_message: Value,
    /// Where it stands.
    pub status: ItemStatus,
    /// Milliseconds since 1970.
    pub started_at_ms: i64,
    /// Milliseconds since 1970.
    pub updated_at_ms: i64,
    /// Units a second, over the last minute; None rather than a guess known to be bad.
    pub rate: Option<f64>,
    /// Seconds.
    pub eta_seconds: Option<f64>,
    /// Grows with every change: a state with a lower one is older.
    pub seq: u64,
    /// Where a click leads.
    pub link: Value,
    /// The newest set value that counts.
    pub base: f64,
    /// The run that set it.
    pub base_run: Option<Id>,
    /// What each run that touched it has put in.
    pub shares: BTreeMap<Id, Share>,
    /// Recent (milliseconds, progress) pairs from which the rate is computed; bounded.
    pub samples: Vec<(i64, f64)>,
}

/// Over which the rate is taken, milliseconds.
const WINDOW_MS: i64 = 60_000;

/// How many samples are kept.
const SAMPLES_MAX: usize = 32;

/// What is said of an item whose run failed: neutral, as anyone may see it.
const COULD_NOT: &str = "could not be completed";

impl ItemStatus {
    /// The word used in SQL, JSON and pages.
    pub fn word(self) -> &'static str {
        match self {
            ItemStatus::Running => "running",
            ItemStatus::Succeeded => "succeeded",
            ItemStatus::Failed => "failed",
            ItemStatus::Cancelled => "cancelled",
        }
    }
}

impl Item {
    /// An item is known by (system, root run, process).
    pub fn id_of(system: &str, root: Id, process: &str) -> Id {
        let mut hasher = Sha256::new();
        hasher.update(root.0.to_be_bytes());
        hasher.update((system.len() as u64).to_be_bytes());
        hasher.update(system);
        hasher.update(process);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize()[..16]);
        Id(u128::from_be_bytes(bytes))
    }

    /// An item that nothing has been said of.
    pub fn new(first: &Contribution) -> Item {
        Item {
            id: first.item,
            system: first.system.clone(),
            run: first.root,
            workflow: first.workflow.clone(),
            process: first.process.clone(),
            user: first.user.clone(),
            private: false,
            title: Value::Null,
            total: None,
            progress: 0.0,
            status_message: Value::Null,
            status: ItemStatus::Running,
            started_at_ms: first.at_ms,
            updated_at_ms: first.at_ms,
            rate: None,
            eta_seconds: None,
            seq: 0,
            link: Value::Null,
            base: 0.0,
            base_run: None,
            shares: BTreeMap::new(),
            samples: Vec::new(),
        }
    }

    /// Takes in what a run says. False: nothing changed, as the item has ended, or a repetition said the same.
    pub fn merge(&mut self, said: &Contribution) -> bool {
        if self.status != ItemStatus::Running {
            return false;
        }
        let before = self.clone();
        self.take_words(said);
        self.take_figures(said);
        self.seq = before.seq;
        if *self == before {
            return false;
        }
        self.seq += 1;
        self.updated_at_ms = self.updated_at_ms.max(said.at_ms);
        if let Some(status) = said.status {
            self.status = status;
        }
        self.estimate(said.at_ms);
        true
    }

    fn take_words(&mut self, said: &Contribution) {
        let newest = |old: &mut Value, new: &Value| {
            if !new.is_null() {
                old.clone_from(new);
            }
        };
        newest(&mut self.title, &said.title);
        newest(&mut self.status_message, &said.status_message);
        newest(&mut self.link, &said.link);
        self.total = said.total.or(self.total);
        self.private |= said.private;
        if said.status.is_some_and(|status| status != ItemStatus::Running) {
            self.updated_at_ms = self.updated_at_ms.max(said.at_ms + 1);
        }
    }

    /// A set is the item's new base and voids the increments that its own run made before; those of other runs add on
    /// top. A lower set is shown if it comes from the run that set it before, else ignored: bars do not run backwards.
    fn take_figures(&mut self, said: &Contribution) {
        let share = self.shares.entry(said.run).or_default();
        let newer = said.set.filter(|(sets, _)| *sets > share.sets);
        if let Some((sets, value)) = newer {
            share.sets = sets;
            share.subtotal = 0.0;
            let others: f64 = self
                .shares
                .iter()
                .filter(|(run, _)| **run != said.run)
                .map(|(_, share)| share.subtotal)
                .sum();
            let own = self.base_run.is_none_or(|run| run == said.run);
            if own || value + others >= self.progress {
                self.base = value;
                self.base_run = Some(said.run);
            }
        }
        if let Some(share) = self.shares.get_mut(&said.run)
            && said.set.map_or(0, |(sets, _)| sets) >= share.sets
        {
            share.subtotal = said.subtotal;
        }
        let sum = self.base + self.shares.values().map(|share| share.subtotal).sum::<f64>();
        self.progress = sum.clamp(0.0, self.total.unwrap_or(f64::MAX).max(0.0));
    }

    /// Null rather than a guess known to be bad: two samples a second apart, and a bar that moves.
    fn estimate(&mut self, at_ms: i64) {
        self.samples.push((at_ms, self.progress));
        self.samples.retain(|(at, _)| at_ms - at <= WINDOW_MS);
        if self.samples.len() > SAMPLES_MAX {
            // The oldest stays: it is the far end of the window.
            self.samples.remove(1);
        }
        let (first, last) = (self.samples[0], (at_ms, self.progress));
        let seconds = (last.0 - first.0) as f64 / 1e3;
        let rate = (seconds >= 1.0).then(|| (last.1 - first.1) / seconds).filter(|rate| *rate > 0.0);
        let running = self.status == ItemStatus::Running;
        self.rate = rate;
        self.eta_seconds = match (rate, self.total) {
            (Some(rate), Some(total)) if running => Some((total - self.progress) / rate),
            _ => None,
        };
    }

    /// A run that touched it is tried again by hand. False: it had not ended.
    pub fn reopen(&mut self, at_ms: i64) -> bool {
        if self.status == ItemStatus::Running {
            return false;
        }
        self.status = ItemStatus::Running;
        self.status_message = Value::Null;
        self.seq += 1;
        self.updated_at_ms = self.updated_at_ms.max(at_ms);
        self.samples.clear();
        true
    }

    /// No run that touched it is live any more.
    pub fn end(&mut self, status: ItemStatus, at_ms: i64) {
        self.status = status;
        self.seq += 1;
        self.updated_at_ms = self.updated_at_ms.max(at_ms);
        self.eta_seconds = None;
        if status == ItemStatus::Failed {
            self.status_message = Value::from(COULD_NOT);
        }
    }
}
