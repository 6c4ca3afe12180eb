//! What a person does to many runs at once: an action that goes on over the deaths of the server, and meets each run once.

use engine::bulk::{Asked, narrowed};
use store::{Action, Bulk, Deed, Did, Filter, Id, ItemStatus, Run, Status};

use super::{
    life,
    people::{AGAIN_MS, Story},
    world::Launch,
};

/// Tries after which all should have ended well.
const TRIES: u64 = 12;

impl Story {
    /// Its lots have all failed: what they call is mended, and all are tried again; or all that live are cancelled.
    pub(super) async fn lots(&self, run: Id) {
        let launch = self.launch();
        if launch.choice.is_multiple_of(4) {
            self.life.sleeps(launch.patience_ms).await;
            // It finds those of others as well.
            let lots = |launch: &mut Launch| launch.cut |= launch.kind == "Lots";
            self.life.world().launches.iter_mut().for_each(lots);
            self.all_at_once(Bulk::Cancel).await;
            return;
        }
        for _ in 0..TRIES {
            let lots = self.all_over(run).await;
            if self.launch().cut || lots.iter().all(|lot| lot.status == Status::Succeeded) {
                return;
            }
            self.life.sleeps(launch.patience_ms).await;
            self.life.world().mended.insert(self.n);
            self.all_at_once(Bulk::Retry { current: launch.choice % 2 == 1 }).await;
        }
        self.life.broken(format!("the lots of launch {} were tried again {TRIES} times", self.n));
    }

    /// Its lots, once it and all of them have ended.
    async fn all_over(&self, run: Id) -> Vec<Run> {
        loop {
            let mut runs = life::runs(&self.life).await;
            runs.retain(|one| one.start.id == run || one.start.parent == Some(run));
            if runs.iter().all(|one| one.status.ended()) {
                runs.retain(|one| one.start.parent == Some(run));
                return runs;
            }
            self.life.sleeps(300).await;
        }
    }

    async fn all_at_once(&self, bulk: Bulk) {
        let id = self.launch().action.unwrap_or_else(|| self.engine.new_id());
        self.change(|launch| launch.action = Some(id));
        while !self.record(id, bulk).await {
            self.life.sleeps(AGAIN_MS).await;
        }
        let action = loop {
            match self.engine.store().action(id).await {
                Ok(Some(action)) if action.ended_at_ms.is_some() => break action,
                _ => self.life.sleeps(300).await,
            }
        };
        self.answered().await;
        self.life.log(format!("all at once {}: {} done, {} passed", self.n, action.done, action.passed));
        self.is_done(&action).await;
        self.change(|launch| launch.action = None);
    }

    /// Whether it is recorded; once, however often it is sent.
    async fn record(&self, id: Id, bulk: Bulk) -> bool {
        let filter =
            Filter { workflow: Some("Lot".into()), system: Some("main".into()), ..Filter::default() };
        let filter = narrowed(bulk, filter).expect("a filter of its own");
        let asked = Asked { system: "main".into(), user: "local".into(), id: Some(id), bulk, filter };
        let Ok(action) = self.engine.plan_bulk(asked).await else { return false };
        if bulk != Bulk::Cancel {
            let runs = life::runs(&self.life).await;
            let failed = runs.iter().filter(|run| &*run.start.workflow == "Lot").map(|run| run.start.id);
            self.life.world().reopened.extend(failed);
        }
        let told = self.engine.act(Deed::Record(Box::new(action))).await;
        self.answered().await;
        self.life.log(format!("record {bulk:?} {}: {told:?}", self.n));
        self.engine.begin_bulk();
        matches!(told, Ok(Did::Recorded(_)))
    }

    async fn is_done(&self, action: &Action) {
        let wrong = |what: String| self.life.broken(format!("all at once of launch {}: {what}", self.n));
        let bars = self.life.sure(|store| store.items_of(action.id)).await;
        if !bars.iter().all(|bar| bar.status == ItemStatus::Succeeded || bar.status == ItemStatus::Running) {
            wrong("its bar ended badly".to_owned());
        }
        let live = Filter { live: true, cursor: None, ..action.filter.clone() };
        let live = self.life.sure(|store| store.runs(live.clone())).await;
        for run in live.items.iter().filter(|_| action.bulk == Bulk::Cancel) {
            let world = self.life.world();
            let again = world.reopened.contains(&run.start.id);
            let old = world.seen_ms.get(&run.start.id).is_some_and(|at_ms| *at_ms < action.at_ms);
            drop(world);
            if old && run.cancel_at_ms.is_none() && !again {
                wrong(format!("{} {} goes on", run.start.workflow, run.start.id));
            }
        }
    }
}
