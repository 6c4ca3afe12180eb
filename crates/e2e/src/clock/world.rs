//! One seed: its schedules, what is done to them and to their process, and what was seen of it. Nothing of it dies with a process.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use store::{Id, Run, Schedule, Settled};
use workflow::{Catchup, Overlap};

use super::reference::{Minutes, Rule};
use crate::dice::Dice;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// 2026-01-01T00:00:00Z.
const EPOCH_MS: i64 = 1_767_225_600_000;

/// Days that a seed begins after that, at most: clocks are changed within.
const LATER: u64 = 3_650;

/// Less than a line of the ledger is kept.
const LASTS_MS: i64 = 80 * DAY_MS;

/// When and where.
const RULES: &[(&str, &str)] = &[
    ("*/20 * * * *", "Europe/Berlin"),
    ("0 * * * *", "Australia/Lord_Howe"),
    ("30 2 * * *", "Europe/Berlin"),
    ("0,30 1-3 * * *", "America/New_York"),
    ("15 */6 * * *", "America/New_York"),
    ("0 8 * * 1-5", "Asia/Tokyo"),
    ("45 1 * * sun", "Australia/Lord_Howe"),
    ("*/5 30 4 * * *", "Europe/Berlin"),
    ("0 0 1 * *", "Asia/Tokyo"),
];

const CATCHUPS: [Catchup; 3] = [Catchup::Latest, Catchup::All, Catchup::None];
const OVERLAPS: [Overlap; 3] = [Overlap::Skip, Overlap::Queue, Overlap::Allow];

/// What the clock is set by while somebody is there.
const SETS_MS: [i64; 6] =
    [3 * DAY_MS, 30 * MINUTE_MS, 40 * SECOND_MS, -HOUR_MS, -5 * MINUTE_MS, -10 * SECOND_MS];

/// One schedule, and how long its runs take.
pub(super) struct Plan {
    pub(super) workflow: String,
    pub(super) expression: &'static str,
    pub(super) zone: &'static str,
    pub(super) catchup: Catchup,
    pub(super) overlap: Overlap,
    pub(super) takes: &'static str,
}

/// What a person, or the machine, does while the process lives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Doing {
    Pause(usize),
    Resume(usize),
    ByHand(usize),
    /// The clock is set by so much, milliseconds.
    Set(i64),
}

/// How one life goes.
pub(super) struct Course {
    pub(super) lasts_ms: u64,
    /// Milliseconds after its beginning, in order.
    pub(super) doings: Vec<(u64, Doing)>,
    /// It is gone; otherwise it is asked to end.
    pub(super) dies: bool,
}

/// A time in which somebody was there, and nobody set the clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) life: usize,
    /// What the clock showed.
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// When that was, by a clock that nobody sets.
    pub(super) true_ms: i64,
    /// It was set just then; otherwise a life begins.
    pub(super) set: bool,
}

