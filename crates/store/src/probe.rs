//! Where the process stands, in a file that outlives it: a proof that kills it reads there what the kill fell into, and
//! may ask it to stand still at a point until the kill comes. Without the feature `probe` none of this is in the binary.
//!
//! Byte 0 of the file that `HEFE_PROBE` names is the point at which the process is to stand still, counted from 1; from
//! byte 8 on stands, eight bytes a point, how many threads or runs are there.

/// What a kill may fall into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// A call on others is about to be sent; all before it is durable.
    BeforeEffect,
    /// The call is under way.
    InEffect,
    /// It is answered, and its outcome is not yet durable.
    AfterEffect,
    /// The writer has taken submissions, and its transaction has not begun to commit.
    BeforeCommit,
    /// It commits.
    InCommit,
    /// It has committed, and nobody knows.
    AfterCommit,
    /// In a transaction that parks a run.
    Park,
    /// In a transaction that writes a run's state.
    Checkpoint,
}

impl Point {
    /// In the order of the file.
    pub const ALL: [Point; 8] = [
        Point::BeforeEffect,
        Point::InEffect,
        Point::AfterEffect,
        Point::BeforeCommit,
        Point::InCommit,
        Point::AfterCommit,
        Point::Park,
        Point::Checkpoint,
    ];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Point::BeforeEffect => "before_effect",
            Point::InEffect => "in_effect",
            Point::AfterEffect => "after_effect",
            Point::BeforeCommit => "before_commit",
            Point::InCommit => "in_commit",
            Point::AfterCommit => "after_commit",
            Point::Park => "park",
            Point::Checkpoint => "checkpoint",
        }
    }

    /// The process is there until what this gives is dropped.
    pub fn enter(self) -> Inside {
        #[cfg(feature = "probe")]
        {
            on::count(self, 1);
            on::stand_still(self);
        }
        Inside(self)
    }
}

/// While it lives the process stands at that point.
#[derive(Debug)]
pub struct Inside(Point);

impl Drop for Inside {
    fn drop(&mut self) {
        #[cfg(feature = "probe")]
        on::count(self.0, -1);
        // Without the feature the point is all there is.
        let _ = self.0;
    }
}

#[cfg(feature = "probe")]
mod on {
    use std::{
        fs::File,
        os::unix::fs::FileExt,
        sync::{LazyLock, Mutex, PoisonError},
        time::Duration,
    };

    use super::Point;

    struct Probe {
        file: File,
        counts: Mutex<[i64; Point::ALL.len()]>,
    }

    static PROBE: LazyLock<Option<Probe>> = LazyLock::new(|| {
        let path = std::env::var_os("HEFE_PROBE")?;
        let file = File::options().read(true).write(true).open(path).ok()?;
        Some(Probe { file, counts: Mutex::default() })
    });

    pub(super) fn count(point: Point, by: i64) {
        let Some(probe) = &*PROBE else { return };
        let place = point as usize;
        let mut counts = probe.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts[place] += by;
        let _ = probe.file.write_all_at(&counts[place].to_le_bytes(), 8 + 8 * place as u64);
    }

    /// Until the kill, if this is the point that was asked for.
    pub(super) fn stand_still(point: Point) {
        let Some(probe) = &*PROBE else { return };
        let mut asked = [0];
        while probe.file.read_exact_at(&mut asked, 0).is_ok() && usize::from(asked[0]) == point as usize + 1 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
