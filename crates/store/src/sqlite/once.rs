//! Keys of requests and their answers.
//!
//! One process owns the file, and does one thing at a time under a key: a row without an answer is a dead process' (or
//! one's whose answer the disk refused), and whoever asks next takes it over. So no owner stands in it.

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    apply::Apply,
    forms::{blob, blob_of, id, key, trouble},
    park::Brought,
};
use crate::{
    Deed, Did, Error, Hash, Id, KEPT_MS, Kept, Key, NewRun, Once, Reopened, Signalled, Status,
    forms::EXPIRED, once::Taken,
};

/// What a request under that key would find without doing anything.
pub(super) fn answered(db: &Connection, asked: &Key) -> Result<Option<Once>, Error> {
    Ok(row(db, asked)?.and_then(|row| row.found(asked)))
}

fn row(db: &Connection, asked: &Key) -> Result<Option<Taken>, Error> {
    let sql = "SELECT body, run, answer FROM once WHERE name = ?1 AND at > ?2";
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Option<[u8; 16]>>(1)?, row.get(2)?));
    let since = asked.at_ms - KEPT_MS;
    let found = found.query_row(params![asked.name.0, since], row).optional().map_err(trouble)?;
    let Some((body, run, answer)) = found else { return Ok(None) };
    let answer: Option<Vec<u8>> = answer;
    let answer = answer.map(|answer| blob_of(&answer)).transpose()?;
    // Nobody else has the file.
    Ok(Some(Taken { body: Hash(body), run: run.map(id), answer, held: false }))
}

impl Apply<'_> {
    /// Does it unless it was done. What was refused takes no key.
    pub(super) fn once(&mut self, asked: &Key, deed: &Deed, answer: Option<&Kept>) -> Result<Once, Error> {
        let row = row(self.db, asked)?;
        if let Some(found) = row.as_ref().and_then(|row| row.found(asked)) {
            return Ok(found);
        }
        let did = self.deed(deed, row.and_then(|row| row.run))?;
        let Some((run, answer)) = deed.keeps(did, answer) else { return Ok(Once::Did(did)) };
        self.run(
            "INSERT OR REPLACE INTO once (name, body, run, at, answer) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![asked.name.0, asked.body.0, run.map(key), asked.at_ms, answer.map(blob).transpose()?],
        )?;
        self.run(
            "DELETE FROM once WHERE rowid IN (SELECT rowid FROM once WHERE at <= ?1 ORDER BY at LIMIT ?2)",
            params![asked.at_ms - KEPT_MS, EXPIRED],
        )?;
        Ok(Once::Did(did))
    }

    /// `before`: the run that a dead process took the key for.
    pub(super) fn deed(&mut self, deed: &Deed, before: Option<Id>) -> Result<Did, Error> {
        Ok(match deed {
            Deed::Take(run) => Did::Taken(before.unwrap_or(*run)),
            Deed::Start(new) if !self.may_try_again(new)? => Did::Reopened(Reopened::NotOver),
            Deed::Start(new) => Did::Started(self.start_unique(new)?),
            Deed::Reopen { run, moved, at_ms } => Did::Reopened(self.reopen(*run, moved.as_ref(), *at_ms)?),
            Deed::Signal { run, name, body } => {
                let brought = Brought { run: *run, name: name.clone(), body: body.clone(), once: false };
                Did::Signalled(self.signal(&brought)?)
            }
            Deed::Answer { run, .. } if before == Some(*run) => Did::Signalled(Signalled::Kept),
            Deed::Answer { run, name, body } => {
                let brought = Brought { run: *run, name: name.clone(), body: body.clone(), once: true };
                Did::Signalled(self.signal(&brought)?)
            }
            Deed::Cancel { run, at_ms } => Did::Cancelled(self.ask_to_end(*run, true, *at_ms)?),
            Deed::Record(action) => Did::Recorded(self.record(action)?),
        })
    }

    /// Whether a run that it tries again from the start, if it does, is over and has not succeeded.
    fn may_try_again(&self, new: &NewRun) -> Result<bool, Error> {
        let Some(old) = new.retry_of else { return Ok(true) };
        Ok(self.ended_as(old)?.is_some_and(|status| status != Status::Succeeded))
    }

    /// The answer to whoever has the key; None: it is not kept, and the key is free again.
    pub(super) fn keep(&mut self, name: Hash, answer: Option<&Kept>) -> Result<(), Error> {
        match answer {
            Some(kept) => {
                self.run("UPDATE once SET answer = ?2 WHERE name = ?1", params![name.0, blob(kept)?])?
            }
            None => self.run("DELETE FROM once WHERE name = ?1", params![name.0])?,
        };
        Ok(())
    }
}
