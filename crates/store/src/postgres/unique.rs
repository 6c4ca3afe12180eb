//! Starts that the store decides on: one run of a workflow with a key, and runs that begin when others have ended.

use super::{
    batch::prio,
    link::{Done, Uid, get, id},
    tx::Tx,
};
use crate::{
    Change, Id, NewRun, Standing, Started, Status, Unique, forms::blob, sabotage::Sabotage, unique::Holder,
};

impl Tx<'_> {
    /// Starts a run, or gives back the one that holds its key.
    pub(super) async fn start_unique(&mut self, new: &NewRun) -> Done<Started> {
        self.start_behind(new, &[]).await
    }

    /// The same; it begins when those others have ended.
    pub(super) async fn start_behind(&mut self, new: &NewRun, others: &[Id]) -> Done<Started> {
        if let Some(unique) = new.unique.as_ref().filter(|_| !Sabotage::TwoUnique.on()) {
            // One after another, also where there is no row yet that could be locked.
            let name = format!("{}\u{1}{}\u{1}{}", new.system, new.workflow, unique.key);
            self.rows("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &[&name]).await?;
            // A repetition finds its own run, whoever has the key by now.
            if let Some((status, _)) = self.status(new.id).await? {
                return Ok(Started { id: new.id, status, existing: false });
            }
            if let Some(holder) = self.holder(new, unique).await? {
                return Ok(holder);
            }
            let until_ms = new.created_at_ms.saturating_add_unsigned(unique.for_ms);
            let sql = "INSERT INTO uniques (system, workflow, key, run, until) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (system, workflow, key) DO UPDATE SET run = excluded.run, until = excluded.until";
            self.run(sql, &[&&*new.system, &&*new.workflow, &&*unique.key, &Uid(new.id), &until_ms]).await?;
        }
        match others {
            [] => self.start_all(&[new]).await?,
            others => self.start_after(new, others).await?,
        }
        Ok(Started { id: new.id, status: Status::Queued, existing: false })
    }

    /// The run that the key still belongs to, unless it makes way.
    async fn holder(&mut self, new: &NewRun, unique: &Unique) -> Done<Option<Started>> {
        let sql = "SELECT run, until FROM uniques WHERE system = $1 AND workflow = $2 AND key = $3";
        let row = self.one(sql, &[&&*new.system, &&*new.workflow, &&*unique.key]).await?;
        let Some(row) = row else { return Ok(None) };
        let (run, until_ms): (Id, i64) = (id(&row, 0)?, get(&row, 1)?);
        let status = self.status(run).await?;
        match unique.holder(new, until_ms, status) {
            Holder::Free => Ok(None),
            Holder::MakesWay => {
                self.ask_to_end(run, true, new.created_at_ms).await?;
                Ok(None)
            }
            Holder::Holds(status) => Ok(Some(Started { id: run, status, existing: true })),
        }
    }

    /// How a run stands that is there, live or not, and whether somebody has begun it.
    async fn status(&mut self, run: Id) -> Done<Option<(Status, bool)>> {
        match self.stands(run).await? {
            None => Ok(self.ended_as(run).await?.map(|status| (status, true))),
            stands => Ok(stands),
        }
    }

    pub(super) async fn ended_as(&self, run: Id) -> Done<Option<Status>> {
        let row = self.one("SELECT status FROM ended WHERE run = $1", &[&Uid(run)]).await?;
        Ok(row.map(|row| get::<i16>(&row, 0)).transpose()?.map(|code| crate::forms::status_of(code as u8)))
    }

    /// It is parked from the first, until those have ended.
    async fn start_after(&mut self, new: &NewRun, others: &[Id]) -> Done<()> {
        let others: Vec<Uid> = others.iter().copied().map(Uid).collect();
        let sql = "SELECT id FROM runs WHERE id = ANY($1) ORDER BY id FOR KEY SHARE";
        let live = self.rows(sql, &[&others]).await?;
        let live: Vec<Uid> = live.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
        if live.is_empty() {
            return self.start_all(&[new]).await;
        }
        let (lane, prio) = (self.lanes(&[new]).await?[0], prio(new));
        let (version, user, parent) =
            (new.version.0.to_vec(), super::batch::listed_for(new), new.parent.map(Uid));
        let sql = "INSERT INTO runs (id, root, parent, lane, prio, system, usr, version, workflow, start) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
        let body = blob(new)?;
        if self
            .run(
                sql,
                &[
                    &Uid(new.id),
                    &Uid(new.root),
                    &parent,
                    &lane,
                    &prio,
                    &&*new.system,
                    &user,
                    &version,
                    &&*new.workflow,
                    &body,
                ],
            )
            .await?
            == 0
        {
            return Ok(());
        }
        self.after.tally.accepted += 1;
        let sql = "INSERT INTO parks (run, status, wake_at) VALUES ($1, 0, $2)";
        self.run(sql, &[&Uid(new.id), &new.not_before_ms]).await?;
        let sql = "INSERT INTO awaits (awaited, run, n, first) SELECT t.awaited, $2, 0, false FROM unnest($1::uuid[]) AS t (awaited)";
        self.run(sql, &[&live, &Uid(new.id)]).await?;
        self.after.wake_at(new.not_before_ms);
        let start = std::sync::Arc::new(new.clone());
        self.change(Change::Run { start, stands: Standing::new(Status::Queued) });
        Ok(())
    }
}
