//! What should have become of each due time, said as plainly as can be, beside what the ledger and the runs say.
//!
//! Due times come from the reference, not from the product; whether somebody was there, whether the schedule was paused and whether
//! a run of it lived come from what was seen. Where two things fell into one second, both orders are right.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use recipe::Value;
use store::{Fate, Id, Run, Settled, Timing, Why};
use workflow::{Catchup, Overlap};

use super::{
    Found,
    world::{Said, World},
};

/// What happens within so long may have happened in either order; and so long anything may take, milliseconds.
const SLACK_MS: i64 = 1_000;

/// A clock that was set is noticed within so long, milliseconds.
const LOOK_MS: i64 = 60_000;

/// docs/status.md: later than that is late, and more than a minute ago nobody was there.
const LATE_MS: i64 = 2_000;
const MISSED_MS: i64 = 60_000;

/// Missed times that `all` catches up on.
const ALL: usize = 100;

/// What all of it came to, and an account of it.
pub(super) fn of(world: &World) -> (Vec<String>, Found) {
    let mut found = Found { broken: world.broken.clone(), ..Found::default() };
    let mut log = Vec::new();
    for stretch in &world.stretches {
        log.push(format!("{stretch:?}"));
    }
    for plan in 0..world.plans.len() {
        Judge::of(world, plan, &mut found).judge(&mut log);
    }
    let known: usize = world.lines.iter().map(BTreeMap::len).sum();
    let days =
        world.stretches.last().map_or(0, |last| (last.to_ms - world.stretches[0].from_ms) / 86_400_000);
    found.count("lives", world.lives as u64);
    found.count("days", days as u64);
    found.count("lines", known as u64);
    found.count("runs", world.runs.len() as u64);
    for (name, count) in &world.figures {
        found.count(name, *count);
    }
    (log, found)
}

/// A due time, and the line that settles it.
struct Time<'a> {
    due_ms: i64,
    life: usize,
    line: &'a Settled,
}

struct Judge<'a> {
    world: &'a World,
    plan: usize,
    /// Of this schedule, by id.
    runs: BTreeMap<Id, &'a Run>,
    due: Vec<i64>,
    found: &'a mut Found,
}

