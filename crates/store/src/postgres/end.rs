//! Ends of runs: what a run's tables hold becomes one row among those that ended, on the day on which it may go; whoever waits
//! for it is woken, and bars that nobody moves any more end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::{
    batch::{Hold, prio},
    cancel::Doomed,
    link::{Done, Fault, Uid, Val, get, id},
    lock,
    tx::{Tx, start},
};
use crate::{
    Change, Checkpoint, End, Entries, Error, Hash, Id, Log, NewRun, Status,
    forms::{blob, blob_of, status_code},
};

/// The day of partitions that stay.
const NEVER: i32 = 1_000_000;

const DAY_MS: i64 = 86_400_000;

/// A run that ends.
pub(super) struct Ending<'a> {
    pub(super) run: Id,
    pub(super) end: &'a End,
    /// Its last entries, if its journal holds no others.
    pub(super) last: Option<&'a Entries>,
    /// It was worked inside a request.
    pub(super) request: Option<&'a NewRun>,
    pub(super) held: Held,
    /// Its tables may hold something.
    pub(super) wrote: bool,
}

/// What is known of the row of a run that ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Held {
    /// It was locked, or there is none.
    Seen(Hold),
    /// This process believes to hold it under that epoch.
    Trusted(u64),
}

/// All that the tables held of a run that has ended, but for how it started and ended.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Packed {
    pub(super) checkpoints: Vec<(u64, Vec<u8>, Vec<Hash>)>,
    pub(super) entries: Vec<Entries>,
    pub(super) blobs: Vec<(Hash, Vec<u8>)>,
    pub(super) logs: Vec<Log>,
    /// One that was taken has no body.
    pub(super) signals: Vec<(String, Option<Vec<u8>>)>,
}

impl Packed {
    pub(super) fn of(journal: Option<&[u8]>) -> Result<Packed, Error> {
        journal.map_or(Ok(Packed::default()), blob_of)
    }

    fn bytes(&self) -> Result<Option<Vec<u8>>, Error> {
        let nothing = self.checkpoints.is_empty()
            && self.entries.is_empty()
            && self.logs.is_empty()
            && self.signals.is_empty();
        (!nothing).then(|| blob(self)).transpose()
    }
}

/// On which day, counted from 1970, the partition of one that may go then can be dropped.
pub(super) fn day(at_ms: i64) -> i32 {
    at_ms.div_euclid(DAY_MS).clamp(0, i64::from(NEVER)) as i32
}

