//! Claims: from a narrow table, many at once, the lanes in turn. A low mark for each lane and priority keeps a claim from
//! looking again at what was claimed before it: rows that are gone, and that a snapshot elsewhere keeps in the index.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, atomic::Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Row;

use super::{
    Shared,
    link::{Done, Fault, Link, Uid, get, id},
    lock,
    tx::{Place, Tx, start},
};
use crate::{Claimed, Error, Id, NewRun, Parked};

/// Low marks are forgotten this often, and lanes that others have filled without a word are found.
pub(super) const LOOK: Duration = Duration::from_secs(10);

/// What is claimed and nobody has asked for in so long goes back.
const UNASKED: Duration = Duration::from_secs(1);

/// What was claimed at once is worked off in so long where more may be claimed ahead.
const QUICK: Duration = Duration::from_millis(50);

/// Runs that are claimed ahead of those who ask, at most.
const AHEAD_MAX: usize = 512;

/// From so many crashes on a run is worked alone, to see whether it is the one.
const ALONE_CRASHES: i32 = 2;
/// A run that was alone at the last of so many is given up.
const LOOP_CRASHES: i32 = 5;

/// What is known of lanes.
#[derive(Default)]
pub(super) struct Lanes {
    numbers: HashMap<(Arc<str>, Arc<str>), i32>,
    /// Where something may be ready, and the lowest id that may be there.
    pairs: BTreeMap<(i32, i32), Id>,
    /// Names of queues, by lane, where only some are worked.
    queues: HashMap<i32, Arc<str>>,
    /// The lane that was served last: the next one comes first.
    last: i32,
    /// All is to be looked for.
    pub(super) stale: bool,
}

impl Lanes {
    pub(super) fn note(&mut self, place: Place) {
        let low = self.pairs.entry((place.lane, place.prio)).or_insert(place.run);
        *low = (*low).min(place.run);
    }

    fn forget(&mut self, wanted: &[Wanted]) {
        for wanted in wanted {
            self.pairs.remove(&(wanted.lane, wanted.prio));
        }
    }

    fn is_empty(&self) -> bool {
        self.pairs.is_empty() && !self.stale
    }

    fn number(&self, queue: &Arc<str>, system: &Arc<str>) -> Option<i32> {
        self.numbers.get(&(queue.clone(), system.clone())).copied()
    }

    pub(super) fn know(&mut self, (queue, system): (Arc<str>, Arc<str>), lane: i32) {
        self.queues.insert(lane, queue.clone());
        self.numbers.insert((queue, system), lane);
    }
}

/// Runs that are claimed and nobody has begun.
#[derive(Default)]
pub(super) struct Ahead {
    pub(super) claimed: VecDeque<Claimed>,
    /// How many more than are asked for are claimed at once.
    more: usize,
    /// When the newest of them were claimed.
    at: Option<Instant>,
}

/// Who claims.
#[derive(Default)]
struct Claims {
    link: Option<Link>,
    looked_at: Option<Instant>,
    /// A suspect that waits until nothing else is held here.
    suspect: Option<Id>,
}

const PICK: &str = "WITH wanted AS (SELECT * FROM unnest($1::integer[], $2::integer[], $3::uuid[], $4::integer[]) WITH ORDINALITY AS t (lane, prio, low, most, n)), \
    me AS MATERIALIZED (SELECT worker FROM workers WHERE worker = $5 FOR KEY SHARE), \
    picked AS MATERIALIZED (SELECT found.lane, found.prio, found.run FROM wanted CROSS JOIN me CROSS JOIN LATERAL \
      (SELECT ready.lane, ready.prio, ready.run FROM ready WHERE ready.lane = wanted.lane AND ready.prio = wanted.prio AND ready.run >= wanted.low \
         AND NOT EXISTS (SELECT 1 FROM pauses JOIN lanes USING (system, queue) WHERE lanes.lane = wanted.lane) \
       ORDER BY ready.run LIMIT wanted.most FOR UPDATE OF ready SKIP LOCKED) AS found), \
    gone AS (DELETE FROM ready USING picked WHERE ready.lane = picked.lane AND ready.prio = picked.prio AND ready.run = picked.run), \
    taken AS (INSERT INTO live (run, worker, epoch) SELECT run, $5, 1 FROM picked \
      ON CONFLICT (run) DO UPDATE SET worker = excluded.worker, epoch = live.epoch + 1, parked = false RETURNING run, epoch) \
  SELECT runs.lane, runs.prio, runs.start, taken.epoch, was.run IS NOT NULL, was.cancel_at IS NOT NULL, coalesce(was.attempts, 0), was.started_at, coalesce(was.crashes, 0), coalesce(was.alone, false), \
    coalesce(was.worked, 0), coalesce(was.stored, 0), coalesce(was.parked_by, 0), coalesce(was.parked, true) \
  FROM taken JOIN runs ON runs.id = taken.run LEFT JOIN live AS was ON was.run = taken.run ORDER BY runs.prio, runs.id";

