//! Submissions that wait together, as few statements as there are kinds of rows: what one of them writes is gathered first, and goes
//! with what the others write. Only what depends on what is there is done one by one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::{
    end::{Ending, Held},
    link::{Done, Uid, Val, get, id},
    lock,
    tx::{Place, Tx},
    writer::Order,
};
use crate::{
    Change, Checkpoint, Commit, Contribution, Entries, Error, Hash, Id, Kept, Log, NewRun, Notification,
    Park, Standing, Status, Write, forms::blob, sabotage::Sabotage,
};

/// The last entries of a run go with its end if its journal holds no others and they take no more than this.
const LAST_BYTES_MAX: usize = 8_192;

/// A claimed run's row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hold {
    pub(super) cancel_at_ms: Option<i64>,
    pub(super) keep_children: bool,
    /// Signals of it are kept.
    pub(super) heard: bool,
}

/// What the submissions of a transaction write, by the table that takes it.
#[derive(Default)]
struct Gathered<'a> {
    starts: Vec<&'a NewRun>,
    /// Starts under a unique key.
    uniques: Vec<&'a NewRun>,
    entries: Vec<(Id, &'a Entries)>,
    checkpoints: Vec<(Id, &'a Checkpoint, Option<u64>)>,
    worked: BTreeMap<Id, i64>,
    got_on: Vec<Id>,
    logs: Vec<(Id, &'a Log)>,
    notifications: Vec<&'a Notification>,
    taken: Vec<(Id, &'a str)>,
    keeps: Vec<(Hash, Option<&'a Kept>)>,
    said: Vec<&'a Contribution>,
    requests: Vec<&'a NewRun>,
    ends: Vec<Ending<'a>>,
    parks: Vec<(Id, u64, &'a Park, Option<&'a NewRun>)>,
    releases: Vec<(Id, u64)>,
}

/// What became of each; an error is the whole transaction's.
pub(super) async fn write(tx: &mut Tx<'_>, orders: &[Order]) -> Done<Vec<Result<(), Error>>> {
    let mut results: Vec<Result<(), Error>> = orders.iter().map(|order| known(tx, order)).collect();
    let trusted = trusted(tx, orders, &results);
    let holds = tx.hold(orders, &results, &trusted).await?;
    let mut left: HashSet<(Id, u64)> = HashSet::new();
    let mut all = Gathered::default();
    for (order, result) in orders.iter().zip(&mut results) {
        if result.is_err() {
            continue;
        }
        match order {
            Order::Commit(commit, _) => {
                let of = (commit.run, commit.epoch);
                let held = commit.epoch == 0
                    || Sabotage::NoEpoch.on()
                    || ((trusted.contains(&of) || holds.contains_key(&of)) && !left.contains(&of));
                if !held {
                    *result = Err(Error::LeaseLost);
                    continue;
                }
                if commit.end.is_some() || commit.park.is_some() {
                    left.insert(of);
                }
                let hold = match trusted.contains(&of) {
                    true => None,
                    false => Some(holds.get(&of).copied().unwrap_or_default()),
                };
                all.commit(tx, commit, hold);
            }
            Order::Start(new, _) => all.starts.push(new),
            Order::Release(run, epoch) => {
                if holds.contains_key(&(*run, *epoch)) && left.insert((*run, *epoch)) {
                    all.releases.push((*run, *epoch));
                }
            }
            Order::Ask(_) | Order::Close(_) => {}
        }
    }
    all.write(tx).await?;
    Ok(results)
}

/// What this process knows without asking.
fn known(tx: &Tx<'_>, order: &Order) -> Result<(), Error> {
    let held = lock(&tx.shared.held);
    match order {
        Order::Commit(commit, _) if held.is_poisoned(commit.run, commit.epoch) => Err(Error::Poisoned),
        Order::Commit(commit, _)
            if commit.epoch > 0 && !Sabotage::NoEpoch.on() && !held.holds(commit.run, commit.epoch) =>
        {
            Err(Error::LeaseLost)
        }
        _ => Ok(()),
    }
}

/// Claims that this process believes to hold and that end here: they are not looked up first, as the end takes their rows away, and if one is not
/// there all is done once more with a look.
fn trusted(tx: &Tx<'_>, orders: &[Order], results: &[Result<(), Error>]) -> HashSet<(Id, u64)> {
    if tx.looks || Sabotage::NoEpoch.on() {
        return HashSet::new();
    }
    let ends = |(order, result): (&Order, &Result<(), Error>)| match order {
        Order::Commit(commit, _) if commit.epoch > 0 && commit.end.is_some() && result.is_ok() => {
            Some((commit.run, commit.epoch))
        }
        _ => None,
    };
    orders.iter().zip(results).filter_map(ends).collect()
}

impl Tx<'_> {
    /// The rows of claimed runs whose submissions these are, as far as this process still holds them; nobody takes them away until the
    /// transaction is over.
    async fn hold(
        &self,
        orders: &[Order],
        results: &[Result<(), Error>],
        trusted: &HashSet<(Id, u64)>,
    ) -> Done<HashMap<(Id, u64), Hold>> {
        // Of one run there may be words of two claims: one that is given back, and the one before it that comes too late.
        let mut wanted: BTreeSet<(Id, u64)> = BTreeSet::new();
        for (order, result) in orders.iter().zip(results) {
            match order {
                Order::Commit(commit, _) if result.is_ok() && commit.epoch > 0 => {
                    wanted.insert((commit.run, commit.epoch));
                }
                Order::Release(run, epoch) => {
                    wanted.insert((*run, *epoch));
                }
                _ => {}
            }
        }
        wanted.retain(|of| !trusted.contains(of));
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let runs: Vec<Uid> = wanted.iter().map(|(run, _)| Uid(*run)).collect();
        let sql = "SELECT run, epoch, cancel_at, keep_children, EXISTS (SELECT 1 FROM signals WHERE signals.run = live.run) FROM live WHERE run = ANY($1) AND worker = $2 ORDER BY run FOR UPDATE";
        let rows = self.rows(sql, &[&runs, &self.shared.worker()]).await?;
        let mut holds = HashMap::with_capacity(rows.len());
        for row in &rows {
            let of = (id(row, 0)?, get::<i64>(row, 1)? as u64);
            if wanted.contains(&of) {
                let hold =
                    Hold { cancel_at_ms: get(row, 2)?, keep_children: get(row, 3)?, heard: get(row, 4)? };
                holds.insert(of, hold);
            }
        }
        Ok(holds)
    }
}

impl<'a> Gathered<'a> {
    /// `hold`: None of a trusted one, whose row is read as it goes.
    fn commit(&mut self, tx: &mut Tx<'_>, commit: &'a Commit, hold: Option<Hold>) {
        let run = commit.run;
        let (suspect, wrote) = lock(&tx.shared.held).knows(run);
        let wrote = wrote || hold.is_some_and(|hold| hold.heard) || tx.after.wrote.contains(&run);
        let fits =
            |last: &&Entries| !wrote && commit.checkpoint.is_none() && last.bytes.len() <= LAST_BYTES_MAX;
        let last = commit.entries.as_ref().filter(|_| commit.end.is_some()).filter(fits);
        if let Some(entries) = &commit.entries {
            if last.is_none() {
                self.entries.push((run, entries));
                tx.after.wrote.insert(run);
            }
            if suspect {
                self.got_on.push(run);
                tx.after.got_on.push(run);
            }
        }
        if let Some(worked_ms) = commit.worked_ms.filter(|_| commit.end.is_none()) {
            self.worked.insert(run, worked_ms as i64);
        }
        if let Some(checkpoint) = &commit.checkpoint {
            self.checkpoints.push((run, checkpoint, commit.stored_max));
            tx.after.wrote.insert(run);
        }
        let mut request = None;
        if commit.writes.iter().any(|write| matches!(write, Write::Progress(_))) {
            tx.after.barred.insert(run);
        }
        for write in &commit.writes {
            match write {
                Write::Start(new) if new.unique.is_some() => self.uniques.push(new),
                Write::Start(new) => {
                    self.starts.push(new);
                    if Sabotage::DoubleAppend.on() {
                        // Sabotage alone: it is never taken back.
                        self.starts.push(Box::leak(Box::new(NewRun { id: Id(new.id.0 ^ 1), ..new.clone() })));
                    }
                }
                Write::Request(new) => request = Some(new),
                Write::Notify(kept) => self.notifications.push(kept),
                Write::Progress(said) => self.said.push(said),
                Write::Log(line) => {
                    self.logs.push((run, line));
                    tx.after.wrote.insert(run);
                }
                Write::Signal(name) => self.taken.push((run, name)),
                Write::Keep { name, answer } => self.keeps.push((*name, answer.as_ref())),
                Write::Toast(toast) => tx.change(Change::Toast(Arc::new(toast.clone()))),
                Write::Message(message) => tx.change(Change::Message(Arc::new(message.clone()))),
            }
        }
        match (&commit.end, &commit.park) {
            (Some(end), _) => {
                let wrote =
                    wrote || last.is_none() && commit.entries.is_some() || tx.after.wrote.contains(&run);
                let held = match hold {
                    None => Held::Trusted(commit.epoch),
                    Some(hold) => Held::Seen(hold),
                };
                self.ends.push(Ending { run, end, last, request, held, wrote });
            }
            (None, Some(park)) => {
                self.requests.extend(request);
                self.parks.push((run, commit.epoch, park, request));
            }
            (None, None) => self.requests.extend(request),
        }
    }

    async fn write(self, tx: &mut Tx<'_>) -> Done<()> {
        tx.start_all(&self.starts).await?;
        for new in &self.uniques {
            tx.start_unique(new).await?;
        }
        tx.requests(&self.requests).await?;
        self.plain(tx).await?;
        for (run, checkpoint, stored_max) in &self.checkpoints {
            tx.checkpoint(*run, checkpoint).await?;
            tx.trim(*run, checkpoint.at).await?;
            if let Some(bytes_max) = stored_max {
                tx.trim_to(*run, *bytes_max).await?;
            }
        }
        tx.notify_all(&self.notifications).await?;
        for (name, answer) in &self.keeps {
            tx.keep(*name, *answer).await?;
        }
        tx.say_all(&self.said).await?;
        tx.release_all(&self.releases).await?;
        tx.end_all(&self.ends).await?;
        for (run, epoch, park, request) in &self.parks {
            tx.park(*run, *epoch, park, *request).await?;
        }
        Ok(())
    }

    /// What nobody waits for but the end of the transaction: sent together.
    async fn plain(&self, tx: &Tx<'_>) -> Done<()> {
        let (mut runs, mut ats, mut counts, mut bytes) = (vec![], vec![], vec![], vec![]);
        for (run, entries) in &self.entries {
            runs.push(Uid(*run));
            ats.push(entries.at as i64);
            counts.push(entries.count as i32);
            bytes.push(entries.bytes.as_slice());
        }
        let worked: (Vec<Uid>, Vec<i64>) = self.worked.iter().map(|(run, ms)| (Uid(*run), *ms)).unzip();
        let got_on: Vec<Uid> = self.got_on.iter().copied().map(Uid).collect();
        let taken: (Vec<Uid>, Vec<&str>) = self.taken.iter().map(|(run, name)| (Uid(*run), *name)).unzip();
        let mut logs: (Vec<Uid>, Vec<Vec<u8>>) = Default::default();
        for (run, line) in &self.logs {
            logs.0.push(Uid(*run));
            logs.1.push(blob(*line)?);
        }
        let mut sent: Vec<super::Sent<'_>> = Vec::new();
        if !runs.is_empty() {
            let sql = "INSERT INTO journal (run, at, count, bytes) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::bytea[])";
            sent.push(Box::pin(async { tx.run(sql, &[&runs, &ats, &counts, &bytes]).await }));
        }
        if !worked.0.is_empty() {
            let sql = "UPDATE live SET worked = t.ms FROM unnest($1::uuid[], $2::bigint[]) AS t (run, ms) WHERE live.run = t.run";
            sent.push(Box::pin(async { tx.run(sql, &[&worked.0, &worked.1]).await }));
        }
        if !got_on.is_empty() {
            let sql = "UPDATE live SET crashes = 0 WHERE run = ANY($1)";
            sent.push(Box::pin(async { tx.run(sql, &[&got_on]).await }));
        }
        if !taken.0.is_empty() {
            let sql = "UPDATE signals SET body = NULL FROM unnest($1::uuid[], $2::text[]) AS t (run, name) WHERE signals.run = t.run AND signals.name = t.name";
            sent.push(Box::pin(async { tx.run(sql, &[&taken.0, &taken.1]).await }));
        }
        if !logs.0.is_empty() {
            let sql = "INSERT INTO logs (run, line) SELECT t.run, t.line FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS t (run, line, n) \
                       WHERE (SELECT count(*) FROM logs WHERE logs.run = t.run) < 1000 ORDER BY t.n";
            sent.push(Box::pin(async { tx.run(sql, &[&logs.0, &logs.1]).await }));
        }
        try_join_all(sent).await.map(drop)
    }
}

impl Tx<'_> {
    /// Runs that are queued, or put off; one of an id that is there already stays as it is.
    pub(super) async fn start_all(&mut self, starts: &[&NewRun]) -> Done<()> {
        let mut seen = HashSet::new();
        let fresh: Vec<&NewRun> = starts.iter().copied().filter(|new| seen.insert(new.id)).collect();
        let ready = |new: &&NewRun| new.limit.is_none() && put_off(new).is_none();
        let (ready, others): (Vec<&NewRun>, Vec<&NewRun>) = fresh.into_iter().partition(ready);
        for new in self.add(&ready, true).await? {
            let lane = self.lanes(&[new]).await?[0];
            self.after.ready.push(Place { lane, prio: prio(new), run: new.id });
            self.begins(new).await?;
        }
        for new in self.add(&others, false).await? {
            let place = Place { lane: self.lanes(&[new]).await?[0], prio: prio(new), run: new.id };
            match put_off(new) {
                Some(wake_at_ms) => {
                    let sql = "INSERT INTO parks (run, status, wake_at) VALUES ($1, 0, $2)";
                    self.run(sql, &[&Uid(new.id), &wake_at_ms]).await?;
                    self.after.wake_at(Some(wake_at_ms));
                }
                None => self.line_up(new, place).await?,
            }
            self.begins(new).await?;
        }
        Ok(())
    }

    /// Those of them that are new.
    async fn add<'a>(&mut self, fresh: &[&'a NewRun], ready: bool) -> Done<Vec<&'a NewRun>> {
        if fresh.is_empty() {
            return Ok(Vec::new());
        }
        let lanes = self.lanes(fresh).await?;
        let mut rows = Rows::default();
        for (new, lane) in fresh.iter().zip(&lanes) {
            rows.push(new, *lane)?;
        }
        let sql = match ready {
            true => {
                "WITH added AS (INSERT INTO runs (id, root, parent, lane, prio, system, usr, version, workflow, start) \
                       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::integer[], $6::text[], $7::text[], $8::bytea[], $9::text[], $10::bytea[]) ON CONFLICT DO NOTHING RETURNING id, lane, prio) \
                     INSERT INTO ready (lane, prio, run) SELECT lane, prio, id FROM added RETURNING run"
            }
            false => {
                "INSERT INTO runs (id, root, parent, lane, prio, system, usr, version, workflow, start) \
                       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::integer[], $6::text[], $7::text[], $8::bytea[], $9::text[], $10::bytea[]) ON CONFLICT DO NOTHING RETURNING id"
            }
        };
        let added = self.rows(sql, &rows.vals()).await?;
        self.after.tally.accepted += added.len() as i64;
        if added.len() == fresh.len() {
            return Ok(fresh.to_vec());
        }
        let there: HashSet<Id> = added.iter().map(|row| id(row, 0)).collect::<Result<_, _>>()?;
        Ok(fresh.iter().copied().filter(|new| there.contains(&new.id)).collect())
    }

    async fn begins(&mut self, new: &NewRun) -> Done<()> {
        let start = Arc::new(new.clone());
        self.change(Change::Run { start, stands: Standing::new(Status::Queued) });
        self.after.barred.extend(new.parent);
        match new.retry_of.filter(|_| new.root != new.id) {
            Some(old) => self.anew(old, new.root, new.created_at_ms).await,
            None => Ok(()),
        }
    }

    /// Runs of requests that have parked, or go on: from here on they are runs like any other.
    async fn requests(&mut self, requests: &[&NewRun]) -> Done<()> {
        if requests.is_empty() {
            return Ok(());
        }
        let lanes = self.lanes(requests).await?;
        let mut rows = Rows::default();
        for (new, lane) in requests.iter().zip(&lanes) {
            rows.push(new, *lane)?;
        }
        // Nobody's list has what was answered at once, and no other run started it.
        rows.users.iter_mut().for_each(|user| *user = None);
        rows.parents.iter_mut().for_each(|parent| *parent = None);
        let sql = "WITH added AS (INSERT INTO runs (id, root, parent, lane, prio, system, usr, version, workflow, start) \
                     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::integer[], $6::text[], $7::text[], $8::bytea[], $9::text[], $10::bytea[]) ON CONFLICT DO NOTHING RETURNING id) \
                   INSERT INTO live (run) SELECT id FROM added";
        let added = self.run(sql, &rows.vals()).await?;
        self.after.tally.accepted += added as i64;
        Ok(())
    }
}

