//! Reads: a page at a time, on connections of their own.

use std::sync::Arc;

use tokio_postgres::Row;

use super::{
    end::{Packed, checkpoint, hashes},
    link::{Done, Link, Uid, get, id},
    tx::start,
};
use crate::{
    Blob, Checkpoint, End, Entries, Error, Filter, Hash, Heard, Id, Log, Page, Run, Status,
    forms::{blob_of, status_of},
};

/// Rows that one page of a filtered list looks at.
const LOOKED_AT_MAX: usize = 2_000;

/// What a live run's journal holds, bytes.
pub(super) const STORED: &str = "SELECT ((SELECT coalesce(sum(length(bytes)), 0) FROM journal WHERE run = $1) + (SELECT coalesce(sum(length(bytes)), 0) FROM blobs WHERE run = $1) \
    + (SELECT coalesce(sum(length(bytes) + length(needs)), 0) FROM checkpoints WHERE run = $1))::bigint";

/// Columns of a run, live or ended: see [`run_of`].
const LIVE: &str = "SELECT runs.id, runs.start, live.worker IS NOT NULL, live.cancel_at, coalesce(live.attempts, 0), live.started_at, parks.status, parks.wake_at, \
    (SELECT limits.used FROM blocked JOIN limits USING (system, workflow, key) WHERE blocked.run = runs.id), live.run IS NOT NULL, NULL::smallint, NULL::bytea, parks.host \
  FROM runs LEFT JOIN live ON live.run = runs.id LEFT JOIN parks ON parks.run = runs.id";

const ENDED: &str = "SELECT ended.run, ended.start, false, NULL::bigint, 0, NULL::bigint, NULL::smallint, NULL::bigint, NULL::integer, false, ended.status, ended.body, NULL::text FROM ended";

fn run_of(row: &Row) -> Result<Run, Error> {
    let start = start(row, 1)?;
    if let Some(code) = get::<Option<i16>>(row, 10)? {
        let end: End = blob_of(get(row, 11)?)?;
        return Ok(Run {
            start,
            status: status_of(code as u8),
            started_at_ms: Some(end.started_at_ms),
            attempts: end.attempts,
            cancel_at_ms: end.cancel_at_ms,
            wake_at_ms: None,
            host: None,
            blocked_by: None,
            end: Some(Arc::new(end)),
        });
    }
    let (held, failed, started_at_ms): (bool, i32, Option<i64>) = (get(row, 2)?, get(row, 4)?, get(row, 5)?);
    let parked: Option<i16> = get(row, 6)?;
    let status = match parked {
        Some(code) => status_of(code as u8),
        None if held => Status::Running,
        None => Status::Queued,
    };
    // The attempt under way is counted too, once it has begun; a delayed one has not.
    let begun = match parked {
        Some(_) => status == Status::Waiting,
        None => get(row, 9)?,
    };
    let blocked: Option<i32> = get(row, 8)?;
    Ok(Run {
        start,
        status,
        started_at_ms,
        attempts: failed as u32 + u32::from(begun),
        cancel_at_ms: get(row, 3)?,
        wake_at_ms: get(row, 7)?,
        host: get::<Option<&str>>(row, 12)?.map(Arc::from),
        blocked_by: blocked.map(|used| used as u32),
        end: None,
    })
}

/// A statement that is put together of the parts above; each is made once.
macro_rules! both {
    ($live:literal, $ended:literal, $rest:literal) => {{
        static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
            format!("({LIVE} {}) UNION ALL ({ENDED} {}) {}", $live, $ended, $rest)
        });
        SQL.as_str()
    }};
    (live $live:literal) => {{
        static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("{LIVE} {}", $live));
        SQL.as_str()
    }};
    (ended $ended:literal) => {{
        static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("{ENDED} {}", $ended));
        SQL.as_str()
    }};
}

pub(super) async fn run(db: &Link, run: Id) -> Done<Option<Run>> {
    // One statement, one snapshot: it is in one of the two.
    let sql = both!("WHERE runs.id = $1", "WHERE ended.run = $1", "LIMIT 1");
    Ok(db.one(sql, &[&Uid(run)]).await?.as_ref().map(run_of).transpose()?)
}

pub(super) async fn children(db: &Link, parent: Id) -> Done<Vec<Run>> {
    let sql = both!(
        "WHERE runs.parent = $1 ORDER BY runs.id LIMIT 1000",
        "WHERE ended.parent = $1 ORDER BY ended.run LIMIT 1000",
        "ORDER BY 1 LIMIT 1000"
    );
    all(&db.rows(sql, &[&Uid(parent)]).await?)
}

