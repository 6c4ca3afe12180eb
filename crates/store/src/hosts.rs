//! Hosts that are called no more often, and by no more at once, than their limits say, over all processes.
//!
//! What a second takes is spaced evenly. Who comes too early is told when to come again, each at another time: of a thousand that wait nobody
//! comes for nothing but those who are late themselves. What is promised so is no claim: the turn itself is decided when it is taken.
//!
//! When a call is over nobody knows. Who finds a host full stands in line: the first few, who are told as soon as a place is free, where they
//! are; all others leave, and their runs are woken as the line gets shorter.
//!
//! ```text
//! asks -> goes                         (a place is free, and nobody who stands came before)
//!   \-> stands --told, or time--> asks (it keeps its place in line)
//!   \-> away ----called---> asks       (so many are called as will stand in a moment)
//! ```

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::{Id, sabotage::Sabotage};

/// Whoever has come again and is early by no more than this is told the very moment, microseconds.
pub(crate) const SOON_US: u64 = 1_000_000;

/// How long a call takes of which nothing is known, microseconds.
const TAKES_US: u64 = 100_000;

/// Who finds a blocked host comes again after the one before, no sooner and no later than that, microseconds.
const STEPS_US: std::ops::RangeInclusive<u64> = 5_000..=1_000_000;

/// A run that was called is there after so long, microseconds: those stand who will have their turn by then.
const COMES_US: u64 = 250_000;

/// No more stand than that.
const STAND_MAX: u64 = 256;

/// Who stands is there for so long after it was to ask again, microseconds; then its process is dead, and it holds up nobody.
pub(crate) const STANDS_US: u64 = 250_000;

/// Who was called and has not come in so long is not waited for: others are called, and as many more, microseconds.
pub(crate) const CALLED_US: u64 = 2_000_000;

/// Who has not come in so long has left the line, microseconds.
pub(crate) const GONE_US: u64 = 30_000_000;

/// Who left and was never called looks by itself, no sooner and no later, milliseconds.
const LOOKS_MS: std::ops::RangeInclusive<u64> = 10_000..=3_600_000;

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

/// Somebody asks for a turn.
#[derive(Debug, Clone)]
pub struct AsksTurn {
    /// Where.
    pub host: Arc<str>,
    /// What is known of it.
    pub limits: HostLimits,
    /// The call, the same at every repetition.
    pub who: Id,
    /// The run that is woken when its turn is near; None: whoever asks does not leave.
    pub leaves: Option<Id>,
    /// It was told to come again, and comes before whoever asks for the first time.
    pub came_again: bool,
    /// For so long at most it stands there, milliseconds.
    pub stays_ms: u64,
}

/// Whether a call may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now. The slot is to be given back when the call is over; there is none where nobody counts them.
    Go(Option<Slot>),
    /// Whoever asks is to ask again in so many milliseconds.
    Later(u64),
    /// It is in line: it is to ask again when it is told, and in so many milliseconds at the latest.
    Stand(u64),
    /// It is in line, and its run may leave: it is woken when its turn is near. In so many milliseconds it is to ask again if it was not.
    Leave(u64),
}

/// What is kept of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Line {
    /// Before that no call begins, microseconds since 1970.
    pub(crate) next_us: u64,
    /// The last moment that somebody was told to come again.
    pub(crate) promised_us: u64,
}

/// How a host stands as somebody asks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// Calls that are under way.
    pub(crate) busy: u64,
    /// Those who stand and came before.
    pub(crate) ahead: u64,
    /// All who came before, about.
    pub(crate) before: u64,
    /// How long a call takes, microseconds.
    pub(crate) takes_us: u64,
    pub(crate) now_us: u64,
}

