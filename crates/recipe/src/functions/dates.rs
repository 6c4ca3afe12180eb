//! Dates: texts `YYYY-MM-DD`, and with a time `YYYY-MM-DDTHH:MM:SSZ` in UTC, to the second. What has no zone is meant in
//! the system's. Zones are those bundled with jiff, the same on every machine.

mod letters;

use std::sync::LazyLock;

use jiff::{
    Span, Timestamp, Unit, ZonedDateTime,
    civil::{Date, DateTime},
    tz::{TimeZone, TimeZoneDatabase},
};

use super::{Args, Function, row};
use crate::{
    Value,
    eval::{Got, Stop, Val},
};

/// Seconds in 400 years.
const CYCLE: i64 = 146_097 * 86_400;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

pub(super) const FUNCTIONS: &[Function] = &[
    row(
        "now()",
        "The time of the run's start or of the latest outcome, whichever is later.",
        &[("now()", "\"1970-01-01T00:00:00Z\"")],
        |args| {
            let now = Moment::now(args)?.text();
            args.made(&now)
        },
    )
    .that_asks(),
    row(
        "date(date?)",
        "The day of a date, today if it is left out.",
        &[("date('2026-03-01T23:30:00Z')", "\"2026-03-01\""), ("date()", "\"1970-01-01\"")],
        day,
    )
    .that_asks(),
    row("today()", "Today.", &[("today()", "\"1970-01-01\"")], day).that_asks(),
    row(
        "dateFormat(date, format?, zone?)",
        "A date in PHP's letters (Y-m-d if left out), in a zone (the system's if left out). A backslash before a letter keeps it; in a text it is written twice. Known are d D j l N S w z W o F M m n t L Y y a A g G h H i s v u e T P O p c r U; other letters stay.",
        &[
            ("dateFormat('2026-03-01', 'd.m.Y')", "\"01.03.2026\""),
            ("dateFormat('2026-03-01T07:05:00Z', 'H:i', 'Europe/Berlin')", "\"08:05\""),
            ("dateFormat('2026-03-01', '\\\\d: d')", "\"d: 01\""),
            ("dateFormat('2026-03-01', 'D, j M y')", "\"Sun, 1 Mar 26\""),
        ],
        |args| {
            let Some((moment, _)) = moment(args, 0)? else { return Ok(Val::NULL) };
            let zone = zone(args, 2)?;
            let format = if args.given(1) { args.words(1)?.into_owned() } else { "Y-m-d".to_owned() };
            // A letter may stand for a zone's name.
            args.machine.spend(format.len())?;
            args.machine.spend_bytes(format.len() * 40)?;
            let (zoned, cycles) = moment.zoned_or_before(&zone, args)?;
            let written = letters::write(&zoned, cycles, &format);
            args.made(&written)
        },
    )
    .that_asks(),
    row(
        "dateAdd(date, amount, unit?)",
        "So many years, months, weeks, days (if left out), hours, minutes or seconds later; the clock keeps its time over days.",
        &[
            ("dateAdd('2026-01-31', 1, 'month')", "\"2026-02-28\""),
            ("dateAdd('2026-03-01', -1)", "\"2026-02-28\""),
            ("dateAdd('2026-03-01T07:00:00Z', 90, 'minutes')", "\"2026-03-01T08:30:00Z\""),
        ],
        add,
    )
    .that_asks(),
    row(
        "dateDiff(from, to, unit?)",
        "How many whole units (days if left out) from one date to another; negative if that is earlier.",
        &[
            ("dateDiff('2026-03-01', '2026-03-11')", "10"),
            ("dateDiff('2026-03-01', '2026-01-31', 'months')", "-1"),
            ("dateDiff('2026-03-01T07:00:00Z', '2026-03-01T08:30:00Z', 'minutes')", "90"),
        ],
        difference,
    )
    .that_asks(),
    row(
        "dateParse(text, format?, zone?)",
        "The date that a text is, by PHP's letters if they are given; null of what is none.",
        &[
            ("dateParse('1.3.2026', 'd.m.Y')", "\"2026-03-01\""),
            ("dateParse('2026-03-01T09:00:00+02:00')", "\"2026-03-01T07:00:00Z\""),
            ("dateParse('soon')", "null"),
        ],
        |args| {
            let zone = zone(args, 2)?;
            args.machine.spend(args.get(1).as_str().map_or(0, str::len))?;
            let words = args.words(0)?;
            let parsed = match args.given(1) {
                true => letters::read(&words, &args.words(1)?),
                false => Moment::read(&words),
            };
            match parsed.and_then(|moment| moment.settled(&zone)) {
                Some(moment) => {
                    let written = moment.text();
                    args.made(&written)
                }
                None => Ok(Val::NULL),
            }
        },
    )
    .that_asks(),
    row(
        "timestamp(date?)",
        "Seconds since 1970 of a date, of now if it is left out.",
        &[("timestamp('1970-01-02')", "86400"), ("timestamp()", "0")],
        |args| {
            let found = if args.values.is_empty() { Some(Moment::now(args)?) } else { moment(args, 0)?.map(|m| m.0) };
            let Some(moment) = found else { return Ok(Val::NULL) };
            let zone = zone(args, 9)?;
            Ok(moment.second(&zone, args)?.into())
        },
    )
    .that_asks(),
];

