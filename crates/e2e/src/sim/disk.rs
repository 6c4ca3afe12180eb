//! The disk, and what people see live once it has taken something.

use std::sync::Arc;

use store::{Change, Changes, sqlite::ByHand};
use tokio::sync::{Notify, broadcast};

use super::life::Life;

/// The disk: takes what waits, takes its time, commits it or refuses.
pub(crate) async fn disk(
    life: Arc<Life>,
    mut by_hand: ByHand,
    mut changes: broadcast::Receiver<Changes>,
    closes: Arc<Notify>,
) {
    loop {
        tokio::select! {
            biased;
            () = by_hand.waits() => {}
            () = closes.notified() => return by_hand.close().expect("a database that closes"),
        }
        let many = by_hand.take();
        if many == 0 {
            continue;
        }
        life.goes_on("before a commit").await;
        let weather = life.world().weather;
        let ms = life.roll(weather.disk_ms);
        life.sleeps(ms).await;
        life.goes_on("in a commit").await;
        let refusals = match !life.calm() && life.roll(weather.refusal) == 0 {
            true => 1 + life.roll(2) as u32,
            false => 0,
        };
        by_hand.commit(refusals).expect("a write-ahead log that moves");
        life.world().count("commits");
        if refusals > 0 {
            life.world().count("refusals");
            life.log(format!("the disk refuses {refusals} of {many}"));
        }
        life.goes_on("after a commit").await;
        while let Ok(batch) = changes.try_recv() {
            batch.iter().for_each(|(stamp, change)| seen(&life, *stamp, change));
        }
    }
}

/// What people see live.
fn seen(life: &Life, stamp: u64, change: &Change) {
    match change {
        Change::Run { start, stands } => {
            life.log(format!("{stamp} {} {} {}", start.workflow, start.id, stands.status.word()));
            life.has_moved(start, stands);
            let mut world = life.world();
            let over = world.over.contains(&start.id);
            if stands.status.ended() {
                world.over.insert(start.id);
            } else {
                world.over.remove(&start.id);
            }
            let asked = world.reopened.contains(&start.id);
            drop(world);
            if over && (stands.status.ended() || !asked) {
                life.broken(format!(
                    "{} {} was over and is {}",
                    start.workflow,
                    start.id,
                    stands.status.word()
                ));
            }
        }
        Change::Progress(item) => {
            life.log(format!(
                "{stamp} bar {} {} of {:?} {:?}",
                item.process, item.progress, item.total, item.status
            ));
            bar(life, item);
        }
        Change::Cancel(run) => life.log(format!("{stamp} {run} is asked to end")),
        Change::Notification(kept) => life.log(format!("{stamp} note {}", kept.body.to_json())),
        Change::Toast(_)
        | Change::Message(_)
        | Change::Users
        | Change::Paused(_)
        | Change::Resumed { .. }
        | Change::Published { .. } => {}
    }
}

/// A bar's newest state.
pub(crate) fn bar(life: &Life, item: &store::Item) {
    let now = (item.seq, item.progress);
    let before = life.world().bars.insert(item.id, now).unwrap_or(now);
    if now.0 < before.0 || now.1 < before.1 {
        life.broken(format!("bar {} went back from {before:?} to {now:?}", item.process));
    }
}
