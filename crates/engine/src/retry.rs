//! A run is tried again by hand: from its failure, in the same run; or from the start, as a new one.

use std::sync::Arc;

use interpreter::Machine;
use store::{Checkpoint, Deed, Did, Entries, Hash, Id, NewRun, Reopened};
use workflow::System;

use crate::{Shared, context};

/// Where a retry begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryFrom {
    /// The effect that failed, or where a cancelled run stood; its journal stays.
    Failure {
        /// Under the version that is current, instead of its own.
        current: bool,
    },
    /// A new run with a new id and new keys, under the version that is current.
    Start,
}

/// What came of it.
#[derive(Debug)]
pub enum Retried {
    /// That run is queued.
    Queued(Id),
    /// It neither failed nor was cancelled.
    NotOver,
    /// It cannot go on under the current version, and this is the first difference.
    Differs(String),
    /// There is no such run.
    Unknown,
}

impl Retried {
    /// What the store said, of a deed that queues the run `id`.
    pub fn of(did: Did, id: Id) -> Retried {
        match did {
            Did::Reopened(Reopened::NotOver) => Retried::NotOver,
            Did::Reopened(Reopened::Unknown) => Retried::Unknown,
            _ => Retried::Queued(id),
        }
    }
}

pub(crate) async fn retry(shared: &Shared, run: Id, from: RetryFrom) -> Result<Retried, store::Error> {
    let deed = match plan(shared, run, from).await? {
        Ok(deed) => deed,
        Err(refused) => return Ok(refused),
    };
    let id = tried(&deed, run);
    Ok(Retried::of(shared.store.act(deed).await?, id))
}

/// The run that such a deed queues.
fn tried(deed: &Deed, run: Id) -> Id {
    if let Deed::Start(new) = deed { new.id } else { run }
}

/// What it would write, or why it cannot be.
pub(crate) async fn plan(
    shared: &Shared,
    run: Id,
    from: RetryFrom,
) -> Result<Result<Deed, Retried>, store::Error> {
    let Some(found) = shared.store.run(run).await? else { return Ok(Err(Retried::Unknown)) };
    of(shared, &found, from).await
}

/// The same for a run that was read.
pub(crate) async fn of(
    shared: &Shared,
    found: &store::Run,
    from: RetryFrom,
) -> Result<Result<Deed, Retried>, store::Error> {
    if !matches!(found.status, store::Status::Failed | store::Status::Cancelled) {
        return Ok(Err(Retried::NotOver));
    }
    let (run, at_ms) = (found.start.id, shared.clock.now_ms());
    Ok(match from {
        RetryFrom::Start => {
            shared.store.room()?;
            let current = shared.systems.current(&found.start.system);
            if current.is_none_or(|current| !current.system.workflows.contains_key(&found.start.workflow)) {
                let says = format!("there is no workflow `{}` any more", found.start.workflow);
                return Ok(Err(Retried::Differs(says)));
            }
            Ok(Deed::Start(Box::new(again(shared, &found.start))))
        }
        RetryFrom::Failure { current: false } => Ok(Deed::Reopen { run, moved: None, at_ms }),
        RetryFrom::Failure { current: true } => match under_current(shared, found).await? {
            Ok(moved) => Ok(Deed::Reopen { run, moved: Some(moved), at_ms }),
            Err(difference) => Err(Retried::Differs(difference)),
        },
    })
}

/// A new run of the same start.
fn again(shared: &Shared, old: &Arc<NewRun>) -> NewRun {
    let now_ms = shared.clock.now_ms();
    let id = shared.ids.next(now_ms);
    let version = shared.systems.current(&old.system).map_or(old.version, |current| current.version);
    // One that asked its person came before others.
    let priority = if context::in_request(old) { 0 } else { old.priority };
    // A run that a request waited for is worked in the background this time, and listed for its person.
    let root = if old.parent.is_some() { old.root } else { id };
    NewRun {
        id,
        version,
        priority,
        root,
        direct: old.direct || old.parent.is_none(),
        retry_of: Some(old.id),
        not_before_ms: None,
        unique: None,
        context: context::anew(&old.context, &shared.doors.base()),
        created_at_ms: now_ms,
        ..NewRun::clone(old)
    }
}

