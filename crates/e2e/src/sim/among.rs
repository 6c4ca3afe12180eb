//! One server among others on one database: what befalls it there, and who owns a run. Of two that have claimed it that is the one with
//! the newer epoch; whatever the other one still submits must be refused.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    thread::{self, JoinHandle},
    time::Duration,
};

use store::{Claimed, Commit, Id, Store, Ticket};
use testkit::postgres::psql_at;
use tokio::sync::oneshot;

use super::{life::Life, world::Fate};

/// How long a server that says nothing is taken to be there.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// Longer than that, and the look that finds it over.
const BEYOND_LEASE: Duration = Duration::from_millis(3_200);

/// The newest epoch under which each run was claimed.
pub(crate) type Epochs = Arc<Mutex<BTreeMap<Id, u64>>>;

/// Whatever a process does passes it; one that is held up keeps it.
pub(crate) type Gate = Arc<Mutex<()>>;

/// What is being done to the database.
pub(crate) type Deeds = Arc<Mutex<Vec<JoinHandle<()>>>>;

pub(crate) struct Among {
    /// Which of how many servers.
    pub(crate) at: (usize, usize),
    /// Where databases are made.
    pub(crate) server: String,
    pub(crate) database: String,
    /// That of its connections.
    pub(crate) name: String,
    pub(crate) gate: Gate,
    pub(crate) epochs: Epochs,
    pub(crate) deeds: Deeds,
}

impl Among {
    pub(crate) fn is_for(&self, launch: u64) -> bool {
        launch as usize % self.at.1 == self.at.0
    }

    /// What befalls a server only where there are others.
    pub(crate) fn befalls(&self, life: &Life, fate: Fate, point: &str) {
        life.log(format!("{fate:?}: {point}"));
        let name = self.database.clone();
        match fate {
            Fate::HeldUp => {
                life.world().count("held_up");
                let more_ms = life.roll(1_000);
                // Its store and its engine stand still.
                let kept = self.gate.lock();
                thread::sleep(BEYOND_LEASE + Duration::from_millis(more_ms));
                drop(kept);
                life.log("it goes on");
            }
            Fate::CutOff => {
                life.world().count("cut_off");
                let mine = format!("datname = '{name}' AND application_name = '{}'", self.name);
                self.does(move |ask| ask(&breaks(&mine)));
            }
            Fate::Outage => {
                life.world().count("outages");
                let ms = 300 + life.roll(2_700);
                self.does(move |ask| {
                    ask(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
                    ask(&breaks(&format!("datname = '{name}'")));
                    thread::sleep(Duration::from_millis(ms));
                    ask(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
                });
            }
            Fate::Dies | Fate::Soon | Fate::Now => {}
        }
    }

    /// Beside all that goes on.
    fn does(&self, does: impl FnOnce(&dyn Fn(&str)) + Send + 'static) {
        let server = self.server.clone();
        let ask = move |sql: &str| match psql_at(&server, sql) {
            Ok(_) => {}
            Err(says) => panic!("`{sql}` fails: {says}"),
        };
        self.deeds.lock().expect("the deeds").push(thread::spawn(move || does(&ask)));
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

/// Breaks such connections.
fn breaks(which: &str) -> String {
    format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {which}")
}