/// What was seen to be said to a schedule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) plan: usize,
    pub(super) paused: bool,
    /// By a clock that nobody sets.
    pub(super) true_ms: i64,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) dice: Dice,
    pub(super) plans: Vec<Plan>,
    /// What the clock shows.
    pub(super) now_ms: i64,
    /// What one shows that nobody sets.
    pub(super) true_ms: i64,
    pub(super) ends_ms: i64,
    /// Lives that have begun.
    pub(super) lives: usize,
    pub(super) stretches: Vec<Stretch>,
    pub(super) said: Vec<Said>,
    /// Starts by hand that were answered: plan and run.
    pub(super) by_hand: Vec<(usize, Id)>,
    /// By plan: when it was due, in which life the line was written, and the line.
    pub(super) lines: Vec<BTreeMap<i64, (usize, Settled)>>,
    pub(super) runs: Vec<Run>,
    pub(super) figures: BTreeMap<&'static str, u64>,
    pub(super) broken: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> World {
        let mut dice = Dice::new(seed);
        // Nothing is due within the first second of a day but what begins a month: half a second is enough.
        let now_ms = EPOCH_MS + dice.below(LATER) as i64 * DAY_MS + 500;
        let many = 3 + dice.below(3) as usize;
        let plans: Vec<Plan> = (0..many).map(|n| plan(n, &mut dice)).collect();
        World {
            seed,
            now_ms,
            true_ms: 0,
            ends_ms: now_ms + LASTS_MS * 2 / 5 + dice.below(LASTS_MS as u64 / 2) as i64,
            lives: 0,
            stretches: Vec::new(),
            said: Vec::new(),
            by_hand: Vec::new(),
            lines: plans.iter().map(|_| BTreeMap::new()).collect(),
            runs: Vec::new(),
            figures: BTreeMap::new(),
            broken: Vec::new(),
            plans,
            dice,
        }
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.figures.entry(what).or_default() += 1;
    }

    /// How the next life goes: the last one sees to what is left to do.
    pub(super) fn course(&mut self) -> Course {
        if self.now_ms >= self.ends_ms {
            return Course { lasts_ms: 10 * MINUTE_MS as u64, doings: Vec::new(), dies: false };
        }
        let spread_ms = self.dice.pick(&[20 * MINUTE_MS, 5 * HOUR_MS, 3 * DAY_MS, 12 * DAY_MS]);
        // The first one lasts until everything is known to the store.
        let least_ms = if self.lives == 0 { HOUR_MS } else { 1 };
        let mut lasts_ms = least_ms + self.dice.below(spread_ms as u64) as i64;
        if self.dice.once_in(2) {
            // It ends as something comes due.
            let plan = self.dice.below(self.plans.len() as u64) as usize;
            let at_ms = self.now_ms + lasts_ms;
            let next_ms = self.plans[plan].due(at_ms, at_ms + 2 * DAY_MS).into_iter().next();
            lasts_ms = next_ms.map_or(lasts_ms, |next_ms| next_ms - self.now_ms + self.dice.below(30) as i64);
        }
        let many = self.dice.below(5);
        let mut doings = Vec::new();
        for _ in 0..many {
            let at_ms = SECOND_MS as u64 + self.dice.below(lasts_ms as u64);
            let doing = self.doing();
            doings.push((at_ms, doing));
            if let Doing::Pause(plan) = doing {
                // Not for ever: what is paused proves little.
                doings.push((at_ms + self.dice.below(DAY_MS as u64), Doing::Resume(plan)));
            }
        }
        doings.sort_by_key(|(at_ms, _)| *at_ms);
        Course { lasts_ms: lasts_ms as u64, doings, dies: !self.dice.once_in(4) }
    }

    fn doing(&mut self) -> Doing {
        let plan = self.dice.below(self.plans.len() as u64) as usize;
        match self.dice.below(8) {
            0 => Doing::Set(self.dice.pick(&SETS_MS)),
            1 => Doing::Pause(plan),
            2..=4 => Doing::Resume(plan),
            _ => Doing::ByHand(plan),
        }
    }

    /// Nobody is there for a while.
    pub(super) fn rests(&mut self) {
        let spread_ms = self.dice.pick(&[5 * SECOND_MS, 10 * MINUTE_MS, 8 * HOUR_MS, 5 * DAY_MS]);
        let ms = 1 + self.dice.below(spread_ms as u64) as i64;
        self.now_ms += ms;
        self.true_ms += ms;
    }
}

fn plan(n: usize, dice: &mut Dice) -> Plan {
    let (expression, zone) = dice.pick(RULES);
    let overlap = dice.pick(&OVERLAPS);
    // A queue that grows for ever proves nothing more.
    let takes = match overlap {
        Overlap::Queue => dice.pick(&["0s", "90s", "25m"]),
        _ => dice.pick(&["0s", "90s", "25m", "3h", "30h"]),
    };
    Plan { workflow: format!("Timed{n}"), expression, zone, catchup: dice.pick(&CATCHUPS), overlap, takes }
}

impl Plan {
    pub(super) fn id(&self) -> Id {
        Schedule::id_of("main", &self.workflow, "timer")
    }

    /// Its file, by path.
    pub(super) fn file(&self) -> (String, std::sync::Arc<[u8]>) {
        let word = |words: &[(&'static str, Catchup)]| {
            words.iter().find(|(_, catchup)| *catchup == self.catchup).expect("a word").0
        };
        let overlap = Overlap::WORDS.iter().find(|(_, overlap)| *overlap == self.overlap).expect("a word").0;
        let file: Value = json!({
            "identifier": self.workflow,
            "async": true,
            "job": { "keep": "400d" },
            "elements": [
                { "name": "timer", "type": "event/cron", "to": { "default": { "nap": ["default"] } } },
                { "name": "nap", "type": "flow/wait", "options": { "for": self.takes } }
            ],
            "events": [{
                "identifier": "timer", "type": "cron", "expression": self.expression, "timezone": self.zone,
                "catchup": word(Catchup::WORDS), "overlap": overlap
            }]
        });
        let path = format!("workflows/{}.workflow.json", self.workflow);
        (path, file.to_string().into_bytes().into())
    }

    /// Its due times from there to there, milliseconds since 1970, as the reference has them.
    pub(super) fn due(&self, from_ms: i64, until_ms: i64) -> Vec<i64> {
        let zone = recipe::time_zone(self.zone).expect("a zone");
        // A day before, so that a clock that is changed just then is seen to be.
        let whole = (from_ms - DAY_MS).div_euclid(MINUTE_MS) * 60;
        let minutes = Minutes::of(&zone, whole, until_ms.div_euclid(1_000) + 1);
        let due = Rule::read(self.expression).due(&minutes);
        due.into_iter().map(|at| at * 1_000).filter(|at_ms| (from_ms..=until_ms).contains(at_ms)).collect()
    }
}
