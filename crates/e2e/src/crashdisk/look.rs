//! One disk after a power cut: the product's own code opens it, then all that is there is held against what others know and against
//! itself.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use rusqlite::{Connection, OpenFlags, types::ValueRef};
use serde_json::Value;
use store::{
    Filter, Heard, Id, Inbox, Items, Journals, Run, Runs, Status, Store,
    sqlite::{Settings, Sqlite},
};

use super::promise::Promise;
use crate::torture::load::{SORRY, expected};

/// Questions to which the answer is nothing.
const NEVER: [(&str, &str); 16] = [
    ("the file is damaged", "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
    (
        "not either live or ended",
        "SELECT id FROM runs WHERE (id IN (SELECT run FROM live)) + (id IN (SELECT run FROM ends)) <> 1",
    ),
    (
        "rows of a run that is not there",
        "SELECT run FROM (SELECT run FROM live UNION SELECT run FROM ends UNION SELECT run FROM children UNION SELECT run FROM doomed UNION SELECT run FROM journal \
         UNION SELECT run FROM checkpoints UNION SELECT run FROM blobs UNION SELECT run FROM parks UNION SELECT run FROM signals UNION SELECT run FROM logs \
         UNION SELECT run FROM expires UNION SELECT run FROM mine UNION SELECT root FROM items) WHERE run NOT IN (SELECT id FROM runs)",
    ),
    (
        "a gap in the journal",
        "SELECT run FROM (SELECT run, at, lag(at + count) OVER (PARTITION BY run ORDER BY at) AS before FROM journal) WHERE before <> at",
    ),
    (
        "a journal without its beginning",
        "SELECT run FROM (SELECT run, min(at) AS first FROM journal GROUP BY run) AS begun WHERE first > 0 \
         AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE checkpoints.run = begun.run AND checkpoints.at >= first)",
    ),
    (
        "a checkpoint of what is not there",
        "SELECT run FROM checkpoints WHERE at > (SELECT coalesce(max(at + count), 0) FROM journal WHERE journal.run = checkpoints.run)",
    ),
    (
        "a checkpoint without a large value that it needs",
        "WITH RECURSIVE needed (run, at, needs) AS (SELECT run, at, needs FROM checkpoints WHERE length(needs) > 0 \
         UNION ALL SELECT run, at, substr(needs, 33) FROM needed WHERE length(needs) > 32) \
         SELECT run FROM needed WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE blobs.run = needed.run AND blobs.hash = substr(needs, 1, 32))",
    ),
    ("parked and not live", "SELECT run FROM parks WHERE run NOT IN (SELECT run FROM live)"),
    (
        "waits for what has ended, or without being parked",
        "SELECT run FROM awaits WHERE awaited NOT IN (SELECT run FROM live) OR run NOT IN (SELECT run FROM parks)",
    ),
    ("waits though its signal is there", "SELECT run FROM parks JOIN signals USING (run) WHERE status = 2"),
    (
        "a bar that moves in a tree that has ended",
        "WITH RECURSIVE living (run) AS (SELECT run FROM live UNION SELECT parent FROM children JOIN living USING (run)) \
         SELECT id FROM items WHERE ended = 0 AND root NOT IN (SELECT run FROM living)",
    ),
    (
        "a child that nobody will cancel, of a run that was",
        "SELECT live.run FROM live JOIN children USING (run) JOIN ends ON ends.run = parent AND ends.status = 5 \
         WHERE cancel_at IS NULL AND parent NOT IN (SELECT run FROM doomed)",
    ),
    (
        "a counter that is not the number of its rows",
        "WITH counted (name, n) AS (SELECT 'accepted', count(*) FROM runs UNION ALL SELECT 'succeeded', count(*) FROM ends WHERE status = 3 \
         UNION ALL SELECT 'failed', count(*) FROM ends WHERE status = 4 UNION ALL SELECT 'cancelled', count(*) FROM ends WHERE status = 5) \
         SELECT name FROM counted LEFT JOIN counters USING (name) WHERE counted.n <> coalesce(counters.n, 0)",
    ),
    (
        "versions that count their runs wrongly",
        "SELECT total(runs) FROM versions HAVING total(runs) <> (SELECT count(*) FROM runs)",
    ),
    (
        "ended and never to go, or to go and not ended",
        "SELECT run FROM ends WHERE run NOT IN (SELECT run FROM expires) UNION SELECT run FROM expires WHERE run NOT IN (SELECT run FROM ends)",
    ),
    (
        "a system whose version is not there",
        "SELECT name FROM systems WHERE version NOT IN (SELECT hash FROM versions)",
    ),
];

/// Looks at the database in that folder; what is wrong with it.
pub(crate) async fn look(folder: &Path, promises: &[Promise]) -> Vec<String> {
    let path = folder.join("hefe.db");
    let store = match Sqlite::open(&path, Settings::default()) {
        Ok(store) => store,
        Err(error) => return vec![format!("it cannot be opened: {error}")],
    };
    let mut broken = match Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY) {
        Ok(db) => never(&db),
        Err(error) => vec![format!("it cannot be read: {error}")],
    };
    if let Err(error) = kept(&store, promises, &mut broken).await {
        broken.push(format!("it cannot be read: {error}"));
    }
    if let Err(error) = store.close().await {
        broken.push(format!("it cannot be closed: {error}"));
    }
    broken
}

