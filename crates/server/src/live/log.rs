//! What one audience has been told, newest state only, in order.
//!
//! Every client reads it at its own pace from the place that it has reached. So a slow client skips what has been
//! overtaken, a client that comes back goes on where it was, and neither costs anyone anything: there is no queue to fill.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use super::frame::{Frame, Key};

/// How many states that move no more are kept for those who come back.
const KEPT_MAX: usize = 1_024;
/// How long they are kept.
const KEPT_MS: i64 = 60 * 60 * 1_000;

/// Where a state stands in the stream; before all of it, in the order of reading, if it came from the store.
type Place = (u64, u32);

/// A compacted log.
#[derive(Debug, Default)]
pub(super) struct Log {
    states: BTreeMap<Place, Arc<Frame>>,
    newest: HashMap<Key, Place>,
    /// States that may be dropped and when they came, oldest first.
    fading: VecDeque<(Place, i64)>,
    /// What is no state, and until when it is kept, oldest first: nobody misses it later.
    passing: VecDeque<(Place, i64)>,
    seeded: u32,
    /// Every newest state that came after this place is here.
    floor: u64,
}

impl Log {
    /// A log of which nothing up to `floor` is known.
    pub(super) fn from(floor: u64) -> Log {
        Log { floor, ..Log::default() }
    }

    /// Takes a state; one that is older than what is there is left out. One without a place was read from the store:
    /// those who begin see it, those who follow do not.
    pub(super) fn put(&mut self, place: Option<u64>, frame: Arc<Frame>, now_ms: i64) {
        let key = frame.key();
        if let Some(known) = self.newest.get(&key) {
            if self.states.get(known).is_some_and(|known| known.seq() > frame.seq()) {
                return;
            }
            self.states.remove(known);
        }
        let place = place.map_or_else(
            || {
                self.seeded = self.seeded.wrapping_add(1);
                (0, self.seeded)
            },
            |place| (place, 0),
        );
        match frame.until_ms() {
            Some(until_ms) => self.passing.push_back((place, until_ms)),
            None if frame.moving() => {}
            None => self.fading.push_back((place, now_ms)),
        }
        self.newest.insert(key, place);
        self.states.insert(place, frame);
        self.fade(now_ms);
    }

    /// Whether a state of that key is here.
    pub(super) fn has(&self, key: Key) -> bool {
        self.newest.contains_key(&key)
    }

    /// Drops what is over the limits.
    pub(super) fn fade(&mut self, now_ms: i64) {
        while let Some((place, until_ms)) = self.passing.front().copied()
            && (self.passing.len() > KEPT_MAX || until_ms < now_ms)
        {
            self.passing.pop_front();
            if let Some(frame) = self.states.remove(&place) {
                self.newest.remove(&frame.key());
            }
        }
        while let Some((place, at_ms)) = self.fading.front().copied() {
            if self.fading.len() <= KEPT_MAX && now_ms - at_ms < KEPT_MS {
                return;
            }
            self.fading.pop_front();
            if let Some(frame) = self.states.remove(&place) {
                self.newest.remove(&frame.key());
                self.floor = self.floor.max(place.0);
            }
        }
    }

    /// Says that changes up to `place` may be missing.
    pub(super) fn lose(&mut self, place: u64) {
        self.floor = self.floor.max(place);
    }

    /// Whether a client that has reached `place` finds everything newer here.
    pub(super) fn covers(&self, place: u64) -> bool {
        place >= self.floor
    }

    /// Nothing is kept here.
    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// States after `after` and up to `upto`, oldest first, at most `max`.
    pub(super) fn read(
        &self,
        after: u64,
        upto: u64,
        max: usize,
        now_ms: i64,
    ) -> impl Iterator<Item = (u64, &Arc<Frame>)> {
        let from = (after, u32::MAX);
        self.states
            .range(from..=(upto.max(after), u32::MAX))
            .filter(move |(_, frame)| fresh(frame, now_ms))
            .take(max)
            .map(|((place, _), frame)| (*place, frame))
    }

    /// The items that move or ended after `since_ms`, oldest state first.
    pub(super) fn moving(&self, upto: u64, since_ms: i64) -> impl Iterator<Item = (u64, &Arc<Frame>)> {
        self.states
            .range(..=(upto, u32::MAX))
            .filter(move |(_, frame)| frame.moving() || frame.ended_since(since_ms))
            .map(|((place, _), frame)| (*place, frame))
    }
}

fn fresh(frame: &Frame, now_ms: i64) -> bool {
    frame.until_ms().is_none_or(|until_ms| until_ms >= now_ms)
}
