//! drain: queued runs worked to their end, without an effect and with one; inputs of 100 B, 1 KiB and 100 KiB. A window is a whole drain; all
//! windows of a figure are on one database, so that decay shows between the first and the last. With a snapshot: drains without an effect,
//! one after another, until a transaction that was opened after the first few has been open for a minute.

use std::time::{Duration, Instant};

use crate::{
    Failure, How,
    cost::Meter,
    crew::Hands,
    figures::{Figures, median},
    inside, place, scale,
    talk::Snapshot,
    works,
};

const WINDOWS: usize = 5;

/// What one window may hold of input, bytes: 20,000 runs with 100 KiB each would be 2 GB.
const WINDOW_BYTES_MAX: usize = 64 << 20;

/// What is drained.
struct Case {
    workflow: &'static str,
    input_bytes: usize,
    /// Behind the names of its figures.
    of: &'static str,
}

const CASES: &[Case] = &[
    Case { workflow: "Nothing", input_bytes: 100, of: "" },
    Case { workflow: "One", input_bytes: 100, of: "_one_effect" },
    Case { workflow: "Nothing", input_bytes: 1 << 10, of: "_1k" },
    Case { workflow: "Nothing", input_bytes: 100 << 10, of: "_100k" },
];

pub(crate) fn measure(how: &How) -> Result<Figures, Failure> {
    let most = if how.quick { 4_000 } else { 20_000 };
    let mut figures = Figures::of_form("drain", how.form());
    inside::runtime()?.block_on(async {
        let mut fdatasync = Vec::new();
        for case in if how.snapshot { &CASES[..1] } else { CASES } {
            let hands = Hands::open(how, &works::all()).await?;
            fdatasync.push(scale::fdatasync_per_s(hands.ground().folder.path(), Duration::from_millis(300))?);
            let meter = Meter::of(hands.ground().database.as_deref(), hands.processes())?;
            let count = most.min(WINDOW_BYTES_MAX / case.input_bytes);
            let mut drains = Drains { hands, meter, case, count, drained: 0 };
            drains.window().await?;
            let mut windows = Vec::new();
            for _ in 0..WINDOWS {
                windows.push(drains.window().await?);
            }
            figures.add_windows("runs_per_s", case.of, &windows, "1/s");
            if how.snapshot {
                let windows = drains.beside_a_snapshot(how.age()).await?;
                figures.add_windows("runs_per_s_snapshot", "", &windows, "1/s");
                figures.add_tenths("runs_per_s_snapshot", &windows);
            }
            drains.over(&mut figures).await?;
        }
        figures.scale("fdatasync_per_s", median(fdatasync));
        place::add_scale(&mut figures, how.quick)
    })?;
    Ok(figures)
}

struct Drains {
    hands: Hands,
    meter: Option<Meter>,
    case: &'static Case,
    count: usize,
    /// In all windows.
    drained: usize,
}

impl Drains {
    async fn window(&mut self) -> Result<f64, Failure> {
        self.hands.fill(self.case.workflow, works::input(self.case.input_bytes), self.count).await?;
        self.meter.as_mut().map_or(Ok(()), Meter::begin)?;
        let mut working = self.hands.work().await?;
        let per_s = self.count as f64 / working.reach(self.count).await?.as_secs_f64();
        working.stop().await?;
        self.meter.as_mut().map_or(Ok(()), Meter::end)?;
        self.drained += self.count;
        Ok(per_s)
    }

    async fn beside_a_snapshot(&mut self, age: Duration) -> Result<Vec<f64>, Failure> {
        let _snapshot = Snapshot::of(self.hands.ground())?;
        let begin = Instant::now();
        let mut windows = Vec::new();
        while begin.elapsed() < age {
            windows.push(self.window().await?);
        }
        Ok(windows)
    }

    async fn over(self, figures: &mut Figures) -> Result<(), Failure> {
        if let Some(meter) = self.meter {
            meter.add_to(figures, self.case.of, self.drained);
        }
        self.hands.close().await
    }
}
