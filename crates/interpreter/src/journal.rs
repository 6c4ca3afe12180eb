//! The meaning of a journal: one entry an outcome, keyed (run, firing, effect), in the order in which outcomes arrived.
//! The store keeps the bytes and does not look inside.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use recipe::Value;

use crate::{Failure, FiringId, Outcome};

/// The first byte of every chunk of entries and of every checkpoint. Journals of every released format are kept in
/// tests/journals and must replay.
pub const FORMAT: u8 = 1;

/// One recorded outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The firing that wanted the effect.
    pub firing: FiringId,
    /// Which of its effects, from 0.
    pub number: u8,
    /// The element's name.
    pub element: Arc<str>,
    /// What kind of effect it was, for people: `start`, `notify`, `end`, `http`, `wait`, `await`, `signal`,
    /// `modal`, `again`.
    pub kind: Arc<str>,
    /// 64 bits of the hash of the effect with its evaluated options.
    pub fingerprint: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// The kind of an entry that takes a failure back: the effect is tried again under its own id.
const AGAIN: &str = "again";

/// The entries as they count, without failures that were taken back, and how many those and their takings-back are.
/// Nothing follows from a failure that ended its attempt, so that what came after it in other branches stands as it is.
pub(crate) fn counting(mut entries: Vec<Entry>) -> (Vec<Entry>, u64) {
    let before = entries.len();
    while let Some(at) = entries.iter().position(|entry| &*entry.kind == AGAIN) {
        let again = entries.remove(at);
        let failed = |entry: &Entry| {
            (entry.firing, entry.number) == (again.firing, again.number) && entry.outcome.result.is_err()
        };
        if let Some(failed) = entries[..at].iter().rposition(failed) {
            entries.remove(failed);
        }
    }
    let gone = before - entries.len();
    (entries, gone as u64)
}

impl Entry {
    /// Takes back the failure of that effect.
    pub fn again(failure: &Failure, at_ms: i64) -> Option<Entry> {
        let (firing, number) = **failure.effect.as_ref()?;
        let outcome = Outcome { at_ms, result: Ok(Value::Null) };
        let element = failure.element.clone();
        Some(Entry { firing, number, element, kind: AGAIN.into(), fingerprint: 0, outcome })
    }

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
        Some((&FORMAT, rest)) => match postcard::take_from_bytes(rest) {
            Ok((read, [])) => Ok(read),
            Ok((_, more)) => Err(Unreadable(format!("it goes on for {} bytes after its end", more.len()))),
            Err(error) => Err(Unreadable(error.to_string())),
        },
        Some((format, _)) => Err(Unreadable(format!("its format is {format}, this version reads {FORMAT}"))),
        None => Err(Unreadable("it is empty".into())),
    }
}
