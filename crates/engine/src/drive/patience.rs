//! How long a worker holds a run: without any news, and in all (durability.md, `timeout` and `maxDuration`). Time is a
//! parameter, and what a run spends parked or queued is not seen here.

use interpreter::Failure;
use store::sabotage::Sabotage;

use crate::policy::Policy;

pub(super) struct Patience {
    timeout_ms: u64,
    duration_ms_max: Option<u64>,
    /// When this claim began, milliseconds since 1970.
    since_ms: i64,
    /// How long others held the run before.
    before_ms: u64,
    /// The last outcome or progress.
    news_at_ms: i64,
    /// How much of what was worked the store knows.
    kept_ms: u64,
}

/// A crash forgets at most so large a part of `maxDuration`, besides what came after the run's last submission: so a run
/// writes no more often how long it was worked, however many effects it has.
const KEPT_PARTS: u64 = 64;

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// This attempt, without an outcome or progress.
    Attempt,
    /// The whole run: no attempt is left.
    Run,
}

impl Patience {
    pub(super) fn new(policy: &Policy, before_ms: u64, now_ms: i64) -> Patience {
        Patience {
            timeout_ms: policy.timeout_ms,
            duration_ms_max: policy.duration_ms_max,
            since_ms: now_ms,
            before_ms,
            news_at_ms: now_ms,
            kept_ms: before_ms,
        }
    }

    /// There was an outcome, or progress.
    pub(super) fn news(&mut self, now_ms: i64) {
        self.news_at_ms = now_ms;
    }

    /// How long workers have held the run, milliseconds.
    pub(super) fn worked_ms(&self, now_ms: i64) -> u64 {
        self.before_ms.saturating_add(now_ms.saturating_sub(self.since_ms).max(0) as u64)
    }

    /// The same, where it matters.
    pub(super) fn counted_ms(&self, now_ms: i64) -> Option<u64> {
        self.duration_ms_max.map(|_| self.worked_ms(now_ms))
    }

    /// What the store is to know with a submission of now, if that is much more than it does.
    pub(super) fn grown_ms(&mut self, now_ms: i64) -> Option<u64> {
        let part_ms = self.duration_ms_max? / KEPT_PARTS;
        let worked_ms = self.worked_ms(now_ms);
        let much = worked_ms > self.kept_ms.saturating_add(part_ms);
        much.then(|| {
            self.kept_ms = worked_ms;
            worked_ms
        })
    }

    pub(super) fn late(&self, now_ms: i64) -> Option<Late> {
        if Sabotage::NoTimeout.on() {
            return None;
        }
        let (attempt_ms, run_ms) = self.ends_ms();
        if run_ms.is_some_and(|end_ms| end_ms <= now_ms) {
            return Some(Late::Run);
        }
        (attempt_ms <= now_ms).then_some(Late::Attempt)
    }

    /// When to look again at the latest, milliseconds since 1970.
    pub(super) fn until_ms(&self) -> i64 {
        let (attempt_ms, run_ms) = self.ends_ms();
        run_ms.map_or(attempt_ms, |end_ms| end_ms.min(attempt_ms))
    }

    fn ends_ms(&self) -> (i64, Option<i64>) {
        let attempt_ms = self.news_at_ms.saturating_add_unsigned(self.timeout_ms);
        let left_ms = self.duration_ms_max.map(|most| most.saturating_sub(self.before_ms));
        (attempt_ms, left_ms.map(|left_ms| self.since_ms.saturating_add_unsigned(left_ms)))
    }
}

impl Late {
    pub(super) fn failure(self) -> Failure {
        let says = match self {
            Late::Attempt => "there was no outcome and no progress for too long",
            Late::Run => "the run took longer than it may",
        };
        Failure { retryable: true, ..Failure::new("timeout", says) }
    }
}
