//! Where a run stands, as its journal tells: replayed, so that nothing extra is stored, and the same whoever worked the run.

use std::sync::Arc;

use interpreter::Flight;
use recipe::Value;
use store::Run;

use crate::{Published, Shared, context};

/// What a replay came to.
pub(crate) struct Stood {
    /// The version that it is worked under.
    pub(crate) published: Arc<Published>,
    /// What it waits for.
    pub(crate) flights: Vec<Flight>,
    /// What the newest request was answered with, if none waits.
    pub(crate) handed: Option<Vec<Value>>,
    /// Its end, if it came to one.
    pub(crate) end: Option<Box<interpreter::End>>,
}

/// None: its version or its journal cannot be read any more.
pub(crate) async fn stand(shared: &Shared, run: &Run) -> Result<Option<Stood>, store::Error> {
    let Some(published) = shared.systems.at(run.start.version).await? else { return Ok(None) };
    let kept = shared.store.resume(run.start.id).await?;
    let Ok(mut machine) = context::machine(shared, &published.system, &run.start, kept) else {
        return Ok(None);
    };
    let (flights, end) = context::replay(&mut machine).await;
    let handed = if end.is_none() { machine.handed_over() } else { None };
    Ok(Some(Stood { published, flights, handed, end }))
}