const LOOK_FOR: &str = "WITH RECURSIVE pairs AS ((SELECT lane, prio FROM ready ORDER BY lane, prio LIMIT 1) \
    UNION ALL SELECT next.lane, next.prio FROM pairs CROSS JOIN LATERAL (SELECT lane, prio FROM ready WHERE (ready.lane, ready.prio) > (pairs.lane, pairs.prio) ORDER BY lane, prio LIMIT 1) AS next) \
  SELECT pairs.lane, pairs.prio, lanes.queue, lanes.system FROM pairs JOIN lanes USING (lane)";

/// Claims for whoever asks, until the store is closed. It is a task of its own, as who asks may go away while the database answers: what was
/// claimed lies ready for whoever asks next, and goes back if nobody does.
pub(super) async fn claim(shared: Arc<Shared>) {
    let mut claims = Claims::default();
    loop {
        let max = shared.wanted.swap(0, Ordering::Relaxed);
        let claimed = match max {
            0 => Vec::new(),
            max => shared.claim_some(&mut claims, max).await.unwrap_or_else(|error| {
                shared.refused(error);
                Vec::new()
            }),
        };
        if !claimed.is_empty() {
            let mut ahead = lock(&shared.ahead);
            ahead.claimed.extend(claimed);
            ahead.at = Some(Instant::now());
            drop(ahead);
            shared.arrived.notify_waiters();
            continue;
        }
        shared.wanted.fetch_max(max, Ordering::Relaxed);
        let patience = if max == 0 { UNASKED } else { shared.look };
        tokio::select! {
            () = shared.asks.notified() => {}
            () = shared.ready.notified(), if max > 0 => {}
            // Others may fill a lane without a word.
            () = tokio::time::sleep(patience) => {
                if max == 0 {
                    shared.give_back_ahead();
                    shared.asks.notified().await;
                }
            }
        }
    }
}

impl Shared {
    /// Claims up to `max`, and as many more as are worked off between two claims.
    async fn claim_some(&self, claims: &mut Claims, max: usize) -> Result<Vec<Claimed>, Error> {
        if self.is_closed() || self.outage().is_some() || lock(&self.held).alone.is_some() {
            return Ok(Vec::new());
        }
        let mut most = max + lock(&self.ahead).more;
        if claims.suspect.is_some() {
            // It waits for those under way, and they for nobody.
            if lock(&self.held).len() > 0 {
                return Ok(Vec::new());
            }
            (claims.suspect, most) = (None, 1);
        }
        let _claiming = self.claiming.lock().await;
        let all = match self.pick(claims, most).await {
            Ok(all) => all,
            Err(Fault::Again) => Vec::new(),
            Err(fault) => return Err(fault.told()),
        };
        if all.len() < most {
            lock(&self.ahead).more /= 2;
        }
        Ok(all)
    }

    /// Without waiting.
    pub(super) fn claimed_ahead(&self, max: usize) -> Vec<Claimed> {
        let mut ahead = lock(&self.ahead);
        let most = max.min(ahead.claimed.len());
        ahead.claimed.drain(..most).collect()
    }

    /// The same for whoever works off what there is: more and more is claimed ahead for it, as long as it is worked off in no time. Of runs that
    /// take theirs none is kept from others who have a place for it.
    pub(super) fn claimed_next(&self, max: usize) -> Vec<Claimed> {
        let claimed = self.claimed_ahead(max);
        if claimed.is_empty() && !lock(&self.lanes).is_empty() {
            let mut ahead = lock(&self.ahead);
            let quick = ahead.at.is_some_and(|at| at.elapsed() < QUICK);
            ahead.more = if quick { (ahead.more * 2).clamp(16, AHEAD_MAX) } else { 0 };
        }
        claimed
    }

