//! A project's files (path and bytes) to graphs.
