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
    Owned {
        /// The database.
        path: PathBuf,
        /// Who has it, if that is known.
        process: Option<u32>,
    },
    /// The disk is so full that nothing new is taken; what runs goes on.
    Filling {
        /// How full, percent.
        used: u8,
        /// From where on nothing new is taken, percent.
        limit: u8,
    },
    /// The disk is full; nothing was written.
    Full,
    /// The file, or the disk it lies on, takes no writes.
    ReadOnly,
    /// The database cannot be reached; nothing was written.
    Unavailable(Arc<str>),
    /// The file is damaged or is no database of ours.
    Corrupt(Arc<str>),
    /// The database is not there, and something beside it says that it was.
    Missing {
        /// What says so.
        beside: PathBuf,
    },
    /// The last process did not close the database, and the log in which its last writes stand is not there.
    NoLog {
        /// The write-ahead log.
        log: PathBuf,
    },
    /// The schema is newer than this binary can read.
    TooNew {
        /// The version found.
        found: u32,
        /// The newest version this binary reads.
        known: u32,
    },
}

impl Error {
    /// Whether it is the disk's or the file's fault, and not that of what was asked: nothing can be kept until it is mended.
    /// The store has said so in the log, once.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Error::Filling { .. } | Error::Full | Error::ReadOnly | Error::Unavailable(_) | Error::Corrupt(_)
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::LeaseLost => f.write_str("another worker has taken the run over"),
            Error::Conflict(what) => write!(f, "conflict: {what}"),
            Error::Poisoned => f.write_str("an earlier write of the run failed"),
            Error::Closed => f.write_str("the store is closing"),
            Error::Owned { path, process: None } => {
                write!(f, "another process has the database `{}`", path.display())
            }
            Error::Owned { path, process: Some(process) } => {
                write!(f, "another process has the database `{}`: its id is {process}", path.display())
            }
            Error::Filling { used, limit } => {
                write!(f, "the disk is {used} % full, and from {limit} % on nothing new is started")
            }
            Error::Full => f.write_str("the disk is full"),
            Error::ReadOnly => f.write_str("the database, or the disk it lies on, is read-only"),
            Error::Unavailable(why) => write!(f, "the database cannot be reached: {why}"),
            Error::Corrupt(why) => write!(f, "the database is damaged, or none of hefe's: {why}"),
            Error::Missing { beside } => {
                write!(f, "the database is gone, and `{}` says that it was there", beside.display())
            }
            Error::NoLog { log } => {
                write!(
                    f,
                    "`{}` is gone: the last process did not close the database, and what it had answered stands there",
                    log.display()
                )
            }
            Error::TooNew { found, known } => {
                write!(f, "the database has schema {found}, this version of hefe reads up to {known}")
            }
        }
    }
}

impl std::error::Error for Error {}
