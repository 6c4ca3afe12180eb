//! What the event of a schedule says (durability.md, Schedules).

use std::sync::Arc;

use crate::Cron;

/// When an event is due, and what then becomes of it.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// As it stands in the file.
    pub expression: Arc<str>,
    /// The zone's name.
    pub timezone: Arc<str>,
    /// When it is due.
    pub cron: Cron,
    /// What becomes of times at which everything was down.
    pub catchup: Catchup,
    /// What becomes of a time at which its last run still lives.
    pub overlap: Overlap,
}

/// What becomes of times at which everything was down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Catchup {
    /// The latest one runs.
    #[default]
    Latest,
    /// All run, up to 100.
    All,
    /// None runs.
    None,
}

/// What becomes of a due time at which the schedule's last run still lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// It is skipped.
    #[default]
    Skip,
    /// Its run begins when the others have ended.
    Queue,
    /// It runs beside them.
    Allow,
}

impl Catchup {
    /// Its word in files, by value.
    pub const WORDS: &[(&'static str, Catchup)] =
        &[("latest", Catchup::Latest), ("all", Catchup::All), ("none", Catchup::None)];
}

impl Overlap {
    /// Its word in files, by value.
    pub const WORDS: &[(&'static str, Overlap)] =
        &[("skip", Overlap::Skip), ("queue", Overlap::Queue), ("allow", Overlap::Allow)];
}
