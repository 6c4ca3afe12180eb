//! Milliseconds since 1970 as people and programs read them.

use jiff::Timestamp;

/// ISO 8601 in UTC with milliseconds.
pub(crate) fn iso(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// A moment in ISO 8601, or milliseconds since 1970.
pub(crate) fn moment(text: &str) -> Option<i64> {
    let iso = || text.parse::<Timestamp>().map(Timestamp::as_millisecond).ok();
    text.parse().ok().or_else(iso)
}

/// How long something took or has been going on, in the two largest units.
pub(crate) fn span(ms: i64) -> String {
    let ms = ms.max(0);
    let (seconds, minutes, hours, days) = (ms / 1_000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{} s", seconds, ms % 1_000 / 100),
        10_000..60_000 => format!("{seconds} s"),
        60_000..3_600_000 => format!("{minutes} min {} s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::{iso, span};

    #[test]
    fn times_are_iso_8601_with_milliseconds() {
        assert_eq!(iso(1_794_000_000_120), "2026-11-06T21:20:00.120Z");
    }

    #[test]
    fn spans_have_two_units() {
        let spans =
            [(7, "7 ms"), (1_250, "1.2 s"), (59_999, "59 s"), (61_000, "1 min 1 s"), (90_000_000, "1 d 1 h")];
        for (ms, words) in spans {
            assert_eq!(span(ms), words);
        }
    }
}
