//! backlog on PostgreSQL: a lane of 10^3, 10^5, 10^6, 10^7 runs beside a small one. What a claim and a run cost in either, a start, and the
//! pickup of the small lane's runs, by a worker of that lane and at last by one that works off the large lane meanwhile. The rows are made by
//! the store, 1,000 a commit, since what a run was started with holds its own id: SQL alone could not make it.
//!
//! With a snapshot: claims and runs in turns, as many runs staying behind them, until it has been open for a minute.

use std::time::{Duration, Instant};

use crate::{
    Failure, How, backlog,
    crew::Hands,
    enqueue,
    figures::Figures,
    inside::{self, Ground, Inside, Opened},
    pickup, place, scale,
    talk::{Psql, Snapshot},
    works,
};

const WINDOWS: usize = 5;

/// Of the large lane, and the end of its figures' names.
const SIZES: &[(usize, &str)] =
    &[(1_000, "_1e3"), (100_000, "_1e5"), (1_000_000, "_1e6"), (10_000_000, "_1e7")];

/// More than any of them: starts are not refused for the length of the queue.
const QUEUED_MAX: u64 = 1_000_000_000;

pub(crate) fn measure(how: &How) -> Result<Figures, Failure> {
    let mut figures = Figures::of_form("backlog", how.form());
    inside::runtime()?.block_on(async {
        let ground = Ground::new(&works::all())?;
        figures
            .scale("fdatasync_per_s", scale::fdatasync_per_s(ground.folder.path(), Duration::from_secs(1))?);
        let backlog = Backlog { how, ground, count: if how.quick { 500 } else { 2_000 } };
        match how.snapshot {
            true => backlog.beside_a_snapshot(&mut figures).await?,
            false => backlog.sizes(&mut figures).await?,
        }
        place::add_scale(&mut figures, how.quick)
    })?;
    Ok(figures)
}

struct Backlog<'a> {
    how: &'a How,
    ground: Ground,
    /// Runs worked in a window.
    count: usize,
}

