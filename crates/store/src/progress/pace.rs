//! How fast an item moves and how long it has left: by a window of where it stood, before that by how long its like took.
//! Pure; knows no clock and no store. Null rather than a guess known to be bad.

use serde::{Deserialize, Serialize};

use crate::Id;

/// Over which the rate is taken, milliseconds.
const WINDOW_MS: i64 = 60_000;

/// How many samples are kept. They are thinned by time: at ten updates a second the newest 32 would be three seconds.
const SAMPLES_MAX: usize = 32;

/// So many stay however old they are, so that a bar that moves once a minute has a rate too.
const SAMPLES_MIN: usize = 8;

/// A window is of use from so many samples,
const USEFUL: usize = 5;

/// and from so long a time on, milliseconds.
const USEFUL_MS: i64 = 3_000;

/// Below this the halves of a window are not compared: what comes in bursts would look like a change of pace.
const HALF_MS_MIN: i64 = 10_000;

/// The newer half of a window stands for all of it if it is faster or slower than the other by this.
const CHANGE: f64 = 1.6;

/// A guess by the window is good for three of its longest silences, but not for less than this, milliseconds.
const SILENCE_MS_MIN: i64 = 10_000;

/// Items that ended well from which the usual time is taken.
const PAST_MAX: usize = 50;

/// Fewer say nothing.
const PAST_MIN: usize = 3;

/// Half of the past may be off by this part of its median; beyond that, the usual time is known to be a bad guess.
const SPREAD_MAX: f64 = 0.25;

/// Milliseconds since 1970, and where the item stood then.
type Sample = (i64, f64);

/// Where an item stood lately, the oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Window(Vec<Sample>);

impl Window {
    /// It stands there now.
    pub(crate) fn push(&mut self, at_ms: i64, progress: f64) {
        let samples = &mut self.0;
        let last = samples.last().copied();
        let at_ms = last.map_or(at_ms, |(before_ms, _)| at_ms.max(before_ms));
        // What was set back, or has lain still for much longer than it ever did, begins anew.
        if last.is_some_and(|(_, before)| progress < before) || paused(samples, at_ms) {
            samples.clear();
        }
        samples.retain(|(other_ms, _)| *other_ms != at_ms);
        samples.push((at_ms, progress));
        let old = samples.iter().take_while(|(old_ms, _)| at_ms - old_ms > WINDOW_MS).count();
        samples.drain(..old.min(samples.len().saturating_sub(SAMPLES_MIN)));
        if samples.len() > SAMPLES_MAX {
            let leaves = |n: &usize| samples[n + 1].0 - samples[n - 1].0;
            let dense = (1..samples.len() - 1).min_by_key(leaves);
            dense.map(|n| samples.remove(n));
        }
    }

    /// Units a second; None before there is enough to go by, and for a bar that does not move.
    pub(crate) fn rate(&self) -> Option<f64> {
        let mut seen = useful(&self.0)?;
        let mut rate = rate(seen);
        while let Some((older, newer)) = halves(seen) {
            let (before, now) = (self::rate(older), self::rate(newer));
            if now <= before * CHANGE && before <= now * CHANGE {
                break;
            }
            (seen, rate) = (newer, now);
        }
        Some(rate).filter(|rate| *rate > 0.0)
    }

    /// How long what it tells is good for without another update, milliseconds.
    pub(crate) fn good_ms(&self) -> i64 {
        let longest = self.0.windows(2).map(|pair| pair[1].0 - pair[0].0).max();
        (longest.unwrap_or(0) * 3).max(SILENCE_MS_MIN)
    }
}

fn span(samples: &[Sample]) -> i64 {
    samples.last().map_or(0, |last| last.0 - samples[0].0)
}

fn useful(samples: &[Sample]) -> Option<&[Sample]> {
    (samples.len() >= USEFUL && span(samples) >= USEFUL_MS).then_some(samples)
}

fn rate(samples: &[Sample]) -> f64 {
    let moved = samples.last().map_or(0.0, |last| last.1 - samples[0].1);
    moved / (span(samples).max(1) as f64 / 1e3)
}

/// Both with the sample between them.
fn halves(samples: &[Sample]) -> Option<(&[Sample], &[Sample])> {
    let middle_ms = samples.first()?.0 + span(samples) / 2;
    let at = samples.iter().position(|(at_ms, _)| *at_ms >= middle_ms)?;
    let (older, newer) = (&samples[..=at], &samples[at..]);
    (span(older) >= HALF_MS_MIN && span(newer) >= HALF_MS_MIN).then_some(())?;
    Some((useful(older)?, useful(newer)?))
}

fn paused(samples: &[Sample], at_ms: i64) -> bool {
    let gaps = samples.len().saturating_sub(1) as i64;
    let since_ms = samples.last().map_or(0, |last| at_ms - last.0);
    gaps >= 2 && since_ms > WINDOW_MS && since_ms > 3 * span(samples) / gaps
}

/// How long items of one kind took that ended well, the newest last.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Past(Vec<Took>);

/// An item that ended well.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Took {
    /// Which; it counts once, however often it ends.
    pub item: Id,
    /// From its first update to its end, milliseconds.
    pub ms: u64,
    /// How much there was to do.
    pub total: Option<f64>,
}

/// What the past tells about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Usual {
    /// All of them take about so long, milliseconds.
    Whole(f64),
    /// A unit takes about so long, milliseconds.
    Unit(f64),
}

impl Past {
    /// One more has ended.
    pub fn note(&mut self, took: Took) {
        self.0.retain(|other| other.item != took.item);
        self.0.push(took);
        self.0.drain(..self.0.len().saturating_sub(PAST_MAX));
    }

    /// The median time, of an item or of a unit, whichever tells more; None if neither tells enough.
    pub fn usual(&self) -> Option<Usual> {
        if self.0.len() < PAST_MIN {
            return None;
        }
        let whole = spread(self.0.iter().map(|took| took.ms as f64).collect());
        let units: Option<Vec<f64>> = self
            .0
            .iter()
            .map(|took| took.total.filter(|total| *total > 0.0).map(|total| took.ms as f64 / total))
            .collect();
        let (whole_ms, whole_off) = whole;
        let (unit_ms, unit_off) = units.map_or((0.0, f64::INFINITY), spread);
        let (usual, off) = match unit_off <= whole_off {
            true => (Usual::Unit(unit_ms), unit_off),
            false => (Usual::Whole(whole_ms), whole_off),
        };
        (off <= SPREAD_MAX).then_some(usual)
    }
}

/// The median, and by what part of it half of them are off.
fn spread(values: Vec<f64>) -> (f64, f64) {
    let middle = median(values.clone());
    let off = median(values.iter().map(|value| (value - middle).abs()).collect());
    (middle, if middle > 0.0 { off / middle } else { f64::INFINITY })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
