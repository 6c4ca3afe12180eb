//! What must be true whenever a process begins, and once everything has ended.

use std::collections::{BTreeMap, BTreeSet};

use store::{Id, Run, Status};

use super::{
    kinds,
    life::{Life, live_runs, runs},
    load::{self, Expected, expected},
    people, told,
    world::{Calls, Launch, Stage},
};

/// Failures that nothing of the load may come to.
const NEVER: [&str; 5] = ["replay_mismatch", "crash_loop", "missing_workflow", "stuck", "max_steps"];

/// Nothing that was answered is lost, the account is what is there, and no bar is behind what was seen of it.
pub(crate) async fn at_start(life: &Life) {
    // What others are answered from now on may not be there yet.
    let launches = life.world().launches.clone();
    let runs = runs(life).await;
    life.log(format!("the process begins, with {} runs", runs.len()));
    for launch in launches {
        if let Stage::There(run, true) = launch.stage
            && !runs.iter().any(|there| there.start.id == run)
            && life.world().brief.get(&run).is_none_or(|brief| brief.expires_at_ms > life.now_ms())
        {
            life.broken(format!("launch {} of {} was answered for and is lost", launch.n, launch.kind));
        }
    }
    if !life.is_alone() {
        // What others do meanwhile is seen or not.
        return;
    }
    life.watch().begin(&runs, life.now_ms());
    runs.iter().filter(|run| run.status.ended()).for_each(|run| life.world().may_go(run));
    life.world().over = runs.iter().filter(|run| run.status.ended()).map(|run| run.start.id).collect();
    balanced(life, &runs).await;
    for run in runs.iter().filter(|run| run.start.root == run.start.id) {
        for item in life.sure(|store| store.items_of(run.start.id)).await {
            told::bar(life, &item);
        }
    }
}

/// A process that was asked to stop has ended: nobody waits for a call, and nothing is left in its hands.
pub(crate) async fn at_a_stop(life: &Life) {
    let account = life.sure(|store| store.account()).await;
    life.log(format!("the process has wound up: {account:?}"));
    if let Some(what) = life.wound_up() {
        life.broken(what);
    }
    if !life.is_alone() {
        return;
    }
    let held = life.watch().held();
    if life.hands_back() && !(held.is_empty() && account.running == 0) {
        life.broken(format!("it has ended with {} runs in hand: {held:?}", account.running));
    }
}

/// Those that were kept for a moment and are gone: none before its time.
fn gone(life: &Life, runs: &[Run]) -> Vec<Run> {
    let there: BTreeSet<Id> = runs.iter().map(|run| run.start.id).collect();
    let mut brief = life.world().brief.clone();
    brief.retain(|run, _| !there.contains(run));
    for one in brief.values().filter(|one| one.expires_at_ms > life.now_ms()) {
        life.broken(format!("{} {} is gone before its time", one.run.start.workflow, one.run.start.id));
    }
    brief.into_values().map(|one| one.run).collect()
}

/// Nothing of it is left.
async fn is_gone(life: &Life, run: &Run) {
    let id = run.start.id;
    let (checkpoint, chunks) = life.sure(|store| store.trace(id)).await;
    let bars = life.sure(|store| store.items_of(id)).await;
    let children = life.sure(|store| store.children(id)).await;
    if checkpoint.is_some() || !chunks.is_empty() || !bars.is_empty() || !children.is_empty() {
        life.broken(format!("{} {id} is gone, and not all of it", run.start.workflow));
    }
}

async fn balanced(life: &Life, there: &[Run]) {
    let account = life.sure(|store| store.account()).await;
    let mut runs = gone(life, there);
    runs.extend_from_slice(there);
    let count = |status| runs.iter().filter(|run| run.status == status).count() as u64;
    let ended = [Status::Succeeded, Status::Failed, Status::Cancelled].map(count);
    let said = [account.succeeded, account.failed, account.cancelled];
    if account.accepted != runs.len() as u64
        || said != ended
        || account.accepted != said.iter().sum::<u64>() + live_runs(&account)
    {
        life.broken(format!("the account of {} runs ({ended:?}) is {account:?}", runs.len()));
    }
}

/// Everything has ended, each as it should, with all that it does, once.
pub(crate) async fn at_the_end(life: &Life) {
    let all = runs(life).await;
    balanced(life, &all).await;
    let gone = gone(life, &all);
    life.world().figures.insert("runs", (all.len() + gone.len()) as u64);
    life.world().figures.insert("pruned", gone.len() as u64);
    for run in &gone {
        is_gone(life, run).await;
    }
    let mut of: BTreeMap<u64, Vec<Run>> = BTreeMap::new();
    for run in &all {
        life.log(line(life, run).await);
        if life.is_alone() && run.start.keep_ms.is_some() {
            life.broken(format!("{} {} is there after its time", run.start.workflow, run.start.id));
        }
    }
    let (sorry, all): (Vec<Run>, Vec<Run>) =
        all.into_iter().chain(gone).partition(|run| &*run.start.workflow == load::SORRY);
    told_of_failures(life, &sorry, &all);
    for run in all {
        if !run.status.ended() {
            life.broken(format!("{} {} is {}", run.start.workflow, run.start.id, run.status.word()));
        }
        of.entry(people::of(&run)).or_default().push(run);
    }
    let mut notes = notes(life).await;
    let launches = life.world().launches.clone();
    for launch in launches {
        let there = of.remove(&launch.n).unwrap_or_default();
        Verdict { life, launch: &launch, runs: &there }.give(&mut notes);
        bars(life, &launch, &there).await;
    }
    of.keys().for_each(|n| life.broken(format!("there are runs of launch {n}, which nobody made")));
    for (note, count) in notes.iter().filter(|(_, count)| **count > 0) {
        life.broken(format!("the notification `{note}` is there {count} times too often"));
    }
}