impl Backlog<'_> {
    async fn open(&self, queue: Option<&'static str>) -> Result<Inside, Failure> {
        let engine = engine::Settings { queued_max: QUEUED_MAX, ..Default::default() };
        self.ground.open(Opened { engine, queue, ..Opened::default() }).await
    }

    async fn sizes(&self, figures: &mut Figures) -> Result<(), Failure> {
        // The largest takes minutes to make, and what others do with it is what this process does.
        let sizes = SIZES.len() - usize::from(self.how.workers.is_some());
        for (size, of) in if self.how.quick { &SIZES[..2] } else { &SIZES[..sizes] } {
            self.load(figures, *size, of).await?;
            if self.how.workers.is_none() {
                self.lanes(figures, of).await?;
            }
            // These take some of it away.
            figures.add_windows("us_per_run", of, &self.runs(None).await?, "us");
            self.starts(figures, of).await?;
        }
        if self.how.workers.is_none() {
            let inside = self.open(None).await?;
            let picked = pickup::picked(&inside, "LaunchSmall", self.how.quick).await?;
            inside.close().await?;
            picked.add_to(figures, "_beside_a_flood");
        }
        Ok(())
    }

    /// So many, and those that are worked off in the windows.
    async fn load(&self, figures: &mut Figures, size: usize, of: &str) -> Result<(), Failure> {
        let inside = self.open(None).await?;
        let queued = inside.store().account().await?.queued as usize;
        let more = (size + (WINDOWS + 1) * self.count).saturating_sub(queued);
        let before = self.bytes()?;
        let begin = Instant::now();
        inside.fill("Nothing", works::input(100), more).await?;
        figures.add(format!("load_s{of}"), begin.elapsed().as_secs_f64(), "s");
        figures.add(format!("loaded_per_s{of}"), more as f64 / begin.elapsed().as_secs_f64(), "1/s");
        inside.close().await?;
        figures.add(format!("bytes_per_run{of}"), (self.bytes()? - before) / more as f64, "B");
        Ok(())
    }

    /// On disk, its log apart.
    fn bytes(&self) -> Result<f64, Failure> {
        let database = self.ground.database.as_deref().ok_or("no database")?;
        Psql::open(database)?.number("SELECT pg_database_size(current_database())")
    }

    /// What a claim costs in either lane, and what a run and its pickup cost in the small one.
    async fn lanes(&self, figures: &mut Figures, of: &str) -> Result<(), Failure> {
        let large = self.open(Some("default")).await?;
        figures.add_windows("us_per_claim", of, &backlog::claims(&large).await?, "us");
        large.close().await?;
        let small = self.open(Some("small")).await?;
        small.fill("Small", works::input(100), (WINDOWS + 1) * self.count).await?;
        figures.add_windows("us_per_claim_small_lane", of, &backlog::claims(&small).await?, "us");
        small.close().await?;
        let runs = self.runs(Some("small")).await?;
        figures.add_windows("us_per_run_small_lane", of, &runs, "us");
        let small = self.open(Some("small")).await?;
        let picked = pickup::picked(&small, "LaunchSmall", self.how.quick).await?;
        small.close().await?;
        picked.add_to(figures, &format!("_small_lane{of}"));
        Ok(())
    }

    /// What a run costs, with as many behind it as there are.
    async fn runs(&self, queue: Option<&'static str>) -> Result<Vec<f64>, Failure> {
        let mut hands = Hands::over(self.how, self.open(queue).await?).await?;
        let mut working = hands.work().await?;
        let mut reached = Vec::new();
        for n in 0..=WINDOWS {
            reached.push(working.reach((n + 1) * self.count).await?);
        }
        working.stop().await?;
        hands.close().await?;
        let us = |pair: &[Duration]| pair[1].saturating_sub(pair[0]).as_secs_f64() * 1e6 / self.count as f64;
        Ok(reached.windows(2).map(us).collect())
    }

    /// Of 16 at once, into the large lane.
    async fn starts(&self, figures: &mut Figures, of: &str) -> Result<(), Failure> {
        let window = Duration::from_millis(if self.how.quick { 200 } else { 1_000 });
        let inside = self.open(None).await?;
        let per_s = enqueue::at_once(&inside.engine, 16, window, WINDOWS).await?;
        inside.close().await?;
        let us: Vec<f64> = per_s.into_iter().map(|per_s| 1e6 / per_s).collect();
        figures.add_windows("us_per_enqueue", of, &us, "us");
        Ok(())
    }

    async fn beside_a_snapshot(&self, figures: &mut Figures) -> Result<(), Failure> {
        let size = if self.how.quick { 10_000 } else { 100_000 };
        let mut hands = Hands::over(self.how, self.open(None).await?).await?;
        hands.fill("Nothing", works::input(100), size).await?;
        let (mut claims, mut runs) = (Vec::new(), Vec::new());
        for _ in 0..WINDOWS {
            self.turn(&mut hands, &mut claims, &mut runs).await?;
        }
        figures.add_windows("us_per_claim", "", &claims, "us");
        figures.add_windows("us_per_run", "", &runs, "us");
        claims.clear();
        runs.clear();
        let _snapshot = Snapshot::of(&self.ground)?;
        let begin = Instant::now();
        while begin.elapsed() < self.how.age() {
            self.turn(&mut hands, &mut claims, &mut runs).await?;
        }
        for (name, windows) in [("us_per_claim_snapshot", &claims), ("us_per_run_snapshot", &runs)] {
            figures.add_windows(name, "", windows, "us");
            figures.add_tenths(name, windows);
        }
        hands.close().await
    }

    /// Claims, where this process works; then runs, for which others come.
    async fn turn(
        &self,
        hands: &mut Hands,
        claims: &mut Vec<f64>,
        runs: &mut Vec<f64>,
    ) -> Result<(), Failure> {
        if let Hands::Here(inside) = hands {
            let ahead = none_ahead(inside).await;
            claims.push(backlog::claim(inside, 200).await?);
            ahead.iter().for_each(|claimed| inside.store().release(claimed.start.id, claimed.epoch));
        }
        let mut working = hands.work().await?;
        let us = working.reach(self.count).await?.as_secs_f64() * 1e6 / self.count as f64;
        working.stop().await?;
        runs.push(us);
        hands.fill("Nothing", works::input(100), self.count).await
    }
}

/// What workers claimed ahead and left would be claimed out of memory: it is taken, late enough that none is claimed ahead any more.
async fn none_ahead(inside: &Inside) -> Vec<store::Claimed> {
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut ahead = Vec::new();
    loop {
        let more = inside.store().claim_now(1_000);
        if more.is_empty() {
            return ahead;
        }
        ahead.extend(more);
    }
}
