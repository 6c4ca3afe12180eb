//! What is kept and what has changed.
