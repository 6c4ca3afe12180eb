//! Journals as they are written: entries, checkpoints, and the trace that is kept of them.

use std::collections::HashSet;

use super::{
    end::{Packed, hashes},
    link::{Done, Uid, get},
    tx::Tx,
};
use crate::{Checkpoint, Entries, Error, Hash, Id, forms::blob, probe::Point, trace};

impl Tx<'_> {
    pub(super) async fn entries(&self, run: Id, entries: &Entries) -> Done<()> {
        let sql = "INSERT INTO journal (run, at, count, bytes) VALUES ($1, $2, $3, $4)";
        self.run(sql, &[&Uid(run), &(entries.at as i64), &(entries.count as i32), &entries.bytes])
            .await
            .map(drop)
    }

    pub(super) async fn checkpoint(&mut self, run: Id, checkpoint: &Checkpoint) -> Done<()> {
        self.after.inside.push(Point::Checkpoint.enter());
        if !checkpoint.blobs.is_empty() {
            let hashes: Vec<Vec<u8>> = checkpoint.blobs.iter().map(|blob| blob.hash.to_vec()).collect();
            let bytes: Vec<&[u8]> = checkpoint.blobs.iter().map(|blob| blob.bytes.as_slice()).collect();
            let sql = "INSERT INTO blobs (run, hash, bytes) SELECT $1, t.hash, t.bytes FROM unnest($2::bytea[], $3::bytea[]) AS t (hash, bytes) ON CONFLICT DO NOTHING";
            self.run(sql, &[&Uid(run), &hashes, &bytes]).await?;
        }
        let needs: Vec<u8> = checkpoint.needs.iter().flat_map(|hash| hash.0).collect();
        let sql = "INSERT INTO checkpoints (run, at, bytes, needs) VALUES ($1, $2, $3, $4) ON CONFLICT (run, at) DO UPDATE SET bytes = excluded.bytes, needs = excluded.needs";
        self.run(sql, &[&Uid(run), &(checkpoint.at as i64), &checkpoint.bytes, &needs]).await.map(drop)
    }

    /// What ended and goes on: back into the tables.
    pub(super) async fn file(&mut self, run: Id, pack: &Packed) -> Done<()> {
        let uid = Uid(run);
        for entries in &pack.entries {
            self.entries(run, entries).await?;
        }
        for (at, bytes, needs) in &pack.checkpoints {
            let needs: Vec<u8> = needs.iter().flat_map(|hash| hash.0).collect();
            let sql = "INSERT INTO checkpoints (run, at, bytes, needs) VALUES ($1, $2, $3, $4)";
            self.run(sql, &[&uid, &(*at as i64), bytes, &needs]).await?;
        }
        for (hash, bytes) in &pack.blobs {
            self.run(
                "INSERT INTO blobs (run, hash, bytes) VALUES ($1, $2, $3)",
                &[&uid, &hash.0.to_vec(), bytes],
            )
            .await?;
        }
        for line in &pack.logs {
            self.run("INSERT INTO logs (run, line) VALUES ($1, $2)", &[&uid, &blob(line)?]).await?;
        }
        for (name, body) in &pack.signals {
            self.run("INSERT INTO signals (run, name, body) VALUES ($1, $2, $3)", &[&uid, name, body])
                .await?;
        }
        Ok(())
    }

    /// The trace keeps its newest entries and the checkpoint just before them; what is older goes a segment at a time.
    pub(super) async fn trim(&self, run: Id, at: u64) -> Done<()> {
        let Some(oldest) = at.checked_sub(trace::ENTRIES) else { return Ok(()) };
        let sql = "SELECT max(at) FROM checkpoints WHERE run = $1 AND at <= $2";
        let from = self.one(sql, &[&Uid(run), &(oldest as i64)]).await?;
        match from.map(|row| get(&row, 0)).transpose()?.flatten() {
            Some(from) => self.forget(run, from).await,
            None => Ok(()),
        }
    }

    /// The oldest segments go until what the journal may hold is enough for the rest.
    pub(super) async fn trim_to(&self, run: Id, bytes_max: u64) -> Done<()> {
        // Those of a checkpoint that was written anew.
        self.drop_blobs(run).await?;
        let blobs =
            self.rows("SELECT hash, length(bytes)::bigint FROM blobs WHERE run = $1", &[&Uid(run)]).await?;
        let blob = |row| Ok((hashes(get(row, 0)?).pop().unwrap_or_default(), get(row, 1)?));
        let kept = trace::Kept {
            states: self.pairs("SELECT at, length(bytes)::bigint + length(needs) FROM checkpoints WHERE run = $1 ORDER BY at", run).await?,
            needs: if blobs.is_empty() { Vec::new() } else { self.needs(run).await? },
            blobs: blobs.iter().map(blob).collect::<Result<_, Error>>()?,
            chunks: self.pairs("SELECT at + count, length(bytes)::bigint FROM journal WHERE run = $1 ORDER BY at", run).await?,
        };
        match kept.from(bytes_max) {
            Some(from) => self.forget(run, from).await,
            None => Ok(()),
        }
    }

    async fn pairs(&self, sql: &'static str, run: Id) -> Done<Vec<(i64, i64)>> {
        let rows = self.rows(sql, &[&Uid(run)]).await?;
        Ok(rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect::<Result<_, Error>>()?)
    }

    /// What each of the run's checkpoints needs, the oldest first.
    async fn needs(&self, run: Id) -> Done<Vec<Vec<Hash>>> {
        let rows =
            self.rows("SELECT needs FROM checkpoints WHERE run = $1 ORDER BY at", &[&Uid(run)]).await?;
        Ok(rows.iter().map(|row| get(row, 0).map(hashes)).collect::<Result<_, _>>()?)
    }

    /// Blobs that no kept checkpoint of the run needs go.
    pub(super) async fn drop_blobs(&self, run: Id) -> Done<()> {
        let rows = self.rows("SELECT hash FROM blobs WHERE run = $1", &[&Uid(run)]).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let needed: HashSet<Hash> = self.needs(run).await?.into_iter().flatten().collect();
        let mut gone = Vec::new();
        for row in &rows {
            let hash: Vec<u8> = get(row, 0)?;
            if !hashes(&hash).iter().all(|hash| needed.contains(hash)) {
                gone.push(hash);
            }
        }
        self.run("DELETE FROM blobs WHERE run = $1 AND hash = ANY($2)", &[&Uid(run), &gone]).await.map(drop)
    }

    /// What is before a checkpoint.
    async fn forget(&self, run: Id, from: i64) -> Done<()> {
        self.run("DELETE FROM journal WHERE run = $1 AND at + count <= $2", &[&Uid(run), &from]).await?;
        match self.run("DELETE FROM checkpoints WHERE run = $1 AND at < $2", &[&Uid(run), &from]).await? {
            0 => Ok(()),
            _ => self.drop_blobs(run).await,
        }
    }

    /// What a live run's journal holds, bytes.
    pub(super) async fn stored_bytes(&self, run: Id) -> Done<i64> {
        let row = self.one(super::read::STORED, &[&Uid(run)]).await?;
        Ok(row.map(|row| get(&row, 0)).transpose()?.unwrap_or(0))
    }
}