impl Tx<'_> {
    /// The end of runs that are held here, or were worked in requests.
    pub(super) async fn end_all(&mut self, ends: &[Ending<'_>]) -> Done<()> {
        if ends.is_empty() {
            return Ok(());
        }
        let (trusted, seen): (Vec<&Ending<'_>>, Vec<&Ending<'_>>) =
            ends.iter().partition(|ending| matches!(ending.held, Held::Trusted(_)));
        let mut taken = self.take_out_held(&trusted).await?;
        self.take_out(&seen, &mut taken).await?;
        let mut packed = self.pack(ends, &taken).await?;
        let mut rows = Vec::with_capacity(ends.len());
        for ending in ends {
            // One that is gone has ended: its repetition is none.
            let Some(Taken { start, hold }) = taken.remove(&ending.run) else { continue };
            let mut pack = packed.remove(&ending.run).unwrap_or_default();
            pack.entries.extend(ending.last.cloned());
            let end = self.asked(ending, hold);
            let without_bars = ending.request.is_none()
                && !self.after.barred.contains(&ending.run)
                && lock(&self.shared.held).is_without_bars(ending.run);
            rows.push(Row { end, start, pack, request: ending.request.is_some(), without_bars });
        }
        self.put_away(&rows).await?;
        self.follow(&rows).await
    }

    /// What is known of runs that are held here.
    fn known<'e>(&self, ends: impl Iterator<Item = &'e Ending<'e>>) -> HashMap<Id, Arc<NewRun>> {
        let held = lock(&self.shared.held);
        ends.filter_map(|ending| Some((ending.run, held.start(ending.run)?))).collect()
    }

    /// Those that this process believes to hold; of one that it does not nothing is believed any more.
    async fn take_out_held(&mut self, ends: &[&Ending<'_>]) -> Done<HashMap<Id, Taken>> {
        let mut taken = HashMap::with_capacity(ends.len());
        let of = |ending: &&Ending<'_>| match ending.held {
            Held::Trusted(epoch) => Some((Uid(ending.run), epoch as i64)),
            Held::Seen(_) => None,
        };
        let mut claims: Vec<(Uid, i64)> = ends.iter().filter_map(of).collect();
        if claims.is_empty() {
            return Ok(taken);
        }
        // In one order everywhere, so that nobody waits for one who waits for him.
        claims.sort_unstable_by_key(|(run, _)| run.0);
        let (runs, epochs): (Vec<Uid>, Vec<i64>) = claims.into_iter().unzip();
        let mut known = self.known(ends.iter().copied());
        // First of all, so that whoever looks whether they live waits until this is decided. What is known is not sent again.
        let sql = match known.len() == runs.len() {
            true => "DELETE FROM runs WHERE id = ANY($1) RETURNING id",
            false => "DELETE FROM runs WHERE id = ANY($1) RETURNING id, start",
        };
        let worker = self.shared.worker();
        let these: [&dyn Val; 1] = [&runs];
        let claims: [&dyn Val; 3] = [&runs, &epochs, &worker];
        let (gone, live) = futures_util::future::try_join(
            self.rows(sql, &these),
            self.rows(
                "DELETE FROM live USING unnest($1::uuid[], $2::bigint[]) AS t (run, epoch) WHERE live.run = t.run AND live.epoch = t.epoch AND live.worker = $3 \
                 RETURNING live.run, cancel_at, keep_children, EXISTS (SELECT 1 FROM signals WHERE signals.run = live.run)",
                &claims,
            ),
        )
        .await?;
        if gone.len() < runs.len() || live.len() < runs.len() {
            return Err(Fault::Again);
        }
        let mut starts = HashMap::with_capacity(gone.len());
        for row in &gone {
            let run = id(row, 0)?;
            starts.insert(run, known.remove(&run).map_or_else(|| start(row, 1), Ok)?);
        }
        for row in &live {
            let run = id(row, 0)?;
            let hold = Hold { cancel_at_ms: get(row, 1)?, keep_children: get(row, 2)?, heard: get(row, 3)? };
            if let Some(start) = starts.remove(&run) {
                taken.insert(run, Taken { start, hold });
            }
        }
        self.after.over.extend(runs.iter().map(|run| run.0));
        Ok(taken)
    }

    /// From the tables of what lives, wherever they stood there; those of requests were in none.
    async fn take_out(&mut self, ends: &[&Ending<'_>], taken: &mut HashMap<Id, Taken>) -> Done<()> {
        let hold = |ending: &Ending<'_>| match ending.held {
            Held::Seen(hold) => hold,
            Held::Trusted(_) => Hold::default(),
        };
        if !ends.iter().all(|ending| ending.request.is_some()) {
            let runs: Vec<Uid> = ends.iter().map(|ending| Uid(ending.run)).collect();
            let these: [&dyn Val; 1] = [&runs];
            let gone = self.rows("DELETE FROM runs WHERE id IN (SELECT id FROM runs WHERE id = ANY($1) ORDER BY id FOR UPDATE) RETURNING id, start", &these);
            let live = self.run("DELETE FROM live WHERE run = ANY($1)", &these);
            let parks = self.run("DELETE FROM parks WHERE run = ANY($1)", &these);
            let awaits = self.run("DELETE FROM awaits WHERE run = ANY($1)", &these);
            let (gone, ..) = futures_util::future::try_join4(gone, live, parks, awaits).await?;
            let holds: HashMap<Id, Hold> = ends.iter().map(|ending| (ending.run, hold(ending))).collect();
            for row in &gone {
                let run = id(row, 0)?;
                let hold = holds.get(&run).copied().unwrap_or_default();
                taken.insert(run, Taken { start: start(row, 1)?, hold });
            }
            self.after.over.extend(runs.iter().map(|run| run.0));
        }
        for ending in ends {
            if let Some(new) = ending.request {
                taken.insert(ending.run, Taken { start: Arc::new(new.clone()), hold: hold(ending) });
            }
        }
        Ok(())
    }

    /// What the tables hold of those runs, and hold no more.
    async fn pack(&self, ends: &[Ending<'_>], taken: &HashMap<Id, Taken>) -> Done<HashMap<Id, Packed>> {
        let heard = |run: Id| taken.get(&run).is_some_and(|taken| taken.hold.heard);
        let wrote = |ending: &&Ending<'_>| ending.wrote || heard(ending.run);
        let runs: Vec<Uid> = ends.iter().filter(wrote).map(|ending| Uid(ending.run)).collect();
        self.unfile(&runs).await
    }

    pub(super) async fn unfile(&self, runs: &[Uid]) -> Done<HashMap<Id, Packed>> {
        let mut all: HashMap<Id, Packed> = HashMap::new();
        if runs.is_empty() {
            return Ok(all);
        }
        let runs = runs.to_vec();
        let these: [&dyn Val; 1] = [&runs];
        let rows = try_join_all([
            self.rows("WITH gone AS (DELETE FROM journal WHERE run = ANY($1) RETURNING run, at, count, bytes) SELECT * FROM gone ORDER BY run, at", &these),
            self.rows("WITH gone AS (DELETE FROM checkpoints WHERE run = ANY($1) RETURNING run, at, bytes, needs) SELECT * FROM gone ORDER BY run, at", &these),
            self.rows("WITH gone AS (DELETE FROM blobs WHERE run = ANY($1) RETURNING run, hash, bytes) SELECT * FROM gone ORDER BY run, hash", &these),
            self.rows("WITH gone AS (DELETE FROM logs WHERE run = ANY($1) RETURNING run, n, line) SELECT * FROM gone ORDER BY run, n", &these),
            self.rows("WITH gone AS (DELETE FROM signals WHERE run = ANY($1) RETURNING run, name, body) SELECT * FROM gone ORDER BY run, name", &these),
        ]);
        let mut rows = rows.await?.into_iter();
        let mut next = || rows.next().unwrap_or_default();
        for row in next() {
            let (at, count) = (get::<i64>(&row, 1)? as u64, get::<i32>(&row, 2)? as u32);
            all.entry(id(&row, 0)?).or_default().entries.push(Entries { at, count, bytes: get(&row, 3)? });
        }
        for row in next() {
            let needs = hashes(get(&row, 3)?);
            all.entry(id(&row, 0)?).or_default().checkpoints.push((
                get::<i64>(&row, 1)? as u64,
                get(&row, 2)?,
                needs,
            ));
        }
        for row in next() {
            let hash = hashes(get(&row, 1)?).pop().unwrap_or_default();
            all.entry(id(&row, 0)?).or_default().blobs.push((hash, get(&row, 2)?));
        }
        for row in next() {
            all.entry(id(&row, 0)?).or_default().logs.push(blob_of(get(&row, 2)?)?);
        }
        for row in next() {
            all.entry(id(&row, 0)?).or_default().signals.push((get(&row, 1)?, get(&row, 2)?));
        }
        Ok(all)
    }

    /// It shows when its end was asked for, and what it started ends with it.
    fn asked(&mut self, ending: &Ending<'_>, hold: Hold) -> End {
        let mut end = ending.end.clone();
        if end.status == Status::Cancelled || hold.cancel_at_ms.is_some() {
            end.cancel_at_ms = end.cancel_at_ms.or(hold.cancel_at_ms);
            self.doom(ending.run, !hold.keep_children, end.ended_at_ms);
        }
        end
    }

    /// Among those that ended.
    async fn put_away(&mut self, rows: &[Row]) -> Done<()> {
        let starts: Vec<&NewRun> = rows.iter().map(|row| &*row.start).collect();
        let lanes = self.lanes(&starts).await?;
        let mut runs: Vec<Uid> = vec![];
        let (mut days, mut statuses, mut roots, mut parents, mut prios) =
            (vec![], vec![], vec![], vec![], vec![]);
        let (mut systems, mut users, mut bodies, mut ends, mut journals) =
            (vec![], vec![], vec![], vec![], vec![]);
        for row in rows {
            let start = &row.start;
            let day = day(start.expires_at_ms(&row.end));
            self.day(start, day)?;
            runs.push(Uid(start.id));
            days.push(day);
            statuses.push(i16::from(status_code(row.end.status)));
            roots.push(Uid(start.root));
            parents.push(start.parent.filter(|_| !row.request).map(Uid));
            prios.push(prio(start));
            systems.push(&*start.system);
            users.push(super::batch::listed_for(start).filter(|_| !row.request));
            bodies.push(blob(&**start)?);
            ends.push(blob(&row.end)?);
            journals.push(row.pack.bytes()?);
        }
        self.pins().await?;
        let sql = "INSERT INTO ended (run, day, status, root, parent, lane, prio, system, usr, start, body, journal) \
                   SELECT * FROM unnest($1::uuid[], $2::integer[], $3::smallint[], $4::uuid[], $5::uuid[], $6::integer[], $7::integer[], $8::text[], $9::text[], $10::bytea[], $11::bytea[], $12::bytea[]) \
                   ON CONFLICT DO NOTHING";
        self.run(
            sql,
            &[
                &runs, &days, &statuses, &roots, &parents, &lanes, &prios, &systems, &users, &bodies, &ends,
                &journals,
            ],
        )
        .await?;
        Ok(())
    }

    /// There is a partition for that day, and it is known until when the version is needed.
    fn day(&mut self, start: &NewRun, day: i32) -> Done<()> {
        if day < NEVER && !lock(&self.shared.days).contains(&day) {
            return Err(Fault::Day(day));
        }
        if day < NEVER {
            self.after.day = Some(self.after.day.map_or(day, |known| known.min(day)));
        }
        self.new_pins.insert((start.version, day));
        Ok(())
    }

    /// What follows from ends for others.
    async fn follow(&mut self, rows: &[Row]) -> Done<()> {
        let mut requests = 0;
        for row in rows {
            self.after.tally.end(row.end.status, 1);
            requests += i64::from(row.request);
            self.change(Change::Run { start: row.start.clone(), stands: row.end.stands() });
        }
        self.after.tally.accepted += requests;
        let ended: Vec<Uid> = rows.iter().map(|row| Uid(row.start.id)).collect();
        let roots: HashSet<Id> =
            rows.iter().filter(|row| !row.without_bars).map(|row| row.start.root).collect();
        let mut roots: Vec<Uid> = roots.into_iter().map(Uid).collect();
        roots.sort_unstable_by_key(|root| root.0);
        let sole: Vec<&NewRun> = rows.iter().map(|row| &*row.start).collect();
        let (awaited, moving, ()) = futures_util::future::try_join3(
            self.rows("DELETE FROM awaits WHERE awaited = ANY($1) RETURNING run, n, first", &[&ended]),
            self.moving(&roots),
            self.free_uniques(&sole),
        )
        .await?;
        for row in rows.iter().filter(|row| !row.request) {
            self.free(&row.start).await?;
        }
        self.ended_for(&awaited).await?;
        let mut moving: HashSet<Id> = moving.iter().map(|row| id(row, 0)).collect::<Result<_, _>>()?;
        moving.extend(self.bars.moving(&roots));
        for row in rows.iter().filter(|row| moving.contains(&row.start.root)) {
            if row.end.status != Status::Succeeded {
                self.fails_bars(&row.start).await?;
            }
        }
        for row in rows.iter().filter(|row| moving.contains(&row.start.root)) {
            self.end_bars(row.start.root, row.end.ended_at_ms).await?;
        }
        Ok(())
    }

    /// Trees with bars that have not ended.
    async fn moving(&self, roots: &[Uid]) -> Done<Vec<tokio_postgres::Row>> {
        if roots.is_empty() {
            return Ok(Vec::new());
        }
        let roots = roots.to_vec();
        self.rows("SELECT DISTINCT root FROM items WHERE root = ANY($1) AND NOT ended", &[&roots]).await
    }

    /// Keys that hold only as long as their run.
    async fn free_uniques(&self, starts: &[&NewRun]) -> Done<()> {
        let (mut runs, mut systems, mut workflows, mut keys) = (vec![], vec![], vec![], vec![]);
        for start in starts {
            if let Some(unique) = start.unique.as_ref().filter(|unique| unique.for_ms == 0) {
                runs.push(Uid(start.id));
                systems.push(&*start.system);
                workflows.push(&*start.workflow);
                keys.push(&*unique.key);
            }
        }
        if runs.is_empty() {
            return Ok(());
        }
        let sql = "DELETE FROM uniques USING unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) AS t (system, workflow, key, run) \
                   WHERE uniques.system = t.system AND uniques.workflow = t.workflow AND uniques.key = t.key AND uniques.run = t.run";
        self.run(sql, &[&systems, &workflows, &keys, &runs]).await.map(drop)
    }

    /// The versions that what ended needs; known ones cost nothing.
    async fn pins(&mut self) -> Done<()> {
        let known = self
            .new_pins
            .iter()
            .filter(|pin| !lock(&self.shared.pins).contains(*pin))
            .copied()
            .collect::<Vec<_>>();
        self.new_pins.clear();
        if known.is_empty() {
            return Ok(());
        }
        let (versions, days): (Vec<Vec<u8>>, Vec<i32>) =
            known.iter().map(|(version, day)| (version.0.to_vec(), *day)).unzip();
        let sql = "INSERT INTO pins (version, day) SELECT * FROM unnest($1::bytea[], $2::integer[]) ON CONFLICT DO NOTHING";
        self.run(sql, &[&versions, &days]).await?;
        self.after.pins.extend(known);
        Ok(())
    }

    pub(super) fn doom(&mut self, run: Id, children: bool, at_ms: i64) {
        if children && !crate::sabotage::Sabotage::Orphans.on() {
            self.after.doomed.push(Doomed { run, after: Id::default(), at_ms });
        }
    }
}

/// What was found of a run as it was taken out.
struct Taken {
    start: Arc<NewRun>,
    hold: Hold,
}

struct Row {
    start: Arc<NewRun>,
    end: End,
    pack: Packed,
    request: bool,
    /// Its tree has none, as far as this process knows, which worked it from the first.
    without_bars: bool,
}

/// Hashes that lie one after the other.
pub(super) fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks().0.iter().copied().map(Hash).collect()
}

/// What is packed, as a checkpoint with its large values.
pub(super) fn checkpoint(pack: &Packed, at: usize) -> Option<Checkpoint> {
    let (at, bytes, needs) = pack.checkpoints.get(at)?.clone();
    let blobs = needs.iter().filter_map(|hash| {
        let (_, bytes) = pack.blobs.iter().find(|(known, _)| known == hash)?;
        Some(crate::Blob { hash: hash.0, bytes: bytes.clone() })
    });
    let blobs = blobs.collect();
    Some(Checkpoint { at, bytes, needs, blobs })
}
