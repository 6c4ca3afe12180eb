//! Schedules come due while the process works: one timer to the nearest due time, and nothing where there is none.
//!
//! What is due is reckoned from what the store says is settled, so it does not matter who settled it, nor when this process
//! slept or died. Times at which nobody was there follow `catchup`. A clock that goes back makes nothing due twice.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use recipe::{Map, Value};
use store::{Declared, Due, Error, Fate, Id, NewRun, Overlap, Paused, Plan, Schedule, Settled, Timing, Why};
use tokio::sync::watch;
use workflow::{Catchup, Event, Graph};

use crate::{
    Engine, Published, Refusal, Shared, Stop, request,
    request::Begins,
    work::{PAUSE, stopped},
};

/// The clock is looked at again after so long, as it may have been set, milliseconds.
const LOOK_MS: i64 = 60_000;

/// So much after it was due a time is late, milliseconds.
const LATE_MS: i64 = 2_000;

/// So much after it was due nobody was there, milliseconds.
const MISSED_MS: i64 = 60_000;

/// Missed times that `all` catches up on.
const CAUGHT_UP_MAX: usize = 100;

/// Missed times that have a line each in the ledger; the older ones have one together.
const LISTED_MAX: usize = 100;

/// Due times that are gone through at once.
const TIMES_MAX: u64 = 50_000;

/// What a person may do to a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Its due times are skipped.
    Pause,
    /// They start runs again.
    Resume,
}

impl Engine {
    /// Pauses a schedule or lets it go on; None: there is no such schedule.
    pub async fn pause(&self, schedule: Id, wish: Wish, by: Arc<str>) -> Result<Option<Schedule>, Error> {
        let at_ms = self.shared.clock.now_ms();
        let paused = (wish == Wish::Pause).then_some(Paused { by, at_ms });
        self.shared.store.pause(schedule, paused).await
    }

    /// Starts a run of a schedule now, due or not, paused or not; None: there is no such schedule.
    pub async fn run_now(&self, schedule: Id) -> Result<Option<Settled>, Error> {
        let all = self.shared.store.schedules(None).await?;
        let row = all.into_iter().find(|row| row.id == schedule);
        let Some(kept) = row.and_then(|row| Kept::find(&self.shared, row)) else { return Ok(None) };
        let now_ms = self.shared.clock.now_ms();
        // Its line is none of a due time's: those are whole seconds.
        let mut due_ms = now_ms + i64::from(now_ms % 1_000 == 0);
        loop {
            let plan = kept.plan(&self.shared, Timing::ByHand, due_ms, kept.row.ran_ms);
            match self.shared.store.settle(kept.due(vec![(due_ms, plan)], now_ms)).await {
                Err(Error::Conflict(_)) if due_ms - now_ms < 900 => due_ms += 1,
                lines => return Ok(lines?.and_then(|lines| lines.into_iter().next())),
            }
        }
    }

    /// The next due times of a schedule, milliseconds since 1970.
    pub fn next_due(&self, row: &Schedule, count: usize) -> Vec<i64> {
        let from_ms = row.settled_ms.max(self.shared.clock.now_ms());
        let Some(kept) = Kept::find(&self.shared, row.clone()) else { return Vec::new() };
        kept.times(from_ms).take(count).collect()
    }
}

/// A schedule, and what the current version says of it.
struct Kept {
    row: Schedule,
    published: Arc<Published>,
    graph: Arc<Graph>,
    schedule: workflow::Schedule,
}

