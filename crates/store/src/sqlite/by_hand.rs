//! A database without threads of its own: whoever holds it says when the writer takes what waits and when that is
//! committed, and reads happen where they are awaited. So a simulation decides what falls between them, and a process
//! dies by dropping all of it: nothing more is written, and the next owner finds what a killed one leaves.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::Receiver,
    },
};

use rusqlite::Connection;
use tokio::sync::Notify;

use super::{
    Settings, Sqlite,
    forms::trouble,
    writer::{Order, Writer},
};
use crate::Error;

/// The writer of a database whose work is done by hand.
pub struct ByHand {
    writer: Writer,
    orders: Receiver<Order>,
    waits: Arc<Notify>,
    /// What was taken and is not committed.
    taken: Vec<Order>,
    /// Commits that the disk will refuse.
    refusals: Arc<AtomicU32>,
    /// Moves the write-ahead log.
    checkpoints: Connection,
}

impl ByHand {
    /// Opens or makes the database and becomes its owner, as [`Sqlite::open`] does.
    ///
    /// # Errors
    /// Those of [`Sqlite::open`].
    pub fn open(path: &Path, settings: Settings) -> Result<(Sqlite, ByHand), Error> {
        let waits = Arc::new(Notify::new());
        let (sqlite, mut writer, orders) = Sqlite::parts(path, &settings, Some(waits.clone()))?;
        let refusals = Arc::new(AtomicU32::new(0));
        let left = refusals.clone();
        let refuses = move || {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        };
        writer.db.commit_hook(Some(refuses)).map_err(trouble)?;
        let checkpoints = super::connect(path, false)?;
        Ok((sqlite, ByHand { writer, orders, waits, taken: Vec::new(), refusals, checkpoints }))
    }

    /// Returns once something waits to be taken, or may.
    pub async fn waits(&mut self) {
        self.waits.notified().await;
    }

    /// Takes what waits; how many submissions are taken and not committed.
    pub fn take(&mut self) -> usize {
        self.taken.extend(super::writer::waiting(&self.orders));
        self.taken.len()
    }

    /// Commits what was taken in one transaction, then tells. The disk refuses the first `refusals` commits: after one the
    /// submissions are tried again apart, after two they have failed.
    pub fn commit(&mut self, refusals: u32) -> Result<(), Error> {
        self.refusals.store(refusals, Ordering::Relaxed);
        self.writer.batch(std::mem::take(&mut self.taken));
        self.refusals.store(0, Ordering::Relaxed);
        if self.writer.shared.wal.is_due() {
            self.writer.shared.wal.step(&self.checkpoints)?;
        }
        Ok(())
    }

    /// Commits what waits and gives the database up, as a process does that ends in order.
    pub fn close(mut self) -> Result<(), Error> {
        self.take();
        self.commit(0)?;
        let ByHand { writer, checkpoints, .. } = self;
        drop(checkpoints);
        writer.close()
    }
}
