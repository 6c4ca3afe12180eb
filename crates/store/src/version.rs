//! A system's folder as it was published.

use std::{fmt, sync::Arc};

/// SHA-256 of a manifest (path and hash of every file, in order of path).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A published folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The tenant.
    pub system: Arc<str>,
    /// Path within the system's folder (forward slashes) and content, in order of path.
    pub files: Vec<(String, Arc<[u8]>)>,
}
