//! Journals of runs gone through under other files: which would go another way, and where. Nothing is done, and nothing written.

use std::{sync::Arc, time::Duration};

use store::{Error, Filter, Hash, Id, Run, Status, Version};
use workflow::System;

use crate::{Engine, Shared, retry, systems::load};

/// Runs under way that are gone through, the newest first.
const LIVE_MAX: usize = 1_000;

/// Ended ones.
pub const LAST_MAX: usize = 1_000;

/// Rows that are looked at to find them.
const LOOKED_MAX: usize = 10_000;

/// Runs a page.
const PAGE: usize = 100;

/// No run is begun after so long.
const TIME: Duration = Duration::from_secs(20);

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Runs under way that were gone through.
    pub live: u64,
    /// Ended ones.
    pub ended: u64,
    /// There are others that were not.
    pub more: bool,
    /// Those that would go another way.
    pub differs: Vec<Differs>,
}

/// A run that would go another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differs {
    /// Which.
    pub run: Id,
    /// Its workflow.
    pub workflow: Arc<str>,
    /// Its version.
    pub version: Hash,
    /// The first difference.
    pub says: String,
}

impl Engine {
    /// Goes through the journals of the runs under way, and of the last so many that ended, under these files.
    pub async fn replay(&self, version: &Version, last: usize) -> Result<Replayed, Error> {
        let now_ms = self.shared.clock.now_ms();
        let mut replay = Replay {
            shared: &self.shared,
            target: Arc::new(load(version)),
            version: version.hash(),
            until_ms: now_ms.saturating_add_unsigned(TIME.as_millis() as u64),
            came: Replayed::default(),
        };
        let of =
            |live| Filter { system: Some(version.system.clone()), live, limit: PAGE, ..Filter::default() };
        replay.all(of(true), LIVE_MAX).await?;
        replay.all(of(false), last.min(LAST_MAX)).await?;
        Ok(replay.came)
    }
}

struct Replay<'a> {
    shared: &'a Arc<Shared>,
    target: Arc<System>,
    version: Hash,
    until_ms: i64,
    came: Replayed,
}

impl Replay<'_> {
    async fn all(&mut self, mut filter: Filter, most: usize) -> Result<(), Error> {
        let (mut done, mut looked) = (0, 0);
        while done < most {
            let page = self.shared.store.runs(filter.clone()).await?;
            looked += page.items.len().max(1);
            for run in page.items.iter().filter(|run| run.status.ended() != filter.live) {
                if done == most {
                    self.came.more |= filter.live;
                    return Ok(());
                }
                if self.shared.clock.now_ms() >= self.until_ms {
                    self.came.more = true;
                    return Ok(());
                }
                done += usize::from(self.one(run).await?);
            }
            if page.cursor.is_none() || looked >= LOOKED_MAX {
                self.came.more |= page.cursor.is_some();
                return Ok(());
            }
            filter.cursor = page.cursor;
        }
        Ok(())
    }

    /// False: there is nothing to go through.
    async fn one(&mut self, run: &Run) -> Result<bool, Error> {
        if run.start.version == self.version {
            return Ok(false);
        }
        let Some(own) = self.shared.systems.at(run.start.version).await? else { return Ok(false) };
        if own.foreign.is_some() {
            return Ok(false);
        }
        let moved = match retry::under(self.shared, run, &own.system, &self.target).await {
            Ok(moved) => moved,
            // What is damaged tells nothing of the files.
            Err(Error::Corrupt(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let says = match moved {
            Ok(moved) if moved.seen == 0 => return Ok(false),
            Ok(moved) if run.status == Status::Succeeded && moved.goes_on => {
                Some(match moved.machine.waits_at() {
                    Some(element) => format!("it would go on where it had ended, at `{element}`"),
                    None => "it would go on where it had ended".to_owned(),
                })
            }
            Ok(_) => None,
            Err(says) => Some(says),
        };
        let count = if run.status.ended() { &mut self.came.ended } else { &mut self.came.live };
        *count += 1;
        let (id, version) = (run.start.id, run.start.version);
        let differs =
            says.map(|says| Differs { run: id, workflow: run.start.workflow.clone(), version, says });
        self.came.differs.extend(differs);
        Ok(true)
    }
}
