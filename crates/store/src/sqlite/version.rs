//! Folders of systems: their files, each once, which version is current, which were, and how many live runs are pinned to
//! each. And the secrets of the installation.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    apply::Apply,
    forms::{blob, blob_of, trouble},
};
use crate::{Change, Error, Hash, NewRun, Pinned, Publication, Publish, Version, version::About};

/// Versions that a list has.
const LISTED_MAX: u32 = 200;

/// Lines of live runs that a list has.
const PINNED_MAX: u32 = 1_000;

impl Apply<'_> {
    /// Keeps the files that are not there yet, and makes it the system's current version.
    pub(super) fn publish(&mut self, version: &Version, how: &Publish) -> Result<Hash, Error> {
        let (hash, system) = (version.hash(), &*version.system);
        let current = current_of(self.db, system)?;
        if let Some(current) = current.filter(|_| how.first) {
            return Ok(current);
        }
        for (_, bytes) in &version.files {
            let sql = "INSERT OR IGNORE INTO files (hash, bytes) VALUES (?1, ?2)";
            self.run(sql, params![Hash::of(bytes).0, bytes.as_ref()])?;
        }
        self.run(
            "INSERT OR IGNORE INTO versions (hash, system, manifest, since, about) VALUES (?1, ?2, ?3, 0, ?4)",
            params![hash.0, system, blob(&version.manifest())?, blob(&About::default())?],
        )?;
        self.make_current(system, hash, how, version.broken.clone())?;
        Ok(hash)
    }

    /// The same of one that is kept; false: the system has none of that hash.
    pub(super) fn publish_again(&mut self, system: &str, hash: Hash, how: &Publish) -> Result<bool, Error> {
        match about(self.db, system, hash)? {
            Some(about) => self.make_current(system, hash, how, about.broken).map(|()| true),
            None => Ok(false),
        }
    }

    fn make_current(
        &mut self,
        system: &str,
        hash: Hash,
        how: &Publish,
        broken: Vec<String>,
    ) -> Result<(), Error> {
        let folder = how.folder.map(|folder| folder.0);
        let is_current = current_of(self.db, system)? == Some(hash);
        self.run(
            "INSERT INTO systems (name, version, folder) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET version = excluded.version, folder = coalesce(excluded.folder, folder)",
            params![system, hash.0, folder],
        )?;
        if is_current {
            return Ok(());
        }
        // It orders those that became current within a millisecond too.
        let since = (self.stamp)();
        let now_ms = (since / 1_000) as i64;
        self.run(
            "UPDATE versions SET left_at = ?3 WHERE system = ?1 AND hash <> ?2 AND left_at IS NULL",
            params![system, hash.0, now_ms],
        )?;
        let about = About { by: how.by.clone(), note: how.note.clone(), broken };
        self.run(
            "UPDATE versions SET left_at = NULL, since = ?2, about = ?3 WHERE hash = ?1",
            params![hash.0, since as i64, blob(&about)?],
        )?;
        self.run("DELETE FROM pinned WHERE system = ?1 AND runs = 0", params![system])?;
        self.prune_versions(now_ms)?;
        self.change(Change::Published { system: system.into(), version: hash });
        Ok(())
    }

    /// A run has begun to live, or lives no more.
    pub(super) fn lives(&mut self, run: &NewRun, by: i64) {
        let of = (run.system.clone(), run.version, run.workflow.clone());
        *self.after.lives.entry(of).or_default() += by;
    }

    /// The secret of that name; `fresh` if there is none yet.
    pub(super) fn secret(&mut self, name: &str, fresh: &[u8; 32]) -> Result<[u8; 32], Error> {
        self.run("INSERT OR IGNORE INTO secrets (name, bytes) VALUES (?1, ?2)", params![name, fresh])?;
        let sql = "SELECT bytes FROM secrets WHERE name = ?1";
        self.db.query_row(sql, params![name], |row| row.get(0)).map_err(trouble)
    }
}

