//! The provider: it answers as its dice say, late, badly, not at all or after it did the work; and it looks whether what
//! led to a call was on disk when the call arrived.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use engine::effects::http::{Perform, Reply};
use interpreter::{Failure, effect::Http};
use recipe::{Map, Taint, Value};
use store::Id;

use super::{
    kinds,
    life::{self, Life},
    load, people,
};
use crate::dice::Dice;

/// Runs of `Child` with one key that are worked at once, as their workflow says.
const CHILDREN_MAX: u64 = 2;

/// How much earlier than its limit a call may be left: what came before it was not on disk at once, milliseconds.
const EARLY_MS: i64 = 2_500;

/// And how much later.
const LATE_MS: i64 = 100;

/// What a journal may hold over its limit before it is looked at, bytes.
const STORED_BYTES_MORE: u64 = 4 << 10;

/// What the provider does for one call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Well,
    /// Well, after so many milliseconds.
    After(u64),
    /// Never: it is held for that many milliseconds by whoever has a limit.
    Stalls {
        held_ms: i64,
    },
    /// With that status.
    Status(u16),
    /// It asks to be left alone.
    Busy,
    /// The connection breaks after it did the work.
    Breaks,
    /// Longer than anyone waits.
    TooLate,
}

pub(crate) struct Provider {
    pub(crate) life: Arc<Life>,
    /// Launches whose children call now, once each time.
    pub(crate) children: Arc<Mutex<Vec<u64>>>,
    /// Calls that are under way at the host with a limit.
    pub(crate) narrow: Arc<AtomicU32>,
}

/// While it lives such a call is under way.
struct Narrow(Arc<AtomicU32>);

impl Drop for Narrow {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// While it lives a child of that launch calls.
struct Child(Arc<Mutex<Vec<u64>>>, u64);

impl Drop for Child {
    fn drop(&mut self) {
        let mut all = self.0.lock().expect("the children");
        if let Some(at) = all.iter().position(|n| *n == self.1) {
            all.swap_remove(at);
        }
    }
}

/// A call that somebody waits for.
struct Calling {
    life: Arc<Life>,
    launch: u64,
    says: String,
    since_ms: i64,
    /// It is not answered, and somebody has a limit.
    held_ms: Option<i64>,
}

impl Drop for Calling {
    fn drop(&mut self) {
        let life = &self.life;
        life.calling.fetch_sub(1, Ordering::Relaxed);
        let judges = life.is_alone() && !life.is_dead();
        let Some(limit_ms) = self.held_ms.filter(|_| judges) else { return };
        let ms = life.now_ms() - self.since_ms;
        let cut = life.world().launches.get(self.launch as usize).is_none_or(|launch| launch.cut);
        let early = ms < limit_ms - EARLY_MS && !cut && life.stopped_ms().is_none();
        if early || ms > limit_ms + LATE_MS {
            life.broken(format!("{} is left after {ms} ms, and may take {limit_ms}", self.says));
        }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider")
    }
}

struct Asked {
    path: String,
    n: u64,
    item: u64,
    root: Id,
}

impl Asked {
    fn says(&self) -> String {
        format!("{} {} {}", self.path, self.n, self.item)
    }

