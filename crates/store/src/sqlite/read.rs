//! Reads: a page at a time, on connections of their own, so that no reader holds the WAL.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    forms::{blob_of, id, key, status_of, trouble},
    memory::{Crashes, Ready},
};
use crate::{
    Blob, Checkpoint, End, Entries, Error, Filter, Hash, Heard, Id, Item, Log, NewRun, Page, Parked, Run,
    Status,
};

/// Rows that one page of a filtered list looks at.
const LOOKED_AT_MAX: usize = 2_000;

type Found<T> = Result<T, Error>;

pub(super) fn item(db: &Connection, item: Id) -> Found<Option<Item>> {
    let mut found = db.prepare_cached("SELECT body FROM items WHERE id = ?1").map_err(trouble)?;
    let body: Option<Vec<u8>> =
        found.query_row(params![key(item)], |row| row.get(0)).optional().map_err(trouble)?;
    body.map(|body| blob_of(&body)).transpose()
}

pub(super) fn start(db: &Connection, run: Id) -> Found<Option<Arc<NewRun>>> {
    let mut found = db.prepare_cached("SELECT start FROM starts WHERE id = ?1").map_err(trouble)?;
    let body: Option<Vec<u8>> =
        found.query_row(params![key(run)], |row| row.get(0)).optional().map_err(trouble)?;
    body.map(|body| blob_of(&body).map(Arc::new)).transpose()
}

/// A live run as it goes back to its lane.
pub(super) fn ready(db: &Connection, run: Id) -> Found<Option<Ready>> {
    let Some(start) = start(db, run)? else { return Ok(None) };
    let sql = "SELECT cancel_at IS NOT NULL, attempts, started_at, crashes, alone, worked, stored, parked_by FROM live WHERE run = ?1";
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let row = |row: &rusqlite::Row<'_>| {
        let (cancel, attempts, started_at_ms): (_, _, Option<i64>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let crashes = Crashes { count: row.get(3)?, alone: row.get(4)? };
        let number = |at: usize| row.get::<_, i64>(at).map(|number| number as u64);
        let worked_ms = number(5)?;
        let parked = Some(Parked { stored_bytes: number(6)?, epoch: number(7)? });
        // One that was put off comes up without anybody having had it.
        let journal = started_at_ms.is_some();
        Ok(Ready { start, journal, cancel, attempts, started_at_ms, worked_ms, parked, crashes })
    };
    found.query_row(params![key(run)], row).optional().map_err(trouble)
}

/// When the end of a live run was asked for, and whether what it started is to go on.
pub(super) fn asked(db: &Connection, run: Id) -> Found<(Option<i64>, bool)> {
    let sql = "SELECT cancel_at, keep_children FROM live WHERE run = ?1";
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(found.query_row(params![key(run)], row).optional().map_err(trouble)?.unwrap_or_default())
}

pub(super) fn heard(db: &Connection, run: Id, name: &str) -> Found<Heard> {
    let sql = "SELECT body FROM signals WHERE run = ?1 AND name = ?2";
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let body: Option<Option<Vec<u8>>> =
        found.query_row(params![key(run), name], |row| row.get(0)).optional().map_err(trouble)?;
    Ok(match body {
        None => Heard::Never,
        Some(None) => Heard::Taken,
        Some(Some(body)) => Heard::Kept(blob_of(&body)?),
    })
}

