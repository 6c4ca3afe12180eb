//! What is due comes once, and nothing besides: due times over years against a reference that goes through them minute by
//! minute; and the engine with the real store under a simulated clock, over lives that are cut off at any moment.
//!
//! ```text
//! zone -> Minutes (what its clock shows) -> reference: Vixie's rule -+
//! expression -> workflow::Cron::next, again and again --------------+-> missed, doubled, extra
//!
//! seed -> World (schedules, what is done to them) -> life, life, .. (two engines, one store) -> ledger, runs -+
//! reference, and when somebody was there: what should have become of each due time --------------------------+-> the same
//! ```

mod due;
mod life;
mod reference;
mod verdict;
mod world;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Map;

use crate::proof::Report;

/// Seeds for each year, each of some weeks.
const SEEDS: u64 = 4;

/// Seeds at work at once.
const THREADS: usize = 2;

/// Compares due times with a reference, and goes through lives of a server with schedules
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {
    /// How many years
    #[arg(long, default_value_t = 10)]
    pub years: u32,
    /// Seeds of lives, each gone through twice; 4 for each year if left out
    #[arg(long)]
    pub lives: Option<u64>,
    /// Only the lives of this seed, with an account of what happened
    #[arg(long)]
    pub seed: Option<u64>,
}

/// What was compared, and what was not as it should be.
#[derive(Debug, Default)]
struct Found {
    figures: BTreeMap<&'static str, u64>,
    missed: u64,
    doubled: u64,
    extra: u64,
    broken: Vec<String>,
}

impl Found {
    fn count(&mut self, what: &'static str, many: u64) {
        *self.figures.entry(what).or_default() += many;
    }
}

/// Goes through the years.
pub fn check(asked: &Asked) -> Report {
    let mut all = match asked.seed {
        Some(_) => Vec::new(),
        None => due::check(asked.years),
    };
    all.extend(lives(asked));
    let mut figures = Map::new();
    figures.insert("years".into(), asked.years.into());
    let sum = |figure: fn(&Found) -> u64| all.iter().map(figure).sum::<u64>();
    let (missed, doubled, extra) =
        (sum(|found| found.missed), sum(|found| found.doubled), sum(|found| found.extra));
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, count) in all.iter().flat_map(|found| &found.figures) {
        *counted.entry(name).or_default() += count;
    }
    figures.extend(counted.into_iter().map(|(name, count)| (name.to_owned(), count.into())));
    for (name, count) in [("missed", missed), ("doubled", doubled), ("extra", extra)] {
        figures.insert(name.into(), count.into());
    }
    let broken = all.into_iter().flat_map(|found| found.broken).collect();
    Report { proof: "clock", figures, broken, ..Report::default() }
}

/// Each seed twice, and both times the same.
fn lives(asked: &Asked) -> Vec<Found> {
    let many = asked.lives.unwrap_or(u64::from(asked.years) * SEEDS);
    let (first, seeds) = asked.seed.map_or((1, many), |seed| (seed, 1));
    let (next, found) = (AtomicU64::new(first), Mutex::new(BTreeMap::new()));
    let folder = crate::sim::folder();
    std::thread::scope(|scope| {
        for n in 0..THREADS.min(seeds as usize) {
            let (next, found, own) = (&next, &found, folder.path().join(n.to_string()));
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    let (log, mut one) = verdict::of(&life::whole(seed, &own));
                    let (again, _) = verdict::of(&life::whole(seed, &own));
                    if asked.seed.is_some() {
                        log.iter().for_each(|line| println!("{line}"));
                    }
                    if let Some((one_line, other)) = log.iter().zip(&again).find(|(one, other)| one != other)
                    {
                        one.broken.push(format!("the second time is another: `{one_line}`, then `{other}`"));
                    } else if log.len() != again.len() {
                        one.broken.push(format!("{} lines, then {}", log.len(), again.len()));
                    }
                    let named = one.broken.into_iter().map(|what| format!("seed {seed}: {what}"));
                    let one = Found { broken: named.take(5).collect(), ..one };
                    found.lock().expect("what was found").insert(seed, one);
                }
            });
        }
    });
    found.into_inner().expect("what was found").into_values().collect()
}
