//! fanout: 200 bars, each moved ten times a second by a run of its own, to 100, 1,000 and 10,000 connected clients, each of
//! whom may see 2 of them, and then all. From the element's time to the client; what a connection takes of the server's
//! memory; and how many ends of bars did not arrive. One clock, since both processes are on one machine, whose processors
//! they share: what the clients use (crowd.rs) the server does not have.
//!
//! The same at 1,000 clients by the Pusher protocol; and while 100 others read nothing, who see a bar of 64 KiB.
//! FANOUT=1000,all_100 measures those forms alone.

use std::{path::Path, time::Duration};

use store::{Grant, People, Store, UserEdit, sqlite::Sqlite};
use tokio::net::TcpStream;

use crate::{
    Failure,
    crowd::{Crowd, Door},
    figures::{Figures, median},
    load::{self, Window},
    memory, scale,
    served::Server,
};

const WINDOWS: usize = 5;
const USERS: usize = 100;
const ITEMS: usize = 200;
const DEAF: usize = 100;
/// What is in a socket's way when it counts as full.
const FULL_BYTES: u64 = 32 * 1024;

const MOVES: &str = r#"{
  "identifier": "NAME", "async": true,
  "events": [{ "identifier": "NAME", "type": "webhook" }],
  "elements": [
    { "name": "NAME", "type": "event/webhook", "to": { "default": { "turn": ["default"] } } },
    { "name": "turn", "type": "flow/while", "options": { "condition": "true" }, "to": { "each": { "wait": ["default"] } } },
    { "name": "wait", "type": "flow/wait", "options": { "for": "100ms" }, "to": { "default": { "move": ["default"] } } },
    { "name": "move", "type": "cast/progress", "options": {
      "process": "bar", "title": "${title}", "total": 1000000, "increment": 1, "send_to_user": PRIVATE,
      "statusMessage": "@${number}" } }
  ]
}"#;

/// What is measured at once.
#[derive(Clone, Copy)]
struct Form {
    workflow: &'static str,
    /// How many bars each client sees.
    sees: usize,
    clients: usize,
    door: Door,
    deaf: bool,
}

struct Seen {
    windows: Vec<Window>,
    /// The same while others read nothing.
    beside_deaf: Vec<Window>,
    kib_per_client: f64,
    /// Processors that the server used.
    cores: f64,
    lost: usize,
}

