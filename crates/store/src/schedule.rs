//! Schedules, and the ledger of what became of each due time (durability.md, Schedules).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Hash, Id, NewRun, sabotage::Sabotage};

/// Lines of the ledger on a page.
pub(crate) const PAGE: i64 = 100;

/// How long a line is kept, milliseconds.
pub(crate) const KEPT_MS: i64 = 90 * 86_400_000;

/// One event of one workflow that is due by the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Of its names: see [`Schedule::id_of`].
    pub id: Id,
    /// The tenant.
    pub system: Arc<str>,
    /// The workflow's identifier.
    pub workflow: Arc<str>,
    /// The event's identifier.
    pub event: Arc<str>,
    /// What it is due by, whatever that is: one that changed begins anew.
    pub rule: Arc<str>,
    /// What was due up to then is settled, milliseconds since 1970.
    pub settled_ms: i64,
    /// The last due time that started a run, milliseconds since 1970.
    pub ran_ms: Option<i64>,
    /// Set while its due times are skipped.
    pub paused: Option<Paused>,
    /// The system's current version does not have it.
    pub gone: bool,
}

impl Schedule {
    /// The id of a schedule by its names.
    pub fn id_of(system: &str, workflow: &str, event: &str) -> Id {
        // Names hold no NUL.
        let Hash(hash) = Hash::of(format!("{system}\0{workflow}\0{event}").as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        Id(u128::from_be_bytes(bytes))
    }

    /// What is to be written when a system's version declares those, and `left` is what there was: one that is new, changed or back is settled up
    /// to now.
    pub(crate) fn declared(
        system: &Arc<str>,
        mut left: Vec<Schedule>,
        declared: &[Declared],
        at_ms: i64,
    ) -> Vec<Schedule> {
        let mut changed = Vec::new();
        for Declared { workflow, event, rule } in declared {
            let id = Schedule::id_of(system, workflow, event);
            let at = left.iter().position(|schedule| schedule.id == id);
            let before = at.map(|at| left.swap_remove(at));
            if before.as_ref().is_some_and(|before| !before.gone && before.rule == *rule) {
                continue;
            }
            changed.push(Schedule {
                id,
                system: system.clone(),
                workflow: workflow.clone(),
                event: event.clone(),
                rule: rule.clone(),
                settled_ms: before.as_ref().map_or(at_ms, |before| before.settled_ms.max(at_ms)),
                ran_ms: before.as_ref().and_then(|before| before.ran_ms),
                paused: before.and_then(|before| before.paused),
                gone: false,
            });
        }
        let gone = left.into_iter().filter(|schedule| !schedule.gone);
        changed.extend(gone.map(|gone| Schedule { gone: true, ..gone }));
        changed
    }

    /// Whether it is as the caller knew it, and nobody has settled the first of those times.
    pub(crate) fn takes(&self, due: &Due) -> bool {
        let settled = |(first_ms, plan): &(i64, Plan)| !plan.is_by_hand() && *first_ms <= self.settled_ms;
        let known = !self.gone && self.rule == due.rule;
        known && (Sabotage::DueTwice.on() || !due.times.first().is_some_and(settled))
    }

    /// The run that a due time is to start, unless it was planned otherwise or the schedule is paused.
    pub(crate) fn starts<'p>(&self, plan: &'p Plan) -> Result<(Timing, &'p NewRun), Fate> {
        match plan {
            Plan::Skip(why) => Err(Fate::Skipped(why.clone())),
            Plan::Start(timing, new) => match self.paused.as_ref().filter(|_| !plan.is_by_hand()) {
                Some(Paused { by, .. }) => Err(Fate::Skipped(Why::Paused(by.clone()))),
                None => Ok((*timing, new)),
            },
        }
    }

    /// A due time is settled.
    pub(crate) fn is_settled(&mut self, due_ms: i64, plan: &Plan, fate: &Fate) {
        if !plan.is_by_hand() {
            self.settled_ms = due_ms;
            self.ran_ms = if matches!(fate, Fate::Ran(_)) { Some(due_ms) } else { self.ran_ms };
        }
    }
}

/// Who paused it, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// The person.
    pub by: Arc<str>,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// A schedule as a version of its system says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The workflow's identifier.
    pub workflow: Arc<str>,
    /// The event's identifier.
    pub event: Arc<str>,
    /// What it is due by.
    pub rule: Arc<str>,
}

/// Due times of a schedule that are to be settled, in one transaction with the runs that they start.
#[derive(Debug, Clone)]
pub struct Due {
    /// Which.
    pub schedule: Id,
    /// What the times were reckoned by.
    pub rule: Arc<str>,
    /// In order, with what is planned for each; at most one by hand, and that alone.
    pub times: Vec<(i64, Plan)>,
    /// Where a run of the schedule still lives.
    pub overlap: Overlap,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// What is planned for a due time.
#[derive(Debug, Clone)]
pub enum Plan {
    /// It starts that run.
    Start(Timing, Box<NewRun>),
    /// It starts none.
    Skip(Why),
}

impl Plan {
    fn is_by_hand(&self) -> bool {
        matches!(self, Plan::Start(Timing::ByHand, _))
    }
}

/// When a due time came to be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timing {
    /// When it was due.
    OnTime,
    /// Noticeably later, though somebody was there.
    Late,
    /// Nobody was there when it was due.
    CaughtUp,
    /// It was not due: a person asked for it. Neither a pause nor a run that lives holds it up.
    ByHand,
}

/// What becomes of a due time at which a run of the schedule lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// It is skipped.
    Skip,
    /// Its run begins when those that live have ended.
    Queue,
    /// Its run begins beside them.
    Allow,
}

impl Overlap {
    /// Those of the runs that live, oldest first, which a new one waits for; or the one in whose favour it is skipped.
    pub(crate) fn behind(self, timing: Timing, live: Vec<Id>) -> Result<Vec<Id>, Id> {
        match (self, live.last()) {
            (Overlap::Allow, _) => Ok(Vec::new()),
            _ if timing == Timing::ByHand => Ok(Vec::new()),
            (Overlap::Skip, Some(last)) => Err(*last),
            _ => Ok(live),
        }
    }
}

/// What became of a due time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// It started a run.
    Ran(Timing),
    /// It started none.
    Skipped(Why),
}

/// Why a due time started no run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// The schedule was paused, by that person.
    Paused(Arc<str>),
    /// A run of the schedule lived, and the schedule skips then.
    Overlap,
    /// The workflow's unique key was another run's.
    Unique,
    /// Everything was down when it was due, and it is not caught up. So many of them, this one the last.
    Missed(u64),
    /// The start was refused, in words.
    Refused(Arc<str>),
}

/// A line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// When it was due, milliseconds since 1970.
    pub due_ms: i64,
    /// When it was settled, milliseconds since 1970.
    pub at_ms: i64,
    /// What became of it.
    pub fate: Fate,
    /// The run that it started, or that stood in its way.
    pub run: Option<Id>,
}
