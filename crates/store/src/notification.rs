//! Notifications kept for people.

use std::sync::Arc;

use recipe::Value;
use serde::{Deserialize, Serialize};

use crate::Id;

/// Kept for its user until read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Derived from the firing, so that a repetition is the same one.
    pub id: Id,
    /// The tenant.
    pub system: Arc<str>,
    /// For whom.
    pub user: Arc<str>,
    /// The run that made it.
    pub run: Id,
    /// {title, message, link, actions}.
    pub body: Value,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Milliseconds since 1970; None while unread.
    pub read_at_ms: Option<i64>,
    /// Its person has deleted it. It has no body any more, and is kept for a day for those who have to be told.
    pub gone: bool,
}

/// What a person does to notifications of their own.
#[derive(Debug, Clone)]
pub struct Handled {
    /// The tenant.
    pub system: Arc<str>,
    /// Whose.
    pub user: Arc<str>,
    /// Which; None: the oldest 1,000. Those that are another's, or not there, are left out.
    pub ids: Option<Vec<Id>>,
    /// What.
    pub how: Handling,
}

/// See [`Handled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// They have been read, at that time, milliseconds since 1970; those that were read before stay so.
    Read(i64),
    /// They are as if they had not been.
    Unread,
    /// They go.
    Delete,
}
