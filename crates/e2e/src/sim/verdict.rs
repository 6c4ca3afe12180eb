//! What must be true whenever a process begins, and once everything has ended.

use std::collections::{BTreeMap, BTreeSet};

use store::{Id, Inbox, Items, Journals, Run, Runs, Status, sqlite::Sqlite};

use super::{
    life::{self, Life, runs},
    load::{self, Expected, expected},
    people,
    world::{Calls, Launch, Stage},
};

/// Failures that nothing of the load may come to.
const NEVER: [&str; 5] = ["replay_mismatch", "crash_loop", "missing_workflow", "stuck", "max_steps"];

/// Nothing that was answered is lost, the account is what is there, and no bar is behind what was seen of it.
pub(crate) async fn at_start(life: &Life, sqlite: &Sqlite) {
    let runs = runs(sqlite).await;
    life.log(format!("the process begins, with {} runs", runs.len()));
    let launches = life.world().launches.clone();
    for launch in launches {
        if let Stage::There(run, true) = launch.stage
            && !runs.iter().any(|there| there.start.id == run)
        {
            life.broken(format!("launch {} of {} was answered for and is lost", launch.n, launch.kind));
        }
    }
    life.world().over = runs.iter().filter(|run| run.status.ended()).map(|run| run.start.id).collect();
    balanced(life, sqlite, &runs).await;
    for run in runs.iter().filter(|run| run.start.root == run.start.id) {
        for item in sqlite.items_of(run.start.id).await.expect("the bars") {
            life::bar(life, &item);
        }
    }
}

async fn balanced(life: &Life, sqlite: &Sqlite, runs: &[Run]) {
    let account = sqlite.account().await.expect("the account");
    let count = |status| runs.iter().filter(|run| run.status == status).count() as u64;
    let ended = [Status::Succeeded, Status::Failed, Status::Cancelled].map(count);
    let live = account.queued + account.running + account.waiting;
    let said = [account.succeeded, account.failed, account.cancelled];
    if account.accepted != runs.len() as u64
        || said != ended
        || account.accepted != said.iter().sum::<u64>() + live
    {
        life.broken(format!("the account of {} runs ({ended:?}) is {account:?}", runs.len()));
    }
}

/// Everything has ended, each as it should, with all that it does, once.
pub(crate) async fn at_the_end(life: &Life, sqlite: &Sqlite) {
    let all = runs(sqlite).await;
    balanced(life, sqlite, &all).await;
    life.world().figures.insert("runs", all.len() as u64);
    let mut of: BTreeMap<u64, Vec<Run>> = BTreeMap::new();
    for run in all {
        life.log(line(sqlite, &run).await);
        if !run.status.ended() {
            life.broken(format!("{} {} is {}", run.start.workflow, run.start.id, run.status.word()));
        }
        of.entry(people::of(&run)).or_default().push(run);
    }
    let mut notes = notes(sqlite).await;
    let launches = life.world().launches.clone();
    for launch in launches {
        let there = of.remove(&launch.n).unwrap_or_default();
        Verdict { life, launch: &launch, runs: &there }.give(&mut notes);
        bars(life, sqlite, &launch, &there).await;
    }
    of.keys().for_each(|n| life.broken(format!("there are runs of launch {n}, which nobody made")));
    for (note, count) in notes.iter().filter(|(_, count)| **count > 0) {
        life.broken(format!("the notification `{note}` is there {count} times too often"));
    }
}

/// All of a run that two runs of a seed must have in common.
async fn line(sqlite: &Sqlite, run: &Run) -> String {
    let (checkpoint, chunks) = sqlite.trace(run.start.id).await.expect("the journal");
    // The hashes of its large values are part of a state.
    let mut bytes: Vec<u8> = checkpoint.map(|checkpoint| checkpoint.bytes).unwrap_or_default();
    let entries: u64 = chunks.iter().map(|chunk| u64::from(chunk.count)).sum();
    chunks.iter().for_each(|chunk| bytes.extend_from_slice(&chunk.bytes));
    let hash = store::Hash::of(&bytes).to_string();
    let end = run.end.as_ref().map(|end| format!("{} {}", end.result.to_json(), end.error.to_json()));
    format!(
        "end: {} {} {} after {} attempts, {entries} entries {}: {}",
        run.start.workflow,
        run.start.id,
        run.status.word(),
        run.attempts,
        &hash[..12],
        end.unwrap_or_default()
    )
}

