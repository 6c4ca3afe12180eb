//! People: each launches one thing and sees it through, over all the deaths of their server.

use std::sync::Arc;

use engine::{Call, Door, Engine, Person, Refusal, Retried, RetryFrom, Started};
use recipe::{Map, Value};
use store::{Cancelled, Id, Run, Signalled, Status};
use tokio::task::JoinSet;

use super::{
    life::{self, Life},
    load,
    world::{Launch, Stage},
};

/// Between two tries of something that was refused, milliseconds.
pub(crate) const AGAIN_MS: u64 = 400;

/// Kinds whose runs start no others: what was cancelled of them goes on as a whole.
const ALONE: [&str; 6] = ["Loop", "Waits", "Parallel", "Sets", "Mixed", "Retry"];

/// One of them in this life.
pub(crate) struct Story {
    pub(super) life: Arc<Life>,
    pub(super) engine: Engine,
    pub(super) n: u64,
}

/// Until each who comes here has done what they wanted.
pub(crate) async fn all(life: &Arc<Life>, engine: &Engine) {
    let mut stories = JoinSet::new();
    let launches = life.world().launches.len() as u64;
    for n in (0..launches).filter(|n| life.is_for(*n)) {
        let story = Story { life: life.clone(), engine: engine.clone(), n };
        stories.spawn(async move { story.tell().await });
    }
    while let Some(told) = stories.join_next().await {
        told.expect("a story that is told");
    }
}

impl Story {
    async fn tell(&self) {
        let launch = self.launch();
        if launch.done {
            return;
        }
        self.life.sleeps((launch.at_ms - self.life.now_ms()).max(0) as u64).await;
        let run = match launch.stage {
            Stage::Gone => None,
            _ if launch.keyed => self.start_keyed(&launch).await,
            Stage::There(run, _) => Some(run),
            Stage::Sent => self.look().await,
            Stage::Planned => self.start(&launch).await,
        };
        match (run, launch.again) {
            (Some(_), Some((run, from))) => self.go_on(run, from).await,
            (Some(run), None) => self.see_through(&launch, run).await,
            (None, _) => {}
        }
        self.change(|launch| launch.done = true);
    }

