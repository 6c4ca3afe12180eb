//! Time that stands still while anything can be done, and then is the time that is waited for next: the paused time of a
//! runtime, counted from an instant of one's own, so that it goes on from one runtime to the next.

use tokio::time::Instant;

/// A simulated clock. It is read within the runtime that it was made in.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    from_us: i64,
    since: Instant,
}

impl Clock {
    /// One that stands at `ms` since 1970 now.
    pub fn at(ms: i64) -> Clock {
        Clock { from_us: ms * 1_000, since: Instant::now() }
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.now_us() / 1_000
    }

    /// Microseconds since 1970.
    pub fn now_us(&self) -> i64 {
        self.from_us + self.since.elapsed().as_micros() as i64
    }
}
