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
}