/// A point of time as it was written.
#[derive(Clone, Copy)]
enum Moment {
    /// A day.
    Day(Date),
    /// A time on a clock of the system's zone.
    Clock(DateTime),
    /// A point in time.
    At(Timestamp),
}

impl Moment {
    fn now(args: &Args<'_, '_>) -> Result<Moment, Stop> {
        Timestamp::from_millisecond(args.machine.context.facts.now_ms())
            .map(Moment::At)
            .map_err(|_| out_of_range(args))
    }

    fn read(text: &str) -> Option<Moment> {
        let text = text.trim();
        // Anything longer is no date, and not worth a parser's time.
        if !(8..=64).contains(&text.len()) {
            return None;
        }
        if text.len() <= 10 {
            return text.parse().ok().map(Moment::Day);
        }
        let at = text.parse().map(Moment::At);
        at.or_else(|_| text.parse().map(Moment::Clock)).ok()
    }

    /// The same without a clock whose zone must be known.
    fn settled(self, zone: &TimeZone) -> Option<Moment> {
        match self {
            Moment::Clock(clock) => {
                clock.to_zoned_datetime(zone.clone()).ok().map(|zoned| Moment::At(zoned.timestamp()))
            }
            other => Some(other),
        }
    }

    /// None outside the years in which points in time are known; the last day of the year 9999 is outside too.
    fn zoned(self, zone: &TimeZone) -> Option<ZonedDateTime> {
        match self {
            Moment::Day(day) => day.to_zoned_datetime(zone.clone()),
            Moment::Clock(clock) => clock.to_zoned_datetime(zone.clone()),
            Moment::At(at) => Ok(at.to_zoned_datetime(zone.clone())),
        }
        .ok()
    }

    /// Where the point in time would be too late, that of 400 years before, after which the calendar repeats, and 1.
    fn zoned_or_before(self, zone: &TimeZone, args: &Args<'_, '_>) -> Result<(ZonedDateTime, i64), Stop> {
        let before = || {
            let back = Span::new().years(-400);
            match self {
                Moment::Day(day) if day.year() > 9000 => Moment::Day(day.checked_add(back).ok()?).zoned(zone),
                Moment::Clock(clock) if clock.year() > 9000 => {
                    Moment::Clock(clock.checked_add(back).ok()?).zoned(zone)
                }
                _ => None,
            }
        };
        match self.zoned(zone) {
            Some(zoned) => Ok((zoned, 0)),
            None => before().map(|zoned| (zoned, 1)).ok_or_else(|| out_of_range(args)),
        }
    }

