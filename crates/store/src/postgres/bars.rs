//! Progress items inside a transaction: what runs say of them, and when one ends (store::progress has the figures). An item's row is
//! locked before anybody looks who moves it: of two last ends the later one sees that it is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{
    link::{Done, Uid, get, id},
    lock,
    tx::{Tx, bodies, body},
};
use crate::{
    Change, Contribution, Error, Id, Item, ItemStatus, Merged, NewRun, Past, Share, Status,
    forms::{blob, blob_of, status_of},
    sabotage::Sabotage,
};

/// Kinds of runs beside those that touched an item that are remembered.
const KIN_MAX: usize = 16;

/// Live runs beside one that are looked at.
const BESIDE_MAX: i64 = 64;

/// Items that this transaction has locked, as it leaves them, and what runs have put in.
#[derive(Default)]
pub(super) struct Bars {
    items: HashMap<Id, Item>,
    /// What is to be written: when each changed, if people see it.
    dirty: BTreeMap<Id, Option<u64>>,
    shares: BTreeMap<(Id, Id), Share>,
    shares_dirty: BTreeSet<(Id, Id)>,
}

impl Bars {
    /// Which of those trees have bars here that have not ended.
    pub(super) fn moving(&self, roots: &[Uid]) -> Vec<Id> {
        let of = |item: &&Item| item.status == ItemStatus::Running && roots.contains(&Uid(item.run));
        self.items.values().filter(of).map(|item| item.run).collect()
    }
}