    async fn pick(&self, claims: &mut Claims, max: usize) -> Done<Vec<Claimed>> {
        let link = match claims.link.take().filter(|link| !link.is_gone()) {
            Some(link) => link,
            None => self.connect().await?,
        };
        let done = self.pick_with(&link, claims, max).await;
        if !matches!(done, Err(Fault::Lost(_))) {
            claims.link = Some(link);
        }
        done
    }

    async fn pick_with(&self, link: &Link, claims: &mut Claims, max: usize) -> Done<Vec<Claimed>> {
        let stale = std::mem::take(&mut lock(&self.lanes).stale);
        if stale || claims.looked_at.is_none_or(|at| at.elapsed() > self.look) {
            self.look_for_lanes(link).await?;
            claims.looked_at = Some(Instant::now());
        }
        let mut all = Vec::new();
        while all.len() < max {
            let wanted = self.wanted(max - all.len());
            if wanted.is_empty() {
                break;
            }
            let picked = self.pick_from(link, &wanted).await;
            match picked.and_then(|rows| self.take(claims, &wanted, &rows, &mut all)) {
                Ok(false) => {}
                Ok(true) => break,
                Err(fault) if all.is_empty() => return Err(fault),
                // What was claimed before is held here: somebody has to have it.
                Err(_) => break,
            }
        }
        Ok(all)
    }

    /// Which lanes are asked for how many: each as many as the others, its most urgent ones.
    fn wanted(&self, left: usize) -> Vec<Wanted> {
        let mut lanes = lock(&self.lanes);
        let mut first: BTreeMap<i32, (i32, Id)> = BTreeMap::new();
        for ((lane, prio), low) in &lanes.pairs {
            first.entry(*lane).or_insert((*prio, *low));
        }
        let after: Vec<i32> = first
            .range(lanes.last + 1..)
            .chain(first.range(..lanes.last + 1))
            .map(|(lane, _)| *lane)
            .collect();
        let each = left.div_ceil(after.len().max(1));
        let mut places = self.places();
        let mut wanted = Vec::new();
        let mut open = left;
        for lane in after {
            let (prio, low) = first[&lane];
            let place =
                places.as_mut().map(|places| lanes.queues.get(&lane).and_then(|queue| places.get_mut(queue)));
            let most = each
                .min(open)
                .min(place.as_ref().map_or(usize::MAX, |place| place.as_ref().map_or(0, |place| **place)));
            if open == 0 {
                break;
            }
            if most == 0 {
                continue;
            }
            if let Some(Some(place)) = place {
                *place -= most;
            }
            open -= most;
            lanes.last = lane;
            wanted.push(Wanted { lane, prio, low, most });
        }
        wanted
    }

    /// How many runs of each queue may be begun here; None: of any as many as are wanted.
    fn places(&self) -> Option<HashMap<Arc<str>, usize>> {
        let queues = self.queues.as_ref()?;
        let held = lock(&self.held).by_queue();
        let left = |(queue, most): (&Arc<str>, &usize)| {
            (queue.clone(), most.saturating_sub(held.get(queue).copied().unwrap_or(0)))
        };
        Some(queues.iter().map(left).collect())
    }

    async fn pick_from(&self, link: &Link, wanted: &[Wanted]) -> Done<Vec<Row>> {
        let lanes: Vec<i32> = wanted.iter().map(|wanted| wanted.lane).collect();
        let prios: Vec<i32> = wanted.iter().map(|wanted| wanted.prio).collect();
        let lows: Vec<Uid> = wanted.iter().map(|wanted| Uid(wanted.low)).collect();
        let most: Vec<i32> = wanted.iter().map(|wanted| wanted.most as i32).collect();
        // Noted before it is sent: what was announced meanwhile is looked for again.
        lock(&self.lanes).forget(wanted);
        let done = link.rows(PICK, &[&lanes, &prios, &lows, &most, &self.worker()]).await;
        if done.is_err() {
            lock(&self.lanes).stale = true;
        }
        done
    }