/// A run as the tables have it; who holds it is memory's to say.
pub(super) fn run(db: &Connection, start: Arc<NewRun>) -> Found<Run> {
    let mut found = db.prepare_cached("SELECT status, body FROM ended WHERE run = ?1").map_err(trouble)?;
    let end: Option<(u8, Vec<u8>)> = found
        .query_row(params![key(start.id)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(trouble)?;
    if let Some((status, body)) = end {
        let end: End = blob_of(&body)?;
        let started_at_ms = Some(end.started_at_ms);
        let end = Some(Arc::new(end));
        return Ok(Run {
            start,
            status: status_of(status),
            started_at_ms,
            attempts: end.as_ref().map_or(0, |end| end.attempts),
            cancel_at_ms: end.as_ref().and_then(|end| end.cancel_at_ms),
            wake_at_ms: None,
            host: None,
            blocked_by: None,
            end,
        });
    }
    let mut found =
        db.prepare_cached("SELECT cancel_at, attempts, started_at, parks.status, wake_at, host FROM live LEFT JOIN parks ON parks.run = live.run WHERE live.run = ?1").map_err(trouble)?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok((
            row.get(0)?,
            row.get::<_, u32>(1)?,
            row.get(2)?,
            row.get::<_, Option<u8>>(3)?,
            row.get(4)?,
            row.get::<_, Option<String>>(5)?,
        ))
    };
    let live = found.query_row(params![key(start.id)], row).optional().map_err(trouble)?;
    let (cancel_at_ms, failed, started_at_ms, parked, wake_at_ms, host) = live.unwrap_or_default();
    let status = parked.map_or(Status::Queued, status_of);
    // The attempt under way is counted too, once it has begun; a delayed one has not.
    let attempts = failed + u32::from(status == Status::Waiting);
    let host = host.map(Arc::from);
    Ok(Run {
        start,
        status,
        started_at_ms,
        attempts,
        wake_at_ms,
        host,
        blocked_by: None,
        cancel_at_ms,
        end: None,
    })
}

pub(super) fn children(db: &Connection, parent: Id) -> Found<Vec<Run>> {
    runs_of(db, "SELECT run FROM children WHERE parent = ?1 ORDER BY run LIMIT 1000", params![key(parent)])
}

fn runs_of(db: &Connection, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Found<Vec<Run>> {
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let ids: Result<Vec<Id>, _> =
        found.query_map(values, |row| row.get(0).map(id)).map_err(trouble)?.collect();
    let mut runs = Vec::new();
    for id in ids.map_err(trouble)? {
        if let Some(start) = start(db, id)? {
            runs.push(run(db, start)?);
        }
    }
    Ok(runs)
}

pub(super) fn mine(db: &Connection, system: &str, user: &str, cursor: Option<&str>) -> Found<Page<Run>> {
    let before = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(Id(u128::MAX));
    let sql = "SELECT run FROM mine WHERE system = ?1 AND user = ?2 AND run < ?3 ORDER BY run DESC LIMIT 50";
    let items = runs_of(db, sql, params![system, user, key(before)])?;
    let cursor = (items.len() == 50).then(|| items[49].start.id.to_string());
    Ok(Page { items, cursor })
}

/// What memory knows of live runs.
pub(super) struct Live<'a> {
    /// Those that somebody holds: they run, and no table says so.
    pub(super) held: Vec<Id>,
    /// Where one stands.
    pub(super) status: &'a dyn Fn(&mut Run),
}

/// Newest first.
pub(super) fn runs(db: &Connection, filter: &Filter, live: Live<'_>) -> Found<Page<Run>> {
    let limit = if filter.limit == 0 { 50 } else { filter.limit };
    let cursor = filter.cursor.as_deref().and_then(|cursor| cursor.parse().ok());
    let before = filter.before_ms.map(first_of).into_iter().chain(cursor).min().unwrap_or(Id(u128::MAX));
    let after = filter.after_ms.map_or(Id::default(), first_of);
    let look = |start: Arc<NewRun>| {
        if !filter.fits(&start) {
            return Ok(None);
        }
        let mut run = run(db, start)?;
        (live.status)(&mut run);
        Ok::<_, Error>(filter.stands_so(&run).then_some(run))
    };
    let (mut items, mut last, mut looked_at) = (Vec::new(), None, 0);
    if filter.status == Some(Status::Running) {
        let mut held = live.held;
        held.retain(|run| (after..before).contains(run));
        held.sort_unstable_by_key(|run| std::cmp::Reverse(*run));
        for run in held {
            last = Some(run);
            items.extend(start(db, run)?.map(look).transpose()?.flatten());
            if items.len() == limit {
                break;
            }
        }
    } else {
        let mut found = db.prepare_cached(those(filter)).map_err(trouble)?;
        let mut rows =
            found.query(params![key(before), key(after), LOOKED_AT_MAX as i64]).map_err(trouble)?;
        while items.len() < limit
            && let Some(row) = rows.next().map_err(trouble)?
        {
            looked_at += 1;
            last = Some(id(row.get(0).map_err(trouble)?));
            let body: Vec<u8> = row.get(1).map_err(trouble)?;
            items.extend(look(Arc::new(blob_of(&body)?))?);
        }
    }
    let more = items.len() == limit || looked_at == LOOKED_AT_MAX;
    Ok(Page { items, cursor: last.filter(|_| more).map(|id| id.to_string()) })
}

/// The smallest id of that millisecond.
fn first_of(ms: i64) -> Id {
    Id((ms.max(0) as u128) << 80)
}

/// What has not ended is in a small table of its own, and what failed or was cancelled is marked among what has.
fn those(filter: &Filter) -> &'static str {
    match filter.status {
        Some(Status::Failed) => {
            "SELECT starts.id, starts.start FROM ends JOIN starts ON starts.id = ends.run \
             WHERE ends.status = 4 AND ends.run < ?1 AND ends.run >= ?2 ORDER BY ends.run DESC LIMIT ?3"
        }
        Some(Status::Cancelled) => {
            "SELECT starts.id, starts.start FROM ends JOIN starts ON starts.id = ends.run \
             WHERE ends.status = 5 AND ends.run < ?1 AND ends.run >= ?2 ORDER BY ends.run DESC LIMIT ?3"
        }
        None | Some(Status::Succeeded) if !filter.live => {
            "SELECT id, start FROM starts WHERE id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT ?3"
        }
        _ => {
            "SELECT starts.id, starts.start FROM live JOIN starts ON starts.id = live.run \
             WHERE live.run < ?1 AND live.run >= ?2 ORDER BY live.run DESC LIMIT ?3"
        }
    }
}