fn never(db: &Connection) -> Vec<String> {
    let mut broken = Vec::new();
    for (what, sql) in NEVER {
        let found = db.prepare(sql).and_then(|mut asked| {
            let rows = asked.query_map([], |row| row.get_ref(0).map(name))?;
            rows.take(3).collect::<Result<Vec<_>, _>>()
        });
        match found {
            Ok(names) if names.is_empty() => {}
            Ok(names) => broken.push(format!("{what}: {}", names.join(", "))),
            Err(error) => broken.push(format!("no answer to `{what}`: {error}")),
        }
    }
    broken
}

fn name(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Blob(bytes) => match <[u8; 16]>::try_from(bytes) {
            Ok(id) => Id(u128::from_be_bytes(id)).to_string(),
            Err(_) => format!("{bytes:02x?}"),
        },
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

/// All that is there, as the product reads it.
struct Kept<'a> {
    store: &'a Sqlite,
    runs: BTreeMap<Id, Run>,
    /// (workflow, launch, item)
    named: BTreeMap<(String, u64, u64), Id>,
    notes: BTreeMap<String, u64>,
    /// How many children of each run have ended.
    ended: BTreeMap<Id, u64>,
}

async fn kept(store: &Sqlite, promises: &[Promise], broken: &mut Vec<String>) -> Result<(), store::Error> {
    let mut kept = Kept {
        store,
        runs: BTreeMap::new(),
        named: BTreeMap::new(),
        notes: notes(store).await?,
        ended: BTreeMap::new(),
    };
    let mut filter = Filter { limit: 500, ..Filter::default() };
    loop {
        let page = store.runs(filter.clone()).await?;
        kept.runs.extend(page.items.into_iter().map(|run| (run.start.id, run)));
        filter.cursor = page.cursor;
        if filter.cursor.is_none() {
            break;
        }
    }
    for (id, run) in &kept.runs {
        let input = serde_json::to_value(&run.start.input).unwrap_or_default();
        let number = |field: &str| input[field].as_u64().unwrap_or(0);
        if let Some(parent) = run.start.parent.filter(|_| run.status.ended()) {
            *kept.ended.entry(parent).or_default() += 1;
        }
        kept.named.insert((run.start.workflow.to_string(), number("n"), number("i")), *id);
    }
    for promise in promises {
        if let Some(lost) = kept.lost(promise).await? {
            broken.push(lost);
        }
    }
    let mut started = BTreeMap::<Id, usize>::new();
    for promise in promises {
        if let Promise::Started(run) = promise {
            *started.entry(*run).or_default() += 1;
        }
    }
    let failed = |run: &Id| kept.runs.get(run).is_some_and(|run| run.status == Status::Failed);
    for (run, _) in started.into_iter().filter(|(run, times)| *times > 1 && failed(run)) {
        broken.push(format!("a retry of run {run} was answered for and is lost"));
    }
    for (note, count) in kept.notes.iter().filter(|(_, count)| **count > 1) {
        broken.push(format!("the notification `{note}` is there {count} times"));
    }
    for run in kept.runs.values().filter(|run| run.status.ended()) {
        kept.ended(run, broken).await?;
    }
    for run in kept.runs.values().filter(|run| !run.status.ended()) {
        kept.resumes(run, broken).await?;
    }
    let account = store.account().await?;
    let known = account.succeeded + account.failed + account.cancelled;
    let live = account.queued + account.running + account.waiting;
    if account.accepted != known + live || account.accepted != kept.runs.len() as u64 {
        broken.push(format!("the account of {} runs is {account:?}", kept.runs.len()));
    }
    Ok(())
}

