//! Schedules and their ledger. A due time is settled by its line, whose key is the schedule and the time, in one
//! transaction with the run that it starts: so it is settled once, whoever tries and whoever dies.

use super::{
    link::{Done, Link, Uid, id},
    tx::{Tx, bodies, body},
};
use crate::{
    Declared, Due, Fate, Id, Overlap, Paused, Plan, Schedule, Settled, Timing, Why, forms::blob,
    sabotage::Sabotage,
};

/// Lines of the ledger on a page.
const PAGE: i64 = 100;

/// How long a line is kept, milliseconds.
const KEPT_MS: i64 = 90 * 86_400_000;

/// Old lines that go whenever one comes.
const EXPIRED: i64 = 4;

/// Those of a system, or of all, that are not gone.
pub(super) async fn all(db: &Link, system: Option<&str>) -> Done<Vec<Schedule>> {
    let sql = "SELECT body FROM schedules WHERE $1::text IS NULL OR system = $1 ORDER BY system, id";
    let mut all: Vec<Schedule> = bodies(&db.rows(sql, &[&system]).await?)?;
    all.retain(|schedule| !schedule.gone);
    Ok(all)
}

/// The newest lines before a due time.
pub(super) async fn ledger(db: &Link, schedule: Id, before_ms: Option<i64>) -> Done<Vec<Settled>> {
    let sql = "SELECT body FROM ledger WHERE schedule = $1 AND due < $2 ORDER BY due DESC LIMIT $3";
    Ok(bodies(&db.rows(sql, &[&Uid(schedule), &before_ms.unwrap_or(i64::MAX), &PAGE]).await?)?)
}

