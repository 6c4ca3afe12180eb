//! Elements that show what is going on.

pub(super) mod progress;
