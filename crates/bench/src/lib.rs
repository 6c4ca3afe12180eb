//! Measures Hefe beside what the machine can do.
