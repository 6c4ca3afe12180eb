//! Versions by hand: what a deploy would change, the deploy, and the way back to a version that was current before.

use std::{collections::HashMap, sync::Arc};

use store::{Error, Hash, Publication, Publish, Version};
use workflow::Diagnostic;

use crate::{
    Diff, Engine,
    diff::{Side, diff},
    systems::{errors, load},
};

/// What a version would change, and what is found in its files.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The difference from the version that is current.
    pub diff: Diff,
    /// Errors keep it from being deployed.
    pub findings: Vec<Diagnostic>,
    /// How many of the findings are errors.
    pub errors: usize,
}

/// Whose wish it is.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Who.
    pub by: Arc<str>,
    /// What that one says about it.
    pub note: Arc<str>,
}

/// A kept version, and how many live runs are pinned to it.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Which, since when, and by whom.
    pub publication: Publication,
    /// Live runs.
    pub runs: u64,
}

impl Engine {
    /// What would change if these files became a system's version. Nothing is done.
    pub async fn plan_deploy(&self, version: &Version) -> Result<Plan, Error> {
        let system = load(version);
        let diff = self.diff(&Side { version, system: &system }).await?;
        let errors = errors(&system).count();
        Ok(Plan { diff, findings: system.findings, errors })
    }

    /// Makes these files the system's version, unless there are errors in them; what was changed. Runs that are under way keep theirs.
    pub async fn deploy(&self, version: Version, wish: Wish) -> Result<Plan, Error> {
        let plan = self.plan_deploy(&version).await?;
        if plan.errors == 0 {
            let how = self.how(&version.system, wish).await;
            self.shared.systems.deploy(version, how).await?;
            self.shared.schedules.notify_one();
        }
        Ok(plan)
    }

    /// What would change if that kept version became current again; None: the system has no such version.
    pub async fn plan_rollback(&self, system: &str, hash: Hash) -> Result<Option<Plan>, Error> {
        let Some(version) = self.shared.store.version(hash).await? else { return Ok(None) };
        if &*version.system != system {
            return Ok(None);
        }
        let Some(published) = self.shared.systems.at(hash).await? else { return Ok(None) };
        let diff = self.diff(&Side { version: &version, system: &published.system }).await?;
        // What was wrong with it when it was published, it may be with again; but here it has to load.
        let findings: Vec<Diagnostic> = published.foreign.iter().map(|finding| (**finding).clone()).collect();
        Ok(Some(Plan { diff, errors: findings.len(), findings }))
    }

    /// Makes a kept version current again, unless it cannot be loaded here; what was changed.
    pub async fn roll_back(&self, system: &str, hash: Hash, wish: Wish) -> Result<Option<Plan>, Error> {
        let Some(plan) = self.plan_rollback(system, hash).await? else { return Ok(None) };
        if plan.errors == 0 {
            let name = plan.diff.system.clone();
            let how = self.how(&name, wish).await;
            if self.shared.systems.publish_again(&name, hash, how).await?.is_none() {
                return Ok(None);
            }
            self.shared.schedules.notify_one();
        }
        Ok(Some(plan))
    }

    /// The kept versions of a system, those that became current last first.
    pub async fn versions(&self, system: &str) -> Result<Vec<Kept>, Error> {
        let history = self.shared.store.history(system.into()).await?;
        let mut runs: HashMap<Hash, u64> = HashMap::new();
        for pinned in self.shared.store.pinned(system.into()).await? {
            *runs.entry(pinned.version).or_default() += pinned.runs;
        }
        let of = |version| runs.get(&version).copied().unwrap_or(0);
        Ok(history.into_iter().map(|it| Kept { runs: of(it.version), publication: it }).collect())
    }

    async fn diff(&self, new: &Side<'_>) -> Result<Diff, Error> {
        let name = &new.version.system;
        let pinned = self.shared.store.pinned(name.clone()).await?;
        let Some(current) = self.shared.systems.current(name) else { return Ok(diff(None, new, pinned)) };
        let version = self.shared.store.version(current.version).await?;
        let old = version.as_ref().map(|version| Side { version, system: &current.system });
        Ok(diff(old, new, pinned))
    }

    /// Whatever the folder holds now is settled by it: whoever watches it publishes it when it changes after this.
    async fn how(&self, system: &str, wish: Wish) -> Publish {
        let folder = self.folder().await.unwrap_or_default();
        let folder = folder.iter().find(|version| &*version.system == system).map(Version::hash);
        Publish { by: Some(wish.by), note: wish.note, folder, first: false }
    }
}
