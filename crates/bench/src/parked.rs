//! parked: 100,000 runs that wait: what each takes on disk, and in the memory of a server that was started with them; and how
//! they come back when all are due at one instant.

use std::time::{Duration, Instant};

use recipe::Value;

use crate::{
    Failure,
    figures::{Figures, median},
    idle,
    inside::{self, Ends, Inside, Workflow},
    memory, scale,
};

/// Servers that are started over the same database.
const STARTS: usize = 5;

/// Waits until its input's time.
const SLEEPS: &str = r#"{
  "identifier": "Sleeps", "async": true,
  "elements": [{ "name": "wait", "type": "flow/wait", "options": { "until": "$at" } }]
}"#;

pub(crate) fn measure(quick: bool) -> Result<Figures, Failure> {
    let count = if quick { 10_000 } else { 100_000 };
    let mut figures = Figures::of("parked");
    let empty = inside::runtime()?.block_on(sleepers(0, 0))?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let tomorrow_s = now_ms() / 1_000 + 86_400;
    let full = inside::runtime()?.block_on(sleepers(count, tomorrow_s))?;
    for _ in 0..STARTS {
        without.push(resident(empty.path())?);
        with.push(resident(full.path())?);
    }
    let size = |folder: &std::path::Path| {
        Ok::<_, Failure>(std::fs::metadata(folder.join(".hefe/hefe.db"))?.len() as f64)
    };
    figures.scale("fdatasync_per_s", scale::fdatasync_per_s(full.path(), Duration::from_millis(500))?);
    figures.add("disk_bytes_per_run", (size(full.path())? - size(empty.path())?) / count as f64, "B");
    let grown_mib = median(with) - median(without);
    figures.add("memory_bytes_per_run", grown_mib * 1_048_576.0 / count as f64, "B");
    drop((empty, full));
    inside::runtime()?.block_on(herd(&mut figures, count))?;
    Ok(figures)
}

fn now_ms() -> u64 {
    engine::Clock::default().now_ms().unsigned_abs()
}

/// A project with so many runs that wait until then, closed.
async fn sleepers(count: usize, until_s: u64) -> Result<std::sync::Arc<tempfile::TempDir>, Failure> {
    let inside = park(count, until_s).await?;
    Ok(inside.close().await?.folder)
}

async fn park(count: usize, until_s: u64) -> Result<Inside, Failure> {
    let inside = Inside::open(&[Workflow("sleeps", SLEEPS.to_owned())]).await?;
    if count == 0 {
        return Ok(inside);
    }
    let workers = inside.work();
    let mut input = recipe::Map::new();
    input.insert("at", Value::from(jiff::Timestamp::from_second(until_s as i64)?.to_string()));
    inside.fill("Sleeps", Value::Object(input), count).await?;
    while inside.store().account().await?.waiting < count as u64 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    workers.stop().await?;
    Ok(inside)
}

fn resident(project: &std::path::Path) -> Result<f64, Failure> {
    let server = idle::start(project)?;
    std::thread::sleep(Duration::from_millis(500));
    let mib = memory::mib(&server.process().to_string(), "VmRSS")?;
    server.stop()?;
    Ok(mib)
}

/// All are due at one instant: from then until the last one has ended, and the most that were ready at once.
async fn herd(figures: &mut Figures, count: usize) -> Result<(), Failure> {
    // Time to park them first.
    let due_s = now_ms() / 1_000 + 5 + count as u64 / 5_000;
    let inside = park(count, due_s).await?;
    let mut ends = Ends::of(&inside).await?;
    let left = Duration::from_millis((due_s * 1_000).saturating_sub(now_ms()));
    if left.is_zero() {
        return Err("the runs were due before all had parked: the machine is too slow for this work".into());
    }
    tokio::time::sleep(left).await;
    let begin = Instant::now();
    let workers = inside.work();
    let mut most = 0;
    let all = ends.reach(count);
    tokio::pin!(all);
    loop {
        tokio::select! {
            done = &mut all => break done?,
            () = tokio::time::sleep(Duration::from_millis(1)) => most = most.max(inside.store().account().await?.queued),
        }
    }
    figures.add("woken_per_s", count as f64 / begin.elapsed().as_secs_f64(), "1/s");
    figures.add("queued_most", most as f64, "runs");
    workers.stop().await?;
    inside.close().await.map(drop)
}