/// Settles what is due, until told to stop.
pub(crate) async fn work(shared: Arc<Shared>, mut stop: watch::Receiver<Stop>) {
    let began_ms = shared.clock.now_ms();
    let works = async {
        loop {
            match watch_clock(&shared, began_ms).await {
                Ok(()) => {}
                Err(Error::Closed) => std::future::pending().await,
                Err(error) => {
                    crate::say_once("what is due waits", &error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stopped(&mut stop) => {}
        () = works => {}
    }
}

/// Until schedules have changed.
async fn watch_clock(shared: &Shared, began_ms: i64) -> Result<(), Error> {
    let mut all = declared(shared).await?;
    loop {
        let now_ms = shared.clock.now_ms();
        let mut next_ms: Option<i64> = None;
        for kept in &mut all {
            while let Some(due_ms) = kept.schedule.cron.next(kept.row.settled_ms) {
                if due_ms > now_ms {
                    next_ms = Some(next_ms.map_or(due_ms, |next_ms| next_ms.min(due_ms)));
                    break;
                }
                if !kept.settle(shared, began_ms, now_ms).await? {
                    return Ok(());
                }
            }
        }
        let changed = shared.schedules.notified();
        match next_ms {
            None => {
                changed.await;
                return Ok(());
            }
            Some(next_ms) => {
                let rest_ms = (next_ms - shared.clock.now_ms()).clamp(0, LOOK_MS);
                tokio::select! {
                    biased;
                    () = changed => return Ok(()),
                    () = tokio::time::sleep(Duration::from_millis(rest_ms.unsigned_abs())) => {}
                }
            }
        }
    }
}

/// All schedules of the current versions, of which the store has learnt.
async fn declared(shared: &Shared) -> Result<Vec<Kept>, Error> {
    let mut all = Vec::new();
    let rows = shared.store.schedules(None).await?;
    for published in shared.systems.all() {
        let system = &published.system;
        let mut says: Vec<Declared> = system.workflows.values().flat_map(|graph| of_graph(graph)).collect();
        says.sort_by(|a, b| (&a.workflow, &a.event).cmp(&(&b.workflow, &b.event)));
        let mut rows: Vec<Schedule> = rows.iter().filter(|row| row.system == system.name).cloned().collect();
        let known = |says: &Declared| {
            let same = |row: &Schedule| {
                row.workflow == says.workflow && row.event == says.event && row.rule == says.rule
            };
            rows.iter().any(same)
        };
        // Who cannot load all of it does not know all of its schedules.
        let is_whole = published.foreign.is_none();
        if is_whole && (rows.len() != says.len() || !says.iter().all(known)) {
            let (name, now_ms) = (system.name.clone(), shared.clock.now_ms());
            rows = shared.store.declare(name, published.version, says, now_ms).await?;
        }
        // Where another version is current that is not known here yet, its schedules are left to those that know it.
        let kept = rows.into_iter().filter_map(|row| Kept::find(shared, row));
        all.extend(kept.filter(|kept| kept.row.rule == rule(&kept.schedule)));
    }
    Ok(all)
}

fn of_graph(graph: &Graph) -> impl Iterator<Item = Declared> {
    graph.events.iter().filter_map(|event| {
        let schedule = event.schedule.as_ref()?;
        Some(Declared {
            workflow: graph.identifier.clone(),
            event: event.identifier.clone(),
            rule: rule(schedule),
        })
    })
}

fn rule(schedule: &workflow::Schedule) -> Arc<str> {
    format!("{} {}", schedule.expression, schedule.timezone).into()
}

impl Kept {
    fn find(shared: &Shared, row: Schedule) -> Option<Kept> {
        let published = shared.systems.current(&row.system)?;
        let graph = published.system.workflows.get(&*row.workflow)?.clone();
        let schedule = event(&graph, &row)?.schedule.clone()?;
        Some(Kept { row, published, graph, schedule })
    }

    /// The due times after a moment.
    fn times(&self, after_ms: i64) -> impl Iterator<Item = i64> + use<'_> {
        std::iter::successors(self.schedule.cron.next(after_ms), |due_ms| self.schedule.cron.next(*due_ms))
    }

    /// Settles what is due by now, or much of it; false: it is not as was thought.
    async fn settle(&mut self, shared: &Shared, began_ms: i64, now_ms: i64) -> Result<bool, Error> {
        let times = self.planned(shared, began_ms, now_ms);
        let due = self.due(times, now_ms);
        let lines = match shared.store.settle(due).await {
            // Somebody else was faster.
            Err(Error::Conflict(_)) => return Ok(false),
            lines => lines?,
        };
        let Some(lines) = lines else { return Ok(false) };
        for line in lines {
            self.row.settled_ms = line.due_ms;
            if matches!(line.fate, Fate::Ran(_)) {
                self.row.ran_ms = Some(line.due_ms);
            }
        }
        Ok(true)
    }

    /// What becomes of all that is due by now.
    fn planned(&self, shared: &Shared, began_ms: i64, now_ms: i64) -> Vec<(i64, Plan)> {
        let catches_up = match self.schedule.catchup {
            Catchup::Latest => 1,
            Catchup::All => CAUGHT_UP_MAX,
            Catchup::None => 0,
        };
        let missed = |due_ms: i64| due_ms < began_ms || now_ms - due_ms > MISSED_MS;
        let (mut catch_up, mut listed, mut fresh) = (VecDeque::new(), VecDeque::new(), Vec::new());
        // Those older than the listed ones: how many, and the last.
        let (mut older, mut older_ms) = (0, 0);
        for due_ms in self.times(self.row.settled_ms).take_while(|due_ms| *due_ms <= now_ms) {
            if !missed(due_ms) {
                fresh.push(due_ms);
                continue;
            }
            catch_up.push_back(due_ms);
            if catch_up.len() > catches_up {
                listed.extend(catch_up.pop_front());
            }
            if listed.len() > LISTED_MAX
                && let Some(due_ms) = listed.pop_front()
            {
                (older, older_ms) = (older + 1, due_ms);
            }
            if older == TIMES_MAX {
                // More come in the next round, and the latest is among those.
                return vec![(older_ms, Plan::Skip(Why::Missed(older)))];
            }
        }
        let older = (older > 0).then_some((older_ms, Plan::Skip(Why::Missed(older))));
        let listed = listed.into_iter().map(|due_ms| (due_ms, Plan::Skip(Why::Missed(1))));
        let mut times: Vec<(i64, Plan)> = older.into_iter().chain(listed).collect();
        let mut before_ms = self.row.ran_ms;
        let caught_up = catch_up.into_iter().map(|due_ms| (due_ms, Timing::CaughtUp));
        let late = |due_ms: i64| if now_ms - due_ms > LATE_MS { Timing::Late } else { Timing::OnTime };
        for (due_ms, timing) in caught_up.chain(fresh.into_iter().map(|due_ms| (due_ms, late(due_ms)))) {
            times.push((due_ms, self.plan(shared, timing, due_ms, before_ms)));
            before_ms = Some(due_ms);
        }
        times
    }

    fn plan(&self, shared: &Shared, timing: Timing, due_ms: i64, before_ms: Option<i64>) -> Plan {
        match self.new_run(shared, due_ms, before_ms) {
            Ok(new) => Plan::Start(timing, Box::new(new)),
            Err(_) => {
                Plan::Skip(Why::Refused("a key of its `job` could not be evaluated on its input".into()))
            }
        }
    }

    fn new_run(&self, shared: &Shared, due_ms: i64, before_ms: Option<i64>) -> Result<NewRun, Refusal> {
        let at_ms = shared.clock.now_ms();
        let time = |ms: i64| Value::from(&*iso(ms));
        let input = [
            ("scheduled_at", time(due_ms)),
            ("fired_at", time(at_ms)),
            ("previous_at", before_ms.map(time).unwrap_or_default()),
        ];
        let begins = Begins {
            published: &self.published,
            graph: &self.graph,
            event: event(&self.graph, &self.row),
            input: Value::Object(input.into_iter().collect::<Map>()),
            person: None,
            in_background: true,
        };
        request::new_run(shared, begins, at_ms)
    }

    fn due(&self, times: Vec<(i64, Plan)>, at_ms: i64) -> Due {
        let overlap = match self.schedule.overlap {
            workflow::Overlap::Skip => Overlap::Skip,
            workflow::Overlap::Queue => Overlap::Queue,
            workflow::Overlap::Allow => Overlap::Allow,
        };
        Due { schedule: self.row.id, rule: self.row.rule.clone(), times, overlap, at_ms }
    }
}

fn event<'a>(graph: &'a Graph, row: &Schedule) -> Option<&'a Event> {
    graph.events.iter().find(|event| event.identifier == row.event && event.schedule.is_some())
}

fn iso(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |at| at.to_string())
}
