//! Folders of systems: their files, each once, and which version is current. And the secrets of the installation.

use std::collections::HashSet;
use std::sync::Arc;

use super::{
    end::hashes,
    link::{Done, Link, get},
    prune::LEFT_MS,
    tx::Tx,
};
use crate::{
    Error, Hash, Version,
    forms::{blob, blob_of},
};

pub(super) async fn current(db: &Link) -> Done<Vec<(Arc<str>, Hash)>> {
    let rows = db.rows("SELECT name, version FROM systems", &[]).await?;
    let pair = |row: &tokio_postgres::Row| {
        Ok((Arc::from(get::<&str>(row, 0)?), hashes(get(row, 1)?).pop().unwrap_or_default()))
    };
    Ok(rows.iter().map(pair).collect::<Result<_, Error>>()?)
}

pub(super) async fn version(db: &Link, hash: Hash) -> Done<Option<Version>> {
    let sql = "SELECT system, manifest FROM versions WHERE hash = $1";
    let Some(row) = db.one(sql, &[&hash.0.to_vec()]).await? else { return Ok(None) };
    let system: Arc<str> = get::<&str>(&row, 0)?.into();
    let manifest: Vec<(String, Hash)> = blob_of(get(&row, 1)?)?;
    let mut files = Vec::with_capacity(manifest.len());
    for (path, hash) in manifest {
        let row = db.one("SELECT bytes FROM files WHERE hash = $1", &[&hash.0.to_vec()]).await?;
        let Some(row) = row else { return Err(Error::Corrupt("a file of a version is gone".into()).into()) };
        files.push((path, get::<Vec<u8>>(&row, 0)?.into()));
    }
    Ok(Some(Version { system, files }))
}

impl Tx<'_> {
    /// Keeps the files that are not there yet, and makes it the system's current version.
    pub(super) async fn publish(&mut self, version: &Version) -> Done<Hash> {
        let now_ms = (self.stamp() / 1_000) as i64;
        let (hash, system) = (version.hash(), &*version.system);
        // Two that publish, and one that takes old versions away, one after another.
        self.rows("SELECT pg_advisory_xact_lock(hashtextextended('hefe versions', 0))", &[]).await?;
        for (_, bytes) in &version.files {
            let sql = "INSERT INTO files (hash, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            self.run(sql, &[&Hash::of(bytes).0.to_vec(), &bytes.to_vec()]).await?;
        }
        let name = hash.0.to_vec();
        let sql = "INSERT INTO versions (hash, system, manifest) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.run(sql, &[&name, &system, &blob(&version.manifest())?]).await?;
        let sql = "UPDATE versions SET left_at = $3 WHERE system = $1 AND hash <> $2 AND left_at IS NULL";
        self.run(sql, &[&system, &name, &now_ms]).await?;
        self.run("UPDATE versions SET left_at = NULL WHERE hash = $1", &[&name]).await?;
        let sql = "INSERT INTO systems (name, version) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET version = excluded.version";
        self.run(sql, &[&system, &name]).await?;
        self.prune_versions(now_ms).await?;
        Ok(hash)
    }

    /// Versions that nobody needs, and the files that only they had.
    pub(super) async fn prune_versions(&mut self, now_ms: i64) -> Done<()> {
        let today = super::end::day(now_ms);
        self.run("DELETE FROM pins WHERE day < $1", &[&today]).await?;
        let sql = "SELECT hash FROM versions WHERE left_at <= $1 AND NOT EXISTS (SELECT 1 FROM pins WHERE pins.version = versions.hash)";
        let mut gone = 0;
        for row in &self.rows(sql, &[&(now_ms - LEFT_MS)]).await? {
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
