//! While the database cannot be written: said once, looked at until it is over. Nothing is claimed meanwhile, so that no run
//! calls a provider again and again whose answer cannot be kept.

use std::time::Duration;

use super::{Shared, disk, forms::trouble, lock, writer::Writer};
use crate::Error;

/// Between two looks whether it is over.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// The same trouble is not said again so soon, microseconds.
const SILENCE_US: u64 = 60_000_000;

/// Since when, and when it was looked at last, microseconds.
pub(super) struct Outage {
    since: u64,
    looked: u64,
    said: bool,
}

impl Writer {
    /// A batch was refused as a whole; the error as it is to be told.
    pub(super) fn refused(&mut self, error: Error) -> Error {
        if !error.is_outage() {
            return error;
        }
        let shared = &self.shared;
        let error = disk::explained(error, shared.disk());
        if self.outage.is_none() {
            let now = (shared.clock)();
            let what = match &error {
                Error::Full => "free some space: everything goes on by itself then",
                Error::Corrupt(_) => "stop hefe, and put back a copy of the database",
                _ => "everything goes on by itself as soon as it can be written",
            };
            let says = format!("{error}; nothing that was answered is lost, nothing new is taken; {what}");
            let said = shared.complain(&says);
            self.outage = Some(Outage { since: now, looked: now, said });
            *lock(&shared.stopped) = Some(error.clone());
        }
        error
    }

    /// Looks whether it can be written again.
    pub(super) fn look(&mut self) {
        let now = (self.shared.clock)();
        let Some(outage) = &mut self.outage else { return };
        outage.looked = now;
        // One page that fits would only lead to the next refusal.
        if self.shared.disk().is_some_and(|disk| !disk.has_room()) || self.touch().is_err() {
            return;
        }
        let Some(outage) = self.outage.take() else { return };
        let shared = &self.shared;
        *lock(&shared.stopped) = None;
        shared.ready.notify_one();
        if outage.said {
            let seconds = now.saturating_sub(outage.since) / 1_000_000;
            tracing::info!("the database `{}` is written again, after {seconds} s", shared.path.display());
        }
    }

    /// The same where much comes in, so that it is never quiet.
    pub(super) fn look_between(&mut self) {
        let now = (self.shared.clock)();
        if self.outage.as_ref().is_some_and(|outage| now.abs_diff(outage.looked) >= LOOK.as_micros() as u64) {
            self.look();
        }
    }

    /// Writes what is there already.
    fn touch(&self) -> Result<(), Error> {
        let version =
            self.db.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).map_err(trouble)?;
        let sql = format!("BEGIN IMMEDIATE; PRAGMA user_version={version}; COMMIT;");
        let done = self.db.execute_batch(&sql).map_err(trouble);
        if done.is_err() && !self.db.is_autocommit() {
            let _ = self.db.execute_batch("ROLLBACK");
        }
        done
    }
}

impl Shared {
    /// The disk that the database lies on.
    pub(super) fn disk(&self) -> Option<disk::Disk> {
        (self.probe)(self.path.parent()?)
    }

    /// Says it, unless the same was said a moment ago; whether it did.
    pub(super) fn complain(&self, says: &str) -> bool {
        let now = (self.clock)();
        let mut last = lock(&self.complaint);
        let again = last.as_ref().is_some_and(|(said, at)| **said == *says && now.abs_diff(*at) < SILENCE_US);
        if !again {
            tracing::error!("the database `{}`: {says}", self.path.display());
            *last = Some((says.into(), now));
        }
        !again
    }
}
