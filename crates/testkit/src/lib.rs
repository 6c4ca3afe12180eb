//! Fake provider, temporary projects and other things that tests share.
