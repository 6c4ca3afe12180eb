//! What many runs put into one item, against a reference that is slow and obvious: runs speak in any order, several
//! updates are one write, and a run that resumes says again what it had said.

use proptest::prelude::*;
use store::{Contribution, Item, Merged, NewRun, Share};

use crate::conformance::{run, said};

/// One update of a run, whole numbers so that sums are exact.
#[derive(Debug, Clone, Copy)]
struct Update {
    set: Option<i64>,
    increment: i64,
}

/// What happens: a run makes updates, and the newest of them is written; or it resumes and says the n newest again.
#[derive(Debug, Clone)]
enum Step {
    Writes(usize, Vec<Update>),
    Repeats(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let update = (prop::option::weighted(0.3, 0..40_i64), 0..6_i64)
        .prop_map(|(set, increment)| Update { set, increment });
    let step = prop_oneof![
        4 => (0..4_usize, prop::collection::vec(update, 1..4)).prop_map(|(run, updates)| Step::Writes(run, updates)),
        1 => (0..4_usize, 1..6_usize).prop_map(|(run, n)| Step::Repeats(run, n)),
    ];
    prop::collection::vec(step, 1..40)
}

/// What a run has said after each of its updates.
fn says(root: &NewRun, n: usize, updates: &[Update]) -> Contribution {
    let id = run(n as u128 + 1).id;
    let last = updates.iter().rposition(|update| update.set.is_some());
    let sum = |updates: &[Update]| updates.iter().map(|update| update.increment).sum::<i64>() as f64;
    let sets = updates.iter().filter(|update| update.set.is_some()).count() as u64;
    Contribution {
        updates: updates.len() as u64,
        // An update that sets and adds adds on top of what it sets.
        set: last.and_then(|at| updates[at].set).map(|value| (sets, value as f64)),
        before: last.map_or(0.0, |at| sum(&updates[..at])),
        subtotal: last.map_or_else(|| sum(updates), |at| sum(&updates[at..])),
        total: None,
        ..said(root, id, "p")
    }
}

/// The obvious way: each run's increments one by one, with a mark at those that count no more.
#[derive(Default)]
struct Reference {
    base: i64,
    base_run: Option<usize>,
    runs: [Vec<(i64, bool)>; 4],
    sets: [usize; 4],
}

impl Reference {
    fn sum(&self) -> i64 {
        self.base + self.runs.iter().flatten().filter(|(_, counts)| *counts).map(|(n, _)| n).sum::<i64>()
    }

    fn write(&mut self, n: usize, updates: &[Update]) {
        let shown = self.sum();
        let known = self.runs[n].len();
        self.runs[n].extend(updates[known..].iter().map(|update| (update.increment, true)));
        let Some(at) = updates.iter().rposition(|update| update.set.is_some()) else { return };
        if std::mem::replace(&mut self.sets[n], at + 1) == at + 1 {
            return;
        }
        let before = (self.base, self.base_run, self.runs[n].clone());
        (self.base, self.base_run) = (updates[at].set.unwrap(), Some(n));
        self.runs[n][..at].iter_mut().for_each(|(_, counts)| *counts = false);
        let own = before.1.is_none_or(|run| run == n);
        if !own && self.sum() < shown {
            (self.base, self.base_run, self.runs[n]) = before;
        }
    }
}

proptest! {
    #[test]
    fn an_item_is_what_its_runs_put_in(steps in steps()) {
        let root = run(1);
        let mut item = Item::new(&says(&root, 0, &[]), None);
        let mut shares = [Share::default(); 4];
        let mut made: [Vec<Update>; 4] = Default::default();
        let mut reference = Reference::default();
        for step in steps {
            match step {
                Step::Writes(n, updates) => {
                    let sets = updates.iter().any(|update| update.set.is_some());
                    made[n].extend(updates);
                    let before = item.progress;
                    item.merge(&mut shares[n], &says(&root, n, &made[n]));
                    reference.write(n, &made[n]);
                    prop_assert_eq!(item.progress, reference.sum() as f64);
                    prop_assert!(item.progress >= before || sets && item.base_run == Some(run(n as u128 + 1).id));
                }
                Step::Repeats(n, newest) => {
                    let before = item.clone();
                    let from = made[n].len().saturating_sub(newest).max(1);
                    for upto in from..=made[n].len() {
                        let merged = item.merge(&mut shares[n], &says(&root, n, &made[n][..upto]));
                        prop_assert_eq!(merged, Merged::Nothing);
                    }
                    prop_assert_eq!(&item, &before);
                }
            }
        }
    }
}
