//! A system's folder as it was published.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of a manifest (path and hash of every file, in order of path).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
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

impl Hash {
    /// Of some bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }
}

impl Version {
    /// Path and hash of every file.
    pub(crate) fn manifest(&self) -> Vec<(String, Hash)> {
        self.files.iter().map(|(path, bytes)| (path.clone(), Hash::of(bytes))).collect()
    }

    /// The version's own hash: of its system's name and its manifest.
    pub fn hash(&self) -> Hash {
        let mut text = format!("{}\n", self.system);
        for (path, hash) in self.manifest() {
            text.push_str(&format!("{hash} {path}\n"));
        }
        Hash::of(text.as_bytes())
    }
}
