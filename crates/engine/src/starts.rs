//! How much a system may start from outside: so many a second, while so many are queued. What its runs start is not counted: those
//! were let in. A process counts for itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Refusal, Shared};

/// What is left of the second, by system.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    left: Mutex<HashMap<Arc<str>, Left>>,
}

/// Starts that are left, in thousandths, as of a moment.
#[derive(Debug, Clone, Copy)]
struct Left {
    thousandths: u64,
    at_ms: i64,
}

/// Counts one that is about to happen.
///
/// # Errors
/// [`Refusal::TooMany`].
pub(crate) async fn count(shared: &Shared, system: &Arc<str>, now_ms: i64) -> Result<(), Refusal> {
    let (queued_max, rate) = (shared.settings.queued_max, shared.settings.starts_per_s);
    let queued = shared.store.queued(system, queued_max).await.map_err(Refusal::Store)?;
    if queued >= queued_max {
        return Err(Refusal::TooMany { says: format!("{queued_max} runs are queued"), after_s: 5 });
    }
    if shared.starts.take(system, rate, now_ms) {
        return Ok(());
    }
    Err(Refusal::TooMany { says: format!("{rate} runs were started within a second"), after_s: 1 })
}

impl Starts {
    /// Whether one is left: what was not used of a second is, of those before it is not.
    fn take(&self, system: &Arc<str>, rate: u32, now_ms: i64) -> bool {
        let full = u64::from(rate) * 1_000;
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.entry(system.clone()).or_insert(Left { thousandths: full, at_ms: now_ms });
        let gone_ms = now_ms.saturating_sub(left.at_ms).max(0).unsigned_abs();
        left.thousandths = left.thousandths.saturating_add(gone_ms.saturating_mul(u64::from(rate))).min(full);
        left.at_ms = now_ms;
        let has = left.thousandths >= 1_000;
        left.thousandths -= if has { 1_000 } else { 0 };
        has
    }
}

#[cfg(test)]
mod tests {
    use super::Starts;

    #[test]
    fn so_many_a_second_and_no_more_after_a_rest() {
        let (starts, shop, other) = (Starts::default(), "shop".into(), "other".into());
        let many = |system, at_ms| (0..100).filter(|_| starts.take(system, 10, at_ms)).count();
        assert_eq!((many(&shop, 0), many(&shop, 0), many(&other, 0)), (10, 0, 10));
        assert_eq!((many(&shop, 99), many(&shop, 100), many(&shop, 350)), (0, 1, 2));
        assert_eq!(many(&shop, 60_000), 10);
        assert_eq!(many(&shop, 50_000), 0, "a clock that goes back gives none");
    }
}
