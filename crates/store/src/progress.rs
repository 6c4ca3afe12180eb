//! Progress items: what runs contribute, and the state people see (delivery.md, Progress). Pure: both databases use it.

mod pace;

use std::sync::Arc;

use recipe::Value;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::pace::{Past, Took, Usual, Window};
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
    /// How many updates the run has made of it, this one included: one that says no more than the store knows is a repetition.
    pub updates: u64,
    /// A text with its mark; null: as before.
    pub title: Value,
    /// None: as before.
    pub total: Option<f64>,
    /// The run's last set value, and how many sets it has made (a higher count is newer); None: it only adds.
    pub set: Option<(u64, f64)>,
    /// The sum of the run's increments before its last set.
    pub before: f64,
    /// The sum of those since.
    pub subtotal: f64,
    /// Null: as before.
    pub status_message: Value,
    /// Set by hand; None leaves it running.
    pub status: Option<ItemStatus>,
    /// Null: as before.
    pub link: Value,
    /// What is shown until the run speaks again, instead of the message: when its next attempt is.
    pub again: Value,
}

/// What one run has put into an item.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Share {
    /// How many updates it has made.
    pub updates: u64,
    /// How many sets.
    pub sets: u64,
    /// Its increments before its last set.
    pub before: f64,
    /// Those of them that a set has voided.
    pub voided: f64,
    /// Its increments since its last set.
    pub subtotal: f64,
}

/// An item as it is stored and shown. What each run has put in is kept apart: there may be many.
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
    /// Everyone has seen a state of it: where it has turned private, they are told that it is gone.
    pub was_public: bool,
    /// For people.
    pub title: Value,
    /// None: indeterminate.
    pub total: Option<f64>,
    /// Between 0 and `total`.
    pub progress: f64,
    /// For people; see [`Item::message`].
    pub status_message: Value,
    /// Where it stands.
    pub status: ItemStatus,
    /// A run has said how it ended: later updates are ignored.
    pub by_hand: bool,
    /// How many were.
    pub ignored: u64,
    /// Milliseconds since 1970.
    pub started_at_ms: i64,
    /// When it was opened again by hand, else when it was started, milliseconds since 1970.
    pub since_ms: i64,
    /// Milliseconds since 1970.
    pub updated_at_ms: i64,
    /// Units a second, over the last minute; None rather than a guess known to be bad.
    pub rate: Option<f64>,
    /// Seconds from `updated_at_ms` on.
    pub eta_seconds: Option<f64>,
    /// Without another update the guess is known to be bad from then on, milliseconds since 1970.
    pub eta_until_ms: Option<i64>,
    /// Grows with every change: a state with a lower one is older.
    pub seq: u64,
    /// Where a click leads.
    pub link: Value,
    /// The newest set value that counts.
    pub base: f64,
    /// The run that set it.
    pub base_run: Option<Id>,
    /// The sum of all increments that count.
    pub added: f64,
    /// The root run has touched it, so that it moves as long as any run of the tree is live.
    pub by_root: bool,
    /// Parents and workflows of those that have: what was started beside them may touch it yet.
    pub kin: Vec<(Id, Arc<str>)>,
    /// When the next attempt of a run is, in words, and of which.
    pub again: Option<(Id, Value)>,
    /// Where it stood lately.
    pub window: Window,
    /// What its like took.
    pub usual: Option<Usual>,
}

/// What came of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// It was a repetition: there is nothing to write.
    Nothing,
    /// It counts, and nobody sees a difference.
    Quiet,
    /// People see another state.
    Shown,
}

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

