//! One server among others on one database: what befalls it there, and who owns a run. Of two that have claimed it that is the one with
//! the newer epoch; whatever the other one still submits must be refused.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use store::{Claimed, Commit, Id, Store, Ticket};
use testkit::postgres::psql_at;
use tokio::sync::oneshot;

use super::life::Life;

/// How long a server that says nothing is taken to be there.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// Longer than that, and the look that finds it over.
const BEYOND_LEASE: Duration = Duration::from_millis(3_200);

/// The newest epoch under which each run was claimed.
pub(crate) type Epochs = Arc<Mutex<BTreeMap<Id, u64>>>;

/// Whatever a process does passes it; one that is held up keeps it.
pub(crate) type Gate = Arc<Mutex<()>>;

pub(crate) struct Among {
    /// Which of how many servers.
    pub(crate) at: (usize, usize),
    /// Of the database, with the name of this life as that of its connections.
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) gate: Gate,
    pub(crate) epochs: Epochs,
}

impl Among {
    pub(crate) fn is_for(&self, launch: u64) -> bool {
        launch as usize % self.at.1 == self.at.0
    }

    /// Its store and its engine stand still.
    pub(crate) fn is_held_up(&self, more_ms: u64) {
        let _kept = self.gate.lock();
        std::thread::sleep(BEYOND_LEASE + Duration::from_millis(more_ms));
    }

    /// Somebody breaks its connections, while it goes on.
    pub(crate) fn is_cut_off(&self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        std::thread::spawn(move || {
            let sql = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}' AND pid <> pg_backend_pid()"
            );
            // A database that is gone meanwhile has no connections.
            let _ = psql_at(&url, &sql);
        });
    }

    fn epochs(&self) -> MutexGuard<'_, BTreeMap<Id, u64>> {
        self.epochs.lock().expect("the epochs")
    }

    pub(crate) fn has_claimed(&self, life: &Life, claimed: &[Claimed]) {
        let now_ms = life.now_ms();
        for one in claimed {
            let (run, epoch) = (one.start.id, one.epoch);
            let newest = self.epochs().insert(run, epoch).unwrap_or_default();
            if newest > epoch {
                // It was claimed here before, and waited here.
                self.epochs().insert(run, newest);
            }
            life.log(format!("claims {} {run}, epoch {epoch}", one.start.workflow));
            if newest == epoch {
                life.broken(format!("{} {run} is claimed twice under epoch {epoch}", one.start.workflow));
            }
            if let Some(ms) = one.start.not_before_ms.map(|at_ms| at_ms - now_ms).filter(|ms| *ms > 0) {
                life.broken(format!("{} {run} is claimed {ms} ms before its time", one.start.workflow));
            }
            life.world().begun.insert(run);
        }
    }

    pub(crate) fn submits(&self, life: &Life, inner: &dyn Store, commit: Commit) -> Ticket {
        let (run, epoch) = (commit.run, commit.epoch);
        let newest = self.epochs().get(&run).copied().unwrap_or_default();
        if commit.park.as_ref().is_some_and(|park| park.failed) {
            *life.world().failures.entry(run).or_default() += 1;
        }
        let ticket = inner.commit(commit);
        if epoch == 0 || epoch >= newest {
            return ticket;
        }
        let (tell, told) = oneshot::channel();
        let world = life.world_itself();
        tokio::spawn(async move {
            let Ok(answer) = ticket.await else { return };
            let mut world = world.lock().expect("the world");
            match answer {
                Ok(()) => {
                    let says =
                        format!("{run} is written under epoch {epoch} when it was claimed under {newest}");
                    world.broken.push(says);
                }
                Err(_) => world.count("too_late"),
            }
            let _ = tell.send(answer);
        });
        told
    }
}