impl Kept<'_> {
    /// What is missing of what others know.
    async fn lost(&self, promise: &Promise) -> Result<Option<String>, store::Error> {
        let lost = match promise {
            Promise::Started(run) => {
                (!self.runs.contains_key(run)).then(|| format!("run {run} was answered for and is lost"))
            }
            Promise::Cancelled(run) => {
                let asked = |run: &Run| run.status.ended() || run.cancel_at_ms.is_some();
                let there = self.runs.get(run).is_some_and(asked);
                (!there).then(|| format!("a cancel of run {run} was answered for and is lost"))
            }
            Promise::Signalled(run) => {
                let there = match self.runs.get(run) {
                    // It has taken the signal: the call before and the signal are in its journal.
                    Some(found) if found.status.ended() => true,
                    Some(_) => self.store.heard(*run, "go".into()).await? != Heard::Never,
                    None => false,
                };
                (!there).then(|| format!("a signal to run {run} was answered for and is lost"))
            }
            Promise::Called(path, n, i) => {
                let lost = self.lost_before(path, *n, *i).await?;
                lost.map(|what| {
                    format!("the provider was called at {path} by launch {n}, item {i}, and {what} is lost")
                })
            }
            Promise::Counted(accepted, succeeded) => {
                let account = self.store.account().await?;
                (account.accepted < *accepted || account.succeeded < *succeeded).then(|| {
                    format!(
                        "{accepted} accepted and {succeeded} succeeded were counted, now there are {} and {}",
                        account.accepted, account.succeeded
                    )
                })
            }
            Promise::Shown(item, seq) => {
                let there = self.store.item(*item).await?.is_some_and(|kept| kept.seq >= *seq);
                (!there).then(|| format!("the state {seq} of the bar {item} was shown and is lost"))
            }
        };
        Ok(lost)
    }

    /// What a call stands on: its run, and the outcomes of the calls before it.
    async fn lost_before(&self, path: &str, n: u64, i: u64) -> Result<Option<String>, store::Error> {
        let (kind, item) = match path {
            "/loop" => ("Loop", 0),
            "/child" => ("Child", i),
            "/waits" => ("Waits", 0),
            "/signals" => ("Signals", 0),
            "/parallel" => ("Parallel", 0),
            "/once" => ("Single", 0),
            "/later" => ("Delayed", 0),
            "/mended" | "/broken" => ("Mended", 0),
            _ => ("Retry", 0),
        };
        let Some(run) = self.named.get(&(kind.to_owned(), n, item)) else {
            return Ok(Some("its run".to_owned()));
        };
        let before = match path {
            "/loop" | "/signals" | "/shaky" | "/broken" => i,
            _ => 0,
        };
        let entries = self.entries(*run).await?;
        Ok((entries < before).then(|| format!("all but {entries} entries of its run {run}")))
    }

    async fn entries(&self, run: Id) -> Result<u64, store::Error> {
        let (checkpoint, entries) = self.store.trace(run).await?;
        let behind = entries.last().map_or(0, |last| last.at + u64::from(last.count));
        Ok(behind.max(checkpoint.map_or(0, |checkpoint| checkpoint.at)))
    }

    /// One that has ended did all that it does.
    async fn ended(&self, run: &Run, broken: &mut Vec<String>) -> Result<(), store::Error> {
        let (id, kind) = (run.start.id, &*run.start.workflow);
        match (run.status, kind) {
            (Status::Succeeded, "Launch" | SORRY) | (Status::Cancelled, "Doomed" | "Endless") => {
                return Ok(());
            }
            // Somebody will try it again.
            (Status::Failed, "Mended") => return Ok(()),
            (Status::Succeeded, _) => {}
            (status, _) => {
                broken.push(format!("run {id} of {kind} is {}", status.word()));
                return Ok(());
            }
        }
        let input = serde_json::to_value(&run.start.input).unwrap_or_default();
        let (n, i) = (input["n"].as_u64().unwrap_or(u64::MAX), input["i"].as_u64().unwrap_or(0));
        let (notes, children, bar) = match kind {
            "Child" => (vec![format!("child {n} {i}")], 0, None),
            "Single" | "Delayed" => (vec![format!("{} {n}", kind.to_lowercase())], 0, None),
            _ => {
                let expected = expected(kind, n);
                (expected.notes, expected.children, expected.bar)
            }
        };
        for note in notes.iter().filter(|note| !self.notes.contains_key(*note)) {
            broken.push(format!("run {id} of {kind} has ended and its notification `{note}` is not there"));
        }
        let ended = self.ended.get(&id).copied().unwrap_or(0);
        if ended != children {
            broken.push(format!("run {id} of {kind} has ended and {ended} of its {children} children have"));
        }
        if let Some((process, at, _)) = bar {
            let items = self.store.items_of(run.start.root).await?;
            if !items.iter().any(|item| *item.process == *process && item.progress == at as f64) {
                broken.push(format!("run {id} of {kind} has ended and its bar is not at {at}"));
            }
        }
        Ok(())
    }

    /// One that goes on finds all that it needs.
    async fn resumes(&self, run: &Run, broken: &mut Vec<String>) -> Result<(), store::Error> {
        let (checkpoint, entries) = self.store.resume(run.start.id).await?;
        let from = checkpoint.map_or(0, |checkpoint| checkpoint.at);
        if entries.first().is_some_and(|first| first.at > from) {
            broken.push(format!("run {} goes on from entry {from} and finds none there", run.start.id));
        }
        Ok(())
    }
}

/// How often each message is kept.
async fn notes(store: &Sqlite) -> Result<BTreeMap<String, u64>, store::Error> {
    let (system, user): (Arc<str>, Arc<str>) = ("main".into(), "local".into());
    let mut all = BTreeMap::new();
    for page in 0.. {
        let kept = store.notifications(system.clone(), user.clone(), 0, page).await?;
        if kept.is_empty() {
            break;
        }
        for note in kept {
            let body: Value = serde_json::to_value(&note.body).unwrap_or_default();
            *all.entry(body["message"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    Ok(all)
}
