//! How values stand in rows, whatever the database.

use crate::{Error, Status};

/// Rows that are past their time and go whenever a row comes: more than one, so that a heap of them melts; few, so that nobody waits.
pub(crate) const EXPIRED: i64 = 4;

pub(crate) fn status_code(status: Status) -> u8 {
    match status {
        Status::Queued => 0,
        Status::Running => 1,
        Status::Waiting => 2,
        Status::Succeeded => 3,
        Status::Failed => 4,
        Status::Cancelled => 5,
    }
}

pub(crate) fn status_of(code: u8) -> Status {
    match code {
        0 => Status::Queued,
        1 => Status::Running,
        2 => Status::Waiting,
        3 => Status::Succeeded,
        4 => Status::Failed,
        _ => Status::Cancelled,
    }
}

pub(crate) fn blob(what: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    postcard::to_stdvec(what).map_err(|error| Error::Conflict(error.to_string().into()))
}

pub(crate) fn blob_of<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    postcard::from_bytes(bytes).map_err(|error| Error::Corrupt(error.to_string().into()))
}
