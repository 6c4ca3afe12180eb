//! The fields of an expression: values, names, ranges, steps and lists.

use std::ops::Range;

use jiff::tz::TimeZone;

use super::{Cron, Days, Times};

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronError {
    /// The bytes that are meant.
    pub span: Range<usize>,
    /// What is wrong.
    pub says: String,
    /// What to do.
    pub help: String,
}

/// What may stand in a field.
struct Field {
    name: &'static str,
    from: u32,
    to: u32,
    /// Of the values from `from` on.
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Field; 6] = [
    Field { name: "second", from: 0, to: 59, names: &[] },
    Field { name: "minute", from: 0, to: 59, names: &[] },
    Field { name: "hour", from: 0, to: 23, names: &[] },
    Field { name: "day of month", from: 1, to: 31, names: &[] },
    Field { name: "month", from: 1, to: 12, names: MONTHS },
    Field { name: "day of week", from: 0, to: 7, names: WEEKDAYS },
];

const SHORT: &[(&str, &str)] = &[
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// A part of the expression, and where it begins.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    at: usize,
}

pub(super) fn parse(expression: &str, zone: TimeZone) -> Result<Cron, CronError> {
    let whole = Part { text: expression, at: 0 }.trimmed();
    if whole.text.starts_with('@') {
        return match SHORT.iter().find(|(name, _)| whole.text.eq_ignore_ascii_case(name)) {
            Some((_, fields)) => parse(fields, zone),
            None => {
                let known: Vec<&str> = SHORT.iter().map(|(name, _)| *name).collect();
                Err(whole.wrong(format!("there is no `{}`", whole.text), format!("write {}", one_of(&known))))
            }
        };
    }
    let parts: Vec<Part<'_>> =
        whole.split(|char| char.is_ascii_whitespace()).filter(|part| !part.text.is_empty()).collect();
    let zero = Part { text: "0", at: 0 };
    let [second, minute, hour, day, month, weekday] = match *parts {
        [minute, hour, day, month, weekday] => [zero, minute, hour, day, month, weekday],
        [second, minute, hour, day, month, weekday] => [second, minute, hour, day, month, weekday],
        _ => {
            let says = format!(
                "a cron expression has five fields, or six with seconds, and this has {}",
                parts.len()
            );
            return Err(
                whole.wrong(says, "write minute, hour, day of month, month and day of week: `0 8 * * 1-5`")
            );
        }
    };
    let [seconds, minutes, hours, days, months, weekdays] = &FIELDS;
    let of_week = weekdays.read(weekday)?;
    let of_week = (of_week | of_week >> 7) & 0x7f;
    Ok(Cron {
        times: Times {
            seconds: seconds.read(second)?,
            minutes: minutes.read(minute)?,
            hours: hours.read(hour)?,
        },
        days: Days {
            of_month: days.read(day)?,
            months: months.read(month)?,
            of_weeks: (0..6).fold(0, |weeks, week| weeks | of_week << (7 * week)),
            either: !day.begins_with_star() && !weekday.begins_with_star(),
        },
        elapsed: minute.begins_with_star() || hour.begins_with_star(),
        zone,
    })
}

impl Field {
    /// The values that a list names, a bit each.
    fn read(&self, list: Part<'_>) -> Result<u64, CronError> {
        list.split(|char| char == ',').try_fold(0, |set, part| Ok(set | self.part(part)?))
    }

    /// `*`, `4`, `1-5`, `*/15`, `8-18/2`.
    fn part(&self, part: Part<'_>) -> Result<u64, CronError> {
        let (range, step) = part.cut('/');
        let (from, to) = match range.cut('-') {
            (one, None) if one.text == "*" => (self.from, self.to),
            (one, None) => {
                let value = self.value(one)?;
                if step.is_some() {
                    let help = format!("write `{}-{}/..`, or `*/..`", one.text, self.to);
                    return Err(part
                        .wrong(format!("a step goes with a range, and `{}` is one value", one.text), help));
                }
                (value, value)
            }
            (first, Some(last)) => self.range(range, first, last)?,
        };
        let step = step.map_or(Ok(1), |step| self.step(step))?;
        Ok((from..=to).step_by(step).fold(0, |set, value| set | 1 << value))
    }

    fn range(&self, range: Part<'_>, first: Part<'_>, last: Part<'_>) -> Result<(u32, u32), CronError> {
        let (from, mut to) = (self.value(first)?, self.value(last)?);
        // Sunday ends a week as well: `fri-sun`.
        if self.to == 7 && to == 0 && from > 0 {
            to = 7;
        }
        if from > to {
            let help = format!("write `{}-{},{}-{}`", first.text, self.last(), self.from, last.text);
            return Err(range.wrong(format!("the range `{}` runs backwards", range.text), help));
        }
        Ok((from, to))
    }

    fn step(&self, step: Part<'_>) -> Result<usize, CronError> {
        let most = self.last() - self.from;
        match step.number() {
            Some(number) if (1..=most).contains(&number) => Ok(number as usize),
            _ => {
                let says = format!("`{}` is no step of the field `{}`", step.text, self.name);
                Err(step.wrong(says, format!("write a number from 1 to {most}")))
            }
        }
    }

    fn value(&self, part: Part<'_>) -> Result<u32, CronError> {
        let named = self.names.iter().position(|name| part.text.eq_ignore_ascii_case(name));
        let value = named.map(|index| index as u32 + self.from).or_else(|| part.number());
        value.filter(|value| (self.from..=self.to).contains(value)).ok_or_else(|| {
            let says = match part.text {
                "" => format!("a value is missing in the field `{}`", self.name),
                text => format!("`{text}` is no value of the field `{}`", self.name),
            };
            let names = match self.names {
                [first, .., last] => format!(", or a name from `{first}` to `{last}`"),
                _ => String::new(),
            };
            part.wrong(says, format!("write `*`, or a number from {} to {}{names}", self.from, self.to))
        })
    }

    /// Its last value under one name: 7 is 0.
    fn last(&self) -> u32 {
        if self.to == 7 { 6 } else { self.to }
    }
}

impl<'a> Part<'a> {
    fn trimmed(self) -> Part<'a> {
        let text = self.text.trim_ascii_start();
        Part { text: text.trim_ascii_end(), at: self.at + self.text.len() - text.len() }
    }

    fn split(self, at: impl Fn(char) -> bool) -> impl Iterator<Item = Part<'a>> {
        let mut next = self.at;
        self.text.split(at).map(move |text| {
            let part = Part { text, at: next };
            next += text.len() + 1;
            part
        })
    }

    fn cut(self, at: char) -> (Part<'a>, Option<Part<'a>>) {
        match self.text.split_once(at) {
            Some((first, rest)) => {
                (Part { text: first, at: self.at }, Some(Part { text: rest, at: self.at + first.len() + 1 }))
            }
            None => (self, None),
        }
    }

    fn begins_with_star(self) -> bool {
        self.text.starts_with('*')
    }

    fn number(self) -> Option<u32> {
        let digits = self.text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| self.text.parse().ok())?
    }

    fn wrong(self, says: String, help: impl Into<String>) -> CronError {
        CronError { span: self.at..self.at + self.text.len().max(1), says, help: help.into() }
    }
}

fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