pub(super) fn logs(db: &Connection, run: Id) -> Found<Vec<Log>> {
    blobs(db, "SELECT line FROM logs WHERE run = ?1 ORDER BY n LIMIT 1000", params![key(run)])
}

pub(super) fn blobs<T: serde::de::DeserializeOwned>(
    db: &Connection,
    sql: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Found<Vec<T>> {
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let bodies: Result<Vec<Vec<u8>>, _> =
        found.query_map(values, |row| row.get(0)).map_err(trouble)?.collect();
    bodies.map_err(trouble)?.iter().map(|body| blob_of(body)).collect()
}

/// The newest (or the oldest kept) checkpoint and the entries after it.
pub(super) fn journal(db: &Connection, run: Id, newest: bool) -> Found<(Option<Checkpoint>, Vec<Entries>)> {
    let order = if newest { "DESC" } else { "ASC" };
    let sql = format!("SELECT at, bytes, needs FROM checkpoints WHERE run = ?1 ORDER BY at {order} LIMIT 1");
    let mut found = db.prepare_cached(&sql).map_err(trouble)?;
    let row = |row: &rusqlite::Row<'_>| {
        let needs = hashes(&row.get::<_, Vec<u8>>(2)?);
        Ok(Checkpoint { at: row.get::<_, i64>(0)? as u64, bytes: row.get(1)?, needs, blobs: Vec::new() })
    };
    let mut checkpoint = found.query_row(params![key(run)], row).optional().map_err(trouble)?;
    if !newest {
        // A journal that is whole needs no checkpoint to be replayed.
        let mut first = db.prepare_cached("SELECT min(at) FROM journal WHERE run = ?1").map_err(trouble)?;
        let at: Option<i64> = first.query_row(params![key(run)], |row| row.get(0)).map_err(trouble)?;
        checkpoint = checkpoint.filter(|_| at != Some(0));
    }
    if let Some(checkpoint) = &mut checkpoint {
        checkpoint.blobs = blobs_of(db, run, &checkpoint.needs)?;
    }
    let from = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.at) as i64;
    let sql = "SELECT at, count, bytes FROM journal WHERE run = ?1 AND at + count > ?2 \
               UNION ALL SELECT at, count, bytes FROM ends WHERE run = ?1 AND bytes IS NOT NULL ORDER BY at";
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let rows = found
        .query_map(params![key(run), from], |row| {
            Ok(Entries { at: row.get::<_, i64>(0)? as u64, count: row.get(1)?, bytes: row.get(2)? })
        })
        .map_err(trouble)?;
    let entries: Result<Vec<_>, _> = rows.collect();
    Ok((checkpoint, entries.map_err(trouble)?))
}

/// Hashes that lie one after the other.
pub(super) fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks().0.iter().copied().map(Hash).collect()
}

/// Those that are there; whoever reads the state misses the others.
fn blobs_of(db: &Connection, run: Id, needs: &[Hash]) -> Found<Vec<Blob>> {
    let sql = "SELECT bytes FROM blobs WHERE run = ?1 AND hash = ?2";
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let mut blobs = Vec::with_capacity(needs.len());
    for Hash(hash) in needs.iter().copied() {
        let bytes = found.query_row(params![key(run), hash], |row| row.get(0)).optional().map_err(trouble)?;
        blobs.extend(bytes.map(|bytes| Blob { hash, bytes }));
    }
    Ok(blobs)
}

/// What a run's journal holds, bytes.
pub(super) fn stored_bytes(db: &Connection, run: Id) -> Found<i64> {
    let sql = "SELECT (SELECT total(length(bytes)) FROM journal WHERE run = ?1) + (SELECT total(length(bytes)) FROM blobs WHERE run = ?1) \
               + (SELECT total(length(bytes) + length(needs)) FROM checkpoints WHERE run = ?1) \
               + (SELECT total(length(bytes)) FROM ends WHERE run = ?1)";
    let mut found = db.prepare_cached(sql).map_err(trouble)?;
    let bytes: f64 = found.query_row(params![key(run)], |row| row.get(0)).map_err(trouble)?;
    Ok(bytes as i64)
}

/// What moves, and what ended within the hour; or all that changed since.
pub(super) fn items(db: &Connection, system: &str, since: u64, now_us: u64) -> Found<Vec<Item>> {
    if since > 0 {
        let sql = "SELECT body FROM items WHERE system = ?1 AND changed > ?2 ORDER BY changed LIMIT 1000";
        return blobs(db, sql, params![system, since as i64]);
    }
    let hour_ago = now_us.saturating_sub(3_600_000_000);
    let sql = "SELECT body FROM items WHERE system = ?1 AND (ended = 0 OR changed > ?2) ORDER BY changed LIMIT 1000";
    blobs(db, sql, params![system, hour_ago as i64])
}

pub(super) fn items_of(db: &Connection, root: Id) -> Found<Vec<Item>> {
    blobs(db, "SELECT body FROM items WHERE root = ?1 ORDER BY id LIMIT 1000", params![key(root)])
}