impl Line {
    pub(crate) fn turn(&mut self, asks: &AsksTurn, seen: Seen) -> Turn {
        let (limits, now_us) = (asks.limits, seen.now_us);
        let gap_us = limits.per_second.map_or(0, |rate| (1e6 / rate) as u64);
        let step_us = limits.concurrent.map_or(0, |most| seen.takes_us / u64::from(most.max(1)));
        let most = limits.concurrent.map_or(u64::MAX, u64::from);
        let full = seen.busy.saturating_add(seen.ahead) >= most && !Sabotage::OverHost.on();
        let mine_us = self.next_us.saturating_add(seen.ahead * gap_us);
        let first_us = if asks.came_again { mine_us } else { mine_us.max(self.promised_us) };
        if first_us <= now_us && !full {
            self.next_us = now_us + gap_us;
            return Turn::Go(None);
        }
        if full && self.next_us <= now_us + SOON_US {
            return match asks.leaves {
                Some(_) if asks.stays_ms == 0 || seen.ahead >= stands(limits, seen.takes_us) => {
                    let ms = (seen.before.saturating_mul(step_us) / 500).saturating_add(*LOOKS_MS.start());
                    Turn::Leave(ms.min(*LOOKS_MS.end()))
                }
                _ => Turn::Stand(asks.stays_ms.max(1)),
            };
        }
        let again_us = match asks.came_again && first_us <= now_us + SOON_US {
            true => first_us,
            false => {
                let waits_us =
                    limits.concurrent.map_or(0, |_| step_us.clamp(*STEPS_US.start(), *STEPS_US.end()));
                self.promised_us = (self.promised_us + gap_us.max(waits_us)).max(self.next_us).max(now_us);
                self.promised_us
            }
        };
        Turn::Later(again_us.saturating_sub(now_us).div_ceil(1_000).max(1))
    }

    /// The host has asked to be left alone for so long.
    pub(crate) fn block(&mut self, now_us: u64, ms: u64) {
        self.next_us = self.next_us.max(now_us + ms * 1_000);
    }
}

/// How many stand: as many as will have their turn before one that is called now were there.
fn stands(limits: HostLimits, takes_us: u64) -> u64 {
    let most = limits.concurrent.map_or(0, u64::from);
    (most * COMES_US / takes_us.max(1)).min(STAND_MAX)
}

/// Who is in line, as it gets shorter.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InLine {
    /// Calls that are under way, and how many may be.
    pub(crate) busy: u64,
    pub(crate) most: u64,
    pub(crate) standing: u64,
    /// Were called and are on their way.
    pub(crate) called: u64,
    /// Were called and have not come.
    pub(crate) missing: u64,
}

impl InLine {
    /// So many of those who left are to be called.
    pub(crate) fn calls(self, line: Line, takes_us: u64, now_us: u64) -> u64 {
        if line.next_us > now_us + SOON_US {
            return 0;
        }
        let limits =
            HostLimits { per_second: None, concurrent: Some(self.most.min(u64::from(u32::MAX)) as u32) };
        let wanted = self.room() + stands(limits, takes_us);
        match wanted.saturating_sub(self.standing + self.called) {
            0 => 0,
            more => more + self.missing,
        }
    }

    /// So many of those who stand may go.
    pub(crate) fn room(self) -> u64 {
        self.most.saturating_sub(self.busy)
    }
}

/// By whom those are told who stand here.
#[derive(Debug, Default)]
pub(crate) struct Bells(Mutex<HashMap<Id, Arc<Notify>>>);

impl Bells {
    pub(crate) fn of(&self, who: Id) -> Arc<Notify> {
        self.lock().entry(who).or_default().clone()
    }

    pub(crate) fn ring(&self, who: Id) {
        if let Some(bell) = self.lock().get(&who) {
            bell.notify_one();
        }
    }

    pub(crate) fn ring_all(&self) {
        self.lock().values().for_each(|bell| bell.notify_one());
    }

