//! Spans and sizes as files write them: loading says which mean nothing, and the run time reads those that do.

use recipe::Value;

/// Milliseconds of a duration: a number with ms, s, m, h or d (workflow.md, The file).
pub fn duration_ms(text: &str) -> Option<u64> {
    let (number, unit) = parts(text)?;
    let unit = match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        _ => return None,
    };
    Some((number * unit) as u64)
}

/// `64MiB`, `10 kB`, or a number of bytes.
pub fn size_bytes(size: &Value) -> Option<u64> {
    let text = size.to_text();
    let (number, unit) = parts(&text)?;
    let unit = match unit.trim() {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => f64::from(1 << 10),
        "MiB" => f64::from(1 << 20),
        "GiB" => f64::from(1 << 30),
        _ => return None,
    };
    Some((number * unit) as u64)
}

/// A number, and what stands behind it.
fn parts(text: &str) -> Option<(f64, &str)> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Some((text[..at].parse().ok()?, &text[at..]))
}