    fn read(request: &Http, trace: &str) -> Asked {
        let rest = request.url.split_once("://").map_or(&*request.url, |(_, rest)| rest);
        let rest = rest.find('/').map_or("", |at| &rest[at..]);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let number = |name: &str| {
            let part = query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            part.and_then(|part| part.parse::<u64>().ok()).unwrap_or(u64::MAX)
        };
        let root = trace.split('-').nth(1).and_then(|root| u128::from_str_radix(root, 16).ok());
        Asked { path: path.to_owned(), n: number("n"), item: number("i"), root: Id(root.unwrap_or_default()) }
    }
}

impl Perform for Provider {
    fn perform<'a>(&'a self, request: &'a Http, key: &'a str, trace: &'a str) -> Reply<'a> {
        Box::pin(async move {
            let life = &self.life;
            if life.is_alone() {
                // Who is held up here has looked at its lease, and calls when it goes on: that may be.
                life.goes_on("before a call").await;
            }
            let asked = Asked::read(request, trace);
            let (nth, answer) = self.arrives(&asked, key);
            self.looks(&asked).await;
            let _narrow = (asked.path == kinds::narrow::PATH).then(|| self.narrow());
            let _child = (asked.path == "/child").then(|| self.child(asked.n));
            let held_ms = match answer {
                Answer::Stalls { held_ms } => Some(held_ms),
                _ => None,
            };
            let says = asked.says();
            life.calling.fetch_add(1, Ordering::Relaxed);
            let _calling =
                Calling { life: life.clone(), launch: asked.n, says, since_ms: life.now_ms(), held_ms };
            life.goes_on("a call has arrived").await;
            let usual = life.world().weather.provider_ms;
            let ms = match answer {
                Answer::TooLate | Answer::Stalls { .. } if life.is_alone() => request.timeout_ms,
                Answer::After(ms) => ms,
                _ if life.roll(12) == 0 => life.roll(3_000),
                _ => life.roll(usual),
            };
            life.sleeps(ms).await;
            life.falls_into_step().await;
            life.goes_on("a call is answered").await;
            life.log(format!("{} is answered: {answer:?}", asked.says()));
            if let Answer::Well | Answer::After(_) = answer {
                let firing = (asked.path.clone(), asked.n, asked.item);
                life.world().calls.entry(firing).or_default().answered += 1;
            }
            said(answer, &asked, nth)
        })
    }
}

impl Provider {
    /// No more of them at once than their workflow says.
    fn child(&self, n: u64) -> Child {
        let mut all = self.children.lock().expect("the children");
        all.push(n);
        let many = all.iter().filter(|other| **other == n).count() as u64;
        drop(all);
        if many > CHILDREN_MAX && self.life.is_alone() {
            self.life.broken(format!(
                "{many} children of launch {n} call at once, and the limit is {CHILDREN_MAX}"
            ));
        }
        Child(self.children.clone(), n)
    }

    /// No more of them at once than its host takes.
    fn narrow(&self) -> Narrow {
        let (many, most) = (self.narrow.fetch_add(1, Ordering::Relaxed) + 1, kinds::narrow::CALLS_MAX);
        if many > most && self.life.is_alone() {
            let host = kinds::narrow::HOST;
            self.life
                .broken(format!("{many} calls of {host} are under way at once, and the limit is {most}"));
        }
        Narrow(self.narrow.clone())
    }

    /// Writes the call down: which one of its firing it is, and what comes of it.
    fn arrives(&self, asked: &Asked, key: &str) -> (u64, Answer) {
        let Asked { path, n, item, .. } = asked;
        let mut world = self.life.world();
        world.beat += 1;
        let (beat, mended, seed) = (world.beat, world.mended.contains(n), world.seed);
        world.count("calls");
        let calls = world.calls.entry((path.clone(), *n, *item)).or_default();
        calls.keys.insert(key.to_owned());
        calls.arrivals.push(beat);
        let nth = calls.arrivals.len() as u64;
        if nth > 1 {
            world.count("repeated");
        }
        drop(world);
        self.life.log(format!("{} is called for the {nth}. time under {key}", asked.says()));
        (nth, answer(asked, nth, mended, seed))
    }

