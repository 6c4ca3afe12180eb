//! The binary as its users meet it: see `tests/`.