    /// It is heard by nobody any more.
    pub(crate) fn take_down(&self, who: Id) {
        let mut bells = self.lock();
        // The one that is in the map, and that of whoever says so.
        if bells.get(&who).is_some_and(|bell| Arc::strong_count(bell) <= 2) {
            bells.remove(&who);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Id, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn asks(limits: HostLimits, came_again: bool) -> AsksTurn {
        AsksTurn { host: "a".into(), limits, who: Id(1), leaves: Some(Id(1)), came_again, stays_ms: 1_000 }
    }

    /// So many that come at once; when each began, milliseconds, and how often anyone asked.
    fn all_come_at_once(count: u64, limits: HostLimits) -> (Vec<u64>, u64) {
        let mut line = Line::default();
        let mut waits: BinaryHeap<Reverse<(u64, u64, bool)>> =
            (0..count).map(|who| Reverse((0, who, false))).collect();
        let (mut begun, mut asked) = (Vec::new(), 0);
        while let Some(Reverse((at_ms, who, came_again))) = waits.pop() {
            asked += 1;
            match line.turn(&asks(limits, came_again), Seen { now_us: at_ms * 1_000, ..Seen::default() }) {
                Turn::Go(_) => begun.push(at_ms),
                Turn::Later(ms) | Turn::Stand(ms) | Turn::Leave(ms) => {
                    waits.push(Reverse((at_ms + ms, who, true)));
                }
            }
        }
        (begun, asked)
    }

    #[test]
    fn no_window_holds_more_than_a_second_takes_and_each_comes_twice() {
        let (begun, asked) = all_come_at_once(1_000, HostLimits { per_second: Some(10.0), concurrent: None });
        let most =
            begun.iter().map(|from| begun.iter().filter(|at| (*from..from + 1_000).contains(*at)).count());
        assert_eq!(most.max(), Some(10));
        assert_eq!(begun.last(), Some(&99_900), "and none is left out");
        assert_eq!(asked, 1_999);
    }

    #[test]
    fn of_those_who_find_a_host_full_a_few_stand_and_the_others_leave() {
        let limits = HostLimits { per_second: None, concurrent: Some(2) };
        let mut line = Line::default();
        let mut told = |busy, ahead, stays_ms| {
            let seen = Seen { busy, ahead, before: ahead, takes_us: 100_000, now_us: 0 };
            line.turn(&AsksTurn { stays_ms, ..asks(limits, false) }, seen)
        };
        assert_eq!(told(1, 0, 1_000), Turn::Go(None));
        assert_eq!(
            told(1, 1, 1_000),
            Turn::Stand(1_000),
            "the free place is somebody else's who stands there"
        );
        assert_eq!(told(2, 4, 1_000), Turn::Stand(1_000));
        assert!(matches!(told(2, 5, 1_000), Turn::Leave(_)), "five have their turn in a quarter of a second");
        assert!(matches!(told(2, 0, 0), Turn::Leave(_)), "it has stood there long enough");
        let seen = Seen { busy: 2, ahead: 9, before: 9, takes_us: 100_000, now_us: 0 };
        let stays = AsksTurn { leaves: None, ..asks(limits, false) };
        assert_eq!(line.turn(&stays, seen), Turn::Stand(1_000), "who cannot leave stands");
    }

    #[test]
    fn as_many_are_called_as_have_their_turn_in_a_moment_and_more_where_some_do_not_come() {
        let line = Line::default();
        let full = InLine { busy: 1, most: 1, ..InLine::default() };
        assert_eq!(full.calls(line, 100_000, 0), 2);
        assert_eq!(full.calls(line, 10_000_000, 0), 0, "a call that takes long is no reason to stand");
        assert_eq!(InLine { busy: 0, ..full }.calls(line, 10_000_000, 0), 1);
        assert_eq!(InLine { standing: 1, called: 1, ..full }.calls(line, 100_000, 0), 0);
        assert_eq!(InLine { missing: 3, ..full }.calls(line, 100_000, 0), 5);
        let mut blocked = line;
        blocked.block(0, 60_000);
        assert_eq!(full.calls(blocked, 100_000, 0), 0);
    }

    #[test]
    fn a_host_that_asked_to_be_left_alone_is() {
        let limits = HostLimits { per_second: Some(10.0), concurrent: None };
        let mut line = Line::default();
        line.block(0, 60_000);
        let mut told =
            |came_again, now_us| line.turn(&asks(limits, came_again), Seen { now_us, ..Seen::default() });
        assert_eq!((told(false, 0), told(false, 0)), (Turn::Later(60_000), Turn::Later(60_100)));
        assert_eq!(told(true, 60_000_000), Turn::Go(None));
        let late = "late as the one before was, it waits a moment and no new turn";
        assert_eq!(told(true, 60_099_000), Turn::Later(1), "{late}");
    }
}
