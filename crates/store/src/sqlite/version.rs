//! Folders of systems: their files, each once, and which version is current. And the secrets of the installation.

use rusqlite::params;

use super::{
    apply::Apply,
    forms::{blob, trouble},
};
use crate::{Error, Hash, Version};

impl Apply<'_> {
    /// Keeps the files that are not there yet, and makes it the system's current version.
    pub(super) fn publish(&mut self, version: &Version) -> Result<Hash, Error> {
        let now_ms = ((self.stamp)() / 1_000) as i64;
        let (hash, system) = (version.hash(), &*version.system);
        for (_, bytes) in &version.files {
            let sql = "INSERT OR IGNORE INTO files (hash, bytes) VALUES (?1, ?2)";
            self.run(sql, params![Hash::of(bytes).0, bytes.as_ref()])?;
        }
        self.run(
            "INSERT OR IGNORE INTO versions (hash, system, manifest) VALUES (?1, ?2, ?3)",
            params![hash.0, system, blob(&version.manifest())?],
        )?;
        self.run(
            "UPDATE versions SET left_at = ?3 WHERE system = ?1 AND hash <> ?2 AND left_at IS NULL",
            params![system, hash.0, now_ms],
        )?;
        self.run("UPDATE versions SET left_at = NULL WHERE hash = ?1", params![hash.0])?;
        self.prune_versions(now_ms)?;
        self.run("INSERT OR REPLACE INTO systems (name, version) VALUES (?1, ?2)", params![system, hash.0])?;
        Ok(hash)
    }

    /// The secret of that name; `fresh` if there is none yet.
    pub(super) fn secret(&mut self, name: &str, fresh: &[u8; 32]) -> Result<[u8; 32], Error> {
        self.run("INSERT OR IGNORE INTO secrets (name, bytes) VALUES (?1, ?2)", params![name, fresh])?;
        let sql = "SELECT bytes FROM secrets WHERE name = ?1";
        self.db.query_row(sql, params![name], |row| row.get(0)).map_err(trouble)
    }
}