impl Tx<'_> {
    /// What a system's current version says; one that is new, changed or back is settled up to now.
    pub(super) async fn declare(
        &mut self,
        system: &str,
        declared: &[Declared],
        at_ms: i64,
    ) -> Done<Vec<Schedule>> {
        self.rows("SELECT pg_advisory_xact_lock(hashtextextended('hefe schedules ' || $1, 0))", &[&system])
            .await?;
        let sql = "SELECT body FROM schedules WHERE system = $1 ORDER BY id FOR UPDATE";
        let mut left: Vec<Schedule> = bodies(&self.rows(sql, &[&system]).await?)?;
        for Declared { workflow, event, rule } in declared {
            let id = Schedule::id_of(system, workflow, event);
            let at = left.iter().position(|schedule| schedule.id == id);
            let before = at.map(|at| left.swap_remove(at));
            if before.as_ref().is_some_and(|before| !before.gone && before.rule == *rule) {
                continue;
            }
            self.store_schedule(&Schedule {
                id,
                system: system.into(),
                workflow: workflow.clone(),
                event: event.clone(),
                rule: rule.clone(),
                settled_ms: before.as_ref().map_or(at_ms, |before| before.settled_ms.max(at_ms)),
                ran_ms: before.as_ref().and_then(|before| before.ran_ms),
                paused: before.and_then(|before| before.paused),
                gone: false,
            })
            .await?;
        }
        for gone in left.into_iter().filter(|schedule| !schedule.gone) {
            self.store_schedule(&Schedule { gone: true, ..gone }).await?;
        }
        all(self.db, Some(system)).await
    }

    async fn schedule(&self, schedule: Id) -> Done<Option<Schedule>> {
        Ok(body(
            self.one("SELECT body FROM schedules WHERE id = $1 FOR UPDATE", &[&Uid(schedule)])
                .await?
                .as_ref(),
        )?)
    }

    /// Settles due times; None: the schedule is not as the caller knew it, and nothing was done.
    pub(super) async fn settle(&mut self, due: &Due) -> Done<Option<Vec<Settled>>> {
        let Some(mut schedule) = self.schedule(due.schedule).await? else { return Ok(None) };
        let Some((first_ms, plan)) = due.times.first() else { return Ok(Some(Vec::new())) };
        let by_hand = matches!(plan, Plan::Start(Timing::ByHand, _));
        let known = !schedule.gone && schedule.rule == due.rule;
        if !known || (!by_hand && *first_ms <= schedule.settled_ms && !Sabotage::DueTwice.on()) {
            return Ok(None);
        }
        let mut lines = Vec::with_capacity(due.times.len());
        for (due_ms, plan) in &due.times {
            let (fate, run) = self.settle_one(&schedule, plan, due.overlap).await?;
            if !by_hand {
                schedule.settled_ms = *due_ms;
                schedule.ran_ms = if matches!(fate, Fate::Ran(_)) { Some(*due_ms) } else { schedule.ran_ms };
            }
            let line = Settled { due_ms: *due_ms, at_ms: due.at_ms, fate, run };
            self.line(due.schedule, &line).await?;
            lines.push(line);
        }
        self.store_schedule(&schedule).await?;
        let sql = "DELETE FROM ledger WHERE schedule = $1 AND due IN (SELECT due FROM ledger WHERE schedule = $1 AND due <= $2 ORDER BY due LIMIT $3)";
        self.run(sql, &[&Uid(due.schedule), &(due.at_ms - KEPT_MS), &(EXPIRED * lines.len() as i64)]).await?;
        Ok(Some(lines))
    }

    async fn settle_one(
        &mut self,
        schedule: &Schedule,
        plan: &Plan,
        overlap: Overlap,
    ) -> Done<(Fate, Option<Id>)> {
        let (timing, new) = match plan {
            Plan::Start(timing, new) => (*timing, new),
            Plan::Skip(why) => return Ok((Fate::Skipped(why.clone()), None)),
        };
        let by_hand = timing == Timing::ByHand;
        if let Some(Paused { by, .. }) = schedule.paused.as_ref().filter(|_| !by_hand) {
            return Ok((Fate::Skipped(Why::Paused(by.clone())), None));
        }
        let mut live = self.live_of_schedule(schedule.id).await?;
        let overlap = if by_hand { Overlap::Allow } else { overlap };
        match (overlap, live.last()) {
            (Overlap::Skip, Some(last)) => return Ok((Fate::Skipped(Why::Overlap), Some(*last))),
            (Overlap::Allow, _) => live.clear(),
            _ => {}
        }
        let started = self.start_behind(new, &live).await?;
        if started.existing {
            return Ok((Fate::Skipped(Why::Unique), Some(started.id)));
        }
        let sql = "INSERT INTO fired (schedule, run) VALUES ($1, $2)";
        self.run(sql, &[&Uid(schedule.id), &Uid(new.id)]).await?;
        Ok((Fate::Ran(timing), Some(new.id)))
    }

    /// A time has one line: a second is a conflict, and takes with it what it would have started.
    async fn line(&mut self, schedule: Id, line: &Settled) -> Done<()> {
        let sql = match Sabotage::DueTwice.on() {
            false => "INSERT INTO ledger (schedule, due, body) VALUES ($1, $2, $3)",
            true => {
                "INSERT INTO ledger (schedule, due, body) VALUES ($1, $2, $3) ON CONFLICT (schedule, due) DO UPDATE SET body = excluded.body"
            }
        };
        self.run(sql, &[&Uid(schedule), &line.due_ms, &blob(line)?]).await.map(drop)
    }

    /// Runs of a schedule that have not ended, the oldest first; forgets the others.
    async fn live_of_schedule(&mut self, schedule: Id) -> Done<Vec<Id>> {
        let sql = "DELETE FROM fired WHERE schedule = $1 AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = fired.run)";
        self.run(sql, &[&Uid(schedule)]).await?;
        let rows =
            self.rows("SELECT run FROM fired WHERE schedule = $1 ORDER BY run", &[&Uid(schedule)]).await?;
        Ok(rows.iter().map(|row| id(row, 0)).collect::<Result<_, _>>()?)
    }

    /// Pauses a schedule, or lets it go on; None: there is no such schedule.
    pub(super) async fn pause(&mut self, id: Id, paused: Option<&Paused>) -> Done<Option<Schedule>> {
        let Some(schedule) = self.schedule(id).await?.filter(|schedule| !schedule.gone) else {
            return Ok(None);
        };
        let schedule = Schedule { paused: paused.cloned(), ..schedule };
        self.store_schedule(&schedule).await?;
        Ok(Some(schedule))
    }

    async fn store_schedule(&mut self, schedule: &Schedule) -> Done<()> {
        let sql = "INSERT INTO schedules (id, system, body) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET body = excluded.body";
        self.run(sql, &[&Uid(schedule.id), &&*schedule.system, &blob(schedule)?]).await.map(drop)
    }
}