    /// What came of it; whether a suspect has to wait for those under way, or goes alone.
    fn take(
        &self,
        claims: &mut Claims,
        wanted: &[Wanted],
        rows: &[Row],
        all: &mut Vec<Claimed>,
    ) -> Done<bool> {
        let mut got: HashMap<(i32, i32), (usize, Id)> = HashMap::new();
        let mut alone = false;
        let mut back = Vec::new();
        let mut held = lock(&self.held);
        for row in rows {
            let (claimed, crashes, was_alone) = claimed(row)?;
            let run = claimed.start.id;
            let pair = got.entry((get(row, 0)?, get(row, 1)?)).or_insert((0, run));
            *pair = (pair.0 + 1, pair.1.max(run));
            let suspect = crashes >= ALONE_CRASHES;
            held.take(&claimed, crashes > 0);
            if (suspect && held.len() > 1) || alone {
                claims.suspect = suspect.then_some(run);
                back.push((run, claimed.epoch));
                alone |= suspect;
                continue;
            }
            if suspect {
                (alone, held.alone) = (true, Some(run));
            }
            all.push(Claimed { crash_loop: crashes >= LOOP_CRASHES && was_alone, ..claimed });
        }
        drop(held);
        for (run, epoch) in back {
            let _ = self.order(super::writer::Order::Release(run, epoch));
        }
        let mut lanes = lock(&self.lanes);
        for wanted in wanted {
            let (count, last) = got.get(&(wanted.lane, wanted.prio)).copied().unwrap_or((0, wanted.low));
            if count == wanted.most {
                lanes.note(Place { lane: wanted.lane, prio: wanted.prio, run: Id(last.0.saturating_add(1)) });
            }
        }
        Ok(alone)
    }

    async fn look_for_lanes(&self, link: &Link) -> Done<()> {
        let rows = link.rows(LOOK_FOR, &[]).await?;
        let mut lanes = lock(&self.lanes);
        lanes.pairs.clear();
        for row in &rows {
            let (lane, queue): (i32, &str) = (get(row, 0)?, get(row, 2)?);
            if self.works(queue) {
                lanes.pairs.insert((lane, get(row, 1)?), Id::default());
            }
            lanes.queues.entry(lane).or_insert_with(|| queue.into());
        }
        Ok(())
    }

    /// Whether this process works that queue.
    fn works(&self, queue: &str) -> bool {
        self.queues.as_ref().is_none_or(|queues| queues.contains_key(queue))
    }

    /// Something is ready there.
    pub(super) fn note_ready(&self, places: impl IntoIterator<Item = Place>) {
        let mut lanes = lock(&self.lanes);
        for place in places {
            match lanes.queues.get(&place.lane) {
                Some(queue) if !self.works(queue) => {}
                None if self.queues.is_some() => lanes.stale = true,
                _ => lanes.note(place),
            }
        }
    }
}

struct Wanted {
    lane: i32,
    prio: i32,
    low: Id,
    most: usize,
}

fn claimed(row: &Row) -> Result<(Claimed, i32, bool), Error> {
    let start = start(row, 2)?;
    let journal: bool = get(row, 4)?;
    let number = |at| get::<i64>(row, at).map(|number| number as u64);
    let parked = Parked { stored_bytes: number(11)?, epoch: number(12)? };
    let claimed = Claimed {
        start,
        epoch: number(3)?,
        journal,
        cancelled: get(row, 5)?,
        crash_loop: false,
        attempts: get::<i32>(row, 6)? as u32,
        started_at_ms: get(row, 7)?,
        worked_ms: number(10)?,
        parked: get::<bool>(row, 13)?.then_some(parked),
    };
    Ok((claimed, get(row, 8)?, get(row, 9)?))
}

impl Tx<'_> {
    /// The numbers of their lanes; a lane gets one when it is first named.
    pub(super) async fn lanes(&mut self, all: &[&NewRun]) -> Done<Vec<i32>> {
        let mut numbers = Vec::with_capacity(all.len());
        for new in all {
            let known = lock(&self.shared.lanes).number(&new.queue, &new.system);
            numbers.push(match known {
                Some(lane) => lane,
                None => self.lane(new).await?,
            });
        }
        Ok(numbers)
    }

    async fn lane(&mut self, new: &NewRun) -> Done<i32> {
        let name = (new.queue.clone(), new.system.clone());
        if let Some(lane) = self.after.lanes.get(&name) {
            return Ok(*lane);
        }
        let sql = "INSERT INTO lanes (queue, system) VALUES ($1, $2) ON CONFLICT (queue, system) DO UPDATE SET queue = excluded.queue RETURNING lane";
        let row = self.one(sql, &[&&*new.queue, &&*new.system]).await?;
        let lane: i32 = row.map(|row| get(&row, 0)).transpose()?.unwrap_or_default();
        self.after.lanes.insert(name, lane);
        Ok(lane)
    }
}

/// Of rows that name one.
pub(super) fn runs(rows: &[Row]) -> Result<Vec<Id>, Error> {
    rows.iter().map(|row| id(row, 0)).collect()
}
