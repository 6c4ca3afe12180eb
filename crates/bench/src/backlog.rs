//! backlog: what an enqueue, a claim and a run's whole work cost while 10^3, 10^5, 10^6 others are queued, what those take
//! in memory and on disk, and how long a server with them takes to start. On PostgreSQL see [`lane`].

use std::time::{Duration, Instant};

use store::sqlite::Sqlite;

use crate::{
    Failure, How, enqueue,
    figures::{Figures, median},
    inside::{self, Ends, Inside},
    lane, memory, place, scale, works,
};

const WINDOWS: usize = 5;

/// So many are queued, and the figures.
const SIZES: &[(usize, Names)] = &[
    (
        1_000,
        Names {
            claim: [
                "us_per_claim_1e3",
                "us_per_claim_1e3_first",
                "us_per_claim_1e3_last",
                "us_per_claim_1e3_worst",
            ],
            run: ["us_per_run_1e3", "us_per_run_1e3_first", "us_per_run_1e3_last", "us_per_run_1e3_worst"],
            enqueue: [
                "us_per_enqueue_1e3",
                "us_per_enqueue_1e3_first",
                "us_per_enqueue_1e3_last",
                "us_per_enqueue_1e3_worst",
            ],
            open_ms: "open_ms_1e3",
            disk: "bytes_on_disk_1e3",
        },
    ),
    (
        100_000,
        Names {
            claim: [
                "us_per_claim_1e5",
                "us_per_claim_1e5_first",
                "us_per_claim_1e5_last",
                "us_per_claim_1e5_worst",
            ],
            run: ["us_per_run_1e5", "us_per_run_1e5_first", "us_per_run_1e5_last", "us_per_run_1e5_worst"],
            enqueue: [
                "us_per_enqueue_1e5",
                "us_per_enqueue_1e5_first",
                "us_per_enqueue_1e5_last",
                "us_per_enqueue_1e5_worst",
            ],
            open_ms: "open_ms_1e5",
            disk: "bytes_on_disk_1e5",
        },
    ),
    (
        1_000_000,
        Names {
            claim: [
                "us_per_claim_1e6",
                "us_per_claim_1e6_first",
                "us_per_claim_1e6_last",
                "us_per_claim_1e6_worst",
            ],
            run: ["us_per_run_1e6", "us_per_run_1e6_first", "us_per_run_1e6_last", "us_per_run_1e6_worst"],
            enqueue: [
                "us_per_enqueue_1e6",
                "us_per_enqueue_1e6_first",
                "us_per_enqueue_1e6_last",
                "us_per_enqueue_1e6_worst",
            ],
            open_ms: "open_ms_1e6",
            disk: "bytes_on_disk_1e6",
        },
    ),
];

struct Names {
    claim: [&'static str; 4],
    run: [&'static str; 4],
    enqueue: [&'static str; 4],
    open_ms: &'static str,
    disk: &'static str,
}

pub(crate) fn measure(how: &How) -> Result<Figures, Failure> {
    if place::name() == "postgres" {
        return lane::measure(how);
    }
    let quick = how.quick;
    let mut figures = Figures::of("backlog");
    let sizes = if quick { &SIZES[..2] } else { SIZES };
    let window = Duration::from_millis(if quick { 200 } else { 1_000 });
    // The largest comes first: only then is what memory grows by what it takes.
    for (at, (queued, names)) in sizes.iter().enumerate().rev() {
        let grown = inside::runtime()?.block_on(one(&mut figures, *queued, names, window))?;
        if at + 1 == sizes.len() {
            figures.add("bytes_in_memory", grown, "B");
        }
    }
    Ok(figures)
}

/// Gives the bytes that each queued run takes in memory.
async fn one(figures: &mut Figures, queued: usize, names: &Names, window: Duration) -> Result<f64, Failure> {
    let inside = Inside::open(&works::all()).await?;
    if queued == SIZES[0].0 {
        figures.scale("fdatasync_per_s", scale::fdatasync_per_s(inside.folder(), window)?);
    }
    let before = memory::mib("self", "VmRSS")?;
    inside.fill("Nothing", works::input(100), queued).await?;
    let after = memory::mib("self", "VmRSS")?;
    let enqueued = enqueue::at_once(&inside.engine, 16, window, WINDOWS).await?;
    let us = enqueued.into_iter().map(|per_s| 1e6 / per_s).collect();
    add(figures, &names.enqueue, us);
    add(figures, &names.claim, claims(&inside).await?);
    add(figures, &names.run, runs(&inside).await?);
    let path = inside.file();
    let accepted = inside.store().account().await?.accepted as f64;
    let ground = inside.close().await?;
    let size = std::fs::metadata(&path)?.len() as f64;
    let begin = Instant::now();
    let store = Sqlite::open(&path, store::sqlite::Settings::default())?;
    figures.add(names.open_ms, begin.elapsed().as_secs_f64() * 1e3, "ms");
    store::Store::close(&store).await?;
    figures.add(names.disk, size / accepted, "B");
    drop(ground);
    Ok((after - before) * 1_048_576.0 / queued as f64)
}

/// The cost of each claim, of one run at a time; then they go back.
pub(crate) async fn claims(inside: &Inside) -> Result<Vec<f64>, Failure> {
    let mut windows = Vec::new();
    for _ in 0..=WINDOWS {
        windows.push(claim(inside, 500).await?);
    }
    Ok(windows.split_off(1))
}

pub(crate) async fn claim(inside: &Inside, count: usize) -> Result<f64, Failure> {
    let begin = Instant::now();
    let mut taken = Vec::new();
    for _ in 0..count {
        taken.extend(inside.store().claim(1).await?);
    }
    let us = begin.elapsed().as_secs_f64() * 1e6 / taken.len() as f64;
    for claimed in taken {
        inside.store().release(claimed.start.id, claimed.epoch);
    }
    Ok(us)
}

/// The cost of each run that is worked to its end, the others staying behind it.
async fn runs(inside: &Inside) -> Result<Vec<f64>, Failure> {
    const COUNT: usize = 2_000;
    let mut ends = Ends::of(inside).await?;
    let workers = inside.work();
    let mut windows = Vec::new();
    for n in 0..=WINDOWS {
        let begin = Instant::now();
        ends.reach((n + 1) * COUNT).await?;
        windows.push(begin.elapsed().as_secs_f64() * 1e6 / COUNT as f64);
    }
    workers.stop().await?;
    Ok(windows.split_off(1))
}

fn add(figures: &mut Figures, [middle, first, last, worst]: &[&'static str; 4], windows: Vec<f64>) {
    figures.add(first, windows.first().copied().unwrap_or(f64::NAN), "us");
    figures.add(last, windows.last().copied().unwrap_or(f64::NAN), "us");
    figures.add(worst, windows.iter().copied().fold(0.0, f64::max), "us");
    figures.add(middle, median(windows), "us");
}
