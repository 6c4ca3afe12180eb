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
    /// Paths of files that did not load where it was published: no part of its hash. A file that loaded there and does not
    /// load elsewhere needs another hefe.
    pub broken: Vec<String>,
}

/// What is said of a version beside its files.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) by: Option<Arc<str>>,
    pub(crate) note: Arc<str>,
    pub(crate) broken: Vec<String>,
}

/// How a version becomes current.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Publish {
    /// Who wants it; None: a server that found it in its folder.
    pub by: Option<Arc<str>>,
    /// What that one says about it.
    pub note: Arc<str>,
    /// The content of the folder with which it is settled: until that changes, nothing of it is published by itself.
    /// None: it stays as it is known.
    pub folder: Option<Hash>,
    /// Only where the system has no version yet.
    pub first: bool,
}

/// A version that is or was current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Which.
    pub version: Hash,
    /// When it became current for the last time, milliseconds since 1970.
    pub since_ms: i64,
    /// When another did; None: it is current.
    pub left_ms: Option<i64>,
    /// Who wanted it; None: a server that found it in its folder.
    pub by: Option<Arc<str>>,
    /// What that one said about it.
    pub note: Arc<str>,
}

/// Live runs of one workflow that are pinned to one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The version.
    pub version: Hash,
    /// The workflow.
    pub workflow: Arc<str>,
    /// How many there are.
    pub runs: u64,
}

/// So many versions that were current before the current one stay, however old they are.
pub const VERSIONS_MIN: u32 = 10;

/// So many stay for [`VERSIONS_MS`].
pub const VERSIONS_MAX: u32 = 100;

/// How long after another became current, milliseconds.
pub const VERSIONS_MS: i64 = 30 * 86_400_000;

impl Hash {
    /// As it is shown.
    pub fn parse(text: &str) -> Option<Hash> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Hash(bytes))
    }

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
