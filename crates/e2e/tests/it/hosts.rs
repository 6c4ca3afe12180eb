//! What a provider takes, over all processes that work one database.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{
    postgres::Database,
    process::Hefe,
    project::Project,
    provider::{Answer, Gate, Provider, Seen},
};

/// How long the provider takes for a call.
const TAKES: Duration = Duration::from_millis(50);

/// Longer than a lease (15 s) and the look that finds it over (5 s).
const BEYOND_LEASE: Duration = Duration::from_secs(60);

/// A project whose workflow calls that provider, which takes so much.
fn project(provider: &Provider, limits: &str) -> Project {
    let project = Project::new();
    let work = json!({ "identifier": "Work", "async": true, "events": [{ "identifier": "work", "type": "webhook" }], "elements": [
        { "name": "work", "type": "event/webhook", "to": { "default": { "call": ["default"] } } },
        { "name": "call", "type": "api/http", "options": { "uri": provider.url("/a"), "method": "POST" } } ] });
    project.workflow("main", "work", work.to_string());
    project.settings(format!("[hosts.\"{}\"]\nallow_private = true\n{limits}\n", provider.host()));
    project
}

/// Two processes on one database, and the provider that both call.
struct Two {
    provider: Provider,
    first: Hefe,
    second: Hefe,
    _kept: (Database, Project, Project),
}

impl Two {
    async fn start(limits: &str) -> Two {
        let provider = Provider::start().await;
        provider.answer("/a", Answer { delay: TAKES, ..Answer::default() });
        let database = testkit::postgres::shared().database();
        let (one, other) = (project(&provider, limits), project(&provider, limits));
        let first = Hefe::serve(one.path(), &["--database", &database.url()]).await;
        let second = Hefe::serve(other.path(), &["--database", &database.url()]).await;
        Two { provider, first, second, _kept: (database, one, other) }
    }

    /// Starts so many runs, at the processes in turn.
    async fn runs(&self, count: usize) -> Vec<String> {
        let mut runs = Vec::new();
        for n in 0..count {
            runs.push(start(if n % 2 == 0 { &self.first } else { &self.second }).await);
        }
        runs
    }
}

async fn start(hefe: &Hefe) -> String {
    let started = hefe.client().post("/main/webhook/work", &json!({})).await;
    assert_eq!(started.status, 202, "{}", started.text());
    started.json()["run"].as_str().expect("its id").to_owned()
}

/// The first call is not answered before the gate is opened.
fn hold_the_first(provider: &Provider) -> Gate {
    let gate = Gate::new();
    provider.queue("/a", [Answer { held: Some(gate.clone()), ..Answer::default() }]);
    gate
}

async fn found(hefe: &Hefe, run: &str) -> Value {
    hefe.client().get(&format!("/main/runs/{run}")).await.json()
}

/// Until that run has left its worker, as its turn is not near; what it says.
async fn has_left(hefe: &Hefe, run: &str) -> String {
    let left = async {
        loop {
            match found(hefe, run).await["why"].as_str() {
                Some(why) if why.starts_with("it waits for its turn at ") => return why.to_owned(),
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    testkit::within(left, || format!("run {run} waits for its turn")).await
}

/// Until they have succeeded, each at its first attempt.
async fn all_succeed_at_once(hefe: &Hefe, runs: &[String]) {
    for run in runs {
        let ended = async {
            loop {
                let found = found(hefe, run).await;
                match found["status"].as_str() {
                    Some("queued" | "running") => tokio::time::sleep(Duration::from_millis(10)).await,
                    _ => return found,
                }
            }
        };
        let ended = testkit::within(ended, || format!("run {run} ends")).await;
        assert_eq!((&ended["status"], &ended["attempts"]), (&json!("succeeded"), &json!(1)), "{ended}");
    }
}

/// With one call at once: that none of these began while another was under way.
fn none_beside_another(seen: &[Seen]) {
    for two in seen.windows(2) {
        let apart = two[1].at - two[0].at;
        assert!(apart >= TAKES, "one begins {apart:?} after another that takes {TAKES:?}");
    }
}

#[tokio::test]
async fn two_processes_work_a_backlog_off_and_call_a_host_no_more_at_once_than_it_takes() {
    const RUNS: usize = 40;
    let two = Two::start("concurrent = 1").await;
    let gate = hold_the_first(&two.provider);
    let first = start(&two.first).await;
    two.provider.arrived(1).await;
    let runs = two.runs(RUNS - 1).await;
    for run in &runs {
        has_left(&two.second, run).await;
    }
    gate.open();
    let seen = two.provider.arrived(RUNS).await;
    all_succeed_at_once(&two.first, &[&[first], &*runs].concat()).await;
    assert_eq!(two.provider.by_key().len(), RUNS, "each is made once");
    // The first one took as long as its gate was shut.
    none_beside_another(&seen[1..]);
    eprintln!("{} calls in {:?}", RUNS - 1, seen[RUNS - 1].at - seen[1].at);
}

#[tokio::test]
async fn a_process_alone_works_a_backlog_off_and_calls_a_host_no_more_at_once_than_it_takes() {
    const RUNS: usize = 40;
    let provider = Provider::start().await;
    provider.answer("/a", Answer { delay: TAKES, ..Answer::default() });
    let project = project(&provider, "concurrent = 1");
    let hefe = Hefe::serve(project.path(), &[]).await;
    let gate = hold_the_first(&provider);
    let mut runs = vec![start(&hefe).await];
    provider.arrived(1).await;
    for _ in 1..RUNS {
        runs.push(start(&hefe).await);
    }
    for run in &runs[1..] {
        has_left(&hefe, run).await;
    }
    gate.open();
    let seen = provider.arrived(RUNS).await;
    all_succeed_at_once(&hefe, &runs).await;
    assert_eq!(provider.by_key().len(), RUNS, "each is made once");
    none_beside_another(&seen[1..]);
    eprintln!("{} calls in {:?}", RUNS - 1, seen[RUNS - 1].at - seen[1].at);
}

#[tokio::test]
async fn places_of_a_process_that_was_killed_are_free_when_its_lease_is_over() {
    let Two { provider, first, second, _kept } = Two::start("concurrent = 1").await;
    let _gate = hold_the_first(&provider);
    // Either may have it: the other one lives.
    let held = start(&first).await;
    provider.arrived(1).await;
    let first_has_it = calls(first.id(), &provider);
    let (dies, lives) = if first_has_it { (first, second) } else { (second, first) };
    let mut runs = Vec::new();
    for _ in 0..6 {
        runs.push(start(&lives).await);
    }
    for run in &runs {
        has_left(&lives, run).await;
    }
    dies.kill().await;
    let all = async {
        while provider.seen().len() < 8 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(BEYOND_LEASE, all).await.expect("all are called, and one of them twice");
    runs.push(held);
    all_succeed_at_once(&lives, &runs).await;
    let seen = provider.seen();
    assert_eq!((seen.len(), provider.by_key().len()), (8, 7), "the call that was cut off is made again");
    none_beside_another(&seen[1..]);
}

/// Whether that process has a connection to the provider.
fn calls(process: u32, provider: &Provider) -> bool {
    let peer = format!("0100007F:{:04X}", provider.port());
    let table = std::fs::read_to_string(format!("/proc/{process}/net/tcp")).expect("its connections");
    let sockets: Vec<String> = table
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.nth(2) == Some(&peer)).then(|| words.nth(6).map(|inode| format!("socket:[{inode}]")))?
        })
        .collect();
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).expect("its files");
    files.flatten().any(|file| {
        std::fs::read_link(file.path())
            .is_ok_and(|to| sockets.iter().any(|socket| to.as_os_str() == &**socket))
    })
}

