//! Elements that call others.

pub(super) mod http;
