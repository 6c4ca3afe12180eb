//! loop: one run with 1,000, 10,000, 100,000 effects, and one that parks at every turn. Linear: the time an effect stays the
//! same. Flat: so do the peak of memory and the time to resume.
//!
//! A park takes a wait of more than a second. Store and engine share a clock that stands still, but for an hour's step at
//! each number that the store's writer gives to a change: when a park is durable, its time has come. So every turn is
//! what it would be (a park, a wake, a claim, a resumption from the journal) without the time in between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use engine::{Clock, Settings};
use recipe::Value;
use store::Status;

use crate::{
    Failure,
    figures::{Figures, median},
    inside::{self, Inside, Opened},
    memory, scale, works,
};

const WINDOWS: usize = 5;

/// Effects, and the figures of a loop and of one that parks: time, peak, time to resume.
const SIZES: &[(usize, [&str; 3], [&str; 3])] = &[
    (
        1_000,
        ["us_per_effect_1000", "peak_mib_1000", "resume_ms_1000"],
        ["us_per_park_1000", "park_peak_mib_1000", "park_resume_ms_1000"],
    ),
    (
        10_000,
        ["us_per_effect_10000", "peak_mib_10000", "resume_ms_10000"],
        ["us_per_park_10000", "park_peak_mib_10000", "park_resume_ms_10000"],
    ),
    (
        100_000,
        ["us_per_effect_100000", "peak_mib_100000", "resume_ms_100000"],
        ["us_per_park_100000", "park_peak_mib_100000", "park_resume_ms_100000"],
    ),
];

pub(crate) fn measure(quick: bool) -> Result<Figures, Failure> {
    let mut figures = Figures::of("loop");
    let sizes = if quick { &SIZES[..2] } else { SIZES };
    inside::runtime()?.block_on(async {
        let folder = tempfile::tempdir_in(".")?;
        figures.scale("fdatasync_per_s", scale::fdatasync_per_s(folder.path(), Duration::from_millis(500))?);
        for (effects, names, _) in sizes {
            series(&mut figures, "Loop", *effects, names).await?;
        }
        for (effects, _, names) in sizes {
            series(&mut figures, "Parks", *effects, names).await?;
        }
        Ok::<(), Failure>(())
    })?;
    Ok(figures)
}

async fn series(
    figures: &mut Figures,
    workflow: &str,
    effects: usize,
    [time, peak, resume]: &[&'static str; 3],
) -> Result<(), Failure> {
    let (mut times, mut peaks, mut resumes) = (Vec::new(), Vec::new(), Vec::new());
    // A hundred thousand parks are as many as five windows of twenty thousand.
    let windows = if workflow == "Parks" && effects > 50_000 { 1 } else { WINDOWS };
    for _ in 0..windows {
        let once = once(workflow, effects).await?;
        times.push(once.time.as_secs_f64() * 1e6 / effects as f64);
        peaks.push(once.peak_mib);
        resumes.push(once.resume.as_secs_f64() * 1e3);
    }
    figures.add(time, median(times), "us");
    figures.add(peak, median(peaks), "MiB");
    figures.add(resume, median(resumes), "ms");
    Ok(())
}

struct Once {
    time: Duration,
    peak_mib: f64,
    resume: Duration,
}

async fn once(workflow: &str, effects: usize) -> Result<Once, Failure> {
    let (engine, kept) = if workflow == "Parks" { stepping() } else { Default::default() };
    let other = engine.clone();
    let inside = Inside::open_with(&works::turns(effects), Opened { engine, kept, queue: None }).await?;
    let workers = inside.work();
    memory::forget_peak()?;
    let mut changes = inside.store().changes();
    let begin = Instant::now();
    let run = inside.start(workflow, Value::Null).await?;
    // The last park of all is the one that waits for the signal, without a time.
    loop {
        let waits = match changes.recv().await {
            Ok(changes) if failed(&changes) => return Err("the loop failed".into()),
            Ok(changes) => changes.iter().any(|(_, change)| stands(change, Status::Waiting)),
            Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => true,
            Err(error) => return Err(error.into()),
        };
        if workflow == "Loop" && waits {
            break;
        }
        if waits && waits_for_good(&inside, run).await? {
            break;
        }
    }
    let time = begin.elapsed();
    let peak_mib = memory::mib("self", "VmHWM")?;
    workers.stop().await?;
    // One that has not worked it has no state of it: it reads the journal.
    let inside = inside.other_engine(other).await?;
    let workers = inside.work();
    let begin = Instant::now();
    inside.store().signal(run, "go".into(), Value::Null).await?;
    loop {
        let changes = changes.recv().await?;
        if failed(&changes) {
            return Err("the loop failed".into());
        }
        if changes.iter().any(|(_, change)| stands(change, Status::Succeeded)) {
            break;
        }
    }
    let resume = begin.elapsed();
    workers.stop().await?;
    inside.close().await?;
    Ok(Once { time, peak_mib, resume })
}

fn failed(changes: &store::Changes) -> bool {
    changes.iter().any(|(_, change)| stands(change, Status::Failed))
}

fn stands(change: &store::Change, status: Status) -> bool {
    matches!(change, store::Change::Run { stands, .. } if stands.status == status)
}

async fn waits_for_good(inside: &Inside, run: store::Id) -> Result<bool, Failure> {
    let found = inside.store().run(run).await?.ok_or("the loop is not there")?;
    Ok(found.status == Status::Waiting && found.wake_at_ms.is_none())
}

/// The clock that the module's head speaks of.
fn stepping() -> (Settings, store::sqlite::Settings) {
    const HOUR_US: u64 = 3_600_000_000;
    let now_us = Arc::new(AtomicU64::new(1_800_000_000_000_000));
    let engines = now_us.clone();
    let engine = Settings {
        clock: Clock::new(move || (engines.load(Ordering::Relaxed) / 1_000) as i64),
        ..Settings::default()
    };
    let clock = move || match std::thread::current().name() {
        Some("writer") => now_us.fetch_add(HOUR_US, Ordering::Relaxed) + HOUR_US,
        _ => now_us.load(Ordering::Relaxed),
    };
    (engine, store::sqlite::Settings { clock: Arc::new(clock), ..Default::default() })
}
