//! Ids of firings, and what a page shows of one.

use std::{fmt, sync::Arc};

use recipe::{Map, Value};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A firing's id is its path, not a counter: the enclosing frame's firing, the index of the item or turn, the element,
/// and how often it has fired in that frame, hashed to 128 bits (workflow.md, How a run moves). Journal keys,
/// Idempotency-Keys, uuid() and the ids of started runs derive from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct FiringId(pub u128);

impl FiringId {
    /// The outermost frame's.
    pub fn of_run(run: u128) -> FiringId {
        hash(&[b"run", &run.to_be_bytes()])
    }

    /// The firing of `element` for the `count`th time at `index` within the frame that this firing opened.
    pub fn child(self, index: u64, element: &str, count: u32) -> FiringId {
        hash(&[&self.0.to_be_bytes(), &index.to_be_bytes(), &count.to_be_bytes(), element.as_bytes()])
    }

    /// The `number`th thing that derives from this firing, under a name of its own.
    pub fn derive(self, what: &str, number: u32) -> u128 {
        hash(&[&self.0.to_be_bytes(), &number.to_be_bytes(), what.as_bytes()]).0
    }
}

impl fmt::Display for FiringId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for FiringId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256 over the parts, each behind its length, cut to 128 bits.
fn hash(parts: &[&[u8]]) -> FiringId {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u32).to_be_bytes());
        hasher.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize()[..16]);
    FiringId(u128::from_be_bytes(bytes))
}

/// 64 bits of the hash of an effect with its evaluated options: a journal entry that does not match it is another effect.
pub(crate) fn fingerprint(effect: &impl Serialize) -> u64 {
    // Serialising to memory fails only for types that postcard cannot write; effects have none.
    let bytes = postcard::to_stdvec(effect).unwrap_or_default();
    (hash(&[&bytes]).0 >> 64) as u64
}

/// One firing as a run's page shows it: replayed, never stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Fired {
    /// The workflow it stands in: a sync callee's own.
    pub workflow: Arc<str>,
    /// Its element's index in that workflow.
    pub element: u32,
    /// How many frames enclose it.
    pub depth: u32,
    /// What came in, by port.
    pub inputs: Vec<(Arc<str>, Value)>,
    /// What left, by port, in order.
    pub outputs: Vec<(Arc<str>, Value)>,
    /// The error value, if it failed.
    pub failure: Option<Value>,
    /// Variables after its bindings.
    pub vars: Map,
}
