//! What a version changes of another, and for how many runs under way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use store::{Hash, Pinned, Version};
use workflow::{Catchup, Overlap, System};

/// What is different under another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// The tenant.
    pub system: Arc<str>,
    /// The version that is current; None: the system is new.
    pub from: Option<Hash>,
    /// The one that would be.
    pub to: Hash,
    /// Files by path.
    pub files: Vec<Part>,
    /// Workflows by identifier: one has changed if its file has.
    pub workflows: Vec<Part>,
    /// Schedules.
    pub schedules: Vec<Timed>,
    /// Live runs of the system that go on under another version than `to`: theirs.
    pub runs: Vec<Pinned>,
}

/// Something with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: Arc<str>,
    /// What becomes of it.
    pub turn: Turn,
}

/// What becomes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is new.
    Added,
    /// It is there in both, and not the same.
    Changed,
    /// It is there no more.
    Removed,
}

/// A schedule that is new, changed or gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// Its workflow.
    pub workflow: Arc<str>,
    /// Its event.
    pub event: Arc<str>,
    /// When it was due; None: it is new.
    pub before: Option<Arc<str>>,
    /// When it is; None: it is gone.
    pub after: Option<Arc<str>>,
}

/// A version, and what its files say.
pub(crate) struct Side<'a> {
    pub(crate) version: &'a Version,
    pub(crate) system: &'a System,
}

impl Diff {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.from == Some(self.to)
    }
}

pub(crate) fn diff(old: Option<Side<'_>>, new: &Side<'_>, pinned: Vec<Pinned>) -> Diff {
    let old = old.as_ref();
    let to = new.version.hash();
    let timed = |(of, after): (Scheduled, Option<Arc<str>>), before: Option<Arc<str>>| Timed {
        workflow: of.0,
        event: of.1,
        before,
        after,
    };
    let schedules = both(old.map(schedules).unwrap_or_default(), schedules(new));
    Diff {
        system: new.version.system.clone(),
        from: old.map(|old| old.version.hash()),
        to,
        files: parts(old.map(files).unwrap_or_default(), files(new)),
        workflows: parts(old.map(workflows).unwrap_or_default(), workflows(new)),
        schedules: schedules.into_iter().map(|(of, before, after)| timed((of, after), before)).collect(),
        runs: pinned.into_iter().filter(|pinned| pinned.version != to).collect(),
    }
}

fn parts<T: PartialEq>(old: BTreeMap<Arc<str>, T>, new: BTreeMap<Arc<str>, T>) -> Vec<Part> {
    let turn = |before: Option<T>, after: Option<T>| match (before, after) {
        (None, _) => Turn::Added,
        (_, None) => Turn::Removed,
        _ => Turn::Changed,
    };
    both(old, new).into_iter().map(|(name, before, after)| Part { name, turn: turn(before, after) }).collect()
}

/// What is not the same in both, in order.
fn both<K: Ord + Clone, T: PartialEq>(
    mut old: BTreeMap<K, T>,
    mut new: BTreeMap<K, T>,
) -> Vec<(K, Option<T>, Option<T>)> {
    let names: BTreeSet<K> = old.keys().chain(new.keys()).cloned().collect();
    let sides = names.into_iter().map(|name| {
        let (before, after) = (old.remove(&name), new.remove(&name));
        (name, before, after)
    });
    sides.filter(|(_, before, after)| before != after).collect()
}

fn files<'a>(side: &Side<'a>) -> BTreeMap<Arc<str>, &'a [u8]> {
    side.version.files.iter().map(|(path, bytes)| (path.as_str().into(), &**bytes)).collect()
}

fn workflows<'a>(side: &Side<'a>) -> BTreeMap<Arc<str>, &'a [u8]> {
    let files = files(side);
    let graphs = side.system.workflows.values();
    graphs.filter_map(|graph| Some((graph.identifier.clone(), *files.get(&graph.path)?))).collect()
}

/// Workflow and event.
type Scheduled = (Arc<str>, Arc<str>);

fn schedules(side: &Side<'_>) -> BTreeMap<Scheduled, Arc<str>> {
    let graphs = side.system.workflows.values();
    let events = graphs.flat_map(|graph| graph.events.iter().map(move |event| (graph, event)));
    let said = events.filter_map(|(graph, event)| {
        let schedule = event.schedule.as_ref()?;
        Some(((graph.identifier.clone(), event.identifier.clone()), words(schedule)))
    });
    said.collect()
}

/// When it is due, and what it says beyond what is usual.
fn words(schedule: &workflow::Schedule) -> Arc<str> {
    let mut words = format!("{} {}", schedule.expression, schedule.timezone);
    if schedule.catchup != Catchup::default() {
        let word = Catchup::WORDS.iter().find(|(_, value)| *value == schedule.catchup);
        words.extend(word.map(|(word, _)| format!(", catchup {word}")));
    }
    if schedule.overlap != Overlap::default() {
        let word = Overlap::WORDS.iter().find(|(_, value)| *value == schedule.overlap);
        words.extend(word.map(|(word, _)| format!(", overlap {word}")));
    }
    words.into()
}
