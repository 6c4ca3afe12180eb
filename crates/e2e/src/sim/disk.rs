//! The disk, which takes what is written, or refuses it.

use std::sync::Arc;

use store::{Changes, sqlite::ByHand};
use tokio::sync::{Notify, broadcast};

use super::{life::Life, told};

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
            batch.iter().for_each(|(stamp, change)| told::seen(&life, *stamp, change));
        }
    }
}