async fn notes(sqlite: &Sqlite) -> BTreeMap<String, i64> {
    let mut all = BTreeMap::new();
    for page in 0.. {
        let kept =
            sqlite.notifications("main".into(), "local".into(), 0, page).await.expect("the notifications");
        if kept.is_empty() {
            break;
        }
        for note in kept {
            let message = note.body.get("message").map(recipe::Value::to_text).unwrap_or_default();
            *all.entry(message).or_default() += 1;
        }
    }
    all
}

/// One launch and its runs.
struct Verdict<'a> {
    life: &'a Life,
    launch: &'a Launch,
    runs: &'a [Run],
}

impl Verdict<'_> {
    fn broken(&self, what: impl AsRef<str>) {
        self.life.broken(format!("launch {} of {}: {}", self.launch.n, self.launch.kind, what.as_ref()));
    }

    /// Takes what it should have told from the notifications.
    fn give(&self, notes: &mut BTreeMap<String, i64>) {
        let tops = self.tops();
        let launchers = self.runs.iter().filter(|run| &*run.start.workflow == "Launch").count();
        let first = tops.iter().filter(|run| run.start.retry_of.is_none()).count();
        let there = usize::from(matches!(self.launch.stage, Stage::There(..)));
        if first != there || launchers != there * usize::from(self.launch.through) {
            self.broken(format!(
                "there are {first} runs and {launchers} launchers, and it stands at {:?}",
                self.launch.stage
            ));
        }
        let cut = self.launch.is_cut();
        let expected = expected(self.launch.kind, self.launch.n);
        self.ends(cut);
        self.children(&expected, cut);
        self.tells(&expected, cut, launchers, notes);
        self.calls(&expected, cut);
        let wanted = expected.result.to_string();
        let result = tops.iter().rev().find_map(|run| run.end.as_ref()).map(|end| end.result.to_json());
        if !cut && result.is_some() && !expected.result.is_null() && result.as_ref() != Some(&wanted) {
            self.broken(format!("it gave {result:?}, not {}", expected.result));
        }
    }

    fn tops(&self) -> Vec<&Run> {
        self.runs.iter().filter(|run| *run.start.workflow == *self.launch.kind).collect()
    }

    fn ends(&self, cut: bool) {
        let again: BTreeSet<Id> = self.runs.iter().filter_map(|run| run.start.retry_of).collect();
        for run in self.runs {
            let code = run.end.as_ref().and_then(|end| end.error.get("code").map(recipe::Value::to_text));
            let fine = match run.status {
                Status::Succeeded => true,
                Status::Failed => cut || again.contains(&run.start.id),
                _ => cut,
            };
            if !fine || code.as_ref().is_some_and(|code| NEVER.contains(&&**code)) {
                self.broken(format!(
                    "{} {} is {}: {code:?}",
                    run.start.workflow,
                    run.start.id,
                    run.status.word()
                ));
            }
        }
    }

    fn children(&self, expected: &Expected, cut: bool) {
        let is_child = |run: &&Run| load::CHILDREN.contains(&&*run.start.workflow);
        let children = self.runs.iter().filter(is_child).count() as u64;
        let wanted = if self.tops().is_empty() { 0 } else { expected.children };
        if children > wanted || (!cut && children < wanted) {
            self.broken(format!("there are {children} children, not {wanted}"));
        }
    }

    fn tells(&self, expected: &Expected, cut: bool, launchers: usize, notes: &mut BTreeMap<String, i64>) {
        let mut wanted = if self.tops().is_empty() { BTreeMap::new() } else { expected.notes.clone() };
        if self.tops().iter().any(|run| run.start.retry_of.is_some()) {
            // What came before the failure is told by both.
            *wanted.entry(format!("fails {} before", self.launch.n)).or_default() += 1;
        }
        if launchers > 0 {
            wanted.insert(format!("launched {}", self.launch.n), 1);
        }
        for (note, count) in wanted {
            let there = notes.entry(note.clone()).or_default();
            if !cut && *there < count as i64 {
                self.broken(format!("the notification `{note}` is there {there} times, not {count}"));
            }
            *there = (*there - count as i64).max(0);
        }
    }

    /// Each firing called under one key of its own, was answered, and nobody else called.
    fn calls(&self, expected: &Expected, cut: bool) {
        let world = self.life.world();
        let mine: Vec<_> = world.calls.iter().filter(|((_, n, _), _)| *n == self.launch.n).collect();
        let mut wrong = Vec::new();
        let mut keys = BTreeSet::new();
        // A run that was tried again from the start calls under keys of its own.
        let own = self.tops().len();
        for ((path, _, item), calls) in &mine {
            let fresh = calls.keys.iter().all(|key| !key.is_empty() && keys.insert(key.clone()));
            if calls.keys.len() > own.max(1) || !fresh {
                wrong.push(format!("{path} {item} called under {:?}", calls.keys));
            }
            if !expected.calls.iter().any(|call| call.0 == *path && call.1 == *item) {
                wrong.push(format!("{path} {item} was called"));
            }
        }
        let found = |path: &str, item: u64| -> Vec<&Calls> {
            let same = mine.iter().filter(|((at, _, i), _)| at == path && *i == item);
            same.map(|(_, calls)| *calls).collect()
        };
        for (path, item) in expected.calls.iter().filter(|_| !cut && !self.tops().is_empty()) {
            let fails = *path == "/mixed" && item % 2 == 1;
            if !found(path, *item).iter().any(|calls| fails || calls.answered > 0) {
                wrong.push(format!("{path} {item} was never answered"));
            }
        }
        for pair in expected.calls.windows(2).filter(|_| expected.in_order) {
            let last =
                found(pair[0].0, pair[0].1).into_iter().filter_map(|calls| calls.arrivals.last()).max();
            let first =
                found(pair[1].0, pair[1].1).into_iter().filter_map(|calls| calls.arrivals.first()).min();
            if last.zip(first).is_some_and(|(last, first)| last > first) {
                wrong.push(format!("{} {} was called again after what follows it", pair[0].0, pair[0].1));
            }
        }
        drop(world);
        wrong.iter().for_each(|what| self.broken(what));
    }
}