/// Runs by column.
#[derive(Default)]
struct Rows<'a> {
    ids: Vec<Uid>,
    roots: Vec<Uid>,
    parents: Vec<Option<Uid>>,
    lanes: Vec<i32>,
    prios: Vec<i32>,
    systems: Vec<&'a str>,
    users: Vec<Option<&'a str>>,
    versions: Vec<Vec<u8>>,
    workflows: Vec<&'a str>,
    starts: Vec<Vec<u8>>,
}

impl<'a> Rows<'a> {
    fn push(&mut self, new: &'a NewRun, lane: i32) -> Result<(), Error> {
        self.ids.push(Uid(new.id));
        self.roots.push(Uid(new.root));
        self.parents.push(new.parent.map(Uid));
        self.lanes.push(lane);
        self.prios.push(prio(new));
        self.systems.push(&new.system);
        self.users.push(listed_for(new));
        self.versions.push(new.version.0.to_vec());
        self.workflows.push(&new.workflow);
        self.starts.push(blob(new)?);
        Ok(())
    }

    fn vals(&self) -> [&dyn Val; 10] {
        [
            &self.ids,
            &self.roots,
            &self.parents,
            &self.lanes,
            &self.prios,
            &self.systems,
            &self.users,
            &self.versions,
            &self.workflows,
            &self.starts,
        ]
    }
}

/// When it is begun at the earliest.
fn put_off(new: &NewRun) -> Option<i64> {
    new.not_before_ms.filter(|_| !Sabotage::IgnoreDelay.on())
}

/// The most urgent comes first.
pub(super) fn prio(new: &NewRun) -> i32 {
    new.priority.saturating_neg()
}

/// Whose list of what they started has it.
pub(super) fn listed_for(new: &NewRun) -> Option<&str> {
    new.user.as_deref().filter(|_| new.direct)
}
