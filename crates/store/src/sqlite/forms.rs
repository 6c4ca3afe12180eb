//! How values stand in rows, and what an error of SQLite's means to a caller.

use std::sync::Arc;

pub(super) use crate::forms::{blob, blob_of, status_code, status_of};
use crate::{Error, Id};

pub(super) fn key(id: Id) -> [u8; 16] {
    id.0.to_be_bytes()
}

pub(super) fn id(bytes: [u8; 16]) -> Id {
    Id(u128::from_be_bytes(bytes))
}

/// SQLITE_IOERR_SHORT_READ: it would read a page behind the file's end.
const SHORT_READ: i32 = 522;

pub(super) fn trouble(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{ConstraintViolation, DatabaseCorrupt, DiskFull, NotADatabase, ReadOnly};
    let says: Arc<str> = error.to_string().into();
    let extended = error.sqlite_error().map(|error| error.extended_code);
    match error.sqlite_error_code() {
        Some(_) if extended == Some(SHORT_READ) => Error::Corrupt("the file is cut off".into()),
        Some(DatabaseCorrupt | NotADatabase) => Error::Corrupt(says),
        Some(ConstraintViolation) => Error::Conflict(says),
        Some(DiskFull) => Error::Full,
        Some(ReadOnly) => Error::ReadOnly,
        Some(_) => Error::Unavailable(says),
        // A row holds what none of ours would.
        None => Error::Corrupt(says),
    }
}
