//! What must be true once everything has ended.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use testkit::client::Client;

use super::{
    Scene,
    firings::{Calls, Firing},
    ledger::Launch,
    load::{self, Expected, expected},
    text,
};

/// Looks at all that is kept and all that the provider saw; how many runs there are.
pub(crate) async fn verdict(scene: &Scene, client: &Client, broken: &mut Vec<String>) -> u64 {
    let firings = scene.firings.all();
    let (runs, calls) = kept(&scene.ledger.launches(), &firings, client, broken).await;
    let told = told_of_failures(client, broken).await;
    for run in scene.ledger.failed().iter().filter(|run| !told.contains(*run)) {
        broken.push(format!("run {run} failed, and nobody is told"));
    }
    compare_calls(&firings, &calls, broken);
    runs
}

/// Looks at all that is kept; how many runs there are, and what must have been called.
pub(crate) async fn kept(
    launches: &[Launch],
    firings: &BTreeMap<Firing, Calls>,
    client: &Client,
    broken: &mut Vec<String>,
) -> (u64, BTreeSet<Firing>) {
    let runs = listed(client).await;
    let mut of: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    let mut children = 0;
    for row in &runs {
        let (id, status, workflow) = (text(row, "id"), text(row, "status"), text(row, "workflow"));
        let run = client.get(&format!("/main/runs/{id}")).await.json();
        if !matches!(
            (status.as_str(), workflow.as_str()),
            ("succeeded", _) | ("cancelled", "Doomed" | "Endless")
        ) {
            broken.push(format!("run {id} of {workflow} is {status}: {}", run["error"]));
        }
        match workflow.as_str() {
            "Launch" | load::SORRY => {}
            "Child" | "Single" | "Delayed" => children += 1,
            "Endless" => {}
            _ => of.entry(run["input"]["n"].as_u64().unwrap_or(u64::MAX)).or_default().push(run),
        }
    }
    let notes = notes(client).await;
    let mut wanted = Wanted::default();
    for launch in launches {
        let there = of.remove(&launch.n).unwrap_or_default();
        one(launch, &there, &mut wanted, firings, broken);
    }
    of.keys().for_each(|n| broken.push(format!("there are runs of launch {n}, which nobody made")));
    if children != wanted.children {
        broken.push(format!("there are {children} children, not {}", wanted.children));
    }
    compare_notes(&notes, &wanted.notes, broken);
    account(client, runs.len() as u64, broken).await;
    (runs.len() as u64, wanted.calls)
}

/// The runs whose failures have started what they start, each once: none of them fails twice.
async fn told_of_failures(client: &Client, broken: &mut Vec<String>) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    for row in listed(client).await.iter().filter(|row| row["workflow"] == load::SORRY) {
        let run = client.get(&format!("/main/runs/{}", text(row, "id"))).await.json();
        let of = text(&run["input"], "run");
        if run["input"]["workflow"] != "Mended" || run["result"] != of {
            broken.push(format!("{} {} is of {}: {}", load::SORRY, row["id"], run["input"], run["result"]));
        }
        if !told.insert(of.clone()) {
            broken.push(format!("the failure of {of} is told twice"));
        }
    }
    told
}

#[derive(Default)]
struct Wanted {
    notes: BTreeSet<String>,
    calls: BTreeSet<Firing>,
    children: u64,
}

/// One launch: there once, ended as it should, with all that it does.
fn one(
    launch: &Launch,
    there: &[Value],
    wanted: &mut Wanted,
    firings: &BTreeMap<Firing, Calls>,
    broken: &mut Vec<String>,
) {
    let Launch { n, kind, through, run } = launch;
    let [found] = there else {
        if there.len() > 1 {
            broken.push(format!("launch {n} of {kind} has {} runs", there.len()));
        } else if let Some(run) = run {
            broken.push(format!("run {run} of {kind} was answered for and is lost"));
        }
        return;
    };
    if run.as_ref().is_some_and(|run| *run != text(found, "id")) {
        broken.push(format!("launch {n} of {kind} was answered with another run than {}", text(found, "id")));
    }
    let Expected { status, notes, calls, in_order, children, bar, result } = expected(kind, *n);
    if text(found, "status") != status {
        broken.push(format!("launch {n} of {kind} is {}, not {status}", found["status"]));
    }
    wanted.notes.extend(notes);
    wanted.notes.extend(through.then(|| format!("launched {n}")));
    let own: BTreeSet<String> =
        found["children"].as_array().into_iter().flatten().map(|child| text(child, "id")).collect();
    let cancelled = status == "cancelled";
    if !cancelled {
        wanted.children += children;
    }
    if own.len() as u64 > children || (!cancelled && (own.len() as u64) < children) {
        broken.push(format!("launch {n} of {kind} has {} children, not {children}", own.len()));
    }
    if !result.is_null() && found["result"] != result {
        broken.push(format!("launch {n} of {kind} gave {}, not {result}", found["result"]));
    }
    if let Some(bar) = bar {
        a_bar(launch, found, bar, broken);
    }
    if in_order {
        overtaken(launch, &calls, firings, broken);
    }
    wanted.calls.extend(calls.into_iter().map(|(path, item)| (path, *n, item)));
}

