//! steps: a worker of four recorded effects, 16 at once, 2,000 in a window: from the call that starts it until its end is
//! durable. Processes beside work what this one starts, which hears from them that it has ended.

use std::{sync::Arc, time::Instant};

use tokio::task::JoinSet;

use crate::{
    Failure, How,
    cost::Meter,
    crew::{self, Crew},
    figures::{Figures, median},
    inside::{self, Each, Inside},
    load::Window,
    place, scale, works,
};

const WINDOWS: usize = 5;
const AT_ONCE: usize = 16;

pub(crate) fn measure(how: &How) -> Result<Figures, Failure> {
    let count = if how.quick { 800 } else { 2_000 };
    let mut figures = Figures::of_form("steps", how.form());
    inside::runtime()?.block_on(async {
        let inside = Arc::new(Inside::open(&works::all()).await?);
        let scale_time = std::time::Duration::from_millis(500);
        let before = scale::fdatasync_per_s(inside.folder(), scale_time)?;
        let steppers = Steppers::of(how, &inside).await?;
        let mut watching = JoinSet::new();
        let each = Each::of(&inside, &mut watching);
        let mut windows = vec![window(&inside, &each, count).await?];
        let mut meter = Meter::of(inside.ground.database.as_deref(), steppers.processes())?;
        meter.as_mut().map_or(Ok(()), Meter::begin)?;
        for _ in 0..WINDOWS {
            windows.push(window(&inside, &each, count).await?);
        }
        meter.as_mut().map_or(Ok(()), Meter::end)?;
        let windows = windows.split_off(1);
        steppers.stop().await?;
        inside::over(&mut watching);
        let after = scale::fdatasync_per_s(inside.folder(), scale_time)?;
        let at = |p: f64| median(windows.iter().map(|window| window.percentile(p)).collect());
        figures.scale("fdatasync_per_s", (before + after) / 2.0);
        figures.add("runs_per_s", median(windows.iter().map(|window| window.per_s).collect()), "1/s");
        figures.add("p50_ms", at(0.5), "ms");
        figures.add("p99_ms", at(0.99), "ms");
        if let Some(meter) = meter {
            meter.add_to(&mut figures, "", WINDOWS * (count / AT_ONCE) * AT_ONCE);
        }
        inside.store().close().await?;
        place::add_scale(&mut figures, how.quick)
    })?;
    Ok(figures)
}

/// Who works what this process starts.
enum Steppers {
    Here(inside::Workers),
    There(Crew),
}

impl Steppers {
    async fn of(how: &How, inside: &Inside) -> Result<Steppers, Failure> {
        let (Some(workers), Some(database)) = (how.workers, &inside.ground.database) else {
            return Ok(Steppers::Here(inside.work()));
        };
        let mut crew = Crew::start(database, workers)?;
        tokio::time::sleep(crew::KNOWN).await;
        crew.work()?;
        Ok(Steppers::There(crew))
    }

    /// All whose processor time a run costs: this one starts them.
    fn processes(&self) -> Vec<u32> {
        let mut all = vec![std::process::id()];
        if let Steppers::There(crew) = self {
            all.extend(crew.processes());
        }
        all
    }

    async fn stop(self) -> Result<(), Failure> {
        match self {
            Steppers::Here(workers) => workers.stop().await,
            Steppers::There(mut crew) => crew.rest(),
        }
    }
}

async fn window(inside: &Arc<Inside>, each: &Each, count: usize) -> Result<Window, Failure> {
    let begin = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (inside, each) = (inside.clone(), each.clone());
        clients.spawn(async move {
            let mut latencies = Vec::new();
            for _ in 0..count / AT_ONCE {
                let asked = Instant::now();
                let run = inside.start("Four", works::input(100)).await?;
                latencies.push((each.end(run).await? - asked).as_secs_f64() * 1e3);
            }
            Ok::<_, Failure>(latencies)
        });
    }
    let mut latencies_ms = Vec::new();
    while let Some(latencies) = clients.join_next().await {
        latencies_ms.extend(latencies??);
    }
    latencies_ms.sort_by(f64::total_cmp);
    Ok(Window { per_s: latencies_ms.len() as f64 / begin.elapsed().as_secs_f64(), latencies_ms })
}
