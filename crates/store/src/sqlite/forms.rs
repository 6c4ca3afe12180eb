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

pub(super) fn trouble(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let says: Arc<str> = error.to_string().into();
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => Error::Corrupt(says),
        Some(rusqlite::ErrorCode::ConstraintViolation) => Error::Conflict(says),
        _ => Error::Unavailable(says),
    }
}
