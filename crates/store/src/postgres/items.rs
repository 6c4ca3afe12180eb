//! Progress items as they are read.

use super::{
    link::{Done, Link, Uid},
    tx::{bodies, body},
};
use crate::{Id, Item};

/// Two machines that write at once may be told of in either order: whoever asks what changed since gets what changed a little before as
/// well, microseconds.
const OVERLAP_US: u64 = 5_000_000;

/// What moves, and what ended within the hour; or all that changed since.
pub(super) async fn items(db: &Link, system: &str, since: u64, now_us: u64, alone: bool) -> Done<Vec<Item>> {
    if since > 0 {
        let since = if alone { since } else { since.saturating_sub(OVERLAP_US) };
        let sql = "SELECT body FROM items WHERE system = $1 AND changed > $2 ORDER BY changed LIMIT 1000";
        return Ok(bodies(&db.rows(sql, &[&system, &(since as i64)]).await?)?);
    }
    let hour_ago = now_us.saturating_sub(3_600_000_000) as i64;
    let sql = "SELECT body FROM items WHERE system = $1 AND (NOT ended OR changed > $2) AND changed > 0 ORDER BY changed LIMIT 1000";
    Ok(bodies(&db.rows(sql, &[&system, &hour_ago]).await?)?)
}

pub(super) async fn item(db: &Link, id: Id) -> Done<Option<Item>> {
    Ok(body(db.one("SELECT body FROM items WHERE id = $1 AND changed > 0", &[&Uid(id)]).await?.as_ref())?)
}

pub(super) async fn items_of(db: &Link, root: Id) -> Done<Vec<Item>> {
    let sql = "SELECT body FROM items WHERE root = $1 AND changed > 0 ORDER BY id LIMIT 1000";
    Ok(bodies(&db.rows(sql, &[&Uid(root)]).await?)?)
}