    pub(super) fn launch(&self) -> Launch {
        self.life.world().launches[self.n as usize].clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Launch)) {
        change(&mut self.life.world().launches[self.n as usize]);
    }

    /// A thing that is answered, to somebody who lives in a time when the process does.
    pub(super) async fn answered(&self) {
        self.life.goes_on("a person is answered").await;
    }

    async fn start(&self, launch: &Launch) -> Option<Id> {
        loop {
            self.change(|launch| launch.stage = Stage::Sent);
            self.life.log(format!("launch {} of {}", launch.n, launch.kind));
            let answer = self.engine.call(call(launch)).await;
            self.answered().await;
            let run = match answer {
                Ok(Started::Queued { run, .. }) => Ok(run),
                Ok(Started::Done(answer)) => {
                    let body = answer.response.map_or(answer.error, |response| response.body);
                    let started = body.get("started").map(Value::to_text).unwrap_or_default();
                    started.parse().map_err(|()| format!("the launcher answered {}", body.to_json()))
                }
                Err(Refusal::Store(error)) => {
                    self.life.log(format!("launch {} was refused: {error}", launch.n));
                    self.change(|launch| launch.stage = Stage::Planned);
                    self.life.sleeps(AGAIN_MS).await;
                    continue;
                }
                Err(refusal) => Err(format!("{refusal:?}")),
            };
            match run {
                Ok(run) => {
                    self.change(|launch| launch.stage = Stage::There(run, true));
                    self.life.log(format!("launch {} was answered for: {run}", launch.n));
                    if !life::is_known(&self.life, run).await {
                        self.life.broken(format!("launch {} was answered before it was durable", launch.n));
                    }
                    return Some(run);
                }
                Err(says) => {
                    self.life.broken(format!("launch {} of {}: {says}", launch.n, launch.kind));
                    self.change(|launch| launch.stage = Stage::Gone);
                    return None;
                }
            }
        }
    }

    /// The process died before it answered.
    async fn look(&self) -> Option<Id> {
        let launch = self.launch();
        let mut runs = life::runs(&self.life).await;
        runs.extend(self.life.world().brief.values().map(|brief| brief.run.clone()));
        let found = runs.iter().find(|run| *run.start.workflow == *launch.kind && of(run) == launch.n);
        let found = found.map(|run| run.start.id);
        self.change(|launch| launch.stage = found.map_or(Stage::Gone, |run| Stage::There(run, false)));
        self.life.log(format!("launch {} was not answered for: {found:?}", launch.n));
        found
    }

    async fn see_through(&self, launch: &Launch, run: Id) {
        if let Some(ms) = launch.cancel_ms {
            self.life.sleeps(ms).await;
            if self.cancel(run).await {
                return;
            }
        }
        match launch.kind {
            "Signals" => self.signal(run).await,
            "Alarm" if launch.choice.is_multiple_of(2) => self.signal(run).await,
            "Fails" => self.mend(run).await,
            "Lots" => self.lots(run).await,
            "Broken" => {
                let Some(part) = self.second_part(run).await else { return };
                self.mend(part).await;
            }
            _ => {}
        }
    }

    async fn signal(&self, run: Id) {
        let launch = self.launch();
        self.life.sleeps(launch.patience_ms).await;
        let body: Map = [("word", Value::from(load::word(self.n)))].into_iter().collect();
        loop {
            let told = self.engine.store().signal(run, "go".into(), Value::Object(body.clone())).await;
            self.answered().await;
            self.life.log(format!("signal {}: {told:?}", self.n));
            match told {
                Ok(Signalled::Unknown) => {
                    return self.life.broken(format!("run {run} is not there for its signal"));
                }
                Ok(_) => return,
                Err(_) => self.life.sleeps(AGAIN_MS).await,
            }
        }
    }

    /// Asks for its end; whether there is nothing more to be done for it.
    async fn cancel(&self, run: Id) -> bool {
        let launch = self.launch();
        while !self.launch().cancelled {
            self.change(|launch| launch.cut = true);
            let told = self.engine.cancel(run, true).await;
            self.answered().await;
            self.life.log(format!("cancel {}: {told:?}", self.n));
            match told {
                Ok(Cancelled::Unknown) if !life::is_known(&self.life, run).await => {
                    self.life.broken(format!("run {run} is not there to be cancelled"));
                    return true;
                }
                Ok(Cancelled::Over | Cancelled::Unknown) => {
                    self.change(|launch| launch.cancel_ms = None);
                    return false;
                }
                Ok(_) => self.change(|launch| launch.cancelled = true),
                Err(_) => self.life.sleeps(AGAIN_MS).await,
            }
        }
        let alone = ALONE.contains(&launch.kind) && launch.choice.is_multiple_of(3);
        if alone && self.ended(run).await == Status::Cancelled {
            self.go_on(run, RetryFrom::Failure { current: false }).await;
        }
        true
    }

    /// It has failed, as what it calls is broken; that is mended, and it is tried again.
    async fn mend(&self, run: Id) {
        let launch = self.launch();
        if self.ended(run).await != Status::Failed {
            return;
        }
        self.life.sleeps(launch.patience_ms).await;
        self.life.world().mended.insert(self.n);
        let from = match launch.choice % 3 {
            0 if launch.kind == "Fails" => RetryFrom::Start,
            1 => RetryFrom::Failure { current: true },
            _ => RetryFrom::Failure { current: false },
        };
        self.go_on(run, from).await;
    }

    async fn go_on(&self, run: Id, from: RetryFrom) {
        // What it does from now on was asked for.
        self.life.world().reopened.insert(run);
        self.change(|launch| launch.again = Some((run, from)));
        let runs = life::runs(&self.life).await;
        if from == RetryFrom::Start && runs.iter().any(|other| other.start.retry_of == Some(run)) {
            return;
        }
        loop {
            let told = self.engine.retry(run, from).await;
            self.answered().await;
            self.life.log(format!("retry {} {from:?}: {told:?}", self.n));
            match told {
                Ok(Retried::Queued(_) | Retried::NotOver) => return,
                Ok(other) => return self.life.broken(format!("run {run} cannot be tried again: {other:?}")),
                Err(_) => self.life.sleeps(AGAIN_MS).await,
            }
        }
    }

    async fn ended(&self, run: Id) -> Status {
        loop {
            match self.engine.store().run(run).await {
                Ok(Some(found)) if found.status.ended() => return found.status,
                _ => self.life.sleeps(200).await,
            }
        }
    }

    /// The part that fails; None: there will be none.
    async fn second_part(&self, run: Id) -> Option<Id> {
        loop {
            let run_now = self.life.sure(|store| store.run(run)).await;
            let runs = life::runs(&self.life).await;
            let part = runs.iter().find(|part| part.start.parent == Some(run) && item(part) == 1);
            if let Some(part) = part {
                return Some(part.start.id);
            }
            if run_now.is_none_or(|run| run.status.ended()) {
                return None;
            }
            self.life.sleeps(100).await;
        }
    }
}

pub(super) fn call(launch: &Launch) -> Call {
    let fields = [("n", Value::from(launch.n as i64)), ("kind", Value::from(launch.kind))];
    let door = match launch.through {
        true => Door::Event { kinds: &["webhook"], identifier: "launch".into(), module: None },
        false => Door::Workflow(launch.kind.into()),
    };
    let input = Value::Object(fields.into_iter().collect());
    Call { system: "main".into(), door, input, person: Some(Person::local()) }
}

fn field(run: &Run, name: &str) -> u64 {
    let value = run.start.input.get(name).map(Value::to_text).unwrap_or_default();
    value.parse().unwrap_or(u64::MAX)
}

/// The launch that a run belongs to.
pub(crate) fn of(run: &Run) -> u64 {
    field(run, "n")
}

fn item(run: &Run) -> u64 {
    field(run, "i")
}
