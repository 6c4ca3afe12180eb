//! Numbers: how they read, print, compare and round.

use std::{
    cmp::Ordering,
    fmt::{self, Write},
};

use crate::Value;

/// 2^63 as a double: the first one beyond whole numbers of 64 bits.
const TOO_FAR: f64 = 9_223_372_036_854_775_808.0;

/// The whole number that a double is.
pub(crate) fn whole(n: f64) -> Option<i64> {
    (n.fract() == 0.0 && (-TOO_FAR..TOO_FAR).contains(&n)).then_some(n as i64)
}

/// Compares exactly, also where the whole number has more digits than a double.
pub(crate) fn compare(whole: i64, double: f64) -> Ordering {
    if double >= TOO_FAR {
        Ordering::Less
    } else if double < -TOO_FAR {
        Ordering::Greater
    } else if double.is_nan() {
        (whole as f64).total_cmp(&double)
    } else {
        let floor = double.floor();
        whole.cmp(&(floor as i64)).then(if double > floor { Ordering::Less } else { Ordering::Equal })
    }
}

/// A longer text is no number: reading it would take its time at every comparison.
const DIGITS_MAX: usize = 1024;

/// The number that a text is: digits with an optional sign, fraction and exponent, and nothing else
/// but white space around them.
pub(crate) fn parse(text: &str) -> Option<Value> {
    if text.len() > DIGITS_MAX {
        return None;
    }
    let text = text.trim();
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let mut at = sign + digits(sign);
    if at == sign {
        return None;
    }
    if at == bytes.len()
        && let Ok(n) = text.parse()
    {
        return Some(Value::Int(n));
    }
    if bytes.get(at) == Some(&b'.') {
        let count = digits(at + 1);
        if count == 0 {
            return None;
        }
        at += 1 + count;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let from = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'-' | b'+')));
        let count = digits(from.min(bytes.len()));
        if count == 0 {
            return None;
        }
        at = from + count;
    }
    let n: f64 = if at == bytes.len() { text.parse().ok()? } else { return None };
    n.is_finite().then_some(Value::Float(n))
}

/// Appends a whole number in half the time of the formatter.
pub(crate) fn write_whole(n: i64, out: &mut impl Write) -> fmt::Result {
    // 19 digits and a sign.
    let mut written = [b'-'; 20];
    let (mut rest, mut at) = (n.unsigned_abs(), written.len());
    loop {
        at -= 1;
        written[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let start = if n < 0 { at - 1 } else { at };
    out.write_str(std::str::from_utf8(&written[start..]).map_err(|_| fmt::Error)?)
}

/// Appends a double as JavaScript prints it: the shortest digits that give it back, an exponent only for very large
/// and very small ones; what is not finite is null.
pub(crate) fn write(n: f64, out: &mut impl Write) -> fmt::Result {
    let size = n.abs();
    if !n.is_finite() {
        write!(out, "null")
    } else if n == 0.0 {
        write!(out, "0")
    } else if (1e-6..1e21).contains(&size) {
        write!(out, "{n}")
    } else if size >= 1.0 {
        write!(out, "{}", format!("{n:e}").replace('e', "e+"))
    } else {
        write!(out, "{n:e}")
    }
}

/// Rounds half away from zero at so many decimal places, on the number's decimal text: 1.005 at 2 is 1.01.
pub(crate) fn round(n: f64, places: i64) -> f64 {
    if !n.is_finite() || n == 0.0 {
        return n;
    }
    // `d.ddde±x`: the shortest digits, whose last one stands at place `x - count of d after the point`.
    let text = format!("{:e}", n.abs());
    let Some((mantissa, exponent)) = text.split_once('e') else { return n };
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
    let keep = exponent.saturating_add(1).saturating_add(places);
    if keep >= digits.len() as i64 {
        return n;
    }
    if keep < 0 {
        return 0.0;
    }
    let up = digits[keep as usize] >= 5;
    digits.truncate(keep as usize);
    digits.insert(0, 0);
    if up {
        let carry = digits.iter().rposition(|d| *d < 9).unwrap_or(0);
        digits[carry] += 1;
        digits[carry + 1..].fill(0);
    }
    let written: String = digits.iter().map(|d| char::from(b'0' + d)).collect();
    let rounded: f64 = format!("{written}e{}", -places).parse().unwrap_or(n);
    rounded.copysign(n)
}