fn all(rows: &[Row]) -> Done<Vec<Run>> {
    Ok(rows.iter().map(run_of).collect::<Result<_, Error>>()?)
}

pub(super) async fn mine(db: &Link, system: &str, user: &str, cursor: Option<&str>) -> Done<Page<Run>> {
    let before = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(Id(u128::MAX));
    let sql = both!(
        "WHERE runs.system = $1 AND runs.usr = $2 AND runs.id < $3 ORDER BY runs.id DESC LIMIT 50",
        "WHERE ended.system = $1 AND ended.usr = $2 AND ended.run < $3 ORDER BY ended.run DESC LIMIT 50",
        "ORDER BY 1 DESC LIMIT 50"
    );
    let items = all(&db.rows(sql, &[&system, &user, &Uid(before)]).await?)?;
    let cursor = (items.len() == 50).then(|| items[49].start.id.to_string());
    Ok(Page { items, cursor })
}

/// Newest first.
pub(super) async fn runs(db: &Link, filter: &Filter) -> Done<Page<Run>> {
    let limit = if filter.limit == 0 { 50 } else { filter.limit };
    let cursor = filter.cursor.as_deref().and_then(|cursor| cursor.parse().ok());
    let mut before = filter.before_ms.map(first_of).into_iter().chain(cursor).min().unwrap_or(Id(u128::MAX));
    let after = filter.after_ms.map_or(Id::default(), first_of);
    let (mut items, mut looked_at) = (Vec::new(), 0);
    // Few at first, as most pages are full of them.
    let mut page = limit + 1;
    loop {
        let rows = db.rows(those(filter), &[&Uid(before), &Uid(after), &(page as i64)]).await?;
        for row in &rows {
            looked_at += 1;
            before = id(row, 0)?;
            let run = run_of(row)?;
            if filter.fits(&run.start) && filter.stands_so(&run) {
                items.push(run);
            }
            if items.len() == limit || looked_at == LOOKED_AT_MAX {
                return Ok(Page { items, cursor: Some(before.to_string()) });
            }
        }
        if rows.len() < page {
            return Ok(Page { items, cursor: None });
        }
        page = (page * 4).min(LOOKED_AT_MAX - looked_at);
    }
}

/// The smallest id of that millisecond.
fn first_of(ms: i64) -> Id {
    Id((ms.max(0) as u128) << 80)
}

/// What has not ended is in tables of its own, and what failed or was cancelled is marked among what has.
fn those(filter: &Filter) -> &'static str {
    match filter.status {
        Some(Status::Failed) => {
            both!(ended "WHERE ended.status = 4 AND ended.run < $1 AND ended.run >= $2 ORDER BY ended.run DESC LIMIT $3")
        }
        Some(Status::Cancelled) => {
            both!(ended "WHERE ended.status = 5 AND ended.run < $1 AND ended.run >= $2 ORDER BY ended.run DESC LIMIT $3")
        }
        Some(Status::Running) => {
            both!(live "WHERE live.worker IS NOT NULL AND live.run < $1 AND live.run >= $2 ORDER BY live.run DESC LIMIT $3")
        }
        None | Some(Status::Succeeded) if !filter.live => both!(
            "WHERE runs.id < $1 AND runs.id >= $2 ORDER BY runs.id DESC LIMIT $3",
            "WHERE ended.run < $1 AND ended.run >= $2 ORDER BY ended.run DESC LIMIT $3",
            "ORDER BY 1 DESC LIMIT $3"
        ),
        _ => both!(live "WHERE runs.id < $1 AND runs.id >= $2 ORDER BY runs.id DESC LIMIT $3"),
    }
}

/// What is packed of a run that has ended; None: it has not.
async fn packed(db: &Link, run: Id) -> Done<Option<Packed>> {
    let row = db.one("SELECT journal FROM ended WHERE run = $1", &[&Uid(run)]).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Packed::of(get(&row, 0)?)?))
}

pub(super) async fn heard(db: &Link, run: Id, name: &str) -> Done<Heard> {
    let row = db.one("SELECT body FROM signals WHERE run = $1 AND name = $2", &[&Uid(run), &name]).await?;
    let body: Option<Option<Vec<u8>>> = match row {
        Some(row) => Some(get(&row, 0)?),
        None => packed(db, run)
            .await?
            .and_then(|pack| pack.signals.into_iter().find(|(known, _)| known == name).map(|(_, body)| body)),
    };
    Ok(match body {
        None => Heard::Never,
        Some(None) => Heard::Taken,
        Some(Some(body)) => Heard::Kept(blob_of(&body)?),
    })
}

