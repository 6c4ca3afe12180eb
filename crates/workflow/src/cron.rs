//! When a schedule is due: a cron expression, walked over the local time of a zone.
//!
//! Daylight saving is Vixie's rule. An expression whose minute or hour begins with `*` follows elapsed time: it is due
//! whenever the local clock shows a time that it names, twice in a repeated hour and never in a lost one. Any other is
//! fixed: due when the local clock first reaches or passes such a time, so once in a repeated hour, and once at the end
//! of a gap for all that was lost in it.
//!
//! jiff is walked rather than a library asked: croner 4 takes only single values for fixed, and `0 2,14 * * *` would be
//! lost in a gap.

mod syntax;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::{AmbiguousOffset, TimeZone},
};
pub use syntax::CronError;

/// How far ahead a day is looked for. A date comes again on the same day of the week within 40 years.
const HORIZON_YEARS: i16 = 100;

/// No zone sets its clock by more than that.
const SHIFT_MAX: SignedDuration = SignedDuration::from_hours(48);

/// From when on changes of the clock are looked at: 2024.
const GAPS_FROM_S: i64 = 1_704_067_200;

/// So many changes of the clock are looked at: ten years of two.
const GAPS_MAX: usize = 20;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A parsed expression in its zone.
#[derive(Debug, Clone)]
pub struct Cron {
    times: Times,
    days: Days,
    /// Follows elapsed time; otherwise it is fixed to the local clock.
    elapsed: bool,
    zone: TimeZone,
}

/// The times of a day: a bit for each value.
#[derive(Debug, Clone, Copy)]
struct Times {
    seconds: u64,
    minutes: u64,
    hours: u64,
}

/// The days: a bit for each value.
#[derive(Debug, Clone, Copy)]
struct Days {
    of_month: u64,
    months: u64,
    /// The days of six weeks, from a Sunday on.
    of_weeks: u64,
    /// Both are restricted, and one of them is enough.
    either: bool,
}

impl Cron {
    /// Reads five fields (minute, hour, day of month, month, day of week), six with seconds before them, or `@daily` and
    /// its like.
    ///
    /// # Errors
    ///
    /// What is wrong, and where in the expression.
    pub fn parse(expression: &str, zone: TimeZone) -> Result<Cron, CronError> {
        syntax::parse(expression, zone)
    }

    /// Whether there is a day on which it is due: none on 30 February.
    pub fn ever(&self) -> bool {
        self.days.after(Date::constant(2000, 1, 1)).is_some()
    }

    /// A local time at which it would be due and that a day lacks, because the clock is set forward there; None: there is none,
    /// or it follows elapsed time. Looked for in the changes of some years.
    pub fn gap(&self) -> Option<String> {
        let from = Timestamp::from_second(GAPS_FROM_S).ok()?;
        let changes = self.zone.following(from).take(if self.elapsed { 0 } else { GAPS_MAX });
        changes.into_iter().find_map(|change| {
            let at = change.timestamp();
            let before = self.zone.to_datetime(at.checked_sub(SECOND).ok()?).checked_add(SECOND).ok()?;
            let lost = self.civil(before).filter(|local| *local < self.zone.to_datetime(at))?;
            Some(lost.time().strftime("%H:%M").to_string())
        })
    }

    /// The first due time after an instant, both in milliseconds since 1970; None if there is none.
    pub fn next(&self, after_ms: i64) -> Option<i64> {
        let from = Timestamp::from_second(after_ms.div_euclid(1_000) + 1).ok()?;
        let due = if self.elapsed { self.elapsed(from) } else { self.fixed(from) };
        due.map(Timestamp::as_millisecond)
    }

    /// The first instant from there on at which the clock shows such a time.
    fn elapsed(&self, mut from: Timestamp) -> Option<Timestamp> {
        loop {
            let offset = self.zone.to_offset(from);
            let local = self.civil(offset.to_datetime(from))?;
            let due = offset.to_timestamp(local).ok()?;
            let Some(change) = self.zone.following(from).next().map(|change| change.timestamp()) else {
                return Some(due);
            };
            if due < change {
                return Some(due);
            }
            // Between here and there the clock shows no such time, but where it is set back to before `from`: changes
            // that cannot do so, and from which the due time is still far, need no look.
            let far = change.duration_since(from) > SHIFT_MAX;
            from = if far { change.max(due.checked_sub(SHIFT_MAX).ok()?) } else { change };
        }
    }

