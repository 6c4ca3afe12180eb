//! A line of the log that whoever likes can cause: said once in a while, with how often it was caused.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts between two lines.
#[derive(Default)]
pub(super) struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// One more. To be said now: how many there were since it was said, this one among them; None: it was said just before.
    pub(super) fn count(&self, now: Instant) -> Option<u64> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (said, count) = &mut *inner;
        *count += 1;
        if said.is_some_and(|said| now.saturating_duration_since(said) < PAUSE) {
            return None;
        }
        *said = Some(now);
        Some(std::mem::take(count))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Seldom;

    #[test]
    fn a_flood_is_a_line_a_second_with_how_many_there_were() {
        let (seldom, began) = (Seldom::default(), Instant::now());
        let at = |ms: u64| seldom.count(began + Duration::from_millis(ms));
        assert_eq!([at(0), at(1), at(500), at(999)], [Some(1), None, None, None]);
        assert_eq!([at(1_000), at(1_001), at(5_000)], [Some(4), None, Some(2)]);
    }
}