pub(super) async fn logs(db: &Link, run: Id) -> Done<Vec<Log>> {
    let rows = db.rows("SELECT line FROM logs WHERE run = $1 ORDER BY n LIMIT 1000", &[&Uid(run)]).await?;
    let mut logs: Vec<Log> = super::tx::bodies(&rows)?;
    if logs.is_empty() {
        logs = packed(db, run).await?.map(|pack| pack.logs).unwrap_or_default();
    }
    Ok(logs)
}

pub(super) async fn stored_bytes(db: &Link, run: Id) -> Done<u64> {
    if let Some(pack) = packed(db, run).await? {
        let states = pack.checkpoints.iter().map(|(_, bytes, needs)| bytes.len() + 32 * needs.len());
        let sizes = pack.entries.iter().map(|entries| entries.bytes.len()).chain(states);
        return Ok(sizes.chain(pack.blobs.iter().map(|(_, bytes)| bytes.len())).sum::<usize>() as u64);
    }
    let row = db.one(STORED, &[&Uid(run)]).await?;
    Ok(row.map(|row| get::<i64>(&row, 0)).transpose()?.map_or(0, |bytes| bytes as u64))
}

/// The newest (or the oldest kept) checkpoint and the entries after it.
pub(super) async fn journal(db: &Link, run: Id, newest: bool) -> Done<(Option<Checkpoint>, Vec<Entries>)> {
    if let Some(pack) = packed(db, run).await? {
        return Ok(of_packed(&pack, newest));
    }
    let sql = match newest {
        true => "SELECT at, bytes, needs FROM checkpoints WHERE run = $1 ORDER BY at DESC LIMIT 1",
        false => "SELECT at, bytes, needs FROM checkpoints WHERE run = $1 ORDER BY at LIMIT 1",
    };
    let row = db.one(sql, &[&Uid(run)]).await?;
    let state = |row: &Row| -> Result<Checkpoint, Error> {
        Ok(Checkpoint {
            at: get::<i64>(row, 0)? as u64,
            bytes: get(row, 1)?,
            needs: hashes(get(row, 2)?),
            blobs: Vec::new(),
        })
    };
    let mut checkpoint = row.as_ref().map(state).transpose()?;
    if !newest && checkpoint.is_some() {
        // A journal that is whole needs no checkpoint to be replayed.
        let first = db.one("SELECT min(at) FROM journal WHERE run = $1", &[&Uid(run)]).await?;
        let first: Option<i64> = first.map(|row| get(&row, 0)).transpose()?.flatten();
        checkpoint = checkpoint.filter(|_| first != Some(0));
    }
    if let Some(checkpoint) = &mut checkpoint {
        checkpoint.blobs = blobs_of(db, run, &checkpoint.needs).await?;
    }
    let from = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.at) as i64;
    let sql = "SELECT at, count, bytes FROM journal WHERE run = $1 AND at + count > $2 ORDER BY at";
    let entry = |row: &Row| -> Result<Entries, Error> {
        Ok(Entries { at: get::<i64>(row, 0)? as u64, count: get::<i32>(row, 1)? as u32, bytes: get(row, 2)? })
    };
    let rows = db.rows(sql, &[&Uid(run), &from]).await?;
    Ok((checkpoint, rows.iter().map(entry).collect::<Result<_, _>>()?))
}

fn of_packed(pack: &Packed, newest: bool) -> (Option<Checkpoint>, Vec<Entries>) {
    let whole = pack.entries.first().is_some_and(|first| first.at == 0);
    let place = match newest {
        true => pack.checkpoints.len().checked_sub(1),
        false => (!pack.checkpoints.is_empty() && !whole).then_some(0),
    };
    let found = place.and_then(|place| checkpoint(pack, place));
    let from = found.as_ref().map_or(0, |checkpoint| checkpoint.at);
    let after = pack.entries.iter().filter(|entries| entries.at + u64::from(entries.count) > from);
    (found, after.cloned().collect())
}

/// Those that are there; whoever reads the state misses the others.
async fn blobs_of(db: &Link, run: Id, needs: &[Hash]) -> Done<Vec<Blob>> {
    if needs.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<Vec<u8>> = needs.iter().map(|hash| hash.0.to_vec()).collect();
    let rows = db
        .rows("SELECT hash, bytes FROM blobs WHERE run = $1 AND hash = ANY($2)", &[&Uid(run), &names])
        .await?;
    let mut found = std::collections::HashMap::new();
    for row in &rows {
        found.insert(hashes(get(row, 0)?).pop().unwrap_or_default(), get::<Vec<u8>>(row, 1)?);
    }
    Ok(needs.iter().filter_map(|hash| Some(Blob { hash: hash.0, bytes: found.get(hash)?.clone() })).collect())
}