    /// Whether what led to it is on disk.
    async fn looks(&self, asked: &Asked) {
        let Asked { path, n, item, root } = asked;
        let (life, says) = (&self.life, asked.says());
        if !life::kept(life, *root).await {
            life.broken(format!("{says} was called before its run {root} was durable"));
        }
        let launch = life.world().launches.get(*n as usize).cloned();
        let Some(launch) = launch else {
            return life.broken(format!("{says} was called by nothing that was launched"));
        };
        let expected = load::expected(launch.kind, *n);
        let before = expected.calls.iter().position(|call| call.0 == *path && call.1 == *item).unwrap_or(0);
        if expected.in_order {
            let runs = life::runs(life).await;
            let own =
                runs.iter().rev().find(|run| people::of(run) == *n && *run.start.workflow == *launch.kind);
            let own = own.map_or(Id::default(), |run| run.start.id);
            // Its oldest part may be gone.
            let (checkpoint, chunks) = life.sure(|store| store.trace(own)).await;
            let seen = checkpoint.map_or(0, |checkpoint| checkpoint.at);
            let durable = chunks.last().map_or(seen, |chunk| chunk.at + u64::from(chunk.count));
            let bytes = life.sure(|store| store.stored_bytes(own)).await;
            if expected.stored_max.is_some_and(|most| bytes > most + STORED_BYTES_MORE) {
                life.broken(format!("{says} was called with {bytes} bytes on disk"));
            }
            if durable < before as u64 {
                life.broken(format!(
                    "{says} was called with {durable} entries on disk, and follows {before} calls"
                ));
            }
        }
        // What a run has started goes on until it has ended.
        if life.is_alone() && launch.cancelled && launch.is_cut() && expected.children == 0 {
            life.broken(format!("{says} was called after its end was asked for, and that was answered"));
        }
    }
}

/// How often at most each path fails before it answers well.
fn fails(path: &str) -> u64 {
    match path {
        "/flaky" => 3,
        "/shaky" => 4,
        _ => 0,
    }
}

fn answer(asked: &Asked, nth: u64, mended: bool, seed: u64) -> Answer {
    let mut dice = Dice::new(seed ^ (asked.n << 32) ^ (asked.item << 16) ^ asked.path.len() as u64);
    let fails = dice.below(fails(&asked.path) + 1);
    let call = kinds::Call { path: &asked.path, nth, mended, choice: dice.roll() };
    if let Some(answer) = kinds::ALL.iter().find_map(|kind| (kind.answers)(&call)) {
        return answer;
    }
    for _ in 0..nth {
        dice.roll();
    }
    match &*asked.path {
        "/fails" if !mended => Answer::Status(500),
        "/part" if asked.item == 1 && !mended => Answer::Status(500),
        "/mixed" if asked.item % 2 == 1 => Answer::Status(404),
        _ if nth > fails => Answer::Well,
        _ => dice.pick(&[
            Answer::Status(500),
            Answer::Status(503),
            Answer::Busy,
            Answer::Breaks,
            Answer::TooLate,
        ]),
    }
}

fn object<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    Value::Object(fields.into_iter().collect::<Map>())
}

/// The answer as a performer gives it.
fn said(answer: Answer, asked: &Asked, nth: u64) -> Result<Value, Failure> {
    let refused = |status: u16, after_ms: Option<i64>| {
        let mut detail =
            object([("status", Value::from(i64::from(status))), ("body", Value::from(format!("{nth}")))]);
        if let Some(after_ms) = after_ms {
            detail.path_set("retry_after_ms", Value::from(after_ms));
        }
        Err(Failure {
            retryable: matches!(status, 429 | 500..=599),
            status: Some(status),
            detail: detail.tainted_with(Taint::External),
            ..Failure::new("http_status", format!("the provider answered {status}"))
        })
    };
    let gone = |code: &str| {
        Err(Failure { retryable: true, ..Failure::new(code, "the provider could not be reached") })
    };
    match answer {
        Answer::Status(status) => refused(status, None),
        Answer::Busy => refused(429, Some(1_000)),
        Answer::Breaks => gone("connect"),
        Answer::TooLate | Answer::Stalls { .. } => gone("timeout"),
        Answer::Well | Answer::After(_) => {
            // Two kilobytes: what a loop has done soon outweighs its state.
            let more =
                if ["/loop", "/heavy"].contains(&&*asked.path) { "x".repeat(2_000) } else { String::new() };
            let body = object([("i", Value::from(asked.item as i64)), ("more", Value::from(more))]);
            let whole =
                [("status", Value::from(200)), ("headers", Value::Object(Map::new())), ("body", body)];
            Ok(object(whole).tainted_with(Taint::External))
        }
    }
}
