//! The 128-bit id of a run, an item, a notification.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Shown as a UUID. The upper 48 bits of a run's id are milliseconds since 1970, so that ids sort by age and new rows
/// go to the right edge of a table; the rest is a hash (a child) or random (a request).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Id(pub u128);

impl Id {
    /// An id of the form of UUID version 7 from milliseconds and 74 bits of `rest`.
    pub fn at(ms: i64, rest: u128) -> Id {
        let time = (ms.max(0) as u128 & 0xffff_ffff_ffff) << 80;
        let high = (rest >> 62 & 0xfff) << 64;
        let low = rest & 0x3fff_ffff_ffff_ffff;
        Id(time | 0x7 << 76 | high | 0x2 << 62 | low)
    }

    /// Milliseconds since 1970.
    pub fn ms(self) -> i64 {
        (self.0 >> 80) as i64
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0;
        let (a, b, c, d, e) =
            (n >> 96, n >> 80 & 0xffff, n >> 64 & 0xffff, n >> 48 & 0xffff, n & 0xffff_ffff_ffff);
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = ();

    fn from_str(text: &str) -> Result<Id, ()> {
        let hex: String = text.chars().filter(|c| *c != '-').collect();
        if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(());
        }
        u128::from_str_radix(&hex, 16).map(Id).map_err(|_| ())
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { to.collect_str(self) } else { to.serialize_u128(self.0) }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Id, D::Error> {
        if !from.is_human_readable() {
            return u128::deserialize(from).map(Id);
        }
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        text.parse().map_err(|()| serde::de::Error::custom("not a run id"))
    }
}