    /// The first instant from there on at which the clock reaches or passes such a time for the first time.
    fn fixed(&self, from: Timestamp) -> Option<Timestamp> {
        let reached = self.reached(from.checked_sub(SECOND).ok()?);
        let local = self.civil(reached.checked_add(SECOND).ok()?)?;
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
            AmbiguousOffset::Fold { before, after } => {
                let offset =
                    if crate::sabotage::is("twice-in-fold") && from > before.to_timestamp(local).ok()? {
                        after
                    } else {
                        before
                    };
                offset.to_timestamp(local).ok()
            }
            AmbiguousOffset::Gap { before, .. } => {
                let within = before.to_timestamp(local).ok()?;
                let end = self.zone.preceding(within.checked_add(SECOND).ok()?).next()?.timestamp();
                if crate::sabotage::is("no-gap") {
                    self.fixed(end.checked_add(SECOND).ok()?)
                } else {
                    Some(end)
                }
            }
        }
    }

    /// The latest local time that the clock has shown: where it was set back, that was before.
    fn reached(&self, at: Timestamp) -> DateTime {
        let now = self.zone.to_datetime(at);
        if crate::sabotage::is("twice-in-fold") {
            return now;
        }
        let changes = self.zone.preceding(at.saturating_add(SECOND).unwrap_or(at));
        changes
            .map(|change| change.timestamp())
            .take_while(|change| at.duration_since(*change) < SHIFT_MAX)
            .filter_map(|change| change.checked_sub(SECOND).ok())
            .map(|before| self.zone.to_datetime(before))
            .fold(now, DateTime::max)
    }

    /// The first local time from there on that the expression names.
    fn civil(&self, from: DateTime) -> Option<DateTime> {
        if self.days.has(from.date())
            && let Some(time) = self.times.from(from.time())
        {
            return Some(from.date().to_datetime(time));
        }
        let date = self.days.after(from.date())?;
        Some(date.to_datetime(self.times.from(Time::midnight())?))
    }
}

impl Times {
    fn from(self, from: Time) -> Option<Time> {
        let (hour, minute, second) = (from.hour() as u32, from.minute() as u32, from.second() as u32);
        let (first_minute, first_second) = (least(self.minutes, 0)?, least(self.seconds, 0)?);
        let this_hour = has(self.hours, hour);
        let this_minute = this_hour && has(self.minutes, minute);
        let in_minute = this_minute.then(|| least(self.seconds, second)).flatten();
        let in_hour = || this_hour.then(|| least(self.minutes, minute + 1)).flatten();
        let (hour, minute, second) = match in_minute {
            Some(second) => (hour, minute, second),
            None => match in_hour() {
                Some(minute) => (hour, minute, first_second),
                None => (least(self.hours, hour + 1)?, first_minute, first_second),
            },
        };
        Time::new(hour as i8, minute as i8, second as i8, 0).ok()
    }
}

impl Days {
    fn has(self, date: Date) -> bool {
        has(self.in_month(date), date.day() as u32)
    }

    /// The first such day after that one.
    fn after(self, date: Date) -> Option<Date> {
        let mut month = date.first_of_month();
        let mut from = date.day() as u32 + 1;
        while month.year() <= date.year().saturating_add(HORIZON_YEARS) {
            if let Some(day) = least(self.in_month(month), from) {
                return Date::new(month.year(), month.month(), day as i8).ok();
            }
            from = 1;
            month = match least(self.months, month.month() as u32 + 1) {
                Some(later) => Date::new(month.year(), later as i8, 1),
                None => Date::new(month.year() + 1, least(self.months, 1)? as i8, 1),
            }
            .ok()?;
        }
        None
    }

    /// The days of the month that a date lies in.
    fn in_month(self, date: Date) -> u64 {
        if !has(self.months, date.month() as u32) {
            return 0;
        }
        let there = !(!0u64 << date.days_in_month()) << 1;
        let of_weeks = (self.of_weeks >> date.first_of_month().weekday().to_sunday_zero_offset()) << 1;
        let named = if self.either { self.of_month | of_weeks } else { self.of_month & of_weeks };
        named & there
    }
}

fn has(set: u64, value: u32) -> bool {
    set >> value & 1 == 1
}

/// The least value of a set from there on.
fn least(set: u64, from: u32) -> Option<u32> {
    let rest = set & (!0u64).checked_shl(from)?;
    (rest != 0).then(|| rest.trailing_zeros())
}
