//! How long a client rests between two deliveries, so that the whole crowd costs a bounded part of the machine. What changes
//! meanwhile is sent once.
//!
//! Each connected client adds to everybody's rest, and how much follows from what the machine can do just now: while clients
//! wake later than they should, each adds more, and less again while they do not. A constant did not fit: 9 us a client held 10,000 of
//! them at p99 105 ms on a machine at rest and at 300 ms beside a compiler, 6 us the other way about.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The shortest.
const LEAST: Duration = Duration::from_millis(20);
/// What a client adds, picoseconds: from about half of what a delivery costs the server.
const EACH_PS: std::ops::RangeInclusive<u64> = 6_000_000..=50_000_000;
/// What a client adds for each state that it was sent, nanoseconds: about what one costs.
const STATE_NS: u64 = 250;
/// Later than that is late; timers are of a millisecond.
const LATE: Duration = Duration::from_millis(8);
/// How fast what is added grows at a late wake, and shrinks at any other: it stands where one in nine is late.
const GROWS: u32 = 12;
const SHRINKS: u32 = 15;

#[derive(Debug)]
pub(super) struct Rest {
    /// In so small a unit that a step is not rounded away.
    each_ps: AtomicU64,
}

impl Rest {
    pub(super) fn new() -> Rest {
        Rest { each_ps: AtomicU64::new(*EACH_PS.start()) }
    }

    /// After a delivery of so many states, where so many clients are connected.
    pub(super) fn after(&self, states: usize, clients: usize) -> Duration {
        let ns = self.each_ps.load(Ordering::Relaxed) / 1_000 + STATE_NS * states as u64;
        LEAST + Duration::from_nanos(ns.saturating_mul(clients as u64))
    }

    /// A client has woken so much later than it should.
    pub(super) fn woke(&self, late: Duration) {
        // Two who write at once lose one of many small steps.
        let each_ps = self.each_ps.load(Ordering::Relaxed);
        let next = match late > LATE {
            true => each_ps + (each_ps >> GROWS),
            false => each_ps - (each_ps >> SHRINKS),
        };
        self.each_ps.store(next.clamp(*EACH_PS.start(), *EACH_PS.end()), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{EACH_PS, LATE, LEAST, Rest};

    #[test]
    fn the_rest_grows_while_clients_wake_late_and_shrinks_again() {
        let rest = Rest::new();
        let least = LEAST + Duration::from_micros(6_000 * 10);
        assert_eq!(rest.after(0, 10_000), least);
        let wake = |late: u32, of: u32| {
            for n in 0..2_000_000 {
                rest.woke(if n % of < late { LATE * 2 } else { Duration::ZERO });
            }
            rest.after(0, 10_000)
        };
        let most = LEAST + Duration::from_nanos(EACH_PS.end() / 1_000 * 10_000);
        assert!((least * 5..=most).contains(&wake(1, 3)), "it grows, and has an end");
        assert!(wake(1, 20) < least * 2, "one in twenty is nothing");
        assert_eq!(wake(0, 1), least);
    }

    #[test]
    fn a_few_clients_rest_no_longer_than_they_must() {
        assert!(Rest::new().after(2, 10) < LEAST + Duration::from_millis(1));
        assert!(Rest::new().after(200, 1_000) > LEAST + Duration::from_millis(50));
    }
}