fn a_bar(launch: &Launch, found: &Value, bar: (&str, u64, u64), broken: &mut Vec<String>) {
    let (process, at, total) = bar;
    let items = found["progress"].as_array().cloned().unwrap_or_default();
    let fine = match &items[..] {
        [item] => {
            item["process"] == *process
                && item["status"] == found["status"]
                && item["progress"] == at
                && item["total"] == total
        }
        // One that is cancelled may not have come so far.
        [] => found["status"] == "cancelled",
        _ => false,
    };
    if !fine {
        let shown: Vec<String> = items
            .iter()
            .map(|item| {
                format!("{} {} of {}, {}", item["process"], item["progress"], item["total"], item["status"])
            })
            .collect();
        broken.push(format!(
            "the bar of launch {} of {} did not end at {at} of {total}: {shown:?}",
            launch.n, launch.kind
        ));
    }
}

/// A call goes out once the one before it is durable: that one is never made again.
fn overtaken(
    launch: &Launch,
    calls: &[(&'static str, u64)],
    firings: &BTreeMap<Firing, Calls>,
    broken: &mut Vec<String>,
) {
    let arrivals = |(path, item): &(&'static str, u64)| {
        firings.get(&(*path, launch.n, *item)).map(|calls| calls.arrivals.clone()).unwrap_or_default()
    };
    for pair in calls.windows(2) {
        let (before, after) = (arrivals(&pair[0]), arrivals(&pair[1]));
        if let (Some(last), Some(first)) = (before.last(), after.first())
            && last > first
        {
            let says = "was made again after what follows it: it was not durable when that left";
            broken.push(format!("call {} {} of launch {} {says}", pair[0].0, pair[0].1, launch.n));
        }
    }
}

fn compare_notes(notes: &BTreeMap<String, u64>, wanted: &BTreeSet<String>, broken: &mut Vec<String>) {
    for (note, count) in notes.iter().filter(|(_, count)| **count > 1) {
        broken.push(format!("the notification `{note}` is there {count} times"));
    }
    for note in wanted.iter().filter(|note| !notes.contains_key(*note)) {
        broken.push(format!("the notification `{note}` is not there"));
    }
    for note in notes.keys().filter(|note| !wanted.contains(*note)) {
        broken.push(format!("the notification `{note}` belongs to nothing that is there"));
    }
}

fn compare_calls(firings: &BTreeMap<Firing, Calls>, wanted: &BTreeSet<Firing>, broken: &mut Vec<String>) {
    let mut keys = BTreeSet::new();
    for (firing, calls) in firings {
        if calls.keys.len() != 1 || calls.keys.contains("") {
            broken.push(format!(
                "the firing {firing:?} called under {} keys: {:?}",
                calls.keys.len(),
                calls.keys
            ));
        }
        keys.extend(calls.keys.iter().cloned());
        if !wanted.contains(firing) {
            broken.push(format!(
                "the provider was called by {firing:?}, which belongs to nothing that is there"
            ));
        }
    }
    for firing in wanted.iter().filter(|firing| !firings.contains_key(*firing)) {
        broken.push(format!("the provider was never called by {firing:?}"));
    }
    if keys.len() != wanted.len() {
        broken.push(format!("{} firings called under {} keys", wanted.len(), keys.len()));
    }
}

async fn account(client: &Client, runs: u64, broken: &mut Vec<String>) {
    let account = client.get("/account").await.json();
    let ended = account["succeeded"].as_u64().unwrap_or(0) + account["cancelled"].as_u64().unwrap_or(0);
    if account["balanced"] != true || account["accepted"] != runs || ended != runs {
        broken.push(format!("the account of {runs} runs is {account}"));
    }
}

/// Every run that is kept.
async fn listed(client: &Client) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = "/main/runs".to_owned();
    loop {
        let page = client.get(&path).await.json();
        all.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["cursor"].as_str() {
            Some(cursor) => path = format!("/main/runs?cursor={cursor}"),
            None => return all,
        }
    }
}

/// How often each message is kept.
async fn notes(client: &Client) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for page in 1.. {
        let kept = client.get(&format!("/main/notifications?page={page}")).await.json();
        let items = kept["items"].as_array().cloned().unwrap_or_default();
        if items.is_empty() {
            break;
        }
        for note in items {
            *all.entry(text(&note, "message")).or_default() += 1;
        }
    }
    all
}
