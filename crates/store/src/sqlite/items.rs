//! Progress items inside the writer's transaction: what a run says of one, and when one ends (store::progress has the figures).

use rusqlite::{OptionalExtension, params};

use super::{
    apply::Apply,
    forms::{blob, blob_of, id, key, status_of, trouble},
    lock, read,
};
use crate::{
    Change, Contribution, Error, Id, Item, ItemStatus, Merged, NewRun, Past, Share, Status,
    sabotage::Sabotage,
};

/// Kinds of runs beside those that touched an item that are remembered.
const KIN_MAX: usize = 16;

/// Live runs beside one that are looked at.
const BESIDE_MAX: i64 = 64;

impl Apply<'_> {
    pub(super) fn say(&mut self, said: &Contribution) -> Result<(), Error> {
        let mut item = match self.item(said.item)? {
            Some(item) => item,
            None => Item::new(said, self.past(&said.system, &said.workflow, &said.process)?.usual()),
        };
        let mut share = match self.share(said.item, said.run)? {
            Some(share) => share,
            None => {
                self.note_kin(&mut item, said.run);
                Share::default()
            }
        };
        match item.merge(&mut share, said) {
            Merged::Nothing => return Ok(()),
            Merged::Quiet => self.keep_item(item)?,
            Merged::Shown => self.store_item(item)?,
        }
        self.put_share(said.item, said.run, share)
    }

    fn note_kin(&self, item: &mut Item, run: Id) {
        let Some((start, _, _)) = lock(self.memory).find(run) else { return };
        let Some(parent) = start.parent else { return };
        let kin = (parent, start.workflow.clone());
        if item.kin.len() < KIN_MAX && !item.kin.contains(&kin) {
            item.kin.push(kin);
        }
    }

    fn put_share(&self, item: Id, run: Id, share: Share) -> Result<(), Error> {
        let sql = "INSERT OR REPLACE INTO shares (item, run, body) VALUES (?1, ?2, ?3)";
        self.run(sql, params![key(item), key(run), blob(&share)?])?;
        Ok(())
    }

    /// Bars of the tree that the run had touched and that have ended go on from where they were.
    pub(super) fn move_again(&mut self, root: Id, run: Id, at_ms: i64) -> Result<(), Error> {
        for mut item in read::items_of(self.db, root)? {
            if self.share(item.id, run)?.is_some() && item.reopen(at_ms) {
                self.store_item(item)?;
            }
        }
        Ok(())
    }

    /// The bars of a tree go with what was put into them.
    pub(super) fn forget_items(&self, root: Id) -> Result<(), Error> {
        let root = key(root);
        self.run("DELETE FROM shares WHERE item IN (SELECT id FROM items WHERE root = ?1)", params![root])?;
        self.run("DELETE FROM items WHERE root = ?1", params![root])?;
        Ok(())
    }

    /// A run of the tree has ended: no bar is left behind that nobody moves any more.
    pub(super) fn end_items(&mut self, root: Id, at_ms: i64) -> Result<(), Error> {
        let Some(before_tree) = self.moving.get(&root).copied() else { return Ok(()) };
        let live = self.is_live(root)?;
        if live && !before_tree {
            return Ok(());
        }
        if !live {
            self.after.still.push(root);
        }
        let mut found =
            self.db.prepare_cached("SELECT id FROM items WHERE root = ?1 AND ended = 0").map_err(trouble)?;
        let ids: Result<Vec<Id>, _> =
            found.query_map(params![key(root)], |row| row.get(0).map(id)).map_err(trouble)?.collect();
        drop(found);
        for id in ids.map_err(trouble)? {
            let Some(mut item) = self.item(id)? else { continue };
            if live && (item.by_root || self.has_kin(&item)? || self.is_moved(id)?) {
                continue;
            }
            item.end(self.worst(id)?, at_ms);
            self.store_item(item)?;
        }
        Ok(())
    }

    /// Whether one lives that was started beside a run that touched the item, from the same workflow: of many that are worked
    /// one after another each moves it, and it would end and go on with every one of them.
    fn has_kin(&self, item: &Item) -> Result<bool, Error> {
        let sql = "SELECT starts.start FROM children CROSS JOIN live ON live.run = children.run CROSS JOIN starts ON starts.id = live.run \
             WHERE children.parent = ?1 ORDER BY children.run DESC LIMIT ?2";
        for (parent, workflow) in &item.kin {
            let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
            let mut rows = found.query(params![key(*parent), BESIDE_MAX]).map_err(trouble)?;
            while let Some(row) = rows.next().map_err(trouble)? {
                let start: NewRun = blob_of(&row.get::<_, Vec<u8>>(0).map_err(trouble)?)?;
                if start.workflow == *workflow {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether a run that touched the item is live, or one under those. The newest first: the oldest end first.
    fn is_moved(&self, item: Id) -> Result<bool, Error> {
        let touched = "SELECT 1 FROM shares CROSS JOIN live ON live.run = shares.run WHERE item = ?1 ORDER BY shares.run DESC LIMIT 1";
        let under = "WITH RECURSIVE under (run) AS (SELECT run FROM shares WHERE item = ?1 \
             UNION SELECT children.run FROM under CROSS JOIN children ON children.parent = under.run) \
             SELECT 1 FROM under CROSS JOIN live ON live.run = under.run LIMIT 1";
        for sql in [touched, under] {
            let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
            if found.exists(params![key(item)]).map_err(trouble)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How an item ends by those that touched it.
    fn worst(&self, item: Id) -> Result<ItemStatus, Error> {
        let sql = "SELECT DISTINCT ends.status FROM shares CROSS JOIN ends ON ends.run = shares.run WHERE item = ?1";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let rows = found.query_map(params![key(item)], |row| row.get(0).map(status_of)).map_err(trouble)?;
        let all: Vec<Status> = rows.collect::<Result<_, _>>().map_err(trouble)?;
        let any = |status| all.contains(&status);
        Ok(match () {
            () if any(Status::Failed) => ItemStatus::Failed,
            () if any(Status::Cancelled) => ItemStatus::Cancelled,
            () => ItemStatus::Succeeded,
        })
    }

    /// A run that ended badly counts for the bars that it, or a run that it comes from, has touched: they end as it did,
    /// and move again when it is tried again.
    pub(super) fn fails_bars(&mut self, start: &NewRun) -> Result<(), Error> {
        if !self.moving.contains_key(&start.root) {
            return Ok(());
        }
        let mut from = start.parent;
        let mut above = Vec::new();
        while let Some(run) = from {
            above.push(run);
            from = read::start(self.db, run)?.and_then(|start| start.parent);
        }
        for item in read::items_of(self.db, start.root)? {
            if item.status != ItemStatus::Running || self.share(item.id, start.id)?.is_some() {
                continue;
            }
            for run in &above {
                if self.share(item.id, *run)?.is_some() {
                    self.put_share(item.id, start.id, Share::default())?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// A run that is tried again from the start does all of it anew: the bars that it touched move again without its share.
    pub(super) fn anew(&mut self, run: Id, root: Id, at_ms: i64) -> Result<(), Error> {
        for mut item in read::items_of(self.db, root)? {
            let Some(share) = self.share(item.id, run)? else { continue };
            self.run("DELETE FROM shares WHERE item = ?1 AND run = ?2", params![key(item.id), key(run)])?;
            item.forget(&share, at_ms);
            self.store_item(item)?;
        }
        Ok(())
    }

    pub(super) fn ended_as(&self, run: Id) -> Result<Option<Status>, Error> {
        let mut found = self.db.prepare_cached("SELECT status FROM ends WHERE run = ?1").map_err(trouble)?;
        let code = found.query_row(params![key(run)], |row| row.get(0)).optional().map_err(trouble)?;
        Ok(code.map(status_of))
    }

    fn item(&self, id: Id) -> Result<Option<Item>, Error> {
        if let Some(item) = self.items.get(&id) {
            return Ok(Some(item.clone()));
        }
        read::item(self.db, id)
    }

    fn share(&self, item: Id, run: Id) -> Result<Option<Share>, Error> {
        let sql = "SELECT body FROM shares WHERE item = ?1 AND run = ?2";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let body: Option<Vec<u8>> =
            found.query_row(params![key(item), key(run)], |row| row.get(0)).optional().map_err(trouble)?;
        body.map(|body| blob_of(&body)).transpose()
    }

    /// People see another state.
    fn store_item(&mut self, item: Item) -> Result<(), Error> {
        let stamp = (self.stamp)();
        let ended = item.status != ItemStatus::Running;
        if ended && Sabotage::DropEnd.on() {
            return Ok(());
        }
        self.run(
            "INSERT OR REPLACE INTO items (id, system, root, changed, ended, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![key(item.id), &*item.system, key(item.run), stamp as i64, ended, blob(&item)?],
        )?;
        self.note(&item, stamp)?;
        self.after.changes.push((stamp, Change::Progress(std::sync::Arc::new(item.clone()))));
        self.hold(item);
        Ok(())
    }

    /// Nobody sees a difference.
    fn keep_item(&mut self, item: Item) -> Result<(), Error> {
        self.run("UPDATE items SET body = ?2 WHERE id = ?1", params![key(item.id), blob(&item)?])?;
        self.hold(item);
        Ok(())
    }

    fn hold(&mut self, item: Item) {
        if item.status == ItemStatus::Running {
            *self.moving.entry(item.run).or_default() |= !item.by_root;
            // One that moves again in the batch that ended the others.
            self.after.still.retain(|root| *root != item.run);
            self.items.insert(item.id, item);
        } else {
            self.items.remove(&item.id);
        }
    }

    /// How long one took is kept where it ends, so that it costs those alone that end.
    fn note(&mut self, item: &Item, stamp: u64) -> Result<(), Error> {
        let Some(took) = item.took() else { return Ok(()) };
        let mut past = self.past(&item.system, &item.workflow, &item.process)?;
        past.note(took);
        self.run(
            "INSERT OR REPLACE INTO past (system, workflow, process, at, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![&*item.system, &*item.workflow, &*item.process, (stamp / 1_000) as i64, blob(&past)?],
        )?;
        Ok(())
    }

    fn past(&self, system: &str, workflow: &str, process: &str) -> Result<Past, Error> {
        let sql = "SELECT body FROM past WHERE system = ?1 AND workflow = ?2 AND process = ?3";
        let mut found = self.db.prepare_cached(sql).map_err(trouble)?;
        let body: Option<Vec<u8>> = found
            .query_row(params![system, workflow, process], |row| row.get(0))
            .optional()
            .map_err(trouble)?;
        body.map_or(Ok(Past::default()), |body| blob_of(&body))
    }
}
