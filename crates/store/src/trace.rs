//! What goes of a journal that has grown too long: whole segments, from checkpoint to checkpoint, the oldest first.

use std::collections::HashMap;

use crate::Hash;

/// Entries that a trace keeps.
pub(crate) const ENTRIES: u64 = 10_000;

/// What of a run's journal is kept, oldest first.
pub(crate) struct Kept {
    /// Checkpoints: at which entry, and their bytes.
    pub(crate) states: Vec<(i64, i64)>,
    /// What each of them needs.
    pub(crate) needs: Vec<Vec<Hash>>,
    /// Large values, and their bytes.
    pub(crate) blobs: Vec<(Hash, i64)>,
    /// Chunks of entries: where they end, and their bytes.
    pub(crate) chunks: Vec<(i64, i64)>,
}

impl Kept {
    /// The checkpoint before which all goes, so that three quarters of what it may hold are enough for the rest and the next time is a while away.
    /// The newest checkpoint and what follows it stay.
    pub(crate) fn from(mut self, bytes_max: u64) -> Option<i64> {
        let goal = (bytes_max - bytes_max / 4) as i64;
        for (place, bytes) in self.blobs_by_their_last() {
            self.states[place].1 += bytes;
        }
        let mut left: i64 = self.states.iter().chain(&self.chunks).map(|(_, bytes)| bytes).sum();
        let mut chunks = self.chunks.iter().peekable();
        let mut from = None;
        for (place, (at, _)) in self.states.iter().enumerate() {
            if left <= goal {
                break;
            }
            left -= place.checked_sub(1).map_or(0, |before| self.states[before].1);
            while let Some((_, bytes)) = chunks.next_if(|(end, _)| end <= at) {
                left -= bytes;
            }
            from = Some(*at);
        }
        from
    }

    /// Of each blob the bytes, and which checkpoint is the newest that needs it: it goes with that one.
    fn blobs_by_their_last(&self) -> Vec<(usize, i64)> {
        let places = self.needs.iter().enumerate();
        let last: HashMap<Hash, usize> =
            places.flat_map(|(place, needs)| needs.iter().map(move |hash| (*hash, place))).collect();
        self.blobs.iter().filter_map(|(hash, bytes)| Some((*last.get(hash)?, *bytes))).collect()
    }
}
