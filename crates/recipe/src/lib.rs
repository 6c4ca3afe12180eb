//! Expression text to compiled recipe to value.
