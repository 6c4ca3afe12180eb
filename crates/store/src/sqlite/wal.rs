//! Moves the write-ahead log into the file, off the writer, whenever it has grown; idle otherwise.
//!
//! While others write, that never reaches the log's end, and a log that is not moved to its end never begins anew: it grew to 64 MB
//! under eight clients, with a sync of the file for almost every commit. So it is moved again only when it has grown by as much
//! as before, and the writer moves the last pages itself, between two commits.

use std::sync::{
    Condvar, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use rusqlite::Connection;

use super::{Shared, forms::trouble, lock, open::connect};
use crate::Error;

/// It is moved when it has grown by so many pages.
const GROWN_PAGES: u64 = 2_000;

/// From so many pages on the writer moves the last ones.
const LONG_PAGES: u64 = 4_000;

/// What the thread that moves it waits for.
#[derive(Default)]
pub(super) struct Wal {
    /// In the log.
    pages: AtomicU64,
    /// How many of them have been moved.
    moved: AtomicU64,
    /// The writer is to move the last ones.
    to_its_end: AtomicBool,
    due: Mutex<Due>,
    told: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Due {
    #[default]
    No,
    Yes,
    Closing,
}

impl Due {
    /// Whether it was; from then on it is not.
    fn take(&mut self) -> bool {
        let was = *self == Due::Yes;
        if was {
            *self = Due::No;
        }
        was
    }
}

impl Wal {
    /// A commit has made it so long.
    pub(super) fn is_now(&self, pages: u64) {
        self.pages.store(pages, Ordering::Relaxed);
    }

    /// Between two commits.
    pub(super) fn look(&self) {
        let (pages, moved) = (self.pages.load(Ordering::Relaxed), self.moved.load(Ordering::Relaxed));
        if pages < moved {
            // It has begun anew.
            self.moved.store(0, Ordering::Relaxed);
        } else if pages >= moved + GROWN_PAGES {
            self.say(Due::Yes);
        }
    }

    pub(super) fn close(&self) {
        self.say(Due::Closing);
    }

    /// Whether the writer is to move what is left.
    pub(super) fn is_long(&self) -> bool {
        self.to_its_end.swap(false, Ordering::Relaxed)
    }

    /// Moves what is there now. Readers and the writer go on meanwhile.
    pub(super) fn step(&self, db: &Connection) -> Result<(), Error> {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (pages, moved) = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], row).map_err(trouble)?;
        let (pages, moved) = (pages.unsigned_abs(), moved.unsigned_abs());
        self.moved.store(moved, Ordering::Relaxed);
        self.to_its_end
            .store(pages > LONG_PAGES && moved < self.pages.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }

    fn say(&self, due: Due) {
        let mut now = lock(&self.due);
        if *now != Due::Closing {
            *now = due;
            self.told.notify_one();
        }
    }

    /// Whether it has grown since it was asked last.
    pub(super) fn is_due(&self) -> bool {
        lock(&self.due).take()
    }

    /// Returns when it is due again; false when the store closes.
    fn next(&self) -> bool {
        let mut due = lock(&self.due);
        while *due == Due::No {
            due = self.told.wait(due).unwrap_or_else(PoisonError::into_inner);
        }
        due.take()
    }
}

impl Shared {
    /// The thread's work, until the store closes.
    pub(super) fn checkpoints(&self) {
        let (mut db, mut said) = (None, false);
        while self.wal.next() {
            let opened = db.take().map_or_else(|| connect(&self.path, false), Ok);
            match opened.and_then(|db| self.wal.step(&db).map(|()| db)) {
                Ok(again) => (db, said) = (Some(again), false),
                // It is due again after every commit: said once.
                Err(error) => {
                    if !std::mem::replace(&mut said, true) {
                        tracing::warn!("the write-ahead log was not moved into the database: {error}");
                    }
                }
            }
        }
    }
}
