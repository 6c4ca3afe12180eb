//! Moves the write-ahead log into the file, off the writer, whenever it has grown; idle otherwise.

use std::sync::{Condvar, Mutex, PoisonError};

use super::{Shared, forms::trouble, lock, open::connect};

/// What the thread that moves it waits for.
#[derive(Default)]
pub(super) struct Wal {
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

impl Wal {
    pub(super) fn has_grown(&self) {
        self.say(Due::Yes);
    }

    pub(super) fn close(&self) {
        self.say(Due::Closing);
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
        let mut due = lock(&self.due);
        let is_due = *due == Due::Yes;
        if is_due {
            *due = Due::No;
        }
        is_due
    }

    /// Returns when it is due again; false when the store closes.
    fn next(&self) -> bool {
        let mut due = lock(&self.due);
        while *due == Due::No {
            due = self.told.wait(due).unwrap_or_else(PoisonError::into_inner);
        }
        let goes_on = *due == Due::Yes;
        if goes_on {
            *due = Due::No;
        }
        goes_on
    }
}

impl Shared {
    /// The thread's work, until the store closes.
    pub(super) fn checkpoints(&self) {
        let (mut db, mut said) = (None, false);
        while self.wal.next() {
            let opened = db.take().map_or_else(|| connect(&self.path, false), Ok);
            let moved = opened.and_then(|db| {
                db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).map_err(trouble)?;
                Ok(db)
            });
            match moved {
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