pub(super) fn current_of(db: &Connection, system: &str) -> Result<Option<Hash>, Error> {
    let mut found = db.prepare_cached("SELECT version FROM systems WHERE name = ?1").map_err(trouble)?;
    found.query_row(params![system], |row| row.get(0).map(Hash)).optional().map_err(trouble)
}

fn about(db: &Connection, system: &str, hash: Hash) -> Result<Option<About>, Error> {
    let sql = "SELECT about FROM versions WHERE hash = ?1 AND system = ?2";
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let row = found.query_row(params![hash.0, system], |row| row.get::<_, Vec<u8>>(0)).optional();
    row.map_err(trouble)?.map(|about| blob_of(&about)).transpose()
}

pub(super) fn current(db: &Connection) -> Result<Vec<(Arc<str>, Hash)>, Error> {
    let mut found = db.prepare_cached("SELECT name, version FROM systems").map_err(trouble)?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?.into(), Hash(row.get(1)?)));
    let rows = found.query_map([], row).map_err(trouble)?;
    rows.collect::<Result<_, _>>().map_err(trouble)
}

pub(super) fn settled(db: &Connection, system: &str) -> Result<Option<Hash>, Error> {
    let mut found = db.prepare_cached("SELECT folder FROM systems WHERE name = ?1").map_err(trouble)?;
    let row = found.query_row(params![system], |row| row.get::<_, Option<[u8; 32]>>(0)).optional();
    Ok(row.map_err(trouble)?.flatten().map(Hash))
}

pub(super) fn version(db: &Connection, hash: Hash) -> Result<Option<Version>, Error> {
    let mut found =
        db.prepare_cached("SELECT system, manifest, about FROM versions WHERE hash = ?1").map_err(trouble)?;
    let row = found.query_row(params![hash.0], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
    });
    let Some((system, manifest, about)) = row.optional().map_err(trouble)? else { return Ok(None) };
    let (manifest, about): (Vec<(String, Hash)>, About) = (blob_of(&manifest)?, blob_of(&about)?);
    let mut file = db.prepare_cached("SELECT bytes FROM files WHERE hash = ?1").map_err(trouble)?;
    let mut files = Vec::new();
    for (path, hash) in manifest {
        let bytes: Vec<u8> = file.query_row(params![hash.0], |row| row.get(0)).map_err(trouble)?;
        files.push((path, bytes.into()));
    }
    Ok(Some(Version { system: system.into(), files, broken: about.broken }))
}

pub(super) fn history(db: &Connection, system: &str) -> Result<Vec<Publication>, Error> {
    let sql =
        "SELECT hash, since, left_at, about FROM versions WHERE system = ?1 ORDER BY since DESC LIMIT ?2";
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let mut rows = found.query(params![system, LISTED_MAX]).map_err(trouble)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(trouble)? {
        let About { by, note, .. } = blob_of(&row.get::<_, Vec<u8>>(3).map_err(trouble)?)?;
        all.push(Publication {
            version: row.get(0).map(Hash).map_err(trouble)?,
            since_ms: row.get::<_, i64>(1).map_err(trouble)? / 1_000,
            left_ms: row.get(2).map_err(trouble)?,
            by,
            note,
        });
    }
    Ok(all)
}

pub(super) fn pinned(db: &Connection, system: &str) -> Result<Vec<Pinned>, Error> {
    let sql = "SELECT version, workflow, runs FROM pinned WHERE system = ?1 AND runs > 0 \
               ORDER BY runs DESC, workflow, version LIMIT ?2";
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let row = |row: &rusqlite::Row<'_>| {
        let workflow = row.get::<_, String>(1)?.into();
        Ok(Pinned { version: Hash(row.get(0)?), workflow, runs: row.get::<_, i64>(2)? as u64 })
    };
    let rows = found.query_map(params![system, PINNED_MAX], row).map_err(trouble)?;
    rows.collect::<Result<_, _>>().map_err(trouble)
}
