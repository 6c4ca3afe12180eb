//! prune: 100,000 ended runs whose time is over go, while others are started one at a time: how long those take with and
//! without it, and how many go in a second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use store::Id;

use crate::{
    Failure,
    figures::Figures,
    inside::{self, Ends, Inside, Opened},
    scale, works,
};

/// Longer than runs are kept, microseconds.
const LATER_US: u64 = 40 * 86_400_000_000;

pub(crate) fn measure(quick: bool) -> Result<Figures, Failure> {
    let count = if quick { 10_000 } else { 100_000 };
    inside::runtime()?.block_on(one(count))
}

async fn one(count: usize) -> Result<Figures, Failure> {
    let ahead = Arc::new(AtomicU64::new(0));
    let (clock, own) = (store::sqlite::Settings::default().clock, ahead.clone());
    let kept = store::sqlite::Settings {
        clock: Arc::new(move || clock() + own.load(Ordering::Relaxed)),
        ..Default::default()
    };
    let inside = Inside::open_with(&works::all(), Opened { kept, ..Opened::default() }).await?;
    let mut figures = Figures::of("prune");
    figures.scale("fdatasync_per_s", scale::fdatasync_per_s(inside.folder(), Duration::from_millis(500))?);
    let mut ends = Ends::of(&inside).await?;
    let workers = inside.work();
    inside.fill("One", works::input(100), count).await?;
    ends.reach(count).await?;
    let newest = store::Filter { limit: 1, ..Default::default() };
    let last =
        inside.store().runs(newest).await?.items.first().map(|run| run.start.id).ok_or("no run ended")?;
    let usual = starts(&inside, None).await?;
    ahead.store(LATER_US, Ordering::Relaxed);
    let begin = Instant::now();
    let meanwhile = starts(&inside, Some(last)).await?;
    figures.add("pruned_per_s", count as f64 / begin.elapsed().as_secs_f64(), "1/s");
    for (names, mut list) in
        [(["p50_ms", "p99_ms"], usual), (["p50_ms_pruning", "p99_ms_pruning"], meanwhile)]
    {
        list.sort();
        let at = |share: usize| {
            list.get(list.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3
        };
        figures.add(names[0], at(50), "ms");
        figures.add(names[1], at(99), "ms");
    }
    workers.stop().await?;
    inside.close().await?;
    Ok(figures)
}

/// How long each start takes, one after another: 1,000 of them, or as many as there are until that run has gone.
async fn starts(inside: &Inside, until_gone: Option<Id>) -> Result<Vec<Duration>, Failure> {
    let mut list = Vec::new();
    loop {
        let begin = Instant::now();
        inside.start("Nothing", works::input(100)).await?;
        list.push(begin.elapsed());
        let over = match until_gone {
            Some(run) => list.len() % 50 == 0 && inside.store().run(run).await?.is_none(),
            None => list.len() == 1_000,
        };
        if over {
            return Ok(list);
        }
    }
}
