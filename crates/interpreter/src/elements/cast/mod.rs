//! Elements that show what is going on.

pub(super) mod event;
pub(super) mod progress;
