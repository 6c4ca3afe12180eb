//! The meaning of a journal: one entry an outcome, keyed (run, firing, effect), in the order in which outcomes arrived.
//! The store keeps the bytes and does not look inside.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{FiringId, Outcome};

/// The first byte of every chunk of entries and of every checkpoint.
const FORMAT: u8 = 1;

/// One recorded outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The firing that wanted the effect.
    pub firing: FiringId,
    /// Which of its effects, from 0.
    pub number: u8,
    /// The element's name.
    pub element: Arc<str>,
    /// What kind of effect it was, for people: `start`, `notify`, `end`, `http`.
    pub kind: Arc<str>,
    /// 64 bits of the hash of the effect with its evaluated options.
    pub fingerprint: u64,
    /// What came of it.
    pub outcome: Outcome,
}

impl Entry {
    /// What this entry is, for a message.
    pub(crate) fn describe(&self) -> String {
        format!("effect {} ({}) of `{}` in firing {}", self.number, self.kind, self.element, self.firing)
    }
}

/// Bytes that are no journal of a known format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// Entries to bytes.
pub fn encode(entries: &[Entry]) -> Vec<u8> {
    write(&entries)
}

/// Bytes to entries.
pub fn decode(bytes: &[u8]) -> Result<Vec<Entry>, Unreadable> {
    read(bytes)
}

pub(crate) fn write(what: &impl Serialize) -> Vec<u8> {
    // Writing to a growing vector fails only for types that postcard cannot write; ours are plain data.
    postcard::to_extend(what, vec![FORMAT]).unwrap_or_default()
}

pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Unreadable> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => postcard::from_bytes(rest).map_err(|error| Unreadable(error.to_string())),
        Some((format, _)) => Err(Unreadable(format!("its format is {format}, this version reads {FORMAT}"))),
        None => Err(Unreadable("it is empty".into())),
    }
}
