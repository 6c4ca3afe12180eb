//! What one transaction does, statement by statement, and what follows from it once it is durable.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use tokio_postgres::Row;

use super::{
    Shared,
    bars::Bars,
    cancel::Doomed,
    link::{Done, Link, Vals, get},
};
use crate::{Change, Error, Hash, Id, NewRun, Status, forms::blob_of, probe::Inside};

/// What follows from a transaction once it is durable.
#[derive(Default)]
pub(super) struct After {
    pub(super) changes: Vec<(u64, Change)>,
    /// What it adds to the counters.
    pub(super) tally: Tally,
    /// Where a run has become ready.
    pub(super) ready: Vec<Place>,
    /// Runs that this process holds no longer, with the epoch under which it did: they may be claimed again before this is published.
    pub(super) left: Vec<(Id, u64)>,
    /// Runs that are over.
    pub(super) over: Vec<Id>,
    /// When the first of those that parked is due.
    pub(super) wake_ms: Option<i64>,
    /// The first day on which one of those that ended may go.
    pub(super) day: Option<i32>,
    /// Runs whose children are to end too.
    pub(super) doomed: Vec<Doomed>,
    /// Whether more of them are left for the next transaction, if that was looked up.
    pub(super) dooms: Option<bool>,
    /// Suspects that wrote an entry.
    pub(super) got_on: Vec<Id>,
    /// Runs of which its tables hold something now.
    pub(super) wrote: HashSet<Id>,
    /// Runs whose trees may have bars now.
    pub(super) barred: HashSet<Id>,
    /// Points that the transaction stands at until it is over.
    pub(super) inside: Vec<Inside>,
    /// Versions that what ended needs, and until which day.
    pub(super) pins: Vec<(Hash, i32)>,
    /// Lanes that are named for the first time: queue and system.
    pub(super) lanes: HashMap<(Arc<str>, Arc<str>), i32>,
}

impl After {
    pub(super) fn wake_at(&mut self, at_ms: Option<i64>) {
        self.wake_ms = self.wake_ms.into_iter().chain(at_ms).min();
    }
}

/// Changes of the account's counters.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) accepted: i64,
    pub(super) ended: [i64; 3],
}

impl Tally {
    pub(super) fn end(&mut self, status: Status, by: i64) {
        match status {
            Status::Succeeded => self.ended[0] += by,
            Status::Failed => self.ended[1] += by,
            Status::Cancelled => self.ended[2] += by,
            Status::Queued | Status::Running | Status::Waiting => {}
        }
    }
}

/// Where a run lies that can be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) lane: i32,
    pub(super) prio: i32,
    pub(super) run: Id,
}

pub(super) struct Tx<'a> {
    pub(super) db: &'a Link,
    pub(super) shared: &'a Shared,
    /// What is believed to be held is looked up: others were in the way the first time.
    pub(super) looks: bool,
    pub(super) after: After,
    pub(super) bars: Bars,
    /// See [`After::pins`], as far as they are not in the transaction yet.
    pub(super) new_pins: HashSet<(Hash, i32)>,
    /// Runs that end and hold no place behind their limit.
    pub(super) without_a_place: HashSet<Id>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(db: &'a Link, shared: &'a Shared, looks: bool) -> Tx<'a> {
        Tx {
            db,
            shared,
            looks,
            after: After::default(),
            bars: Bars::default(),
            new_pins: HashSet::new(),
            without_a_place: HashSet::new(),
        }
    }

    pub(super) async fn run(&self, sql: &'static str, vals: Vals<'_>) -> Done<u64> {
        self.db.run(sql, vals).await
    }

    pub(super) async fn rows(&self, sql: &'static str, vals: Vals<'_>) -> Done<Vec<Row>> {
        self.db.rows(sql, vals).await
    }

    pub(super) async fn one(&self, sql: &'static str, vals: Vals<'_>) -> Done<Option<Row>> {
        self.db.one(sql, vals).await
    }

    pub(super) async fn has(&self, sql: &'static str, vals: Vals<'_>) -> Done<bool> {
        Ok(self.one(sql, vals).await?.is_some())
    }

    pub(super) fn stamp(&self) -> u64 {
        self.shared.stamp()
    }

    pub(super) fn change(&mut self, change: Change) {
        let stamp = self.stamp();
        self.after.changes.push((stamp, change));
    }
}

/// A value from the first column of each row.
pub(super) fn bodies<T: serde::de::DeserializeOwned>(rows: &[Row]) -> Result<Vec<T>, Error> {
    rows.iter().map(|row| blob_of(get::<&[u8]>(row, 0)?)).collect()
}

/// A value from the first column of a row that may not be there.
pub(super) fn body<T: serde::de::DeserializeOwned>(row: Option<&Row>) -> Result<Option<T>, Error> {
    row.map(|row| blob_of(get::<&[u8]>(row, 0)?)).transpose()
}

/// What a run was started with, from a column.
pub(super) fn start(row: &Row, at: usize) -> Result<Arc<NewRun>, Error> {
    blob_of(get::<&[u8]>(row, at)?).map(Arc::new)
}