pub(crate) fn measure(quick: bool) -> Result<Figures, Failure> {
    server::raise_descriptors();
    let time = Duration::from_millis(if quick { 400 } else { 2_000 });
    let mut figures = Figures::of("fanout");
    let folder = tempfile::tempdir_in(".")?;
    figures.scale("fdatasync_per_s", scale::fdatasync_per_s(folder.path(), Duration::from_millis(500))?);
    let private = |clients, door, deaf| Form { workflow: "Mine", sees: 2, clients, door, deaf };
    let all = |clients| Form { workflow: "All", sees: ITEMS, clients, door: Door::Events, deaf: false };
    let forms = [
        ("100", private(100, Door::Events, false)),
        ("1000", private(1_000, Door::Events, true)),
        ("1000_pusher", private(1_000, Door::Pusher, false)),
        ("10000", private(10_000, Door::Events, false)),
        ("all_100", all(100)),
        ("all_1000", all(1_000)),
        ("all_10000", all(10_000)),
    ];
    let only = std::env::var("FANOUT").ok();
    for (name, form) in forms {
        if only.as_ref().is_some_and(|only| !only.split(',').any(|only| only == name)) {
            continue;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let seen = runtime.block_on(see(form, time))?;
        let at =
            |windows: &[Window], p: f64| median(windows.iter().map(|window| window.percentile(p)).collect());
        figures.add(format!("p50_ms_{name}"), at(&seen.windows, 0.5), "ms");
        figures.add(format!("p99_ms_{name}"), at(&seen.windows, 0.99), "ms");
        let per_s = median(seen.windows.iter().map(|window| window.per_s).collect());
        figures.add(format!("states_per_s_{name}"), per_s, "1/s");
        figures.add(format!("server_cores_{name}"), seen.cores, "1");
        figures.add(format!("kib_per_client_{name}"), seen.kib_per_client, "KiB");
        figures.add(format!("lost_{name}"), seen.lost as f64, "1");
        if form.deaf {
            figures.add(format!("p99_ms_{name}_beside_deaf"), at(&seen.beside_deaf, 0.99), "ms");
            let ratio = at(&seen.beside_deaf, 0.99) / at(&seen.windows, 0.99);
            figures.add(format!("p99_beside_deaf_to_without_{name}"), ratio, "ratio");
        }
    }
    Ok(figures)
}

/// Bars first, then clients: what memory grows by is the clients'.
async fn see(form: Form, time: Duration) -> Result<Seen, Failure> {
    let folder = tempfile::tempdir_in(".")?;
    let keys = project(folder.path()).await?;
    let server = Server::start_wide(folder.path(), ITEMS + USERS)?;
    let mut http = TcpStream::connect(&server.address).await?;
    let mut runs = Vec::new();
    for number in 0..ITEMS {
        let key = &keys[number % USERS];
        runs.push((key, start(&mut http, form.workflow, key, &format!("{number:03}"), "a bar").await?));
    }
    tokio::time::sleep(time * 2).await;
    let process = server.process();
    let before_kib = memory::mib(&process.to_string(), "RssAnon")? * 1024.0;

    let mut crowd = Crowd::new(&server.address);
    for client in 0..form.clients {
        let user = client % USERS;
        crowd.join(form.door, &user_name(user), &keys[user]).await?;
    }
    tokio::time::sleep(time * 2).await;
    let used = memory::used(process)?;
    let began = std::time::Instant::now();
    let mut windows = Vec::new();
    for _ in 0..WINDOWS {
        windows.push(crowd.window(time).await);
    }
    let cores = (memory::used(process)? - used).as_secs_f64() / began.elapsed().as_secs_f64();
    let after_kib = memory::mib(&process.to_string(), "RssAnon")? * 1024.0;

    let mut beside_deaf = Vec::new();
    if form.deaf {
        let mut http = TcpStream::connect(&server.address).await?;
        let key = &keys[USERS];
        runs.push((key, start(&mut http, "Mine", key, "999", &"x".repeat(64 * 1024)).await?));
        for _ in 0..DEAF {
            crowd.join_deaf(key).await?;
        }
        while full(&server.address)? < DEAF {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for _ in 0..WINDOWS {
            beside_deaf.push(crowd.window(time).await);
        }
    }
    // The other was silent for longer than a server waits.
    let mut http = TcpStream::connect(&server.address).await?;
    for (key, run) in &runs {
        load::ask(&mut http, &load::request_of(key, "POST", &format!("/bench/runs/{run}/cancel"), ""))
            .await?;
    }
    let lost = crowd.lost(form.clients * form.sees).await;
    if crowd.gone() > 0 {
        eprintln!("{} clients were cut off", crowd.gone());
    }
    drop(crowd);
    server.stop()?;
    Ok(Seen {
        windows,
        beside_deaf,
        kib_per_client: (after_kib - before_kib) / form.clients as f64,
        cores,
        lost,
    })
}

fn user_name(user: usize) -> String {
    format!("user-{user}")
}

/// Workflows, and users with their keys: one more than see the bars.
async fn project(folder: &Path) -> Result<Vec<String>, Failure> {
    let workflows = folder.join("systems/bench/workflows");
    std::fs::create_dir_all(&workflows)?;
    for (name, private) in [("Mine", "true"), ("All", "false")] {
        let text = MOVES.replace("NAME", name).replace("PRIVATE", private);
        std::fs::write(workflows.join(format!("{name}.workflow.json")), text)?;
    }
    let store = Sqlite::open(&folder.join(".hefe/hefe.db"), store::sqlite::Settings::default())?;
    let mut keys = Vec::new();
    for user in 0..=USERS {
        let (key, kept) = server::key::fresh(0)?;
        let name = user_name(user).into();
        let grants = Grant::each(&[], &[]);
        store.edit_user(UserEdit::Add { name, grants, key: Some(kept), at_ms: 0 }).await?;
        keys.push(key);
    }
    store.close().await?;
    Ok(keys)
}

async fn start(
    http: &mut TcpStream,
    workflow: &str,
    key: &str,
    number: &str,
    title: &str,
) -> Result<String, Failure> {
    let input = serde_json::json!({ "number": number, "title": title }).to_string();
    let request = load::request_of(key, "POST", &format!("/bench/webhook/{workflow}"), &input);
    let started = load::ask(http, &request).await?;
    Ok(started["run"].as_str().ok_or_else(|| format!("no run was started: {started}"))?.to_owned())
}

/// How many of the server's connections have so much on their way that it will not fit.
fn full(address: &str) -> Result<usize, Failure> {
    let (_, port) = address.rsplit_once(':').ok_or("an address without a port")?;
    let port = format!(":{:04X}", port.parse::<u16>()?);
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let waiting = table.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next().filter(|local| local.ends_with(&port))?;
        u64::from_str_radix(words.nth(2)?.split(':').next()?, 16).ok()
    });
    Ok(waiting.filter(|bytes| *bytes > FULL_BYTES).count())
}
