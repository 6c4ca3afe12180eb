//! Keys of requests and their answers. A row without an answer is of a process that works on it, or of one that has died: it says which,
//! and whoever comes takes over from one that is not there any more.

use tokio_postgres::Row;

use super::{
    link::{Done, Link, Uid, get},
    park::Brought,
    tx::Tx,
};
use crate::{
    Deed, Did, Error, Hash, Id, KEPT_MS, Kept, Key, NewRun, Once, Reopened, Signalled, Status,
    forms::{EXPIRED, blob, blob_of},
    once::Taken,
};

fn taken(row: &Row) -> Result<Taken, Error> {
    let body: Vec<u8> = get(row, 0)?;
    let answer: Option<&[u8]> = get(row, 2)?;
    Ok(Taken {
        body: super::end::hashes(&body).pop().unwrap_or_default(),
        run: get::<Option<Uid>>(row, 1)?.map(|uid| uid.0),
        answer: answer.map(blob_of).transpose()?,
        held: get(row, 3)?,
    })
}

const ROW: &str = "SELECT body, run, answer, worker <> $3 AND EXISTS (SELECT 1 FROM workers WHERE workers.worker = once.worker AND lease_until > clock_timestamp()) \
  FROM once WHERE name = $1 AND at > $2";

/// What a request under that key would find without doing anything.
pub(super) async fn answered(db: &Link, worker: i64, asked: &Key) -> Done<Option<Once>> {
    let since = asked.at_ms - KEPT_MS;
    let row = db.one(ROW, &[&asked.name.0.to_vec(), &since, &worker]).await?;
    let found = row.as_ref().map(taken).transpose()?;
    Ok(found.and_then(|found| found.found(asked)))
}

impl Tx<'_> {
    /// Does it unless it was done. What was refused takes no key.
    pub(super) async fn once(&mut self, asked: &Key, deed: &Deed, answer: Option<&Kept>) -> Done<Once> {
        let (name, worker) = (asked.name.0.to_vec(), self.shared.worker());
        self.rows("SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 0))", &[&name]).await?;
        let row = self.one(ROW, &[&name, &(asked.at_ms - KEPT_MS), &worker]).await?;
        let row = row.as_ref().map(taken).transpose()?;
        if let Some(found) = row.as_ref().and_then(|row| row.found(asked)) {
            return Ok(found);
        }
        let did = self.deed(deed, row.and_then(|row| row.run)).await?;
        let Some((run, answer)) = deed.keeps(did, answer) else { return Ok(Once::Did(did)) };
        let sql = "INSERT INTO once (name, body, run, at, answer, worker) VALUES ($1, $2, $3, $4, $5, $6) \
                   ON CONFLICT (name) DO UPDATE SET body = excluded.body, run = excluded.run, at = excluded.at, answer = excluded.answer, worker = excluded.worker";
        let (body, answer) = (asked.body.0.to_vec(), answer.map(blob).transpose()?);
        self.run(sql, &[&name, &body, &run.map(Uid), &asked.at_ms, &answer, &worker]).await?;
        let sql = "DELETE FROM once WHERE name IN (SELECT name FROM once WHERE at <= $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)";
        self.run(sql, &[&(asked.at_ms - KEPT_MS), &EXPIRED]).await?;
        Ok(Once::Did(did))
    }

    /// `before`: the run that a dead process took the key for.
    pub(super) async fn deed(&mut self, deed: &Deed, before: Option<Id>) -> Done<Did> {
        Ok(match deed {
            Deed::Take(run) => Did::Taken(before.unwrap_or(*run)),
            Deed::Start(new) if !self.may_try_again(new).await? => Did::Reopened(Reopened::NotOver),
            Deed::Start(new) => Did::Started(self.start_unique(new).await?),
            Deed::Reopen { run, moved, at_ms } => {
                Did::Reopened(self.reopen(*run, moved.as_ref(), *at_ms).await?)
            }
            Deed::Signal { run, name, body } => {
                let brought = Brought { run: *run, name: name.clone(), body: body.clone(), once: false };
                Did::Signalled(self.signal(&brought).await?)
            }
            Deed::Answer { run, .. } if before == Some(*run) => Did::Signalled(Signalled::Kept),
            Deed::Answer { run, name, body } => {
                let brought = Brought { run: *run, name: name.clone(), body: body.clone(), once: true };
                Did::Signalled(self.signal(&brought).await?)
            }
            Deed::Cancel { run, at_ms } => Did::Cancelled(self.ask_to_end(*run, true, *at_ms).await?),
            Deed::Record(action) => Did::Recorded(self.record(action).await?),
        })
    }

    /// Whether a run that it tries again from the start, if it does, is over and has not succeeded.
    async fn may_try_again(&self, new: &NewRun) -> Done<bool> {
        let Some(old) = new.retry_of else { return Ok(true) };
        Ok(self.ended_as(old).await?.is_some_and(|status| status != Status::Succeeded))
    }

    /// The answer to whoever has the key; None: it is not kept, and the key is free again.
    pub(super) async fn keep(&mut self, name: Hash, answer: Option<&Kept>) -> Done<()> {
        let name = name.0.to_vec();
        match answer {
            Some(kept) => {
                self.run("UPDATE once SET answer = $2 WHERE name = $1", &[&name, &blob(kept)?]).await?
            }
            None => self.run("DELETE FROM once WHERE name = $1", &[&name]).await?,
        };
        Ok(())
    }
}
