//! Due times over years, in zones that change their clocks and one that does not, against a reference that goes through them
//! minute by minute.

use std::collections::BTreeSet;

use workflow::Cron;

use super::{
    Found,
    reference::{self, Minutes, Rule},
};

/// The first and the last hold their hour's changes on either half of the world, the third one of half an hour.
const ZONES: &[&str] = &["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"];

/// 2026-01-01T00:00:00Z, seconds.
const START: i64 = 1_767_225_600;

const YEAR: f64 = 365.2425 * 86_400.0;

/// From a moment in between, the next due time is asked for each that many seconds: a prime, so that it is every time of day.
const STRIDE: i64 = 40_009;

/// So long before and after a clock is changed it is asked for every quarter of an hour, seconds.
const AROUND: i64 = 3 * 3_600;

/// Where clocks are changed: at 2 in Berlin and Lord Howe in spring, at 2 in New York, back at 3, 2 and 2.
const EXPRESSIONS: &[&str] = &[
    "* * * * *",
    "*/5 * * * *",
    "*/7 * * * *",
    "0 * * * *",
    "30 * * * *",
    "59 * * * *",
    "0-30/10 * * * *",
    "* 2 * * *",
    "*/15 2 * * *",
    "*/20 1,2,3 * * *",
    "*,5 2 * * *",
    "5,* 2 * * *",
    "15 */2 * * *",
    "15 */3 * * *",
    "0 0 * * *",
    "0 1 * * *",
    "30 1 * * *",
    "59 1 * * *",
    "0 2 * * *",
    "1 2 * * *",
    "15 2 * * *",
    "29,30,31 2 * * *",
    "30 2 * * *",
    "59 2 * * *",
    "0 3 * * *",
    "1 3 * * *",
    "0 2,3 * * *",
    "0,15,30,45 2 * * *",
    "0-59 2 * * *",
    "0-59/20 1-3 * * *",
    "30 2,14 * * *",
    "30 1-3/2 * * *",
    "0 0-23 * * *",
    "0 0-23/4 * * *",
    "0 8 * * 1-5",
    "30 2 * * sun",
    "30 2 * 3,10 0",
    "0 12 13 * fri",
    "0 12 */2 * fri",
    "0 12 1-7 * */6",
    "0 0 31 * *",
    "0 0 29 2 *",
    "15 2 25-31 mar,OCT sun-mon",
    "0 6 1 jan-jun/2 *",
    "0 6 * * fri-sun",
    "0 6 * * 5-7",
    "@hourly",
    "@daily",
    "@weekly",
    "@monthly",
    "@yearly",
    "*/20 30 2 * * *",
    "0,59 59 1 * * *",
    "30 * 2 * * *",
    "15 */10 * * * *",
    "59 59 23 31 12 *",
];

/// Goes through the years in every zone.
pub(super) fn check(years: u32) -> Vec<Found> {
    let until = START + (f64::from(years) * YEAR) as i64;
    std::thread::scope(|scope| {
        let zones: Vec<_> = ZONES.iter().map(|zone| scope.spawn(move || in_zone(zone, until))).collect();
        zones.into_iter().map(|zone| zone.join().expect("a zone")).collect()
    })
}

fn in_zone(name: &str, until: i64) -> Found {
    let zone = recipe::time_zone(name).expect("a zone");
    let minutes = Minutes::of(&zone, START, until);
    let mut found = Found::default();
    found.count("schedules", EXPRESSIONS.len() as u64);
    for expression in EXPRESSIONS {
        let cron = Cron::parse(expression, zone.clone()).expect("an expression");
        let should = Rule::read(expression).due(&minutes);
        let whose = format!("`{expression}` in {name}");
        found.walk(&whose, &cron, &should, until);
        found.ask(&whose, &cron, &should, &minutes);
    }
    found
}

impl Found {
    /// From one due time to the next, as a schedule goes.
    fn walk(&mut self, whose: &str, cron: &Cron, should: &[i64], until: i64) {
        let mut at = START - 1;
        let mut comes = Vec::new();
        while let Some(next) = cron.next(at * 1_000).map(|ms| ms / 1_000).filter(|next| *next < until) {
            comes.push(next);
            if next <= at {
                break;
            }
            at = next;
        }
        self.count("due", should.len() as u64);
        if comes == should {
            return;
        }
        let once: BTreeSet<i64> = comes.iter().copied().collect();
        let should: BTreeSet<i64> = should.iter().copied().collect();
        self.doubled += (comes.len() - once.len()) as u64;
        let missed: Vec<i64> = should.difference(&once).copied().collect();
        let extra: Vec<i64> = once.difference(&should).copied().collect();
        self.missed += missed.len() as u64;
        self.extra += extra.len() as u64;
        if comes.len() != once.len() {
            self.broken.push(format!("{whose} does not go on after {}", reference::shown(at)));
        }
        for (what, times) in [("missed", missed), ("extra", extra)] {
            let some = times.iter().take(2).map(|at| format!("{whose}: {what} {}", reference::shown(*at)));
            self.broken.extend(some);
        }
    }

    /// From moments in between, as a process that has just started does.
    fn ask(&mut self, whose: &str, cron: &Cron, should: &[i64], minutes: &Minutes) {
        let around = minutes.changes.iter().flat_map(|change| {
            (-AROUND..=AROUND).step_by(900).flat_map(move |by| [-1, 0, 1].map(|second| change + by + second))
        });
        for at in (START..minutes.until).step_by(STRIDE as usize).chain(around) {
            // After the last the reference says nothing.
            let Some(&next) = should.get(should.partition_point(|due| *due <= at)) else { continue };
            self.count("asked", 1);
            let comes = cron.next(at * 1_000).map(|ms| ms / 1_000);
            if comes == Some(next) {
                continue;
            }
            *if comes.is_some_and(|comes| comes < next) { &mut self.extra } else { &mut self.missed } += 1;
            let comes = comes.map_or("nothing".to_owned(), reference::shown);
            let (at, next) = (reference::shown(at), reference::shown(next));
            self.broken.push(format!("{whose}: after {at} comes {comes}, not {next}"));
        }
    }
}
