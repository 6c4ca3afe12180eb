//! enqueue: runs started from inside and durable before the caller goes on: one at a time, 16 at once, and 20,000 in bulk,
//! once as rows handed to the store 1,000 a commit, once by a run whose loop starts them. No worker takes them meanwhile.

use std::time::{Duration, Instant};

use engine::{Engine, Settings};
use recipe::Value;
use tokio::task::JoinSet;

use crate::{
    Failure,
    cost::Meter,
    figures::{Figures, median},
    inside::{self, Ends, Inside, Opened, Workflow},
    place, scale, told, works,
};

const WINDOWS: usize = 5;

pub(crate) fn measure(quick: bool) -> Result<Figures, Failure> {
    let window = Duration::from_millis(if quick { 300 } else { 1_500 });
    let count = if quick { 5_000 } else { 20_000 };
    let mut figures = Figures::of("enqueue");
    inside::runtime()?.block_on(async {
        let inside = Inside::open(&works::all()).await?;
        let before = scale::fdatasync_per_s(inside.folder(), window)?;
        let one = at_once(&inside.engine, 1, window, WINDOWS).await?;
        let sixteen = costed(&inside, window).await?;
        let after = scale::fdatasync_per_s(inside.folder(), window)?;
        figures.scale("fdatasync_per_s", (before + after) / 2.0);
        inside.close().await?;
        let (mut rows, mut looped, mut meter) = (Vec::new(), Vec::new(), None);
        for _ in 0..=WINDOWS {
            let (per_s, used) = in_rows(count).await?;
            rows.push(per_s);
            meter = used;
            looped.push(in_a_loop(count).await?);
        }
        place::add_scale(&mut figures, quick)?;
        figures.add("one_per_s", median(one), "1/s");
        figures.add("sixteen_per_s", median(sixteen.windows), "1/s");
        if let Some(meter) = sixteen.meter {
            meter.add_to(&mut figures, "_sixteen", sixteen.runs);
        }
        figures.add("bulk_per_s", median(rows.split_off(1)), "1/s");
        if let Some(meter) = meter {
            meter.add_to(&mut figures, "_bulk", count);
        }
        figures.add("bulk_by_loop_per_s", median(looped.split_off(1)), "1/s");
        told::measure(&mut figures, window * 2 / 3).await
    })?;
    Ok(figures)
}

struct Costed {
    windows: Vec<f64>,
    meter: Option<Meter>,
    runs: usize,
}

/// 16 at once, and what each start costs.
async fn costed(inside: &Inside, window: Duration) -> Result<Costed, Failure> {
    let mut meter = Meter::of(inside.ground.database.as_deref(), vec![std::process::id()])?;
    let before = inside.store().account().await?.accepted;
    meter.as_mut().map_or(Ok(()), Meter::begin)?;
    let windows = at_once(&inside.engine, 16, window, WINDOWS).await?;
    meter.as_mut().map_or(Ok(()), Meter::end)?;
    let runs = (inside.store().account().await?.accepted - before) as usize;
    Ok(Costed { windows, meter, runs })
}

/// Starts a second, in each window after a warm-up.
pub(crate) async fn at_once(
    engine: &Engine,
    clients: usize,
    window: Duration,
    windows: usize,
) -> Result<Vec<f64>, Failure> {
    let begin = Instant::now() + window;
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let engine = engine.clone();
        tasks.spawn(async move {
            let mut counts = vec![0u32; windows];
            loop {
                inside::start(&engine, "Nothing", works::input(100)).await?;
                let Some(since) = Instant::now().checked_duration_since(begin) else { continue };
                match counts.get_mut((since.as_nanos() / window.as_nanos()) as usize) {
                    Some(count) => *count += 1,
                    None => return Ok::<_, Failure>(counts),
                }
            }
        });
    }
    let mut sums = vec![0.0; windows];
    while let Some(counts) = tasks.join_next().await {
        for (sum, count) in sums.iter_mut().zip(counts??) {
            *sum += f64::from(count) / window.as_secs_f64();
        }
    }
    Ok(sums)
}

/// How many a second, and what they cost.
async fn in_rows(count: usize) -> Result<(f64, Option<Meter>), Failure> {
    let inside = Inside::open(&works::all()).await?;
    let first = inside.start("Nothing", works::input(100)).await?;
    let like = inside.store().run(first).await?.ok_or("the run that was started is not there")?;
    let mut meter = Meter::of(inside.ground.database.as_deref(), vec![std::process::id()])?;
    meter.as_mut().map_or(Ok(()), Meter::begin)?;
    let begin = Instant::now();
    inside.fill_like(&like.start, count).await?;
    let per_s = count as f64 / begin.elapsed().as_secs_f64();
    meter.as_mut().map_or(Ok(()), Meter::end)?;
    inside.close().await?;
    Ok((per_s, meter))
}

/// Its one place is held by the run that starts the others, so that none of those is worked before it ends.
async fn in_a_loop(count: usize) -> Result<f64, Failure> {
    let workflows: Vec<Workflow> = works::all();
    let settings = Settings { runs_max: 1, ..Settings::default() };
    let inside = Inside::open_with(&workflows, Opened { engine: settings, ..Opened::default() }).await?;
    let mut ends = Ends::of(&inside).await?;
    let workers = inside.work();
    let begin = Instant::now();
    inside.start("Starts", Value::Int(count as i64)).await?;
    ends.reach(1).await?;
    let per_s = count as f64 / begin.elapsed().as_secs_f64();
    workers.stop().await?;
    inside.close().await?;
    Ok(per_s)
}
