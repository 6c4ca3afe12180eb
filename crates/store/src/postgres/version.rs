//! Folders of systems: their files, each once, and which version is current. And the secrets of the installation.

use std::collections::HashSet;
use std::sync::Arc;

use tokio_postgres::Row;

use super::{
    end::hashes,
    link::{Done, Link, get},
    prune::LEFT_MS,
    tx::Tx,
};
use crate::{
    Change, Error, Hash, Pinned, Publication, Publish, VERSIONS_MAX, VERSIONS_MIN, VERSIONS_MS, Version,
    forms::{blob, blob_of},
    version::About,
};

/// Versions that a list has.
const LISTED_MAX: i64 = 200;

/// Lines of live runs that a list has.
const PINNED_MAX: i64 = 1_000;

fn hash(row: &Row, at: usize) -> Result<Hash, Error> {
    Ok(hashes(get(row, at)?).pop().unwrap_or_default())
}

pub(super) async fn current(db: &Link) -> Done<Vec<(Arc<str>, Hash)>> {
    let rows = db.rows("SELECT name, version FROM systems", &[]).await?;
    let pair = |row: &Row| Ok((Arc::from(get::<&str>(row, 0)?), hash(row, 1)?));
    Ok(rows.iter().map(pair).collect::<Result<_, Error>>()?)
}

async fn current_of(db: &Link, system: &str) -> Done<Option<Hash>> {
    let row = db.one("SELECT version FROM systems WHERE name = $1", &[&system]).await?;
    Ok(row.map(|row| hash(&row, 0)).transpose()?)
}

pub(super) async fn settled(db: &Link, system: &str) -> Done<Option<Hash>> {
    let row = db.one("SELECT folder FROM systems WHERE name = $1", &[&system]).await?;
    let folder: Option<Vec<u8>> = row.map(|row| get(&row, 0)).transpose()?.flatten();
    Ok(folder.and_then(|folder| hashes(&folder).pop()))
}

pub(super) async fn version(db: &Link, name: Hash) -> Done<Option<Version>> {
    let sql = "SELECT system, manifest, about FROM versions WHERE hash = $1";
    let Some(row) = db.one(sql, &[&name.0.to_vec()]).await? else { return Ok(None) };
    let system: Arc<str> = get::<&str>(&row, 0)?.into();
    let (manifest, about): (Vec<(String, Hash)>, About) = (blob_of(get(&row, 1)?)?, blob_of(get(&row, 2)?)?);
    let names: Vec<Vec<u8>> = manifest.iter().map(|(_, hash)| hash.0.to_vec()).collect();
    let mut contents = std::collections::HashMap::new();
    for row in &db.rows("SELECT hash, bytes FROM files WHERE hash = ANY($1)", &[&names]).await? {
        contents.insert(hash(row, 0)?, Arc::<[u8]>::from(get::<&[u8]>(row, 1)?));
    }
    let mut files = Vec::with_capacity(manifest.len());
    for (path, hash) in manifest {
        let Some(bytes) = contents.get(&hash) else {
            return Err(Error::Corrupt("a file of a version is gone".into()).into());
        };
        files.push((path, bytes.clone()));
    }
    Ok(Some(Version { system, files, broken: about.broken }))
}

pub(super) async fn history(db: &Link, system: &str) -> Done<Vec<Publication>> {
    let sql =
        "SELECT hash, since, left_at, about FROM versions WHERE system = $1 ORDER BY since DESC LIMIT $2";
    let mut all = Vec::new();
    for row in &db.rows(sql, &[&system, &LISTED_MAX]).await? {
        let About { by, note, .. } = blob_of(get(row, 3)?)?;
        let since_ms = get::<i64>(row, 1)? / 1_000;
        all.push(Publication { version: hash(row, 0)?, since_ms, left_ms: get(row, 2)?, by, note });
    }
    Ok(all)
}

/// Counted: it is asked for before a deploy, and counters would be rows that every end changes.
pub(super) async fn pinned(db: &Link, system: &str) -> Done<Vec<Pinned>> {
    let sql = "SELECT version, workflow, count(*) FROM runs WHERE system = $1 GROUP BY version, workflow ORDER BY count(*) DESC, workflow, version LIMIT $2";
    let mut all = Vec::new();
    for row in &db.rows(sql, &[&system, &PINNED_MAX]).await? {
        let workflow = get::<&str>(row, 1)?.into();
        all.push(Pinned { version: hash(row, 0)?, workflow, runs: get::<i64>(row, 2)? as u64 });
    }
    Ok(all)
}