    /// On a clock of that zone.
    fn clock(self, zone: &TimeZone, args: &Args<'_, '_>) -> Result<DateTime, Stop> {
        let (zoned, cycles) = self.zoned_or_before(zone, args)?;
        zoned.datetime().checked_add(Span::new().years(cycles * 400)).map_err(|_| out_of_range(args))
    }

    /// Seconds since 1970.
    fn second(self, zone: &TimeZone, args: &Args<'_, '_>) -> Result<i64, Stop> {
        let (zoned, cycles) = self.zoned_or_before(zone, args)?;
        Ok(zoned.timestamp().as_second() + cycles * CYCLE)
    }

    /// As recipes write dates.
    fn text(self) -> String {
        match self {
            Moment::Day(day) => day.to_string(),
            Moment::Clock(clock) => clock.to_string(),
            Moment::At(at) => {
                let second = at.as_millisecond().div_euclid(1000);
                Timestamp::from_second(second).map_or_else(|_| at.to_string(), |at| at.to_string())
            }
        }
    }
}

/// The zone of that IANA name, of those bundled.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" { Some(TimeZone::UTC) } else { ZONES.get(name).ok() }
}

/// The names of all zones there are.
pub fn time_zones() -> Vec<String> {
    ZONES.available().map(|name| name.to_string()).collect()
}

/// The point in time that a date is, in that zone where it names none, milliseconds since 1970; None for what is no date.
pub fn instant_ms(date: &Value, zone: &str) -> Option<i64> {
    let moment = match date {
        Value::Text(text) => Moment::read(text)?,
        Value::Int(second) => Moment::At(Timestamp::from_second(*second).ok()?),
        _ => return None,
    };
    moment.zoned(&time_zone(zone)?).map(|zoned| zoned.timestamp().as_millisecond())
}

/// The date that an argument is, and whether it is a day; None for null and an empty text. A number is seconds since
/// 1970.
fn moment(args: &Args<'_, '_>, at: usize) -> Result<Option<(Moment, bool)>, Stop> {
    let value = args.get(at);
    let found = match value {
        Value::Null => return Ok(None),
        Value::Text(text) if text.is_empty() => return Ok(None),
        Value::Text(text) => Moment::read(text),
        Value::Int(second) => Timestamp::from_second(*second).ok().map(Moment::At),
        _ => return Err(args.wrong("a date", value)),
    };
    match found {
        Some(moment) => Ok(Some((moment, matches!(moment, Moment::Day(_))))),
        None if matches!(value, Value::Int(_)) => {
            Err(out_of_range(args).with_help("a number is seconds since 1970; divide milliseconds by 1000"))
        }
        None => Err(Stop::new(format!("`{}` takes a date, and this text is none", args.call.function.name))
            .with_help(
                "dates are `2026-03-01` and `2026-03-01T07:00:00Z`; `dateParse(text, format)` reads others",
            )),
    }
}

/// The zone that an argument names, else the system's.
fn zone(args: &Args<'_, '_>, at: usize) -> Result<TimeZone, Stop> {
    let named = args.given(at);
    let name = if named { args.words(at)?.into_owned() } else { args.machine.context.facts.timezone() };
    time_zone(&name).ok_or_else(|| {
        let whose = if named { "this text" } else { "the system's `timezone`" };
        Stop::new(format!("`{}` takes a time zone, and {whose} is none", args.call.function.name))
            .with_help("zones are named as `Europe/Berlin`")
    })
}

fn unit(args: &Args<'_, '_>) -> Result<Unit, Stop> {
    let name = args.words(2)?;
    Ok(match name.trim_end_matches('s') {
        "" | "day" | "d" => Unit::Day,
        "year" | "y" => Unit::Year,
        "month" => Unit::Month,
        "week" | "w" => Unit::Week,
        "hour" | "h" => Unit::Hour,
        "minute" | "min" | "m" => Unit::Minute,
        "second" => Unit::Second,
        _ if &*name == "s" => Unit::Second,
        _ => {
            return Err(Stop::new(format!("`{}` knows no such unit", args.call.function.name))
                .with_help("units are years, months, weeks, days, hours, minutes, seconds"));
        }
    })
}

