//! Texts as parts of addresses.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what RFC 3986 leaves unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as one segment of a path, or as a name or a value of a query.
pub fn escaped(text: &str) -> impl Display {
    utf8_percent_encode(text, RESERVED)
}