impl Share {
    fn counts(&self) -> f64 {
        self.before - self.voided + self.subtotal
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

    /// An item that nothing has been said of; `usual`: what its like took.
    pub fn new(first: &Contribution, usual: Option<Usual>) -> Item {
        Item {
            id: first.item,
            system: first.system.clone(),
            run: first.root,
            workflow: first.workflow.clone(),
            process: first.process.clone(),
            user: first.user.clone(),
            private: false,
            was_public: false,
            title: Value::Null,
            total: None,
            progress: 0.0,
            status_message: Value::Null,
            status: ItemStatus::Running,
            by_hand: false,
            ignored: 0,
            started_at_ms: first.at_ms,
            since_ms: first.at_ms,
            updated_at_ms: first.at_ms,
            rate: None,
            eta_seconds: None,
            eta_until_ms: None,
            seq: 0,
            link: Value::Null,
            base: 0.0,
            base_run: None,
            added: 0.0,
            by_root: false,
            kin: Vec::new(),
            again: None,
            window: Window::default(),
            usual,
        }
    }

    /// What is being done, for people; of one that failed neutral words, unless a run chose its own.
    pub fn message(&self) -> Value {
        match &self.again {
            _ if self.status == ItemStatus::Failed && !self.by_hand => COULD_NOT.into(),
            Some((_, words)) => words.clone(),
            None => self.status_message.clone(),
        }
    }

    /// How long it took, if it ended well and in one go.
    pub fn took(&self) -> Option<Took> {
        let well = self.status == ItemStatus::Succeeded && self.since_ms == self.started_at_ms;
        let ms = self.updated_at_ms.saturating_sub(self.started_at_ms).max(0) as u64;
        well.then_some(Took { item: self.id, ms, total: self.total })
    }

    /// Takes in what a run says; `share` is what the same run has put in so far. An item that ended because nobody was
    /// left to move it goes on when another run of its tree does; one that was ended by hand stays as it is.
    pub fn merge(&mut self, share: &mut Share, said: &Contribution) -> Merged {
        let new = said.updates.saturating_sub(share.updates);
        let ended = self.status != ItemStatus::Running;
        if ended && (new == 0 || self.by_hand) {
            share.updates += new;
            self.ignored += new;
            return if new == 0 { Merged::Nothing } else { Merged::Quiet };
        }
        let mut shown = ended || self.seq == 0;
        if ended {
            self.go_on();
        }
        shown |= self.take_again(said);
        if new > 0 {
            share.updates = said.updates;
            self.by_root |= said.run == said.root;
            shown |= self.take_words(said);
            shown |= self.take_figures(share, said);
        }
        if !shown {
            return if new == 0 { Merged::Nothing } else { Merged::Quiet };
        }
        self.seq += 1;
        self.updated_at_ms = self.updated_at_ms.max(said.at_ms);
        if let Some(status) = said.status {
            (self.status, self.by_hand, self.again) = (status, status != ItemStatus::Running, None);
        }
        self.was_public |= !self.private;
        self.window.push(self.updated_at_ms, self.progress);
        self.estimate();
        Merged::Shown
    }

    fn take_again(&mut self, said: &Contribution) -> bool {
        let of_it = self.again.as_ref().is_some_and(|(run, _)| *run == said.run);
        let again = match said.again.is_null() {
            true if of_it => None,
            true => return false,
            false => Some((said.run, said.again.clone())),
        };
        put(&mut self.again, again)
    }

    fn take_words(&mut self, said: &Contribution) -> bool {
        let newest = |old: &mut Value, new: &Value| !new.is_null() && put(old, new.clone());
        let title = newest(&mut self.title, &said.title);
        let message = newest(&mut self.status_message, &said.status_message);
        let link = newest(&mut self.link, &said.link);
        let private = self.private || said.private;
        title | message | link | put(&mut self.private, private) | said.status.is_some()
    }

    /// A set is the item's new base and voids the increments that its own run made before; those of other runs add on
    /// top. A lower one is shown if it comes from the run that set it before, else all of it is ignored: bars do not run
    /// backwards.
    fn take_figures(&mut self, share: &mut Share, said: &Contribution) -> bool {
        let stands = self.base + self.added;
        let others = self.added - share.counts();
        (share.before, share.subtotal) = (finite(said.before), finite(said.subtotal));
        let newer = |(sets, value): &(u64, f64)| *sets > share.sets && value.is_finite();
        if let Some((sets, value)) = said.set.filter(newer) {
            share.sets = sets;
            let own = self.base_run.is_none_or(|run| run == said.run);
            if own || value + share.subtotal + others >= stands {
                (self.base, self.base_run) = (value, Some(said.run));
                share.voided = share.before;
            }
        }
        self.added = others + share.counts();
        let known = said.total.filter(|total| total.is_finite() && *total >= 0.0);
        let known = known.or(self.total);
        let total = put(&mut self.total, known);
        let progress = (self.base + self.added).max(0.0).min(self.total.unwrap_or(f64::MAX));
        put(&mut self.progress, progress) | total
    }

    fn estimate(&mut self) {
        let moving = self.status == ItemStatus::Running;
        let to_do = self.total.map(|total| total - self.progress);
        self.rate = self.window.rate();
        let by_rate = self.rate.zip(to_do).map(|(rate, to_do)| (to_do / rate, self.window.good_ms()));
        let guess = by_rate.or_else(|| self.usually_left_ms().map(|ms| (ms / 1e3, ms as i64)));
        // A full bar that goes on has left its figures behind.
        let guess = guess.filter(|(seconds, _)| moving && *seconds > 0.0);
        self.eta_seconds = guess.map(|(seconds, _)| seconds);
        self.eta_until_ms = guess.map(|(_, good_ms)| self.updated_at_ms.saturating_add(good_ms));
    }

    /// By what its like took; None for one that takes longer than they did.
    fn usually_left_ms(&self) -> Option<f64> {
        let gone_ms = (self.updated_at_ms - self.since_ms) as f64;
        let total = self.total.filter(|total| *total > 0.0);
        let all_ms = match (self.usual?, total) {
            (Usual::Whole(ms), _) => ms,
            (Usual::Unit(ms), total) => ms * total?,
        };
        let left_ms = match total {
            Some(total) => all_ms * (1.0 - self.progress / total),
            None => (self.since_ms == self.started_at_ms).then_some(all_ms - gone_ms)?,
        };
        (gone_ms < all_ms).then_some(left_ms)
    }

    /// A run that touched it is tried again by hand. False: it had not ended.
    pub fn reopen(&mut self, at_ms: i64) -> bool {
        if self.status == ItemStatus::Running {
            return false;
        }
        self.go_on();
        self.seq += 1;
        self.updated_at_ms = self.updated_at_ms.max(at_ms);
        self.since_ms = self.updated_at_ms;
        true
    }

    /// A run does all of its work anew: its increments count no more. People see that with the next update; what it had set
    /// stays until it is passed.
    pub fn forget(&mut self, share: &Share, at_ms: i64) {
        self.added -= share.counts();
        if !self.reopen(at_ms) {
            self.seq += 1;
            self.window = Window::default();
            self.estimate();
        }
    }

    fn go_on(&mut self) {
        (self.status, self.by_hand) = (ItemStatus::Running, false);
        self.window = Window::default();
        self.rate = None;
    }

    /// No run that touched it is live any more, nor one under those.
    pub fn end(&mut self, status: ItemStatus, at_ms: i64) {
        self.status = status;
        self.seq += 1;
        self.updated_at_ms = self.updated_at_ms.max(at_ms);
        (self.eta_seconds, self.eta_until_ms, self.again) = (None, None, None);
    }
}

fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}

/// Whether that makes a difference.
fn put<T: PartialEq>(old: &mut T, new: T) -> bool {
    let differs = *old != new;
    *old = new;
    differs
}
