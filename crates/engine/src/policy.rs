//! What a workflow file says of its runs in the background (durability.md, Per workflow: `job`).

use recipe::Value;
use workflow::{Event, Graph, duration_ms, size_bytes};

use crate::failed::FAILED;

/// How long a failed attempt waits for the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Backoff {
    exponential: bool,
    base_ms: u64,
    max_ms: u64,
    jitter: bool,
}

/// `job` with its defaults.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    /// Tries in all.
    pub(crate) attempts: u32,
    pub(crate) backoff: Backoff,
    /// Higher first.
    pub(crate) priority: i32,
    /// Longest time without an outcome or progress while a worker holds the run, milliseconds.
    pub(crate) timeout_ms: u64,
    /// Longest time that workers hold the run in all, milliseconds.
    pub(crate) duration_ms_max: Option<u64>,
    /// How long it stays after its end, milliseconds; None: as is usual.
    pub(crate) keep_ms: Option<u64>,
    /// What its journal may hold, bytes.
    pub(crate) stored_max: u64,
}

/// Tries in all of a run that no person began.
const ATTEMPTS_OF_NOBODY: u32 = 3;

impl Default for Policy {
    fn default() -> Policy {
        Policy::of(&Graph::default())
    }
}

impl Policy {
    /// Of a run that began there: one that a schedule or a failure began has more tries where the file names no number.
    pub(crate) fn of_run(graph: &Graph, entry: &str) -> Policy {
        let policy = Policy::of(graph);
        let by_itself = |event: &Event| event.schedule.is_some() || &*event.kind == FAILED;
        let of_nobody = graph.events.iter().any(|event| &*event.identifier == entry && by_itself(event));
        let named = graph.settings.get("attempts").is_some_and(|attempts| !attempts.is_null());
        if of_nobody && !named { Policy { attempts: ATTEMPTS_OF_NOBODY, ..policy } } else { policy }
    }

    pub(crate) fn of(graph: &Graph) -> Policy {
        let job = &graph.settings;
        let backoff = job.get("backoff").cloned().unwrap_or_default();
        let span = |of: &Value, key: &str| of.get(key).and_then(|span| duration_ms(&span.to_text()));
        let ms = |key: &str, default: u64| span(&backoff, key).unwrap_or(default);
        let whole = |key: &str, default: i64| job.get(key).and_then(Value::as_i64).unwrap_or(default);
        Policy {
            attempts: whole("attempts", 1).clamp(1, 1_000) as u32,
            backoff: Backoff {
                exponential: backoff.get("kind").and_then(Value::as_str) != Some("fixed"),
                base_ms: ms("base", 2_000),
                max_ms: ms("max", 600_000),
                jitter: backoff.get("jitter").is_none_or(|jitter| jitter.is_null() || jitter.truthy()),
            },
            priority: whole("priority", 0).clamp(i32::MIN.into(), i32::MAX.into()) as i32,
            timeout_ms: span(job, "timeout").unwrap_or(3_600_000),
            duration_ms_max: span(job, "maxDuration"),
            keep_ms: span(job, "keep"),
            stored_max: job.get("maxStored").and_then(size_bytes).unwrap_or(64 << 20),
        }
    }
}

impl Backoff {
    /// Before the attempt after `failed` ones. `seed` spreads runs that failed together: half of the time is jitter.
    pub(crate) fn ms(self, failed: u32, seed: u128) -> u64 {
        let doublings = if self.exponential { failed.saturating_sub(1).min(40) } else { 0 };
        let whole = self.base_ms.saturating_mul(1 << doublings).min(self.max_ms);
        if !self.jitter {
            return whole;
        }
        let spread = (seed ^ u128::from(failed).wrapping_mul(0x9e37_79b9_7f4a_7c15)) % 1_000;
        whole / 2 + (whole / 2).saturating_mul(spread as u64) / 1_000
    }
}
