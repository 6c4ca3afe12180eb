//! What a caller branches on.

use std::{fmt, path::PathBuf, sync::Arc};

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Another epoch owns the run now: stop without another outside effect.
    LeaseLost,
    /// What was to be written contradicts what is there.
    Conflict(Arc<str>),
    /// An earlier submission of the same run failed, so this one must not stand alone.
    Poisoned,
    /// The store is closing.
    Closed,
    /// Another process has the database.
    Owned(PathBuf),
    /// The disk is full or read-only, or the database cannot be reached; nothing was written.
    Unavailable(Arc<str>),
    /// The file is damaged or is no database of ours.
    Corrupt(Arc<str>),
    /// The schema is newer than this binary can read.
    TooNew {
        /// The version found.
        found: u32,
        /// The newest version this binary reads.
        known: u32,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::LeaseLost => f.write_str("another worker has taken the run over"),
            Error::Conflict(what) => write!(f, "conflict: {what}"),
            Error::Poisoned => f.write_str("an earlier write of the run failed"),
            Error::Closed => f.write_str("the store is closing"),
            Error::Owned(path) => write!(f, "another process has the database `{}`", path.display()),
            Error::Unavailable(why) => write!(f, "the database cannot be written: {why}"),
            Error::Corrupt(why) => write!(f, "the database is damaged: {why}"),
            Error::TooNew { found, known } => {
                write!(f, "the database has schema {found}, this version of hefe reads up to {known}")
            }
        }
    }
}

impl std::error::Error for Error {}
