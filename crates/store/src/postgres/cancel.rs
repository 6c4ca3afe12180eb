//! The end of runs on request, and of what they started: a worklist, so that neither a deep nor a wide tree costs more than a
//! page at a time.
//!
//! ```text
//! asked --> idle: ends at once -----------------------------------> its live children are asked, the same way
//!       \-> held: keeps the wish, which outlives a crash --> ends --/
//! ```

use super::{
    batch::Hold,
    end::{Ending, Held},
    link::{Done, Fault, Uid, get, id},
    tx::Tx,
};
use crate::{Cancelled, Change, End, Id, NewRun, Status, forms::status_of};

/// Children that are asked in one transaction; the rest are asked in the next.
const PAGE: usize = 500;

/// A run whose live children are to end, and the one of them that was asked last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doomed {
    pub(super) run: Id,
    pub(super) after: Id,
    pub(super) at_ms: i64,
}

/// What a live run was found as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Held,
    /// It holds a place behind its limit, if it has one.
    Ready,
    Parked(Status),
    Blocked,
}

/// What is known of a run that somebody has had.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Begun {
    pub(super) there: bool,
    pub(super) cancel_at_ms: Option<i64>,
    pub(super) keep_children: bool,
    pub(super) attempts: u32,
    pub(super) started_at_ms: Option<i64>,
}

