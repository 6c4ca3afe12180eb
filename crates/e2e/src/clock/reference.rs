//! When a schedule is due, said as plainly as can be: look at the clock each minute.
//!
//! Of the product and of jiff's way from local times to instants it uses nothing; the zone database is asked only what a
//! clock shows at an instant.

use jiff::{Timestamp, tz::TimeZone};

const MINUTE: i64 = 60;

/// What a clock shows in one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    year: i16,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    /// 0 is Sunday.
    weekday: u32,
}

/// Every minute of some years in a zone.
pub(super) struct Minutes {
    from: i64,
    pub(super) until: i64,
    shown: Vec<Shown>,
    /// When it was set, seconds.
    pub(super) changes: Vec<i64>,
}

impl Minutes {
    pub(super) fn of(zone: &TimeZone, from: i64, until: i64) -> Minutes {
        let instant = |at: i64| Timestamp::from_second(at).expect("a time of these years");
        let at = || (from..until).step_by(MINUTE as usize);
        let shown = at().map(|at| Shown::at(zone, instant(at))).collect();
        let offset = |at: i64| zone.to_offset(instant(at));
        let changes = at().filter(|at| offset(*at) != offset(at - MINUTE)).collect();
        Minutes { from, until, shown, changes }
    }
}

impl Shown {
    fn at(zone: &TimeZone, instant: Timestamp) -> Shown {
        let local = zone.to_datetime(instant);
        Shown {
            year: local.year(),
            month: local.month() as u32,
            day: local.day() as u32,
            hour: local.hour() as u32,
            minute: local.minute() as u32,
            weekday: local.weekday().to_sunday_zero_offset() as u32,
        }
    }

    /// The minute that would follow if nobody set the clock.
    fn next(self) -> Shown {
        let mut next = Shown { minute: self.minute + 1, ..self };
        if next.minute == 60 {
            (next.minute, next.hour) = (0, next.hour + 1);
        }
        if next.hour == 24 {
            (next.hour, next.day, next.weekday) = (0, next.day + 1, (next.weekday + 1) % 7);
        }
        if next.day > days_of(next.year, next.month) {
            (next.day, next.month) = (1, next.month + 1);
        }
        if next.month == 13 {
            (next.month, next.year) = (1, next.year + 1);
        }
        next
    }
}

fn days_of(year: i16, month: u32) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// An expression's fields as lists of values.
pub(super) struct Rule {
    seconds: Vec<bool>,
    minutes: Vec<bool>,
    hours: Vec<bool>,
    days: Vec<bool>,
    months: Vec<bool>,
    weekdays: Vec<bool>,
    /// Day of month or day of week begins with a star.
    both_days: bool,
    /// Minute or hour begins with a star.
    elapsed: bool,
}

impl Rule {
    pub(super) fn read(expression: &str) -> Rule {
        let long = match expression {
            "@hourly" => "0 * * * *",
            "@daily" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" => "0 0 1 1 *",
            other => other,
        };
        let long = if long.split(' ').count() == 5 { format!("0 {long}") } else { long.to_owned() };
        let fields: Vec<&str> = long.split(' ').collect();
        let star = |field: usize| fields[field].starts_with('*');
        let mut weekdays = values(fields[5], 0, 7);
        weekdays[0] |= weekdays[7];
        Rule {
            seconds: values(fields[0], 0, 59),
            minutes: values(fields[1], 0, 59),
            hours: values(fields[2], 0, 23),
            days: values(fields[3], 1, 31),
            months: values(fields[4], 1, 12),
            weekdays,
            both_days: star(3) || star(5),
            elapsed: star(1) || star(2),
        }
    }

    fn names(&self, shown: Shown) -> bool {
        let day = self.days[shown.day as usize];
        let weekday = self.weekdays[shown.weekday as usize];
        let on_day = if self.both_days { day && weekday } else { day || weekday };
        self.minutes[shown.minute as usize]
            && self.hours[shown.hour as usize]
            && self.months[shown.month as usize]
            && on_day
    }

    /// Every due time, seconds since 1970, in order.
    pub(super) fn due(&self, minutes: &Minutes) -> Vec<i64> {
        let mut due = Vec::new();
        // The latest that the clock has shown.
        let mut seen: Option<Shown> = None;
        for (n, &shown) in minutes.shown.iter().enumerate() {
            let at = minutes.from + n as i64 * MINUTE;
            let again = seen.is_some_and(|seen| shown <= seen);
            let mut now = Vec::new();
            if (self.elapsed || !again) && self.names(shown) {
                now.extend((0..60).filter(|second| self.seconds[*second as usize]).map(|second| at + second));
            }
            if let Some(seen) = seen.filter(|seen| !self.elapsed && !again && seen.next() != shown) {
                let lost = std::iter::successors(Some(seen.next()), |lost| Some(lost.next()));
                if lost.take_while(|lost| *lost < shown).any(|lost| self.names(lost)) && !now.contains(&at) {
                    now.insert(0, at);
                }
            }
            due.append(&mut now);
            seen = seen.max(Some(shown));
        }
        due
    }
}

/// `*`, `3`, `1-5`, `*/2`, `1-9/4` and lists of those; index is value.
fn values(field: &str, least: usize, most: usize) -> Vec<bool> {
    let names = "sun mon tue wed thu fri sat";
    let months = "- jan feb mar apr may jun jul aug sep oct nov dec";
    let number = |text: &str| {
        let text = text.to_lowercase();
        let names = if most == 7 { names } else { months };
        names.split(' ').position(|name| name == text).unwrap_or_else(|| text.parse().expect("a number"))
    };
    let mut named = vec![false; most + 1];
    for part in field.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((_, "sun")) => (number(range.split('-').next().expect("a range")), 7),
            Some((from, to)) => (number(from), number(to)),
            None => (number(range), number(range)),
        };
        (from..=to).step_by(number(step)).for_each(|value| named[value] = true);
    }
    named
}

/// An instant for people.
pub(super) fn shown(at: i64) -> String {
    Timestamp::from_second(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}
