//! drain: queued runs worked to their end, without an effect and with one; inputs of 100 B, 1 KiB and 100 KiB. A window is
//! a whole drain; all windows of a figure are on one database, so that decay shows between the first and the last.

use std::time::Instant;

use crate::{
    Failure,
    figures::{Figures, median},
    inside::{self, Ends, Inside},
    scale, works,
};

const WINDOWS: usize = 5;

/// What one window may hold of input, bytes: 20,000 runs with 100 KiB each would be 2 GB.
const WINDOW_BYTES_MAX: usize = 64 << 20;

/// Workflow, bytes of input, and the figures: median, first, last, worst window.
const CASES: &[(&str, usize, [&str; 4])] = &[
    ("Nothing", 100, ["runs_per_s", "runs_per_s_first", "runs_per_s_last", "runs_per_s_worst"]),
    (
        "One",
        100,
        [
            "runs_per_s_one_effect",
            "runs_per_s_one_effect_first",
            "runs_per_s_one_effect_last",
            "runs_per_s_one_effect_worst",
        ],
    ),
    (
        "Nothing",
        1 << 10,
        ["runs_per_s_1k", "runs_per_s_1k_first", "runs_per_s_1k_last", "runs_per_s_1k_worst"],
    ),
    (
        "Nothing",
        100 << 10,
        ["runs_per_s_100k", "runs_per_s_100k_first", "runs_per_s_100k_last", "runs_per_s_100k_worst"],
    ),
];

pub(crate) fn measure(quick: bool) -> Result<Figures, Failure> {
    let most = if quick { 4_000 } else { 20_000 };
    let mut figures = Figures::of("drain");
    inside::runtime()?.block_on(async {
        let mut fdatasync = Vec::new();
        for (workflow, bytes, [middle, first, last, worst]) in CASES {
            let inside = Inside::open(&works::all()).await?;
            fdatasync
                .push(scale::fdatasync_per_s(inside.folder.path(), std::time::Duration::from_millis(300))?);
            let count = most.min(WINDOW_BYTES_MAX / bytes);
            let mut windows = Vec::new();
            for _ in 0..=WINDOWS {
                windows.push(drain(&inside, workflow, *bytes, count).await?);
            }
            inside.close().await?;
            let windows = windows.split_off(1);
            figures.add(middle, median(windows.clone()), "1/s");
            figures.add(first, windows.first().copied().unwrap_or(f64::NAN), "1/s");
            figures.add(last, windows.last().copied().unwrap_or(f64::NAN), "1/s");
            figures.add(worst, windows.iter().copied().fold(f64::INFINITY, f64::min), "1/s");
        }
        figures.scale("fdatasync_per_s", median(fdatasync));
        Ok::<(), Failure>(())
    })?;
    Ok(figures)
}

async fn drain(inside: &Inside, workflow: &str, bytes: usize, count: usize) -> Result<f64, Failure> {
    inside.fill(workflow, works::input(bytes), count).await?;
    let mut ends = Ends::of(inside).await?;
    let begin = Instant::now();
    let workers = inside.work();
    ends.reach(count).await?;
    let per_s = count as f64 / begin.elapsed().as_secs_f64();
    workers.stop().await?;
    Ok(per_s)
}
