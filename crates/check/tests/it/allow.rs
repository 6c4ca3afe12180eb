//! allow
