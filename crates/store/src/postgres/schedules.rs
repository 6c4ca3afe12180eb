//! Schedules and their ledger. A due time is settled by its line, whose key is the schedule and the time, in one
//! transaction with the run that it starts: so it is settled once, whoever tries and whoever dies.

use super::{
    link::{Done, Link, Uid, id},
    tx::{Tx, bodies, body},
};
use crate::{
    Declared, Due, Fate, Id, Overlap, Paused, Plan, Schedule, Settled, Why,
    forms::{EXPIRED, blob},
    sabotage::Sabotage,
    schedule::{KEPT_MS, PAGE},
};

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
        let before: Vec<Schedule> = bodies(&self.rows(sql, &[&system]).await?)?;
        for changed in Schedule::declared(&system.into(), before, declared, at_ms) {
            self.store_schedule(&changed).await?;
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
        if !schedule.takes(due) {
            return Ok(None);
        }
        if due.times.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut lines = Vec::with_capacity(due.times.len());
        for (due_ms, plan) in &due.times {
            let (fate, run) = self.settle_one(&schedule, plan, due.overlap).await?;
            schedule.is_settled(*due_ms, plan, &fate);
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
        let (timing, new) = match schedule.starts(plan) {
            Ok(starts) => starts,
            Err(fate) => return Ok((fate, None)),
        };
        let behind = match overlap.behind(timing, self.live_of_schedule(schedule.id).await?) {
            Ok(behind) => behind,
            Err(last) => return Ok((Fate::Skipped(Why::Overlap), Some(last))),
        };
        let started = self.start_behind(new, &behind).await?;
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