/// Its state under the files as they are now, if all that it recorded still happens and all that it names is there.
async fn under_current(
    shared: &Shared,
    run: &store::Run,
) -> Result<Result<store::Moved, String>, store::Error> {
    let gone = || Ok(Err("the version of the workflows that the run is pinned to is gone".to_owned()));
    let (Some(own), Some(current)) =
        (shared.systems.at(run.start.version).await?, shared.systems.current(&run.start.system))
    else {
        return gone();
    };
    if let Some(refuses) = own.refuses().or_else(|| current.refuses()) {
        return Ok(Err(refuses));
    }
    let Replayed { machine, at, .. } = match under(shared, run, &own.system, &current.system).await? {
        Ok(moved) => moved,
        Err(difference) => return Ok(Err(difference)),
    };
    // All that it needs is handed over: nobody knows what is kept by the time that it is written.
    let interpreter::Checkpoint { bytes, blobs } = machine.checkpoint();
    let needs = blobs.iter().map(|blob| Hash(blob.hash)).collect();
    let checkpoint = Checkpoint { at, bytes, needs, blobs };
    Ok(Ok(store::Moved { version: current.version, checkpoint }))
}

/// A run that was gone through under other files.
pub(crate) struct Replayed {
    pub(crate) machine: Machine,
    /// Where its journal ends.
    at: u64,
    /// How much of it there was to go through: entries, and a checkpoint.
    pub(crate) seen: u64,
    /// It has not come to its end.
    pub(crate) goes_on: bool,
}

/// Goes through what a run has recorded under other files; the first difference, or what is not there any more.
pub(crate) async fn under(
    shared: &Shared,
    run: &store::Run,
    own: &Arc<System>,
    target: &Arc<System>,
) -> Result<Result<Replayed, String>, store::Error> {
    let (checkpoint, mut chunks) = shared.store.resume(run.start.id).await?;
    let retry: Option<Entries> = run.end.as_ref().and_then(|end| end.retry.clone());
    chunks.extend(retry);
    let last = chunks.last().map(|chunk| chunk.at + u64::from(chunk.count));
    let at = last.or(checkpoint.as_ref().map(|checkpoint| checkpoint.at)).unwrap_or(0);
    let whole = checkpoint.is_none();
    let seen = chunks.iter().map(|chunk| u64::from(chunk.count)).sum::<u64>() + u64::from(!whole);
    let kept = (checkpoint, chunks);
    let machine = |system| context::machine(shared, system, &run.start, kept.clone());
    // A journal that is whole is gone through under the other version from the start; and wherever the run stands under
    // its own, every element that is named there has to be there still.
    let (mut stands, mut moved) = match (machine(own), machine(if whole { target } else { own })) {
        (Ok(stands), Ok(moved)) => (stands, moved),
        (Err(failure), _) | (_, Err(failure)) => return Ok(Err(failure.message.into())),
    };
    let goes = async {
        replayed(&mut stands).await?;
        stands.rebind(target.clone())?;
        if !whole {
            moved.rebind(target.clone())?;
        }
        replayed(&mut moved).await
    };
    Ok(goes.await.map(|goes_on| Replayed { machine: moved, at, seen, goes_on }))
}

/// Goes through all that is recorded, and says whether the run goes on then; or the first difference.
async fn replayed(machine: &mut Machine) -> Result<bool, String> {
    let end = context::replay(machine).await.1;
    let goes_on = end.is_none();
    let differs = end.and_then(|end| end.failure).filter(|failure| &*failure.code == "replay_mismatch");
    differs.map_or(Ok(goes_on), |failure| Err(failure.detail.to_text()))
}
