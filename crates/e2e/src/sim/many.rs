//! Several servers on one PostgreSQL: each an engine over a store of its own, with its own lease. By a plan they die, are stopped, are held up
//! for longer than their lease and then go on, or lose their connections, and the database goes away for a while; others take their places. People and provider are those of the
//! simulation, and so is what must have come of it all.
//!
//! Time is real here, as a database server knows no other: a seed is a plan, not a replay, and is not run twice.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use engine::Engine;
use store::{
    Changes, Store,
    postgres::{Postgres, Settings},
};
use testkit::faulty::Faulty;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::JoinSet,
};

use super::{
    Ended,
    among::{Among, Deeds, Epochs, Gate, LEASE},
    databases::{Databases, runtime},
    life::{Life, Place, live_runs, machine_ms},
    load, people, told, verdict,
    world::{Fate, Range, World},
};
use crate::torture::many::left_over;

/// Kinds that take longer than a plan is to, or whose time is judged to the millisecond.
const SLOW: [&str; 3] = ["Grove", "Long", "Stalls"];

/// Nothing has happened for so long: it never will.
const STUCK: Duration = Duration::from_secs(60);

/// Between two looks whether all is done.
const LOOK: Duration = Duration::from_millis(150);

/// Servers on one database.
struct Crowd<'a> {
    databases: &'a Databases,
    database: String,
    servers: usize,
    world: Arc<Mutex<World>>,
    epochs: Epochs,
    deeds: Deeds,
    /// It is of no use to go on.
    given_up: AtomicBool,
}

/// One seed.
pub(super) fn once(seed: u64, servers: usize, databases: &Databases) -> Ended {
    let mut kinds = load::kinds();
    kinds.retain(|kind| !SLOW.contains(kind));
    let range = Range {
        began_ms: machine_ms(),
        kinds,
        launches: 8,
        fates: &[
            Fate::Dies,
            Fate::Dies,
            Fate::HeldUp,
            Fate::HeldUp,
            Fate::CutOff,
            Fate::Outage,
            Fate::Soon,
            Fate::Now,
        ],
        points: [10, 25, 50, 100, 200],
        rough_ms: (2_000, 4_000),
    };
    let crowd = Crowd {
        databases,
        database: databases.copy(seed),
        servers,
        world: Arc::new(Mutex::new(World::new(seed, &range))),
        epochs: Epochs::default(),
        deeds: Deeds::default(),
        given_up: AtomicBool::new(false),
    };
    crowd.works();
    let deeds = std::mem::take(&mut *crowd.deeds.lock().expect("the deeds"));
    deeds.into_iter().for_each(|deed| deed.join().expect("a deed that is done"));
    if !crowd.has_given_up() {
        crowd.judge();
    }
    databases.remove(&crowd.database);
    let mut world = crowd.world.lock().expect("the world");
    if !world.broken.is_empty() {
        // It may not come to that once more.
        let path = std::env::temp_dir().join(format!("sim-{}-seed-{seed}.log", databases.mark));
        std::fs::write(&path, world.log.join("\n")).expect("an account");
        world.broken.insert(0, format!("see {}", path.display()));
    }
    Ended::of(&mut world)
}

