//! Dates in PHP's letters.

use std::fmt::Write;

use jiff::{
    ZonedDateTime,
    civil::{Date, Time},
};

use super::{CYCLE, Moment};

const DAYS: &[&str] = &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Writes a date, so many times 400 years later; letters without a meaning stay.
pub(super) fn write(at: &ZonedDateTime, cycles: i64, format: &str) -> String {
    let mut out = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.extend(letters.next()),
            letter => letter_to(at, cycles, letter, &mut out),
        }
    }
    out
}

fn letter_to(at: &ZonedDateTime, cycles: i64, letter: char, out: &mut String) {
    let year = i64::from(at.year()) + cycles * 400;
    let hour12 = (at.hour() + 11) % 12 + 1;
    let weekday = at.weekday();
    let day_name = DAYS[weekday.to_monday_zero_offset() as usize % 7];
    let month_name = MONTHS[(at.month() as usize + 11) % 12];
    let done = match letter {
        'd' => write!(out, "{:02}", at.day()),
        'D' => write!(out, "{}", &day_name[..3]),
        'j' => write!(out, "{}", at.day()),
        'l' => write!(out, "{day_name}"),
        'N' => write!(out, "{}", weekday.to_monday_one_offset()),
        'S' => write!(out, "{}", ordinal(at.day())),
        'w' => write!(out, "{}", weekday.to_sunday_zero_offset()),
        'z' => write!(out, "{}", at.day_of_year() - 1),
        'W' => write!(out, "{:02}", at.iso_week_date().week()),
        'o' => write!(out, "{}", i64::from(at.iso_week_date().year()) + cycles * 400),
        'F' => write!(out, "{month_name}"),
        'M' => write!(out, "{}", &month_name[..3]),
        'm' => write!(out, "{:02}", at.month()),
        'n' => write!(out, "{}", at.month()),
        't' => write!(out, "{}", at.days_in_month()),
        'L' => write!(out, "{}", u8::from(at.in_leap_year())),
        'Y' => write!(out, "{year:04}"),
        'y' => write!(out, "{:02}", year.rem_euclid(100)),
        'a' => write!(out, "{}", if at.hour() < 12 { "am" } else { "pm" }),
        'A' => write!(out, "{}", if at.hour() < 12 { "AM" } else { "PM" }),
        'g' => write!(out, "{hour12}"),
        'G' => write!(out, "{}", at.hour()),
        'h' => write!(out, "{hour12:02}"),
        'H' => write!(out, "{:02}", at.hour()),
        'i' => write!(out, "{:02}", at.minute()),
        's' => write!(out, "{:02}", at.second()),
        'v' => write!(out, "{:03}", at.millisecond()),
        'u' => write!(out, "{:06}", at.subsec_nanosecond() / 1000),
        'e' => write!(out, "{}", at.time_zone().iana_name().unwrap_or("UTC")),
        'T' => write!(out, "{}", at.strftime("%Z")),
        'P' => write!(out, "{}", at.strftime("%:z")),
        'O' => write!(out, "{}", at.strftime("%z")),
        'p' if at.offset().is_zero() => write!(out, "Z"),
        'p' => write!(out, "{}", at.strftime("%:z")),
        'c' => write!(out, "{year:04}-{}", at.strftime("%m-%dT%H:%M:%S%:z")),
        'r' => {
            write!(out, "{} {year:04} {}", at.strftime("%a, %d %b"), at.strftime("%H:%M:%S %z"))
        }
        'U' => write!(out, "{}", at.timestamp().as_second() + cycles * CYCLE),
        other => write!(out, "{other}"),
    };
    debug_assert!(done.is_ok(), "writing to a text cannot fail");
}

fn ordinal(day: i8) -> &'static str {
    match (day % 10, day / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

/// Reads a date: d j m n Y y H G h g i s A a, M and F by name, U; a letter without a meaning must stand there. None if
/// the text is not so, or is no date.
pub(super) fn read(text: &str, format: &str) -> Option<Moment> {
    let (mut year, mut month, mut day) = (None, 1, 1);
    let (mut hour, mut minute, mut second, mut afternoon) = (None, 0, 0, None);
    let mut rest = text.trim();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        match letter {
            'd' | 'j' => day = digits(&mut rest, 2)?,
            'm' | 'n' => month = digits(&mut rest, 2)?,
            'M' | 'F' => month = named(&mut rest, MONTHS)?,
            'D' | 'l' => drop(named(&mut rest, DAYS)?),
            'Y' => year = Some(digits(&mut rest, 4)?),
            'y' => year = Some(digits(&mut rest, 2).map(|y| if y < 70 { 2000 + y } else { 1900 + y })?),
            'H' | 'G' | 'h' | 'g' => hour = Some(digits(&mut rest, 2)?),
            'i' => minute = digits(&mut rest, 2)?,
            's' => second = digits(&mut rest, 2)?,
            'A' | 'a' => {
                let (half, after) = rest.split_at_checked(2)?;
                afternoon = Some(half.eq_ignore_ascii_case("pm"));
                rest = after;
            }
            'U' => return jiff::Timestamp::from_second(rest.parse().ok()?).ok().map(Moment::At),
            '\\' => rest = rest.strip_prefix(letters.next()?)?,
            other => rest = rest.strip_prefix(other)?,
        }
    }
    if !rest.is_empty() {
        return None;
    }
    let small = |n: i32| i8::try_from(n).ok();
    let date = Date::new(i16::try_from(year?).ok()?, small(month)?, small(day)?).ok()?;
    let Some(hour) = hour else { return Some(Moment::Day(date)) };
    let hour = match afternoon {
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
        None => hour,
    };
    let time = Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    Some(Moment::Clock(date.to_datetime(time)))
}

fn digits(rest: &mut &str, most: usize) -> Option<i32> {
    let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(count);
    *rest = after;
    number.parse().ok()
}

/// The place, from 1, of the name that stands here in full or with its first three letters.
fn named(rest: &mut &str, names: &[&str]) -> Option<i32> {
    let count = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, after) = rest.split_at(count);
    let is = |name: &&str| word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3]);
    let at = names.iter().position(is)?;
    *rest = after;
    i32::try_from(at + 1).ok()
}
