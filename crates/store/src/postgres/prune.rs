//! What ended long ago goes: a partition holds those that may go on one day, and is dropped when that is over.

use super::{
    link::{Done, Fault, Link, Uid, get},
    tx::Tx,
};
use crate::Error;

/// A version may still be about to be used so long after another became current, milliseconds.
pub(super) const LEFT_MS: i64 = 3_600_000;

/// How long a bar's duration is remembered without another, milliseconds.
const PAST_MS: i64 = 90 * 86_400_000;

/// Days that go at once.
const DAYS: usize = 10;

/// Rows of `past` that go at once.
const PAGE: i64 = 500;

/// Makes room for what may go on that day.
pub(super) async fn make_day(db: &Link, day: i32) -> Done<()> {
    let sql = format!(
        "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('hefe days', 0)); \
         CREATE TABLE IF NOT EXISTS ended_{day} PARTITION OF ended FOR VALUES FROM ({day}) TO ({}); COMMIT",
        day + 1
    );
    db.simple(&sql).await
}

/// The days that there are partitions for.
pub(super) async fn days(db: &Link) -> Done<Vec<i32>> {
    let sql = "SELECT substr(relname, 7)::integer FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'ended'::regclass AND relname ~ '^ended_[0-9]+$'";
    let rows = db.rows(sql, &[]).await?;
    Ok(rows.iter().map(|row| get(row, 0)).collect::<Result<_, Error>>()?)
}

impl Tx<'_> {
    /// Drops the days that are over, a few at a time. What belongs to a tree that lives stays for another day.
    pub(super) async fn prune(&mut self, now_ms: i64) -> Done<()> {
        let today = super::end::day(now_ms);
        self.db.simple("SET LOCAL lock_timeout = '2s'").await?;
        let sql = "SELECT pg_try_advisory_xact_lock(hashtextextended('hefe prune', 0))";
        let mine = self.one(sql, &[]).await?;
        if !mine.map(|row| get(&row, 0)).transpose()?.unwrap_or(false) {
            return Ok(());
        }
        let mut over = days(self.db).await?;
        over.retain(|day| *day < today);
        over.sort_unstable();
        over.truncate(DAYS);
        if !over.is_empty() && !super::lock(&self.shared.days).contains(&(today + 1)) {
            return Err(Fault::Day(today + 1));
        }
        for day in &over {
            self.drop_day(*day, today + 1).await?;
        }
        super::lock(&self.shared.days).retain(|day| !over.contains(day));
        self.prune_versions(now_ms).await?;
        let sql = "DELETE FROM past WHERE (system, workflow, process) IN (SELECT system, workflow, process FROM past WHERE at <= $1 ORDER BY at LIMIT $2)";
        self.run(sql, &[&(now_ms - PAST_MS), &PAGE]).await.map(drop)
    }

    async fn drop_day(&mut self, day: i32, again: i32) -> Done<()> {
        let lives = "UPDATE ended SET day = $2 WHERE day = $1 AND (EXISTS (SELECT 1 FROM runs WHERE runs.id = ended.root) OR EXISTS (SELECT 1 FROM runs WHERE runs.root = ended.root AND runs.root <> runs.id))";
        if !crate::sabotage::Sabotage::PruneLive.on() {
            self.run(lives, &[&day, &again]).await?;
        }
        let roots = self.rows("SELECT run FROM ended WHERE day = $1 AND root = run", &[&day]).await?;
        let roots: Vec<Uid> = roots.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
        self.forget_bars(&roots).await?;
        let sql = "DELETE FROM uniques USING ended WHERE ended.day = $1 AND uniques.run = ended.run";
        self.run(sql, &[&day]).await?;
        self.db.simple(&format!("DROP TABLE ended_{day}")).await
    }
}