impl Crowd<'_> {
    fn has_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// All of them, until everything is done or nothing moves any more.
    fn works(&self) {
        thread::scope(|scope| {
            let servers: Vec<_> =
                (0..self.servers).map(|at| scope.spawn(move || while !self.live(at) {})).collect();
            let (mut lines, mut since) = (0, Instant::now());
            while !servers.iter().all(thread::ScopedJoinHandle::is_finished) {
                thread::sleep(LOOK);
                let there = self.world.lock().expect("the world").log.len();
                if there != lines {
                    (lines, since) = (there, Instant::now());
                }
                if since.elapsed() > STUCK && !self.given_up.swap(true, Ordering::Relaxed) {
                    self.is_stuck();
                }
            }
        });
    }

    fn is_stuck(&self) {
        let live = "SELECT string_agg(concat_ws(' ', runs.workflow, runs.id, 'held by', live.worker, 'epoch', live.epoch), '; ') FROM runs LEFT JOIN live ON live.run = runs.id";
        let live = self.databases.psql(&self.database, live);
        let mut world = self.world.lock().expect("the world");
        let people: Vec<_> =
            world.launches.iter().filter(|launch| !launch.done).map(|launch| format!("{launch:?}")).collect();
        world
            .broken
            .push(format!("nothing moves; these live: {live}; and these wait: {}", people.join("; ")));
    }

    /// One life in that place; whether all is done.
    fn live(&self, at: usize) -> bool {
        let (gate, name) = (Gate::default(), format!("sim-{at}-{}-", machine_ms()));
        let Some(store) = self.opens(&name, &gate) else {
            thread::sleep(LOOK);
            return self.has_given_up();
        };
        let among = self.among((at, self.servers), &name, &gate);
        let life = Arc::new(Life::begin(&self.world, Arc::new(store), Place::Among(among)));
        let runtime = runtime();
        let done = runtime.block_on(async {
            tokio::select! {
                biased;
                () = life.dies_some_time() => false,
                done = self.whole(&life) => done,
            }
        });
        life.is_over();
        drop(runtime);
        drop(life);
        self.databases.is_left(&self.database, &name);
        done
    }

    fn among(&self, at: (usize, usize), name: &str, gate: &Gate) -> Among {
        Among {
            at,
            server: self.databases.url("postgres"),
            database: self.database.clone(),
            name: name.to_owned(),
            gate: gate.clone(),
            epochs: self.epochs.clone(),
            deeds: self.deeds.clone(),
        }
    }

    fn opens(&self, name: &str, gate: &Gate) -> Option<Postgres> {
        let gate = gate.clone();
        let clock = move || {
            // Whoever is held up stands still here, whatever it is doing.
            drop(gate.lock());
            machine_ms() as u64 * 1_000
        };
        let settings = Settings {
            clock: Some(Arc::new(clock)),
            name: name.to_owned(),
            lease: LEASE,
            ..Settings::default()
        };
        let url = self.databases.url(&self.database);
        let sign = if url.contains('?') { '&' } else { '?' };
        match Postgres::open(&format!("{url}{sign}application_name={name}"), settings) {
            Ok(store) => Some(store),
            Err(error) => {
                let mut world = self.world.lock().expect("the world");
                world.log.push(format!("{name} does not open: {error}"));
                None
            }
        }
    }

    /// All of one life; false: it could not even begin, or was stopped.
    async fn whole(&self, life: &Arc<Life>) -> bool {
        let mut tasks = JoinSet::new();
        tasks.spawn(hear(life.clone(), life.store.changes()));
        verdict::at_start(life).await;
        let store: Arc<dyn Store> = Arc::new(Faulty { inner: life.store.clone(), faults: life.clone() });
        let engine = match Engine::open(store, life.settings()).await {
            Ok(engine) => engine,
            Err(error) => {
                life.log(format!("the process does not start: {error}"));
                return false;
            }
        };
        let stopped = life.stopping();
        let (worker, mut works) = (engine.clone(), JoinSet::new());
        works.spawn(async move { worker.work(stopped).await });
        let all = async {
            people::all(life, &engine).await;
            self.all_is_done(life).await;
        };
        let done = tokio::select! {
            biased;
            _ = works.join_next() => false,
            () = all => true,
            () = self.is_given_up() => return true,
        };
        life.winds_up();
        while works.join_next().await.is_some() {}
        if !done {
            verdict::at_a_stop(life).await;
        }
        if let Err(error) = life.store.close().await {
            life.log(format!("the process does not sign off: {error}"));
        }
        done
    }

    async fn all_is_done(&self, life: &Life) {
        loop {
            let people = life.world().launches.iter().all(|launch| launch.done);
            if people && live_runs(&life.sure(|store| store.account()).await) == 0 {
                return;
            }
            life.sleeps(LOOK.as_millis() as u64).await;
        }
    }

    async fn is_given_up(&self) {
        while !self.has_given_up() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What has come of it all.
    fn judge(&self) {
        let (gate, name) = (Gate::default(), "sim-judge");
        let store = self.opens(name, &gate).expect("a database that opens");
        let among = self.among((0, 1), name, &gate);
        let life = Life::begin(&self.world, Arc::new(store), Place::Among(among));
        runtime().block_on(verdict::at_the_end(&life));
        drop(life);
        let mut broken = Vec::new();
        left_over(&|sql| self.databases.psql(&self.database, sql), &mut broken);
        self.world.lock().expect("the world").broken.extend(broken);
    }
}

/// What people see who listen here; whoever falls behind goes on with what comes.
async fn hear(life: Arc<Life>, mut changes: Receiver<Changes>) {
    loop {
        match changes.recv().await {
            Ok(batch) => batch.iter().for_each(|(stamp, change)| told::seen(&life, *stamp, change)),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
