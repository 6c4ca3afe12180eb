//! How values stand in rows, and what an error of SQLite's means to a caller.

use std::sync::Arc;

use crate::{Error, Id, Status};

pub(super) fn key(id: Id) -> [u8; 16] {
    id.0.to_be_bytes()
}

pub(super) fn id(bytes: [u8; 16]) -> Id {
    Id(u128::from_be_bytes(bytes))
}

pub(super) fn status_code(status: Status) -> u8 {
    match status {
        Status::Queued => 0,
        Status::Running => 1,
        Status::Waiting => 2,
        Status::Succeeded => 3,
        Status::Failed => 4,
        Status::Cancelled => 5,
    }
}

pub(super) fn status_of(code: u8) -> Status {
    match code {
        0 => Status::Queued,
        1 => Status::Running,
        2 => Status::Waiting,
        3 => Status::Succeeded,
        4 => Status::Failed,
        _ => Status::Cancelled,
    }
}

pub(super) fn blob(what: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    postcard::to_stdvec(what).map_err(|error| Error::Conflict(error.to_string().into()))
}

pub(super) fn blob_of<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    postcard::from_bytes(bytes).map_err(|error| Error::Corrupt(error.to_string().into()))
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