impl Tx<'_> {
    /// Whether another version of the system is current: whoever comes with this one is behind.
    pub(super) async fn is_behind(&self, system: &str, version: Hash) -> Done<bool> {
        Ok(current_of(self.db, system).await?.is_some_and(|current| current != version))
    }

    /// Keeps the files that are not there yet, and makes it the system's current version.
    pub(super) async fn publish(&mut self, version: &Version, how: &Publish) -> Done<Hash> {
        // Two that publish, and one that takes old versions away, one after another.
        self.one_publishes().await?;
        let (hash, system) = (version.hash(), &*version.system);
        let current = current_of(self.db, system).await?;
        if let Some(current) = current.filter(|_| how.first) {
            return Ok(current);
        }
        for (_, bytes) in &version.files {
            let sql = "INSERT INTO files (hash, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            self.run(sql, &[&Hash::of(bytes).0.to_vec(), &bytes.to_vec()]).await?;
        }
        let (name, manifest, about) = (hash.0.to_vec(), blob(&version.manifest())?, blob(&About::default())?);
        let sql = "INSERT INTO versions (hash, system, manifest, since, about) VALUES ($1, $2, $3, 0, $4) ON CONFLICT DO NOTHING";
        self.run(sql, &[&name, &system, &manifest, &about]).await?;
        self.make_current(system, hash, how, version.broken.clone()).await?;
        Ok(hash)
    }

    /// The same of one that is kept; false: the system has none of that hash.
    pub(super) async fn publish_again(&mut self, system: &str, hash: Hash, how: &Publish) -> Done<bool> {
        self.one_publishes().await?;
        let sql = "SELECT about FROM versions WHERE hash = $1 AND system = $2";
        let row = self.one(sql, &[&hash.0.to_vec(), &system]).await?;
        let about: Option<About> = super::tx::body(row.as_ref())?;
        match about {
            Some(about) => self.make_current(system, hash, how, about.broken).await.map(|()| true),
            None => Ok(false),
        }
    }

    async fn one_publishes(&self) -> Done<()> {
        self.rows("SELECT pg_advisory_xact_lock(hashtextextended('hefe versions', 0))", &[]).await.map(drop)
    }

    async fn make_current(
        &mut self,
        system: &str,
        hash: Hash,
        how: &Publish,
        broken: Vec<String>,
    ) -> Done<()> {
        let (name, folder) = (hash.0.to_vec(), how.folder.map(|folder| folder.0.to_vec()));
        let is_current = current_of(self.db, system).await? == Some(hash);
        let sql = "INSERT INTO systems (name, version, folder) VALUES ($1, $2, $3) \
                   ON CONFLICT (name) DO UPDATE SET version = excluded.version, folder = coalesce(excluded.folder, systems.folder)";
        self.run(sql, &[&system, &name, &folder]).await?;
        if is_current {
            return Ok(());
        }
        // It orders those that became current within a millisecond too.
        let since = self.stamp();
        let now_ms = (since / 1_000) as i64;
        let sql = "UPDATE versions SET left_at = $3 WHERE system = $1 AND hash <> $2 AND left_at IS NULL";
        self.run(sql, &[&system, &name, &now_ms]).await?;
        let about = About { by: how.by.clone(), note: how.note.clone(), broken };
        let sql = "UPDATE versions SET left_at = NULL, since = $2, about = $3 WHERE hash = $1";
        self.run(sql, &[&name, &(since as i64), &blob(&about)?]).await?;
        self.prune_versions(now_ms).await?;
        self.change(Change::Published { system: system.into(), version: hash });
        Ok(())
    }

    /// Versions that nobody needs, and the files that only they had.
    pub(super) async fn prune_versions(&mut self, now_ms: i64) -> Done<()> {
        let today = super::end::day(now_ms);
        self.run("DELETE FROM pins WHERE day < $1", &[&today]).await?;
        // The current one is the first.
        let sql = "SELECT hash FROM (SELECT hash, left_at, row_number() OVER (PARTITION BY system ORDER BY since DESC) AS place FROM versions) AS placed \
                   WHERE left_at <= $1 AND place > $2 + 1 AND (left_at <= $3 OR place > $4 + 1) AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.version = placed.hash)";
        let (least, most) = (i64::from(VERSIONS_MIN), i64::from(VERSIONS_MAX));
        let mut gone = 0;
        for row in &self.rows(sql, &[&(now_ms - LEFT_MS), &least, &(now_ms - VERSIONS_MS), &most]).await? {
            let hash: Vec<u8> = get(row, 0)?;
            // All that lives is looked at, once for each version that has been left.
            if !self.has("SELECT 1 FROM runs WHERE version = $1 LIMIT 1", &[&hash]).await? {
                gone += self.run("DELETE FROM versions WHERE hash = $1", &[&hash]).await?;
            }
        }
        if gone == 0 {
            return Ok(());
        }
        let mut needed: HashSet<Hash> = HashSet::new();
        for row in &self.rows("SELECT manifest FROM versions", &[]).await? {
            needed.extend(blob_of::<Vec<(String, Hash)>>(get(row, 0)?)?.into_iter().map(|(_, hash)| hash));
        }
        let files = self.rows("SELECT hash FROM files", &[]).await?;
        let mut unneeded: Vec<Vec<u8>> = Vec::new();
        for row in &files {
            let hash: Vec<u8> = get(row, 0)?;
            if !hashes(&hash).iter().all(|hash| needed.contains(hash)) {
                unneeded.push(hash);
            }
        }
        self.run("DELETE FROM files WHERE hash = ANY($1)", &[&unneeded]).await.map(drop)
    }

    /// The secret of that name; `fresh` if there is none yet.
    pub(super) async fn secret(&mut self, name: &str, fresh: &[u8; 32]) -> Done<[u8; 32]> {
        self.run(
            "INSERT INTO secrets (name, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[&name, &fresh.to_vec()],
        )
        .await?;
        let row = self.one("SELECT bytes FROM secrets WHERE name = $1", &[&name]).await?;
        let bytes: Option<Vec<u8>> = row.map(|row| get(&row, 0)).transpose()?;
        let secret = bytes.and_then(|bytes| bytes.try_into().ok());
        Ok(secret.ok_or(Error::Corrupt("a secret is not of its length".into()))?)
    }
}