#[tokio::test]
async fn places_of_a_process_that_ends_are_free_at_once() {
    let Two { provider, first, second, _kept } = Two::start("concurrent = 1").await;
    let _gate = hold_the_first(&provider);
    let held = start(&first).await;
    provider.arrived(1).await;
    let (mut ends, lives) = if calls(first.id(), &provider) { (first, second) } else { (second, first) };
    let mut runs = vec![held];
    for _ in 0..6 {
        runs.push(start(&lives).await);
    }
    for run in &runs[1..] {
        has_left(&lives, run).await;
    }
    // The second one says that it need not wait for its calls.
    ends.terminate();
    let refuses = async {
        while ends.client().attempt("GET", "/readyz", None).await.is_some_and(|answer| answer.status == 200) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    testkit::within(refuses, || "it has heard the first signal".to_owned()).await;
    ends.terminate();
    ends.wait().await;
    let seen = provider.arrived(8).await;
    all_succeed_at_once(&lives, &runs).await;
    assert_eq!(provider.by_key().len(), 7, "the call that was left is made again");
    none_beside_another(&seen[1..]);
    let messages = lives.messages();
    assert!(!messages.iter().any(|line| line.contains("lease")), "nobody waited for a lease: {messages:?}");
}

#[tokio::test]
async fn a_provider_that_asks_one_process_for_time_gets_it_from_all() {
    let two = Two::start("concurrent = 2").await;
    two.provider.queue("/a", [Answer::of(429, &[("retry-after", "3")], "slowly")]);
    let mut runs = vec![start(&two.first).await];
    let began = two.provider.arrived(1).await[0].at;
    let why = has_left(&two.second, &runs[0]).await;
    assert!(why.starts_with(&format!("it waits for its turn at {} until ", two.provider.host())), "{why}");
    runs.extend(two.runs(6).await);
    all_succeed_at_once(&two.second, &runs).await;
    let seen = two.provider.seen();
    assert_eq!((seen.len(), two.provider.by_key().len()), (8, 7), "the call is made again under its own key");
    let apart = seen[1].at - began;
    assert!(apart >= Duration::from_millis(2_900), "the next call came {apart:?} after it was told");
}

#[tokio::test]
async fn two_processes_begin_no_more_calls_in_a_second_than_a_host_takes() {
    let two = Two::start("per_second = 10").await;
    let runs = two.runs(30).await;
    all_succeed_at_once(&two.first, &runs).await;
    let seen = two.provider.seen();
    assert_eq!((seen.len(), two.provider.by_key().len()), (30, 30));
    // The first may have come late, and none of the others can be early: eleven span a second.
    let late = Duration::from_millis(300);
    for window in seen.windows(14) {
        let span = window[13].at - window[0].at;
        assert!(span + late > Duration::from_millis(1_300), "14 in {span:?}");
    }
}

#[tokio::test]
async fn a_run_that_waits_for_its_turn_says_so_on_its_page() {
    let two = Two::start("concurrent = 1").await;
    let gate = hold_the_first(&two.provider);
    let mut runs = vec![start(&two.first).await];
    two.provider.arrived(1).await;
    for _ in 0..3 {
        runs.push(start(&two.second).await);
        has_left(&two.first, runs.last().expect("a run")).await;
    }
    let at = format!("it waits for its turn at {}, ", two.provider.host());
    let expected = ["and is the next in line", "with one call before it", "with 2 calls before it"];
    for (run, expected) in runs[1..].iter().zip(expected) {
        let page = two.second.client().get(&format!("/ui/main/runs/{run}")).await.text();
        assert!(page.contains(&format!("{at}{expected}")), "{page}");
    }
    gate.open();
    all_succeed_at_once(&two.first, &runs).await;
}
