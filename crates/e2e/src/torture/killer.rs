//! What the kills fell into. The server writes where it stands into a file that outlives it (`store::probe`); after a kill
//! it is read. Every second kill is aimed at the point that has the fewest so far: the server is
//! asked to stand still there.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use store::probe::Point;

use crate::dice::Dice;

/// Points that must have their share of the kills.
const REQUIRED: [Point; 6] = [
    Point::BeforeEffect,
    Point::AfterEffect,
    Point::BeforeCommit,
    Point::AfterCommit,
    Point::Park,
    Point::Checkpoint,
];

/// What each must have at least after 200 kills.
const SHARE: (u64, u64) = (20, 200);

/// Looks, a millisecond apart, for the server to come to the point that a kill is aimed at.
const LOOKS: u64 = 1_500;

/// While one thread stands still the others may go on so long, milliseconds: what left too early shows.
const LINGER_MS: (u64, u64) = (5, 25);

pub(crate) struct Killer {
    path: PathBuf,
    file: File,
    hits: [u64; Point::ALL.len()],
    nowhere: u64,
    aimed: u64,
}

impl Killer {
    pub(crate) fn new(project: &Path) -> Killer {
        let path = project.join("probe");
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&path);
        Killer {
            path,
            file: file.expect("the probe's file"),
            hits: [0; Point::ALL.len()],
            nowhere: 0,
            aimed: 0,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Before a start.
    pub(crate) fn clear(&self) {
        self.file.write_all_at(&[0; 8 + 8 * Point::ALL.len()], 0).expect("the probe's file");
    }

    /// Returns when the kill is to come.
    pub(crate) async fn aim(&mut self, n: u64, kills: u64, dice: &mut Dice) {
        let least = REQUIRED.into_iter().min_by_key(|point| self.hits[*point as usize]);
        let missing: u64 =
            REQUIRED.iter().map(|point| share(kills).saturating_sub(self.hits[*point as usize])).sum();
        let Some(point) = least.filter(|_| n % 2 == 1 || missing >= kills - n) else { return };
        self.aimed += 1;
        self.file.write_all_at(&[point as u8 + 1], 0).expect("the probe's file");
        for _ in 0..LOOKS {
            if self.inside(point) {
                tokio::time::sleep(Duration::from_millis(LINGER_MS.0 + dice.below(LINGER_MS.1))).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn inside(&self, point: Point) -> bool {
        let mut count = [0; 8];
        self.file.read_exact_at(&mut count, 8 + 8 * point as u64).expect("the probe's file");
        i64::from_le_bytes(count) > 0
    }

    /// After a kill.
    pub(crate) fn look(&mut self) {
        let there: Vec<Point> = Point::ALL.into_iter().filter(|point| self.inside(*point)).collect();
        self.nowhere += u64::from(there.is_empty());
        there.iter().for_each(|point| self.hits[*point as usize] += 1);
    }

    pub(crate) fn aimed(&self) -> u64 {
        self.aimed
    }

    /// A kill counts at every point that a thread or a run stood at.
    pub(crate) fn histogram(&self) -> Value {
        let mut all = json!({});
        for point in Point::ALL {
            all[point.name()] = self.hits[point as usize].into();
        }
        all["elsewhere"] = self.nowhere.into();
        all
    }

    /// Points with too few kills.
    pub(crate) fn missing(&self, kills: u64) -> Vec<String> {
        let wanted = share(kills);
        let few = REQUIRED.into_iter().filter(|point| self.hits[*point as usize] < wanted);
        few.map(|point| {
            format!("only {} kills fell into {}, not {wanted}", self.hits[point as usize], point.name())
        })
        .collect()
    }
}

fn share(kills: u64) -> u64 {
    kills * SHARE.0 / SHARE.1
}
