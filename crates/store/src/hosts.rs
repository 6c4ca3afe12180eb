//! Hosts that are called no more often, and by no more at once, than their limits say, over all processes.
//!
//! Turns are spaced evenly. Who comes too early is told when to come again, each at another time: of a thousand that wait nobody comes
//! for nothing but those who are late themselves. What is promised so is no claim: the turn itself is decided when it is taken.

use std::{collections::HashMap, sync::Arc};

use crate::sabotage::Sabotage;

/// Whoever has come again and is early by no more than this is told the very moment, microseconds.
const SOON_US: u64 = 1_000_000;

/// How long a call takes of which nothing is known, microseconds.
const TAKES_US: u64 = 100_000;

/// Who waits for a place looks again no sooner and no later than that, microseconds.
const LOOKS_US: std::ops::RangeInclusive<u64> = 5_000..=1_000_000;

/// What a host takes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HostLimits {
    /// Calls that begin within a second; less than one is one in a longer time.
    pub per_second: Option<f64>,
    /// Calls that are under way at once.
    pub concurrent: Option<u32>,
}

/// The place of a call that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(pub i64);

/// Whether a call may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now. The slot is to be given back when the call is over; there is none where nobody counts them.
    Go(Option<Slot>),
    /// Whoever asks is to ask again in so many milliseconds.
    Later(u64),
}

/// What is kept of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Line {
    /// Before that no call begins, microseconds since 1970.
    pub(crate) next_us: u64,
    /// The last moment that somebody was told to come again.
    pub(crate) promised_us: u64,
}

/// Somebody asks for a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asks {
    pub(crate) limits: HostLimits,
    /// It was told to come again: whoever has not been comes after those who were.
    pub(crate) came_again: bool,
    /// Calls that are under way.
    pub(crate) busy: u64,
    /// How long one takes, microseconds.
    pub(crate) takes_us: u64,
    pub(crate) now_us: u64,
}

impl Line {
    /// None: it is its turn, and taken; else in how many milliseconds to ask again.
    pub(crate) fn turn(&mut self, asks: Asks) -> Option<u64> {
        let Asks { limits, came_again, busy, takes_us, now_us } = asks;
        let gap_us = limits.per_second.map_or(0, |rate| (1e6 / rate) as u64);
        let full = limits.concurrent.is_some_and(|most| busy >= u64::from(most)) && !Sabotage::OverHost.on();
        let first_us = if came_again { self.next_us } else { self.next_us.max(self.promised_us) };
        if !full && first_us <= now_us {
            self.next_us = now_us + gap_us;
            return None;
        }
        let again_us = if came_again && !full && self.next_us <= now_us + SOON_US {
            self.next_us
        } else {
            let frees =
                |most: u32| (takes_us / u64::from(most.max(1))).clamp(*LOOKS_US.start(), *LOOKS_US.end());
            let step_us = gap_us.max(limits.concurrent.map_or(0, frees));
            let soonest_us = if full { now_us + step_us } else { now_us };
            self.promised_us = (self.promised_us + step_us).max(self.next_us).max(soonest_us);
            self.promised_us
        };
        Some(again_us.saturating_sub(now_us).div_ceil(1_000).max(1))
    }

    /// The host has asked to be left alone for so long.
    pub(crate) fn block(&mut self, now_us: u64, ms: u64) {
        self.next_us = self.next_us.max(now_us + ms * 1_000);
    }
}

/// The slots that this process has, and how long its calls take.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    since: HashMap<Slot, (Arc<str>, u64)>,
    takes: HashMap<Arc<str>, u64>,
}

impl Slots {
    pub(crate) fn take(&mut self, slot: Slot, host: Arc<str>, now_us: u64) {
        self.since.insert(slot, (host, now_us));
    }

    /// The host whose slot is given back; None: it was.
    pub(crate) fn done(&mut self, slot: Slot, now_us: u64) -> Option<Arc<str>> {
        let (host, since_us) = self.since.remove(&slot)?;
        let took_us = now_us.saturating_sub(since_us);
        let takes = self.takes.entry(host.clone()).or_insert(TAKES_US);
        *takes = (*takes * 7 + took_us) / 8;
        Some(host)
    }

    pub(crate) fn takes_us(&self, host: &str) -> u64 {
        self.takes.get(host).copied().unwrap_or(TAKES_US)
    }
}

#[cfg(test)]
mod tests {
    use std::{cmp::Reverse, collections::BinaryHeap};

    use super::*;

    /// So many that come at once; when each began, milliseconds, and how often anyone asked.
    fn all_come_at_once(count: u64, limits: HostLimits, call_ms: u64) -> (Vec<u64>, u64) {
        let mut line = Line::default();
        let mut waits: BinaryHeap<Reverse<(u64, u64, bool)>> =
            (0..count).map(|who| Reverse((0, who, false))).collect();
        let (mut begun, mut asked) = (Vec::new(), 0);
        while let Some(Reverse((at_ms, who, came_again))) = waits.pop() {
            asked += 1;
            let busy = begun.iter().filter(|since| *since + call_ms > at_ms).count() as u64;
            let (takes_us, now_us) = (call_ms * 1_000, at_ms * 1_000);
            match line.turn(Asks { limits, came_again, busy, takes_us, now_us }) {
                None => begun.push(at_ms),
                Some(ms) => waits.push(Reverse((at_ms + ms, who, true))),
            }
        }
        (begun, asked)
    }

    #[test]
    fn no_window_holds_more_than_a_second_takes_and_each_comes_twice() {
        let limits = HostLimits { per_second: Some(10.0), concurrent: None };
        let (begun, asked) = all_come_at_once(1_000, limits, 0);
        let most =
            begun.iter().map(|from| begun.iter().filter(|at| (*from..from + 1_000).contains(*at)).count());
        assert_eq!(most.max(), Some(10));
        assert_eq!(begun.last(), Some(&99_900), "and none is left out");
        assert_eq!(asked, 1_999);
    }

    #[test]
    fn those_under_way_are_never_more_than_may_be_at_once() {
        let limits = HostLimits { per_second: None, concurrent: Some(3) };
        let (begun, asked) = all_come_at_once(300, limits, 90);
        for at in &begun {
            let busy = begun.iter().filter(|since| (**since..*since + 90).contains(at)).count();
            assert!(busy <= 3, "{busy} at {at}");
        }
        let last = begun.last().copied().unwrap_or_default();
        assert!((9_000 - 90..18_000).contains(&last) && asked < 1_200, "{last} ms, asked {asked} times");
    }

    #[test]
    fn a_host_that_asked_to_be_left_alone_is() {
        let limits = HostLimits { per_second: Some(10.0), concurrent: None };
        let mut line = Line::default();
        line.block(0, 60_000);
        let asks = Asks { limits, came_again: false, busy: 0, takes_us: 0, now_us: 0 };
        assert_eq!((line.turn(asks), line.turn(asks)), (Some(60_000), Some(60_100)));
        assert_eq!(line.turn(Asks { came_again: true, now_us: 60_000_000, ..asks }), None);
        let early = Asks { came_again: true, now_us: 60_099_000, ..asks };
        assert_eq!(
            line.turn(early),
            Some(1),
            "late as the one before was, it waits a moment and no new turn"
        );
    }
}