fn out_of_range(args: &Args<'_, '_>) -> Stop {
    Stop::new(format!("`{}` knows the years -9999 to 9999, and the date is outside", args.call.function.name))
}

fn day<'a>(args: &mut Args<'_, 'a>) -> Got<'a> {
    let found = if args.values.is_empty() { Some(Moment::now(args)?) } else { moment(args, 0)?.map(|m| m.0) };
    let Some(moment) = found else { return Ok(Val::NULL) };
    let day = match moment {
        Moment::Day(day) => day,
        moment => moment.zoned(&zone(args, 9)?).ok_or_else(|| out_of_range(args))?.date(),
    };
    let day = day.to_string();
    args.made(&day)
}

fn add<'a>(args: &mut Args<'_, 'a>) -> Got<'a> {
    let Some((from, is_day)) = moment(args, 0)? else { return Ok(Val::NULL) };
    let (amount, unit, zone) = (args.int(1, 0)?, unit(args)?, zone(args, 9)?);
    let span = match unit {
        Unit::Year => Span::new().try_years(amount),
        Unit::Month => Span::new().try_months(amount),
        Unit::Week => Span::new().try_weeks(amount),
        Unit::Day => Span::new().try_days(amount),
        Unit::Hour => Span::new().try_hours(amount),
        Unit::Minute => Span::new().try_minutes(amount),
        _ => Span::new().try_seconds(amount),
    };
    let seconds = match unit {
        Unit::Hour => Some(3600),
        Unit::Minute => Some(60),
        Unit::Second => Some(1),
        _ => None,
    };
    if let (Some(seconds), None) = (seconds, from.zoned(&zone)) {
        let later = amount.saturating_mul(seconds).saturating_add(from.second(&zone, args)?);
        let later = Timestamp::from_second(later).map_err(|_| out_of_range(args))?;
        return args.made(&Moment::At(later).text());
    }
    let later = span.and_then(|span| match from {
        Moment::Day(day) if unit >= Unit::Day => day.checked_add(span).map(Moment::Day),
        from => {
            let zoned = match from {
                Moment::Day(day) => day.to_zoned_datetime(zone)?,
                Moment::Clock(clock) => clock.to_zoned_datetime(zone)?,
                Moment::At(at) => at.to_zoned_datetime(zone),
            };
            zoned.checked_add(span).map(|zoned| Moment::At(zoned.timestamp()))
        }
    });
    debug_assert!(is_day || !matches!(later, Ok(Moment::Day(_))), "a time never becomes a day");
    let written = later.map_err(|_| out_of_range(args))?.text();
    args.made(&written)
}

fn difference<'a>(args: &mut Args<'_, 'a>) -> Got<'a> {
    let (Some((from, _)), Some((to, _))) = (moment(args, 0)?, moment(args, 1)?) else { return Ok(Val::NULL) };
    let (unit, zone) = (unit(args)?, zone(args, 9)?);
    let span = match (from, to) {
        (Moment::Day(from), Moment::Day(to)) if unit >= Unit::Day => from.until((unit, to)),
        _ => match (from.zoned(&zone), to.zoned(&zone)) {
            (Some(from), Some(to)) => from.until((unit, &to)),
            _ if unit >= Unit::Day => from.clock(&zone, args)?.until((unit, to.clock(&zone, args)?)),
            _ => {
                let seconds = to.second(&zone, args)? - from.second(&zone, args)?;
                return Ok(match unit {
                    Unit::Hour => seconds / 3600,
                    Unit::Minute => seconds / 60,
                    _ => seconds,
                }
                .into());
            }
        },
    };
    let span = span.map_err(|_| out_of_range(args))?;
    Ok(match unit {
        Unit::Year => i64::from(span.get_years()),
        Unit::Month => span.get_months().into(),
        Unit::Week => span.get_weeks().into(),
        Unit::Day => span.get_days().into(),
        Unit::Hour => span.get_hours().into(),
        Unit::Minute => span.get_minutes(),
        _ => span.get_seconds(),
    }
    .into())
}