/// Each failure has started what it starts, once.
fn told_of_failures(life: &Life, sorry: &[Run], all: &[Run]) {
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for run in sorry {
        let of = run.start.input.get("run").map(recipe::Value::to_text).unwrap_or_default();
        let says = run.end.as_ref().map(|end| end.result.to_text());
        if run.status != Status::Succeeded || says.as_ref() != Some(&of) {
            life.broken(format!("{} of {of} is {}", load::SORRY, run.status.word()));
        }
        *told.entry(of).or_default() += 1;
    }
    life.world().figures.insert("failures_told", sorry.len() as u64);
    for run in all {
        let told = told.remove(&run.start.id.to_string()).unwrap_or_default();
        let failed = usize::from(run.status == Status::Failed);
        // One that went on had failed before, or was cancelled; lots go on as often as somebody asks for it.
        let before = match life.world().reopened.contains(&run.start.id) {
            true if &*run.start.workflow == "Lot" => usize::MAX - 1,
            again => usize::from(again),
        };
        if told < failed || told > failed + before {
            life.broken(format!("{} {} is told of {told} times", run.start.workflow, run.start.id));
        }
    }
    told.keys().for_each(|run| life.broken(format!("{run} is told of, and is not there")));
}

/// All of a run that two runs of a seed must have in common.
async fn line(life: &Life, run: &Run) -> String {
    let (checkpoint, chunks) = life.sure(|store| store.trace(run.start.id)).await;
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

async fn notes(life: &Life) -> BTreeMap<String, i64> {
    let mut all = BTreeMap::new();
    for page in 0.. {
        let kept = life.sure(|store| store.notifications("main".into(), "local".into(), 0, page)).await;
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
pub(crate) struct Verdict<'a> {
    life: &'a Life,
    pub(crate) launch: &'a Launch,
    pub(crate) runs: &'a [Run],
}

impl Verdict<'_> {
    pub(crate) fn broken(&self, what: impl AsRef<str>) {
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
        let cut = self.cut();
        let expected = expected(self.launch.kind, self.launch.n);
        self.ends(cut);
        self.children(&expected, cut);
        self.tells(&expected, cut, launchers, notes);
        self.calls(&expected, cut);
        if let Some(kind) = kinds::find(self.launch.kind) {
            (kind.judge)(self, notes);
        }
        let wanted = expected.result.to_string();
        let result = tops.iter().rev().find_map(|run| run.end.as_ref()).map(|end| end.result.to_json());
        if !cut && result.is_some() && !expected.result.is_null() && result.as_ref() != Some(&wanted) {
            self.broken(format!("it gave {result:?}, not {}", expected.result));
        }
    }

    /// Not all of it was to be done: somebody did not want it, or it failed as it may.
    pub(crate) fn cut(&self) -> bool {
        let may_fail = expected(self.launch.kind, self.launch.n).may_fail;
        let failed = |run: &&Run| may_fail.is_some() && code(run).as_deref() == may_fail;
        self.launch.is_cut() || self.tops().iter().any(failed)
    }

    /// How long workers held a run, milliseconds.
    pub(crate) fn held_ms(&self, run: Id) -> i64 {
        self.life.world().held_ms.get(&run).map_or(0, |held| held.0)
    }

    /// The same, but for those that died or gave it back.
    pub(crate) fn last_held_ms(&self, run: Id) -> i64 {
        self.life.world().held_ms.get(&run).map_or(0, |held| held.1)
    }

    pub(crate) fn tops(&self) -> Vec<&Run> {
        self.runs.iter().filter(|run| *run.start.workflow == *self.launch.kind).collect()
    }

    fn ends(&self, cut: bool) {
        let again: BTreeSet<Id> = self.runs.iter().filter_map(|run| run.start.retry_of).collect();
        for run in self.runs {
            let code = code(run);
            let failures = self.life.world().failures.get(&run.start.id).copied().unwrap_or(0);
            if run.attempts > failures + 1 {
                self.broken(format!(
                    "{} took {} attempts, of which {failures} failed",
                    run.start.workflow, run.attempts
                ));
            }
            let fine = match run.status {
                Status::Succeeded => true,
                Status::Failed => cut || again.contains(&run.start.id),
                // Or another took its place.
                _ => cut || run.start.unique.as_ref().is_some_and(|unique| unique.replace),
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
        let children = self.runs.iter().filter(|run| load::is_child(&run.start.workflow)).count() as u64;
        let wanted = if self.tops().is_empty() { 0 } else { expected.children };
        let fewest = if cut {
            0
        } else if expected.fewer {
            wanted.min(1)
        } else {
            wanted
        };
        if children > wanted || children < fewest {
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
            if (expected.one_key && calls.keys.len() > own.max(1)) || !fresh {
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

fn code(run: &Run) -> Option<String> {
    run.end.as_ref().and_then(|end| end.error.get("code").map(recipe::Value::to_text))
}

/// Each bar has ended, as far as it should have come.
async fn bars(life: &Life, launch: &Launch, there: &[Run]) {
    let expected = expected(launch.kind, launch.n).bars;
    let cut = launch.is_cut();
    let again: BTreeSet<Id> = there.iter().filter_map(|run| run.start.retry_of).collect();
    for run in there.iter().filter(|run| *run.start.workflow == *launch.kind) {
        let items = life.sure(|store| store.items_of(run.start.root)).await;
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