impl<'a> Judge<'a> {
    fn of(world: &'a World, plan: usize, found: &'a mut Found) -> Judge<'a> {
        let workflow = &world.plans[plan].workflow;
        let mine = world.runs.iter().filter(|run| *run.start.workflow == **workflow);
        let first_ms = world.stretches.first().map_or(0, |first| first.from_ms);
        let last_ms = world.stretches.iter().map(|stretch| stretch.to_ms).max().unwrap_or(0);
        Judge {
            world,
            plan,
            runs: mine.map(|run| (run.start.id, run)).collect(),
            due: world.plans[plan].due(first_ms, last_ms),
            found,
        }
    }

    fn broken(&mut self, what: impl AsRef<str>) {
        let plan = &self.world.plans[self.plan];
        let (rule, zone) = (plan.expression, plan.zone);
        self.found.broken.push(format!(
            "{} (`{rule}` in {zone}, {:?}, {:?}, {}): {}",
            plan.workflow,
            plan.catchup,
            plan.overlap,
            plan.takes,
            what.as_ref()
        ));
    }

    fn judge(mut self, log: &mut Vec<String>) {
        let all = &self.world.lines[self.plan];
        for (life, line) in all.values() {
            log.push(format!("{} {life} {line:?}", self.world.plans[self.plan].workflow));
        }
        for run in self.runs.values() {
            let end = run.end.as_ref().map(|end| end.ended_at_ms);
            log.push(format!("{} {:?} {} {end:?}", run.start.id, run.started_at_ms, run.status.word()));
        }
        let by_clock = all.values().filter(|(_, line)| line.fate != Fate::Ran(Timing::ByHand));
        let times = self.times(by_clock);
        self.each_once(&times);
        self.each_its_run();
        let mut before_ms = None;
        let together = |a: &Time<'_>, b: &Time<'_>| a.life == b.life && a.line.at_ms == b.line.at_ms;
        for batch in times.chunk_by(together) {
            self.together(batch, &mut before_ms);
        }
        self.begin_in_turn();
    }

    /// Each line's due times: one that counts several stands for as many, itself the last.
    fn times(&mut self, lines: impl Iterator<Item = &'a (usize, Settled)>) -> Vec<Time<'a>> {
        let mut times = Vec::new();
        for (life, line) in lines {
            let Ok(at) = self.due.binary_search(&line.due_ms) else {
                self.found.extra += 1;
                self.broken(format!("it was not due: {line:?}"));
                continue;
            };
            let many = if let Fate::Skipped(Why::Missed(many)) = line.fate { many as usize } else { 1 };
            if many > at + 1 {
                self.broken(format!("there were not as many: {line:?}"));
                continue;
            }
            let due = &self.due[at + 1 - many..=at];
            times.extend(due.iter().map(|due_ms| Time { due_ms: *due_ms, life: *life, line }));
        }
        times.sort_by_key(|time| time.due_ms);
        times
    }

    /// Each due time has one line, written when somebody first could.
    fn each_once(&mut self, times: &[Time<'a>]) {
        let mut told: BTreeMap<i64, Vec<&Time<'a>>> = BTreeMap::new();
        times.iter().for_each(|time| told.entry(time.due_ms).or_default().push(time));
        for due_ms in self.due.clone() {
            let lines = told.get(&due_ms).map(Vec::as_slice).unwrap_or_default();
            self.found.doubled += (lines.len().max(1) - 1) as u64;
            if lines.len() > 1 {
                self.broken(format!("{} has {} lines", iso(due_ms), lines.len()));
            }
            let Some(by) = self.by(due_ms) else { continue };
            let Some(time) = lines.first() else {
                self.found.missed += 1;
                self.broken(format!("{} has no line", iso(due_ms)));
                continue;
            };
            let (life, by_ms) = by;
            if time.life > life || (time.life == life && time.line.at_ms > by_ms) || time.line.at_ms < due_ms
            {
                self.broken(format!("{} was to be settled by {}: {:?}", iso(due_ms), iso(by_ms), time.line));
            }
        }
    }

    /// In which life and by when at the latest it must be settled; None: nobody was there long enough.
    fn by(&self, due_ms: i64) -> Option<(usize, i64)> {
        self.world.stretches.iter().find_map(|stretch| {
            let noticed_ms = stretch.from_ms + if stretch.set { LOOK_MS } else { 0 };
            let by_ms = due_ms.max(noticed_ms) + SLACK_MS;
            (by_ms < stretch.to_ms).then_some((stretch.life, by_ms))
        })
    }

    /// Each line that ran has its run, and each run its line.
    fn each_its_run(&mut self) {
        let mut left: BTreeSet<Id> = self.runs.keys().copied().collect();
        let mut times: BTreeSet<String> = BTreeSet::new();
        for (_, line) in self.world.lines[self.plan].values() {
            if !matches!(line.fate, Fate::Ran(_)) {
                continue;
            }
            if line.fate == Fate::Ran(Timing::ByHand) {
                self.found.count("by_hand", 1);
            }
            let run = line.run.filter(|run| left.remove(run)).and_then(|run| self.runs.get(&run));
            let Some(run) = run else {
                self.found.missed += 1;
                self.broken(format!("it has no run of its own: {line:?}"));
                continue;
            };
            let due = text(run, "scheduled_at");
            if due.as_deref() != Some(&*iso(line.due_ms)) {
                self.broken(format!("its run was due at {due:?}: {line:?}"));
            }
            times.extend(due);
        }
        for run in left {
            let due = text(self.runs[&run], "scheduled_at").unwrap_or_default();
            let again = times.contains(&due);
            *if again { &mut self.found.doubled } else { &mut self.found.extra } += 1;
            self.broken(format!("run {run}, due at {due}, has no line"));
        }
        let by_hand = self.world.by_hand.iter().filter(|(plan, _)| *plan == self.plan);
        for run in by_hand.map(|(_, run)| *run).collect::<Vec<_>>() {
            let is = |(_, line): &(usize, Settled)| {
                line.run == Some(run) && line.fate == Fate::Ran(Timing::ByHand)
            };
            if !self.world.lines[self.plan].values().any(is) {
                self.found.missed += 1;
                self.broken(format!("the start by hand of {run} was answered and has no line"));
            }
        }
    }

    /// What was settled at one moment: those that nobody was there for follow `catchup`, the others run.
    fn together(&mut self, batch: &[Time<'a>], before_ms: &mut Option<i64>) {
        let at_ms = batch[0].line.at_ms;
        let began_ms = self.began_ms(batch[0].life);
        let missed = |time: &&Time<'a>| time.due_ms < began_ms || at_ms - time.due_ms > MISSED_MS;
        let caught_up = match self.world.plans[self.plan].catchup {
            Catchup::Latest => 1,
            Catchup::All => ALL,
            Catchup::None => 0,
        };
        let many = batch.iter().filter(missed).count();
        for (n, time) in batch.iter().enumerate() {
            let planned = match missed(&time) {
                true if n + caught_up < many => None,
                true => Some(Timing::CaughtUp),
                false if at_ms - time.due_ms > LATE_MS => Some(Timing::Late),
                false => Some(Timing::OnTime),
            };
            let fate = &time.line.fate;
            let fine = match planned {
                None => matches!(fate, Fate::Skipped(Why::Missed(_))),
                Some(timing) => self.may(timing, time.line),
            };
            if !fine {
                self.broken(format!("{} is not {planned:?}: {:?}", iso(time.due_ms), time.line));
            }
            if let (Fate::Ran(_), Some(run)) = (fate, time.line.run) {
                let said = self.runs.get(&run).and_then(|run| text(run, "previous_at"));
                if said != before_ms.map(iso) {
                    self.broken(format!(
                        "before it came {before_ms:?}, and it says {said:?}: {:?}",
                        time.line
                    ));
                }
                *before_ms = Some(time.due_ms);
            }
            self.found.count(word(fate), 1);
        }
    }

    /// When workers began to be there in a life.
    fn began_ms(&self, life: usize) -> i64 {
        let first = self.world.stretches.iter().find(|stretch| stretch.life == life);
        first.map_or(i64::MAX, |first| first.from_ms)
    }

    /// Whether a time that is to start a run may have come to that.
    fn may(&self, timing: Timing, line: &Settled) -> bool {
        let paused = self.paused(line.at_ms);
        let live = self.live(line);
        match &line.fate {
            Fate::Skipped(Why::Paused(_)) => paused.contains(&true),
            _ if !paused.contains(&false) => false,
            Fate::Skipped(Why::Overlap) => {
                let stands = line.run.is_some_and(|run| live.may.contains(&run) || live.must.contains(&run));
                self.overlap() == Overlap::Skip && stands
            }
            Fate::Ran(really) => {
                *really == timing && (self.overlap() != Overlap::Skip || live.must.is_empty())
            }
            Fate::Skipped(_) => false,
        }
    }

    fn overlap(&self) -> Overlap {
        self.world.plans[self.plan].overlap
    }

    /// Whether it was paused then; both, where somebody said so just then.
    fn paused(&self, at_ms: i64) -> Vec<bool> {
        let stretch = self
            .world
            .stretches
            .iter()
            .find(|stretch| stretch.from_ms <= at_ms && at_ms <= stretch.to_ms + SLACK_MS);
        let Some(stretch) = stretch else { return vec![true, false] };
        let true_ms = stretch.true_ms + at_ms - stretch.from_ms;
        let said = self.world.said.iter().filter(|said| said.plan == self.plan);
        let (sure, just): (Vec<&Said>, Vec<&Said>) =
            said.filter(|said| said.true_ms <= true_ms).partition(|said| said.true_ms + SLACK_MS < true_ms);
        let sure = sure.last().is_some_and(|said| said.paused);
        std::iter::once(sure).chain(just.iter().map(|said| said.paused)).collect()
    }

    /// Runs that lived when a line was written, besides its own.
    fn live(&self, line: &Settled) -> Live {
        let mut live = Live::default();
        for run in self.runs.values().filter(|run| Some(run.start.id) != line.run || is_skipped(line)) {
            let (from_ms, to_ms) = (run.start.created_at_ms, ended_ms(run));
            let (at_ms, id) = (line.at_ms, run.start.id);
            // Of one batch it may be the one before or after.
            let earlier = text(run, "scheduled_at") < Some(iso(line.due_ms));
            if from_ms + SLACK_MS < at_ms && at_ms + SLACK_MS < to_ms
                || from_ms == at_ms && earlier && to_ms > at_ms + SLACK_MS
            {
                live.must.insert(id);
            } else if from_ms <= at_ms + SLACK_MS && at_ms <= to_ms + SLACK_MS {
                live.may.insert(id);
            }
        }
        live
    }

    /// Where one waits for those before it, it begins after their ends.
    fn begin_in_turn(&mut self) {
        if self.overlap() != Overlap::Queue {
            return;
        }
        let mut wrong = Vec::new();
        for (_, line) in self.world.lines[self.plan].values() {
            let Some(run) = line.run.and_then(|run| self.runs.get(&run)) else { continue };
            if !matches!(line.fate, Fate::Ran(timing) if timing != Timing::ByHand) {
                continue;
            }
            for before in self.live(line).must {
                let ended_ms = ended_ms(self.runs[&before]);
                if run.started_at_ms.is_some_and(|started_ms| started_ms < ended_ms) {
                    wrong.push(format!("{} begins while {before} lives", run.start.id));
                }
            }
        }
        wrong.iter().for_each(|what| self.broken(what));
    }
}

/// Those that surely lived, and those that may have.
#[derive(Default)]
struct Live {
    must: BTreeSet<Id>,
    may: BTreeSet<Id>,
}

fn is_skipped(line: &Settled) -> bool {
    matches!(line.fate, Fate::Skipped(_))
}

fn ended_ms(run: &Run) -> i64 {
    run.end.as_ref().map_or(i64::MAX - SLACK_MS, |end| end.ended_at_ms)
}

fn text(run: &Run, field: &str) -> Option<String> {
    run.start.input.get(field).and_then(Value::as_str).map(str::to_owned)
}

fn word(fate: &Fate) -> &'static str {
    match fate {
        Fate::Ran(Timing::OnTime) => "ran",
        Fate::Ran(Timing::Late) => "late",
        Fate::Ran(Timing::CaughtUp) => "caught_up",
        Fate::Ran(Timing::ByHand) => "by_hand",
        Fate::Skipped(Why::Paused(_)) => "paused",
        Fate::Skipped(Why::Overlap) => "overlapped",
        Fate::Skipped(Why::Missed(_)) => "not_caught_up",
        Fate::Skipped(_) => "refused",
    }
}

fn iso(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
}
