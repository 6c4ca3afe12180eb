//! Queues that are paused, and what is in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    link::{Done, Link, get, id},
    tx::{Tx, bodies, body},
};
use crate::{AHEAD_MAX, Change, Error, Lane, NewRun, Pause, Queue, forms::blob};

pub(super) async fn paused(db: &Link, system: &str, queue: &str) -> Done<Option<Pause>> {
    let sql = "SELECT body FROM pauses WHERE system = $1 AND queue = $2";
    Ok(body(db.one(sql, &[&system, &queue]).await?.as_ref())?)
}

/// Each lane in which something is ready: of a heap beyond that it is told that it is as large.
const COUNTED: i64 = 100_000;

const LANES: &str = "SELECT lanes.queue, lanes.system, \
    (SELECT count(*) FROM (SELECT 1 FROM ready WHERE ready.lane = lanes.lane LIMIT $2) AS found), \
    (SELECT run FROM ready WHERE ready.lane = lanes.lane ORDER BY run LIMIT 1) \
  FROM lanes WHERE ($1::text IS NULL OR lanes.system = $1) AND EXISTS (SELECT 1 FROM ready WHERE ready.lane = lanes.lane) ORDER BY lanes.queue, lanes.system";

pub(super) async fn lanes(db: &Link, system: Option<&str>) -> Done<Vec<Lane>> {
    let rows = db.rows(LANES, &[&system, &COUNTED]).await?;
    let lane = |row: &tokio_postgres::Row| {
        Ok(Lane {
            queue: get::<&str>(row, 0)?.into(),
            system: get::<&str>(row, 1)?.into(),
            ready: get::<i64>(row, 2)? as u64,
            oldest: id(row, 3)?,
        })
    };
    Ok(rows.iter().map(lane).collect::<Result<_, Error>>()?)
}

/// The queues of a system that have something to tell.
pub(super) async fn queues(db: &Link, system: &str) -> Done<Vec<Queue>> {
    let mut found: BTreeMap<Arc<str>, Queue> = BTreeMap::new();
    let named =
        |queue: &Arc<str>| Queue { queue: queue.clone(), ready: 0, oldest: None, running: 0, paused: None };
    for lane in lanes(db, Some(system)).await? {
        let known = found.entry(lane.queue.clone()).or_insert_with(|| named(&lane.queue));
        (known.ready, known.oldest) = (lane.ready, Some(lane.oldest));
    }
    let sql = "SELECT lanes.queue, count(*) FROM live JOIN runs ON runs.id = live.run JOIN lanes USING (lane) WHERE live.worker IS NOT NULL AND lanes.system = $1 GROUP BY lanes.queue";
    for row in &db.rows(sql, &[&system]).await? {
        let queue: Arc<str> = get::<&str>(row, 0)?.into();
        found.entry(queue.clone()).or_insert_with(|| named(&queue)).running = get::<i64>(row, 1)? as u64;
    }
    let pauses: Vec<Pause> =
        bodies(&db.rows("SELECT body FROM pauses WHERE system = $1", &[&system]).await?)?;
    for pause in pauses {
        let queue = pause.queue.clone();
        found.entry(queue.clone()).or_insert_with(|| named(&queue)).paused = Some(pause);
    }
    Ok(found.into_values().collect())
}

/// How many come before it in its lane, if it is in it.
pub(super) async fn ahead(db: &Link, run: &NewRun) -> Done<Option<usize>> {
    let sql = "SELECT (SELECT count(*) FROM (SELECT 1 FROM ready AS before WHERE before.lane = ready.lane AND (before.prio, before.run) < (ready.prio, ready.run) LIMIT $4) AS found) \
               FROM ready JOIN lanes USING (lane) WHERE lanes.queue = $1 AND lanes.system = $2 AND ready.prio = $5 AND ready.run = $3";
    let (most, prio) = (AHEAD_MAX as i64, super::batch::prio(run));
    let row = db.one(sql, &[&&*run.queue, &&*run.system, &super::link::Uid(run.id), &most, &prio]).await?;
    Ok(row.map(|row| get::<i64>(&row, 0)).transpose()?.map(|count| count as usize))
}

/// How many of a system are queued: ready, or blocked by a limit; no more than `most` are counted.
pub(super) async fn queued(db: &Link, system: &str, most: u64) -> Done<u64> {
    let sql = "SELECT (SELECT count(*) FROM (SELECT 1 FROM ready JOIN lanes USING (lane) WHERE lanes.system = $1 LIMIT $2) AS found) \
                    + (SELECT count(*) FROM (SELECT 1 FROM blocked WHERE blocked.system = $1 LIMIT $2) AS others)";
    let row = db.one(sql, &[&system, &(most.min(i64::MAX as u64) as i64)]).await?;
    Ok(row.map(|row| get::<i64>(&row, 0)).transpose()?.map_or(0, |count| count as u64))
}

impl Tx<'_> {
    /// False: it was paused already.
    pub(super) async fn pause_queue(&mut self, pause: &Pause) -> Done<bool> {
        let sql = "INSERT INTO pauses (system, queue, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let fresh = self.run(sql, &[&&*pause.system, &&*pause.queue, &blob(pause)?]).await? > 0;
        if fresh {
            self.change(Change::Paused(pause.clone()));
        }
        Ok(fresh)
    }

    /// False: it was not paused.
    pub(super) async fn resume_queue(&mut self, system: &str, queue: &str) -> Done<bool> {
        let was =
            self.run("DELETE FROM pauses WHERE system = $1 AND queue = $2", &[&system, &queue]).await? > 0;
        if was {
            self.change(Change::Resumed { system: system.into(), queue: queue.into() });
        }
        Ok(was)
    }
}
