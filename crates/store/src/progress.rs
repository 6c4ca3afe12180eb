//! Progress items: what runs contribute, and the state people see (delivery.md, Progress). Pure: both databases use it.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

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
    /// None: as before.
    pub title: Option<String>,
    /// None: as before.
    pub total: Option<f64>,
    /// The run's last set value, and how many sets it has made (a higher count is newer); None: it only adds.
    pub set: Option<(u64, f64)>,
    /// The sum of the run's increments since its last set.
    pub subtotal: f64,
    /// None: as before.
    pub status_message: Option<String>,
    /// Set by hand; None leaves it running.
    pub status: Option<ItemStatus>,
    /// None: as before.
    pub link: Option<String>,
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
    pub title: Option<String>,
    /// None: indeterminate.
    pub total: Option<f64>,
    /// Between 0 and `total`.
    pub progress: f64,
    /// For people.
    pub status_message: Option<String>,
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
    pub link: Option<String>,
    /// The newest set value that counts.
    pub base: f64,
    /// What each run that touched it has put in.
    pub shares: BTreeMap<Id, Share>,
    /// Recent (milliseconds, progress) pairs from which the rate is computed; bounded.
    pub samples: Vec<(i64, f64)>,
}
