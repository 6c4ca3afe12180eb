//! What of a run's journal has been handed to the store, and when its state is to follow. It knows sizes, not values.

use std::collections::HashSet;

use interpreter::{Entry, Failure};
use store::{Blob, Checkpoint, Entries, Hash};

use super::encode;

/// A checkpoint is written when the entries since the last one outweigh the state, but not for less than this, bytes.
const CHECKPOINT_BYTES_MIN: usize = 16 << 10;

/// At a park with more entries than this since the last checkpoint the state is written, so that a resuming run has
/// little to read however often it parks.
const PARK_ENTRIES_MAX: u64 = 32;

/// The newest checkpoint and the entries after it.
type Kept = (Option<Checkpoint>, Vec<Entries>);

pub(crate) struct Written {
    /// Entries that have been submitted.
    pub(super) entries: u64,
    /// Entries that the newest checkpoint has seen.
    checkpointed: u64,
    /// Large values that it needs: the store has them as long as it is the newest.
    needs: HashSet<Hash>,
    bytes_since: usize,
    state_bytes: usize,
    /// What the store holds of it, bytes.
    pub(crate) stored_bytes: u64,
    stored_max: u64,
    /// The state alone is over that.
    too_large: bool,
}

impl Written {
    /// Of what a resuming run reads.
    pub(crate) fn of(kept: &Kept, stored_bytes: u64, stored_max: u64) -> Written {
        let (checkpoint, chunks) = kept;
        let checkpointed = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.at);
        let needs = checkpoint.iter().flat_map(|checkpoint| checkpoint.needs.iter().copied());
        Written {
            entries: chunks.last().map_or(checkpointed, |chunk| chunk.at + u64::from(chunk.count)),
            checkpointed,
            needs: needs.collect(),
            bytes_since: 0,
            state_bytes: CHECKPOINT_BYTES_MIN,
            stored_bytes,
            stored_max,
            too_large: false,
        }
    }

    /// About how much the run holds, bytes.
    pub(crate) fn size(&self) -> usize {
        if self.checkpointed > 0 { self.state_bytes } else { self.stored_bytes as usize }
    }

    pub(crate) fn chunk(&mut self, list: &[Entry]) -> Option<Entries> {
        let chunk = encode(list, self.entries)?;
        self.entries += list.len() as u64;
        self.bytes_since += chunk.bytes.len();
        self.stored_bytes += chunk.bytes.len() as u64;
        Some(chunk)
    }

    /// When the entries since the last one outweigh it: what a resuming run reads is bounded by its state, not by what
    /// it has done. The cost stays linear, as each checkpoint is paid for by as many bytes of entries.
    pub(super) fn checkpoint_is_due(&self) -> bool {
        self.bytes_since >= self.state_bytes || self.stored_bytes > self.stored_max
    }

    pub(crate) fn checkpoint_is_due_at_park(&self) -> bool {
        self.entries - self.checkpointed > PARK_ENTRIES_MAX || self.stored_bytes > self.stored_max
    }

    /// The state after all entries; what the journal may hold, if it has to be trimmed.
    pub(crate) fn checkpoint(&mut self, state: interpreter::Checkpoint) -> (Option<Checkpoint>, Option<u64>) {
        let interpreter::Checkpoint { bytes, mut blobs } = state;
        let needs: Vec<Hash> = blobs.iter().map(|blob| Hash(blob.hash)).collect();
        let own = (bytes.len() + size_of_val(&*needs)) as u64;
        let apart = |blobs: &[Blob]| blobs.iter().map(|blob| blob.bytes.len() as u64).sum::<u64>();
        let size = own + apart(&blobs);
        if size > self.stored_max {
            self.too_large = true;
            return (None, None);
        }
        self.bytes_since = 0;
        self.checkpointed = self.entries;
        self.state_bytes = (size as usize).max(CHECKPOINT_BYTES_MIN);
        blobs.retain(|blob| !self.needs.contains(&Hash(blob.hash)));
        self.needs = needs.iter().copied().collect();
        self.stored_bytes += own + apart(&blobs);
        let over = self.stored_bytes > self.stored_max;
        if over {
            // What the store leaves of it, at the most.
            self.stored_bytes = size.max(self.stored_max - self.stored_max / 4);
        }
        (Some(Checkpoint { at: self.entries, bytes, needs, blobs }), over.then_some(self.stored_max))
    }

    pub(crate) fn too_large(&self) -> Option<Failure> {
        let says = "the run holds more at once than `job.maxStored` lets it";
        self.too_large.then(|| Failure::new("state_too_large", says))
    }
}