impl Tx<'_> {
    /// Where a live run stands, until the transaction is over, and taken out from there if nobody holds it and `take`; None: it does not live.
    pub(super) async fn find(&mut self, run: Id, take: bool) -> Done<Option<(Found, Begun)>> {
        let uid = Uid(run);
        // Between two looks a claim or a park may have moved it; each look waits for the one who does.
        for _ in 0..10 {
            let sql = "SELECT worker IS NOT NULL, cancel_at, keep_children, attempts, started_at FROM live WHERE run = $1 FOR UPDATE";
            let live = self.one(sql, &[&uid]).await?;
            let mut begun = Begun::default();
            if let Some(row) = &live {
                begun = Begun {
                    there: true,
                    cancel_at_ms: get(row, 1)?,
                    keep_children: get(row, 2)?,
                    attempts: get::<i32>(row, 3)? as u32,
                    started_at_ms: get(row, 4)?,
                };
                if get(row, 0)? {
                    return Ok(Some((Found::Held, begun)));
                }
            }
            let Some(row) = self.one("SELECT lane, prio FROM runs WHERE id = $1 FOR UPDATE", &[&uid]).await?
            else {
                return Ok(None);
            };
            let (lane, prio): (i32, i32) = (get(&row, 0)?, get(&row, 1)?);
            let ready = match take {
                true => {
                    self.run(
                        "DELETE FROM ready WHERE lane = $1 AND prio = $2 AND run = $3",
                        &[&lane, &prio, &uid],
                    )
                    .await?
                        > 0
                }
                false => {
                    self.has(
                        "SELECT 1 FROM ready WHERE lane = $1 AND prio = $2 AND run = $3 FOR UPDATE",
                        &[&lane, &prio, &uid],
                    )
                    .await?
                }
            };
            if ready {
                return Ok(Some((Found::Ready, begun)));
            }
            let parked = match take {
                true => self.one("DELETE FROM parks WHERE run = $1 RETURNING status", &[&uid]).await?,
                false => self.one("SELECT status FROM parks WHERE run = $1 FOR UPDATE", &[&uid]).await?,
            };
            if let Some(row) = parked {
                return Ok(Some((Found::Parked(status_of(get::<i16>(&row, 0)? as u8)), begun)));
            }
            let blocked = match take {
                true => self.run("DELETE FROM blocked WHERE run = $1", &[&uid]).await? > 0,
                false => self.has("SELECT 1 FROM blocked WHERE run = $1", &[&uid]).await?,
            };
            if blocked {
                return Ok(Some((Found::Blocked, begun)));
            }
        }
        Err(Fault::Again)
    }

    /// The end of a run: at once, unless a worker holds it. `children`: and of all that it started.
    pub(super) async fn ask_to_end(&mut self, run: Id, children: bool, at_ms: i64) -> Done<Cancelled> {
        match self.find(run, true).await? {
            Some((Found::Held, _)) => {
                // Its children go on until it has ended: else it might see them end first, and fail of it.
                let sql =
                    "UPDATE live SET cancel_at = coalesce(cancel_at, $2), keep_children = $3 WHERE run = $1";
                self.run(sql, &[&Uid(run), &at_ms, &!children]).await?;
                self.change(Change::Cancel(run));
                Ok(Cancelled::Asked)
            }
            Some((found, begun)) => {
                self.cancel(run, (found, begun), children, at_ms).await?;
                Ok(Cancelled::Ended)
            }
            None => {
                let known = self.has("SELECT 1 FROM ended WHERE run = $1", &[&Uid(run)]).await?;
                Ok(if known { Cancelled::Over } else { Cancelled::Unknown })
            }
        }
    }

    /// The end of a run that nobody holds, and that was taken out from where it stood.
    pub(super) async fn cancel(
        &mut self,
        run: Id,
        (found, begun): (Found, Begun),
        children: bool,
        at_ms: i64,
    ) -> Done<()> {
        // One whose next attempt is delayed has not begun it.
        let under_way = begun.started_at_ms.is_some() && found != Found::Parked(Status::Queued);
        let end = End {
            attempts: begun.attempts + u32::from(under_way),
            cancel_at_ms: Some(at_ms),
            ..End::new(Status::Cancelled, begun.started_at_ms.unwrap_or(at_ms), at_ms)
        };
        if matches!(found, Found::Parked(_) | Found::Blocked) {
            self.without_a_place.insert(run);
        }
        let hold = Hold {
            cancel_at_ms: begun.cancel_at_ms,
            keep_children: !children || begun.keep_children,
            heard: true,
        };
        let held = Held::Seen(hold);
        let ending = Ending { run, end: &end, last: None, request: None, held, wrote: true };
        Box::pin(self.end_all(&[ending])).await
    }

    /// Asks the children of all that are on the list, and theirs; what is left after a page is kept for the next one.
    pub(super) async fn ask_doomed(&mut self) -> Done<()> {
        let mut left = PAGE;
        while let Some(doomed) = self.after.doomed.pop() {
            let last = match left {
                0 => Some(doomed.after),
                _ => self.ask_children(doomed, &mut left).await?,
            };
            if let Some(last) = last {
                let sql = "INSERT INTO doomed (run, after, at) VALUES ($1, $2, $3) ON CONFLICT (run) DO UPDATE SET after = excluded.after, at = excluded.at";
                self.run(sql, &[&Uid(doomed.run), &Uid(last), &doomed.at_ms]).await?;
                self.after.dooms = Some(true);
            }
        }
        Ok(())
    }

    /// The one that was asked last, if there are more.
    async fn ask_children(&mut self, doomed: Doomed, left: &mut usize) -> Done<Option<Id>> {
        let sql = "SELECT id FROM runs WHERE parent = $1 AND id > $2 ORDER BY id LIMIT $3";
        let rows = self.rows(sql, &[&Uid(doomed.run), &Uid(doomed.after), &(*left as i64)]).await?;
        let mut last = None;
        for row in &rows {
            let child = id(row, 0)?;
            self.ask_to_end(child, true, doomed.at_ms).await?;
            last = Some(child);
        }
        let full = rows.len() == *left;
        *left -= rows.len();
        Ok(last.filter(|_| full))
    }

    /// The next page of those that were left, by whomever.
    pub(super) async fn doom_more(&mut self) -> Done<()> {
        let sql = "DELETE FROM doomed WHERE run = (SELECT run FROM doomed ORDER BY run LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING run, after, at";
        if let Some(row) = self.one(sql, &[]).await? {
            self.after.doomed.push(Doomed { run: id(&row, 0)?, after: id(&row, 1)?, at_ms: get(&row, 2)? });
        }
        self.after.dooms = Some(self.has("SELECT 1 FROM doomed LIMIT 1", &[]).await?);
        Ok(())
    }

    /// What a live run was started with.
    pub(super) async fn start_of(&self, run: Id) -> Done<Option<NewRun>> {
        let row = self.one("SELECT start FROM runs WHERE id = $1", &[&Uid(run)]).await?;
        Ok(super::tx::body(row.as_ref())?)
    }
}