impl Tx<'_> {
    pub(super) async fn say_all(&mut self, all: &[&Contribution]) -> Done<()> {
        if all.is_empty() {
            return Ok(());
        }
        let mut ids: Vec<Id> = all.iter().map(|said| said.item).collect();
        ids.sort_unstable();
        ids.dedup();
        self.lock_bars(&ids, all).await?;
        self.load_shares(all.iter().map(|said| (said.item, said.run)).collect()).await?;
        for said in all {
            self.say(said).await?;
        }
        Ok(())
    }

    /// Takes the rows of items; one that there is not is made, so that whoever else makes it waits.
    async fn lock_bars(&mut self, ids: &[Id], all: &[&Contribution]) -> Done<()> {
        let wanted: Vec<Uid> =
            ids.iter().filter(|id| !self.bars.items.contains_key(id)).copied().map(Uid).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        self.read_bars(&wanted).await?;
        let missing: Vec<&&Contribution> =
            all.iter().filter(|said| !self.bars.items.contains_key(&said.item)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (mut made, mut systems, mut roots) = (vec![], vec![], vec![]);
        for said in &missing {
            made.push(Uid(said.item));
            systems.push(&*said.system);
            roots.push(Uid(said.root));
        }
        let sql = "INSERT INTO items (id, system, root, changed, ended, body) SELECT DISTINCT ON (id) id, system, root, 0, true, ''::bytea FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS t (id, system, root) ORDER BY id ON CONFLICT DO NOTHING";
        self.run(sql, &[&made, &systems, &roots]).await?;
        self.read_bars(&made).await?;
        for said in missing {
            if !self.bars.items.contains_key(&said.item) {
                let usual = self.past(&said.system, &said.workflow, &said.process).await?.usual();
                self.bars.items.insert(said.item, Item::new(said, usual));
            }
        }
        Ok(())
    }

    async fn read_bars(&mut self, ids: &[Uid]) -> Done<()> {
        let ids = ids.to_vec();
        let rows = self
            .rows("SELECT id, body FROM items WHERE id = ANY($1) ORDER BY id FOR UPDATE", &[&ids])
            .await?;
        for row in &rows {
            let bytes: &[u8] = get(row, 1)?;
            if !bytes.is_empty() {
                self.bars.items.insert(id(row, 0)?, blob_of(bytes)?);
            }
        }
        Ok(())
    }

    async fn load_shares(&mut self, of: Vec<(Id, Id)>) -> Done<()> {
        let wanted = of.into_iter().filter(|key| !self.bars.shares.contains_key(key));
        let (items, runs): (Vec<Uid>, Vec<Uid>) = wanted.map(|(item, run)| (Uid(item), Uid(run))).unzip();
        if items.is_empty() {
            return Ok(());
        }
        let sql = "SELECT shares.item, shares.run, shares.body FROM shares JOIN unnest($1::uuid[], $2::uuid[]) AS t (item, run) ON shares.item = t.item AND shares.run = t.run";
        for row in &self.rows(sql, &[&items, &runs]).await? {
            self.bars.shares.insert((id(row, 0)?, id(row, 1)?), blob_of(get(row, 2)?)?);
        }
        Ok(())
    }

    async fn say(&mut self, said: &Contribution) -> Done<()> {
        let Some(mut item) = self.bars.items.get(&said.item).cloned() else { return Ok(()) };
        let mut share = match self.bars.shares.get(&(said.item, said.run)) {
            Some(share) => *share,
            None => {
                self.note_kin(&mut item, said.run).await?;
                Share::default()
            }
        };
        match item.merge(&mut share, said) {
            Merged::Nothing => return Ok(()),
            Merged::Quiet => {
                self.bars.dirty.entry(item.id).or_insert(None);
                self.bars.items.insert(item.id, item);
            }
            Merged::Shown => self.store_item(item).await?,
        }
        self.put_share(said.item, said.run, share);
        Ok(())
    }

    async fn note_kin(&self, item: &mut Item, run: Id) -> Done<()> {
        let held = lock(&self.shared.held).start(run);
        let start = match held {
            Some(start) => Some(start),
            None => self.start_of(run).await?.map(Arc::new),
        };
        let Some((parent, start)) = start.and_then(|start| Some((start.parent?, start))) else {
            return Ok(());
        };
        let kin = (parent, start.workflow.clone());
        if item.kin.len() < KIN_MAX && !item.kin.contains(&kin) {
            item.kin.push(kin);
        }
        Ok(())
    }

    fn put_share(&mut self, item: Id, run: Id, share: Share) {
        self.bars.shares.insert((item, run), share);
        self.bars.shares_dirty.insert((item, run));
    }

    /// What was said goes into the tables.
    pub(super) async fn flush_bars(&mut self) -> Done<()> {
        let dirty = std::mem::take(&mut self.bars.dirty);
        if !dirty.is_empty() {
            let (mut ids, mut changed, mut ended, mut new) = (vec![], vec![], vec![], vec![]);
            for (id, stamp) in dirty {
                let Some(item) = self.bars.items.get(&id) else { continue };
                ids.push(Uid(id));
                changed.push(stamp.map(|stamp| stamp as i64));
                ended.push(item.status != ItemStatus::Running);
                new.push(blob(item)?);
            }
            let sql = "UPDATE items SET changed = coalesce(t.changed, items.changed), ended = t.ended, body = t.body FROM unnest($1::uuid[], $2::bigint[], $3::boolean[], $4::bytea[]) AS t (id, changed, ended, body) WHERE items.id = t.id";
            self.run(sql, &[&ids, &changed, &ended, &new]).await?;
        }
        let shares = std::mem::take(&mut self.bars.shares_dirty);
        if !shares.is_empty() {
            let (mut items, mut runs, mut new) = (vec![], vec![], vec![]);
            for key in shares {
                let Some(share) = self.bars.shares.get(&key) else { continue };
                items.push(Uid(key.0));
                runs.push(Uid(key.1));
                new.push(blob(share)?);
            }
            let sql = "INSERT INTO shares (item, run, body) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) ON CONFLICT (item, run) DO UPDATE SET body = excluded.body";
            self.run(sql, &[&items, &runs, &new]).await?;
        }
        Ok(())
    }

    /// All items of a tree, locked.
    async fn bars_of(&mut self, root: Id) -> Done<Vec<Item>> {
        self.flush_bars().await?;
        let rows =
            self.rows("SELECT id FROM items WHERE root = $1 ORDER BY id LIMIT 1000", &[&Uid(root)]).await?;
        let ids: Vec<Id> = rows.iter().map(|row| id(row, 0)).collect::<Result<_, _>>()?;
        self.lock_bars(&ids, &[]).await?;
        Ok(ids.iter().filter_map(|id| self.bars.items.get(id).cloned()).collect())
    }

    /// Bars of the tree that the run had touched and that have ended go on from where they were.
    pub(super) async fn move_again(&mut self, root: Id, run: Id, at_ms: i64) -> Done<()> {
        for mut item in self.bars_of(root).await? {
            if self.share(item.id, run).await?.is_some() && item.reopen(at_ms) {
                self.store_item(item).await?;
            }
        }
        Ok(())
    }

    async fn share(&mut self, item: Id, run: Id) -> Done<Option<Share>> {
        self.load_shares(vec![(item, run)]).await?;
        Ok(self.bars.shares.get(&(item, run)).copied())
    }

    /// The bars of trees go with what was put into them.
    pub(super) async fn forget_bars(&mut self, roots: &[Uid]) -> Done<()> {
        let roots = roots.to_vec();
        self.run("DELETE FROM shares WHERE item IN (SELECT id FROM items WHERE root = ANY($1))", &[&roots])
            .await?;
        self.run("DELETE FROM items WHERE root = ANY($1)", &[&roots]).await.map(drop)
    }

    /// A run of the tree has ended: no bar is left behind that nobody moves any more.
    pub(super) async fn end_bars(&mut self, root: Id, at_ms: i64) -> Done<()> {
        let bars = self.bars_of(root).await?;
        if bars.iter().all(|item| item.status != ItemStatus::Running) {
            return Ok(());
        }
        let live = self.is_live(root).await?;
        for mut item in bars.into_iter().filter(|item| item.status == ItemStatus::Running) {
            if live && (item.by_root || self.has_kin(&item).await? || self.is_moved(item.id).await?) {
                continue;
            }
            item.end(self.worst(item.id).await?, at_ms);
            self.store_item(item).await?;
        }
        Ok(())
    }

    /// Whether a run of that tree has not ended.
    pub(super) async fn is_live(&self, root: Id) -> Done<bool> {
        let sql = "SELECT 1 WHERE EXISTS (SELECT 1 FROM runs WHERE id = $1) OR EXISTS (SELECT 1 FROM runs WHERE root = $1 AND root <> id)";
        self.has(sql, &[&Uid(root)]).await
    }

    /// Whether one lives that was started beside a run that touched the item, from the same workflow: of many that are worked
    /// one after another each moves it, and it would end and go on with every one of them.
    async fn has_kin(&self, item: &Item) -> Done<bool> {
        for (parent, workflow) in &item.kin {
            let sql = "SELECT start FROM runs WHERE parent = $1 ORDER BY id DESC LIMIT $2";
            let beside: Vec<NewRun> = bodies(&self.rows(sql, &[&Uid(*parent), &BESIDE_MAX]).await?)?;
            if beside.iter().any(|start| start.workflow == *workflow) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a run that touched the item is live, or one under those. The newest first: the oldest end first.
    async fn is_moved(&self, item: Id) -> Done<bool> {
        let touched = "SELECT 1 FROM shares JOIN runs ON runs.id = shares.run WHERE item = $1 ORDER BY shares.run DESC LIMIT 1";
        let under = "WITH RECURSIVE under (run) AS (SELECT run FROM shares WHERE item = $1 \
                       UNION SELECT below.run FROM under CROSS JOIN LATERAL (SELECT id AS run FROM runs WHERE parent = under.run UNION ALL SELECT run FROM ended WHERE parent = under.run) AS below) \
                     SELECT 1 FROM under JOIN runs ON runs.id = under.run LIMIT 1";
        Ok(self.has(touched, &[&Uid(item)]).await? || self.has(under, &[&Uid(item)]).await?)
    }

    /// How an item ends by those that touched it.
    async fn worst(&self, item: Id) -> Done<ItemStatus> {
        let sql =
            "SELECT DISTINCT ended.status FROM shares JOIN ended ON ended.run = shares.run WHERE item = $1";
        let rows = self.rows(sql, &[&Uid(item)]).await?;
        let all: HashSet<Status> =
            rows.iter().map(|row| Ok(status_of(get::<i16>(row, 0)? as u8))).collect::<Result<_, Error>>()?;
        Ok(match () {
            () if all.contains(&Status::Failed) => ItemStatus::Failed,
            () if all.contains(&Status::Cancelled) => ItemStatus::Cancelled,
            () => ItemStatus::Succeeded,
        })
    }

    /// A run that ended badly counts for the bars that it, or a run that it comes from, has touched: they end as it did,
    /// and move again when it is tried again.
    pub(super) async fn fails_bars(&mut self, start: &NewRun) -> Done<()> {
        let mut from = start.parent;
        let mut above = Vec::new();
        while let Some(run) = from {
            above.push(run);
            let sql = "SELECT start FROM runs WHERE id = $1 UNION ALL SELECT start FROM ended WHERE run = $1 LIMIT 1";
            let parent: Option<NewRun> = body(self.one(sql, &[&Uid(run)]).await?.as_ref())?;
            from = parent.and_then(|start| start.parent);
        }
        for item in self.bars_of(start.root).await? {
            if item.status != ItemStatus::Running || self.share(item.id, start.id).await?.is_some() {
                continue;
            }
            for run in &above {
                if self.share(item.id, *run).await?.is_some() {
                    self.put_share(item.id, start.id, Share::default());
                    break;
                }
            }
        }
        Ok(())
    }

    /// A run that is tried again from the start does all of it anew: the bars that it touched move again without its share.
    pub(super) async fn anew(&mut self, run: Id, root: Id, at_ms: i64) -> Done<()> {
        for mut item in self.bars_of(root).await? {
            let Some(share) = self.share(item.id, run).await? else { continue };
            self.run("DELETE FROM shares WHERE item = $1 AND run = $2", &[&Uid(item.id), &Uid(run)]).await?;
            self.bars.shares.remove(&(item.id, run));
            item.forget(&share, at_ms);
            self.store_item(item).await?;
        }
        Ok(())
    }

    /// People see another state.
    async fn store_item(&mut self, item: Item) -> Done<()> {
        let stamp = self.stamp();
        if item.status != ItemStatus::Running {
            if Sabotage::DropEnd.on() {
                return Ok(());
            }
            self.note_past(&item, stamp).await?;
        }
        self.bars.dirty.insert(item.id, Some(stamp));
        self.after.changes.push((stamp, Change::Progress(Arc::new(item.clone()))));
        self.bars.items.insert(item.id, item);
        Ok(())
    }

    /// How long one took is kept where it ends, so that it costs those alone that end.
    async fn note_past(&self, item: &Item, stamp: u64) -> Done<()> {
        let Some(took) = item.took() else { return Ok(()) };
        let mut past = self.past(&item.system, &item.workflow, &item.process).await?;
        past.note(took);
        let sql = "INSERT INTO past (system, workflow, process, at, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (system, workflow, process) DO UPDATE SET at = excluded.at, body = excluded.body";
        let at_ms = (stamp / 1_000) as i64;
        self.run(sql, &[&&*item.system, &&*item.workflow, &&*item.process, &at_ms, &blob(&past)?])
            .await
            .map(drop)
    }

    async fn past(&self, system: &str, workflow: &str, process: &str) -> Done<Past> {
        let sql = "SELECT body FROM past WHERE system = $1 AND workflow = $2 AND process = $3";
        let row = self.one(sql, &[&system, &workflow, &process]).await?;
        Ok(body(row.as_ref())?.unwrap_or_default())
    }
}
