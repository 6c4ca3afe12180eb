//! Runs that hold no worker: how they park, and what wakes them. Whoever parks locks what it waits for before it looks, and whoever
//! ends locks whoever waits: of two that meet one waits, and sees what the other did.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_postgres::Row;

use super::{
    cancel::Found,
    link::{Done, Uid, get, id},
    tx::{Place, Tx, start},
};
use crate::{
    Change, End, Error, Id, NewRun, Park, Reopened, Signalled, Standing, Status,
    forms::{blob, blob_of, status_code},
    probe::Point,
};

/// Parked runs that are woken in one transaction when they are due.
pub(super) const PAGE: i64 = 256;

/// Signals that are kept for a run until it takes one.
const SIGNALS_MAX: i64 = 100;

/// A signal on its way to a run.
#[derive(Debug, Clone)]
pub(super) struct Brought {
    pub(super) run: Id,
    pub(super) name: Arc<str>,
    pub(super) body: recipe::Value,
    /// Only if none of its name was ever brought.
    pub(super) once: bool,
}

impl Tx<'_> {
    /// A run leaves its worker, or its `request`, unless what it waits for is there already.
    pub(super) async fn park(
        &mut self,
        run: Id,
        epoch: u64,
        park: &Park,
        request: Option<&NewRun>,
    ) -> Done<()> {
        self.after.inside.push(Point::Park.enter());
        let uid = Uid(run);
        let sql = "UPDATE live SET worker = NULL, attempts = attempts + $2, started_at = coalesce(started_at, $3), worked = $4, stored = $5, parked_by = $6, parked = true \
                   WHERE run = $1 RETURNING cancel_at, keep_children, attempts";
        let (worked, stored) = (park.worked_ms as i64, park.stored_bytes as i64);
        let row = self
            .one(
                sql,
                &[&uid, &i32::from(park.failed), &park.started_at_ms, &worked, &stored, &(epoch as i64)],
            )
            .await?;
        let Some(row) = row else { return Err(Error::LeaseLost.into()) };
        let (cancel_at_ms, keep_children): (Option<i64>, bool) = (get(&row, 0)?, get(&row, 1)?);
        let attempts = get::<i32>(&row, 2)? as u32 + u32::from(!park.failed);
        self.after.left.push((run, epoch));
        let start = match request {
            Some(new) => new.clone(),
            None => match self.start_of(run).await? {
                Some(start) => start,
                None => return Err(Error::LeaseLost.into()),
            },
        };
        // It is somewhere from here on, whether it is woken or asked to end at once.
        let sql = "INSERT INTO parks (run, status, wake_at, host) VALUES ($1, $2, $3, $4)";
        let status = i16::from(status_code(park.status));
        self.run(sql, &[&uid, &status, &park.wake_at_ms, &park.host.as_deref()]).await?;
        if request.is_none() {
            self.free(&start).await?;
        }
        if let Some(at_ms) = cancel_at_ms {
            // It was asked to end, and has not heard of it.
            if let Some(found) = self.find(run, true).await? {
                self.cancel(run, found, !keep_children, at_ms).await?;
            }
            return Ok(());
        }
        if self.came(run, park).await? {
            return self.wake_all(&[run]).await;
        }
        self.after.wake_at(park.wake_at_ms);
        let started_at_ms = Some(park.started_at_ms);
        let stands = Standing { status: park.status, attempts, started_at_ms, ended_at_ms: None };
        self.change(Change::Run { start: Arc::new(start), stands });
        Ok(())
    }

    /// Whether what a run waits for is there; else it is noted for whoever brings it.
    async fn came(&mut self, run: Id, park: &Park) -> Done<bool> {
        let uid = Uid(run);
        let mut awaited: Vec<Uid> =
            park.awaits.iter().flat_map(|await_| await_.runs.iter().copied().map(Uid)).collect();
        let mut came = false;
        if !awaited.is_empty() {
            awaited.sort_unstable_by_key(|uid| uid.0);
            awaited.dedup();
            let sql = "SELECT id FROM runs WHERE id = ANY($1) ORDER BY id FOR KEY SHARE";
            let rows = self.rows(sql, &[&awaited]).await?;
            let live: Vec<Id> = rows.iter().map(|row| id(row, 0)).collect::<Result<_, _>>()?;
            let (mut on, mut ns, mut firsts) = (vec![], vec![], vec![]);
            for (n, await_) in park.awaits.iter().enumerate() {
                let left: Vec<Id> = await_.runs.iter().copied().filter(|run| live.contains(run)).collect();
                came |= left.is_empty() || (await_.any && left.len() < await_.runs.len());
                for run in left {
                    on.push(Uid(run));
                    ns.push(n as i32);
                    firsts.push(await_.any);
                }
            }
            if !came && !on.is_empty() {
                let sql = "INSERT INTO awaits (awaited, run, n, first) SELECT t.awaited, $2, t.n, t.first FROM unnest($1::uuid[], $3::integer[], $4::boolean[]) AS t (awaited, n, first) ON CONFLICT DO NOTHING";
                self.run(sql, &[&on, &uid, &ns, &firsts]).await?;
            }
        }
        came |= park.awaits.iter().any(|await_| await_.runs.is_empty());
        if !came && !park.signals.is_empty() {
            let names: Vec<&str> = park.signals.iter().map(|name| &**name).collect();
            let sql = "SELECT 1 FROM signals WHERE run = $1 AND name = ANY($2) AND body IS NOT NULL LIMIT 1";
            came = self.has(sql, &[&uid, &names]).await?;
        }
        Ok(came || (park.host.is_some() && self.was_called(run).await?))
    }

    /// Parked runs go back to their lanes. Nothing happens to those that are not parked.
    pub(super) async fn wake_all(&mut self, runs: &[Id]) -> Done<()> {
        if runs.is_empty() {
            return Ok(());
        }
        let runs: Vec<Uid> = runs.iter().copied().map(Uid).collect();
        let sql = "WITH gone AS (DELETE FROM parks WHERE run = ANY($1) RETURNING run), awaits AS (DELETE FROM awaits WHERE run IN (SELECT run FROM gone)) \
                   SELECT runs.lane, runs.prio, runs.start, coalesce(live.attempts, 0), live.started_at FROM gone JOIN runs ON runs.id = gone.run LEFT JOIN live ON live.run = gone.run ORDER BY runs.id";
        let rows = self.rows(sql, &[&runs]).await?;
        for row in &rows {
            self.woken(row).await?;
        }
        Ok(())
    }

    /// A run that is nowhere becomes ready, or blocked.
    async fn woken(&mut self, row: &Row) -> Done<()> {
        let start = start(row, 2)?;
        let place = Place { lane: get(row, 0)?, prio: get(row, 1)?, run: start.id };
        let started_at_ms: Option<i64> = get(row, 4)?;
        let attempts = get::<i32>(row, 3)? as u32 + u32::from(started_at_ms.is_some());
        let stands = Standing { status: Status::Queued, attempts, started_at_ms, ended_at_ms: None };
        self.line_up(&start, place).await?;
        self.change(Change::Run { start, stands });
        Ok(())
    }

    /// Into its lane; or behind its limit, where it costs a claim nothing.
    pub(super) async fn line_up(&mut self, start: &NewRun, place: Place) -> Done<()> {
        if let Some(limit) = &start.limit {
            let over = crate::sabotage::Sabotage::OverLimit.on();
            let most = if over { i32::MAX } else { limit.at_once.min(i32::MAX as u32) as i32 };
            let sql = "INSERT INTO limits (system, workflow, key, used) SELECT $1, $2, $3, 1 WHERE $4 > 0 \
                       ON CONFLICT (system, workflow, key) DO UPDATE SET used = limits.used + 1 WHERE limits.used < $4 RETURNING used";
            let key: [&str; 3] = [&start.system, &start.workflow, &limit.key];
            if !self.has(sql, &[&key[0], &key[1], &key[2], &most]).await? {
                let sql =
                    "INSERT INTO blocked (system, workflow, key, prio, run) VALUES ($1, $2, $3, $4, $5)";
                self.run(sql, &[&key[0], &key[1], &key[2], &place.prio, &Uid(place.run)]).await?;
                return Ok(());
            }
        }
        self.enter(place).await
    }

    async fn enter(&mut self, place: Place) -> Done<()> {
        let sql = "INSERT INTO ready (lane, prio, run) VALUES ($1, $2, $3)";
        self.run(sql, &[&place.lane, &place.prio, &Uid(place.run)]).await?;
        self.after.ready.push(place);
        Ok(())
    }

    /// A place behind a limit is free: the first of those that wait for it goes into its lane.
    pub(super) async fn free(&mut self, start: &NewRun) -> Done<()> {
        let Some(limit) = &start.limit else { return Ok(()) };
        if self.without_a_place.remove(&start.id) {
            return Ok(());
        }
        let key: [&str; 3] = [&start.system, &start.workflow, &limit.key];
        // One after another, so that the first of those that are blocked is one.
        let sql = "SELECT used FROM limits WHERE system = $1 AND workflow = $2 AND key = $3 FOR UPDATE";
        self.one(sql, &[&key[0], &key[1], &key[2]]).await?;
        let sql = "WITH gone AS (DELETE FROM blocked WHERE (system, workflow, key, prio, run) IN \
                     (SELECT system, workflow, key, prio, run FROM blocked WHERE system = $1 AND workflow = $2 AND key = $3 ORDER BY prio, run LIMIT 1) RETURNING prio, run) \
                   SELECT runs.lane, gone.prio, gone.run FROM gone JOIN runs ON runs.id = gone.run";
        let next = self.one(sql, &[&key[0], &key[1], &key[2]]).await?;
        match next {
            Some(row) => {
                self.enter(Place { lane: get(&row, 0)?, prio: get(&row, 1)?, run: id(&row, 2)? }).await
            }
            None => {
                let sql =
                    "UPDATE limits SET used = used - 1 WHERE system = $1 AND workflow = $2 AND key = $3";
                self.run(sql, &[&key[0], &key[1], &key[2]]).await?;
                let sql = "DELETE FROM limits WHERE system = $1 AND workflow = $2 AND key = $3 AND used <= 0";
                self.run(sql, &[&key[0], &key[1], &key[2]]).await.map(drop)
            }
        }
    }

    /// Wakes those that waited for the ends of runs: rows of `awaits` that are gone.
    pub(super) async fn ended_for(&mut self, awaits: &[Row]) -> Done<()> {
        let mut waiting: BTreeMap<Id, Vec<(i32, bool)>> = BTreeMap::new();
        for row in awaits {
            waiting.entry(id(row, 0)?).or_default().push((get(row, 1)?, get(row, 2)?));
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let runs: Vec<Uid> = waiting.keys().copied().map(Uid).collect();
        // Two last ones that end at once: whoever comes second sees that the other is gone.
        self.rows("SELECT run FROM parks WHERE run = ANY($1) ORDER BY run FOR UPDATE", &[&runs]).await?;
        let left = self.rows("SELECT DISTINCT run, n FROM awaits WHERE run = ANY($1)", &[&runs]).await?;
        let left: Vec<(Id, i32)> =
            left.iter().map(|row| Ok((id(row, 0)?, get(row, 1)?))).collect::<Result<_, Error>>()?;
        let over = |(run, ns): &(Id, Vec<(i32, bool)>)| {
            ns.iter().any(|(n, first)| *first || !left.contains(&(*run, *n)))
        };
        let woken: Vec<Id> = waiting.into_iter().filter(over).map(|(run, _)| run).collect();
        self.wake_all(&woken).await
    }

    /// Wakes a page of those whose time has come; whether there may be more.
    pub(super) async fn wake_due(&mut self, now_ms: i64) -> Done<Option<i64>> {
        let sql =
            "SELECT run FROM parks WHERE wake_at <= $1 ORDER BY wake_at LIMIT $2 FOR UPDATE SKIP LOCKED";
        let rows = self.rows(sql, &[&now_ms, &PAGE]).await?;
        let runs: Vec<Id> = rows.iter().map(|row| id(row, 0)).collect::<Result<_, _>>()?;
        self.wake_all(&runs).await?;
        let next = self.one("SELECT min(wake_at) FROM parks", &[]).await?;
        Ok(next.map(|row| get(&row, 0)).transpose()?.flatten())
    }

    /// A run that failed or was cancelled goes on from there.
    pub(super) async fn reopen(
        &mut self,
        run: Id,
        moved: Option<&crate::Moved>,
        at_ms: i64,
    ) -> Done<Reopened> {
        let uid = Uid(run);
        let sql = "SELECT status, start, body, journal FROM ended WHERE run = $1 FOR UPDATE";
        let Some(row) = self.one(sql, &[&uid]).await? else {
            let lives = self.has("SELECT 1 FROM runs WHERE id = $1", &[&uid]).await?;
            return Ok(if lives { Reopened::NotOver } else { Reopened::Unknown });
        };
        let end: End = blob_of(get(&row, 2)?)?;
        if end.status == Status::Succeeded {
            return Ok(Reopened::NotOver);
        }
        let mut start: NewRun = blob_of(get(&row, 1)?)?;
        let pack = super::end::Packed::of(get(&row, 3)?)?;
        if let Some(moved) = moved {
            start.version = moved.version;
        }
        self.run("DELETE FROM ended WHERE run = $1", &[&uid]).await?;
        self.after.tally.end(end.status, -1);
        let lane = self.lanes(&[&start]).await?[0];
        let (prio, version) = (super::batch::prio(&start), start.version.0.to_vec());
        let sql = "INSERT INTO runs (id, root, parent, lane, prio, system, usr, version, workflow, start) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let user = super::batch::listed_for(&start);
        let parent = start.parent.map(Uid);
        self.run(
            sql,
            &[
                &uid,
                &Uid(start.root),
                &parent,
                &lane,
                &prio,
                &&*start.system,
                &user,
                &version,
                &&*start.workflow,
                &blob(&start)?,
            ],
        )
        .await?;
        self.file(run, &pack).await?;
        let stored = self.stored_bytes(run).await?;
        // Its row and the epochs in it went with its end; whoever held it before that must not be taken for its owner.
        let sql = "INSERT INTO live (run, epoch, started_at, stored, parked) VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, $2, $3, true)";
        self.run(sql, &[&uid, &end.started_at_ms, &stored]).await?;
        if let Some(entries) = &end.retry {
            self.entries(run, entries).await?;
        }
        if let Some(moved) = moved {
            self.checkpoint(run, &moved.checkpoint).await?;
            self.drop_blobs(run).await?;
        }
        self.move_again(start.root, run, at_ms).await?;
        let stands = Standing {
            status: Status::Queued,
            attempts: 1,
            started_at_ms: Some(end.started_at_ms),
            ended_at_ms: None,
        };
        self.line_up(&start, Place { lane, prio, run }).await?;
        self.change(Change::Run { start: Arc::new(start), stands });
        Ok(Reopened::Queued)
    }

    /// Keeps a signal, one a name, and wakes a run that is parked: it looks whether it was for it.
    pub(super) async fn signal(&mut self, brought: &Brought) -> Done<Signalled> {
        let Brought { run, name, body, once } = brought;
        let uid = Uid(*run);
        // Held, so that neither its end nor its park passes by.
        self.rows("SELECT 1 FROM live WHERE run = $1 FOR UPDATE", &[&uid]).await?;
        if !self.has("SELECT 1 FROM runs WHERE id = $1 FOR KEY SHARE", &[&uid]).await? {
            let known = self.has("SELECT 1 FROM ended WHERE run = $1", &[&uid]).await?;
            return Ok(if known { Signalled::Over } else { Signalled::Unknown });
        }
        let sql = "SELECT count(*) >= $2 FROM signals WHERE run = $1 AND body IS NOT NULL AND name <> $3";
        let full = self.one(sql, &[&uid, &SIGNALS_MAX, &&**name]).await?;
        if full.map(|row| get(&row, 0)).transpose()?.unwrap_or(false) {
            return Ok(Signalled::Full);
        }
        let sql = "INSERT INTO signals (run, name, body) VALUES ($1, $2, $3) \
                   ON CONFLICT (run, name) DO UPDATE SET body = excluded.body WHERE signals.body IS NULL AND NOT $4";
        if self.run(sql, &[&uid, &&**name, &blob(body)?, once]).await? == 0 {
            return Ok(Signalled::Double);
        }
        self.wake_all(&[*run]).await?;
        Ok(Signalled::Kept)
    }

    /// Claimed runs go back to their lanes, at no cost. A place behind a limit stays theirs.
    pub(super) async fn release_all(&mut self, releases: &[(Id, u64)]) -> Done<()> {
        if releases.is_empty() {
            return Ok(());
        }
        let runs: Vec<Uid> = releases.iter().map(|(run, _)| Uid(*run)).collect();
        self.let_go(&runs).await?;
        self.after.left.extend(releases);
        Ok(())
    }

    /// All that this process holds.
    pub(super) async fn leave_all(&mut self) -> Done<()> {
        let rows = self
            .rows("SELECT run FROM live WHERE worker = $1 ORDER BY run FOR UPDATE", &[&self.shared.worker()])
            .await?;
        let runs: Vec<Uid> = rows.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
        self.let_go(&runs).await?;
        self.after.over.extend(runs.iter().map(|uid| uid.0));
        Ok(())
    }

    async fn let_go(&mut self, runs: &[Uid]) -> Done<()> {
        let runs = runs.to_vec();
        let sql = "WITH freed AS (UPDATE live SET worker = NULL WHERE run = ANY($1) AND worker IS NOT NULL RETURNING run, attempts, started_at), \
                   lined AS (INSERT INTO ready (lane, prio, run) SELECT runs.lane, runs.prio, runs.id FROM freed JOIN runs ON runs.id = freed.run ORDER BY runs.id) \
                   SELECT runs.lane, runs.prio, runs.start, freed.attempts, freed.started_at FROM freed JOIN runs ON runs.id = freed.run";
        let rows = self.rows(sql, &[&runs]).await?;
        self.back(&rows)
    }

    /// Runs that went back to their lanes: lane, priority, start, attempts that failed, when they were begun.
    pub(super) fn back(&mut self, rows: &[Row]) -> Done<()> {
        for row in rows {
            let start = start(row, 2)?;
            self.after.ready.push(Place { lane: get(row, 0)?, prio: get(row, 1)?, run: start.id });
            let attempts = get::<i32>(row, 3)? as u32 + 1;
            let stands =
                Standing { status: Status::Queued, attempts, started_at_ms: get(row, 4)?, ended_at_ms: None };
            self.change(Change::Run { start, stands });
        }
        Ok(())
    }

    /// Where a live run stands, and whether somebody has begun it.
    pub(super) async fn stands(&mut self, run: Id) -> Done<Option<(Status, bool)>> {
        Ok(self.find(run, false).await?.map(|(found, begun)| match found {
            Found::Held => (Status::Running, true),
            Found::Parked(status) => (status, begun.started_at_ms.is_some()),
            // One that was put off comes up without anybody having had it.
            Found::Ready | Found::Blocked => (Status::Queued, begun.there),
        }))
    }
}