/// Each bar has ended, as far as it should have come.
async fn bars(life: &Life, sqlite: &Sqlite, launch: &Launch, there: &[Run]) {
    let expected = expected(launch.kind, launch.n).bars;
    let cut = launch.is_cut();
    let again: BTreeSet<Id> = there.iter().filter_map(|run| run.start.retry_of).collect();
    for run in there.iter().filter(|run| *run.start.workflow == *launch.kind) {
        let items = sqlite.items_of(run.start.root).await.expect("the bars");
        let says = |what: String| life.broken(format!("launch {} of {}: {what}", launch.n, launch.kind));
        for item in &items {
            life.log(format!(
                "end: bar {} {} of {:?} {:?}",
                item.process, item.progress, item.total, item.status
            ));
            if item.status == store::ItemStatus::Running {
                says(format!("its bar {} has not ended", item.process));
            }
        }
        if cut || again.contains(&run.start.id) {
            continue;
        }
        for (process, total) in &expected {
            let whole = |item: &&std::sync::Arc<store::Item>| {
                *item.process == **process
                    && item.progress == *total as f64
                    && item.status == store::ItemStatus::Succeeded
            };
            if !items.iter().any(|item| whole(&item)) {
                says(format!("its bar {process} did not end at {total}"));
            }
        }
    }
}
