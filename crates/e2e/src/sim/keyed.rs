//! A start that carries an `Idempotency-Key`: it is repeated, over the deaths of the server too, and gets one answer.

use engine::Refusal;
use store::{Deed, Did, Hash, Id, Kept, Key, Once};

use super::{
    life,
    people::{AGAIN_MS, Story, call},
    world::{Launch, Stage},
};

/// What comes of one request.
enum Told {
    Is(Id),
    Refused(String),
    Wrong(String),
}

impl Story {
    /// Asks until it is answered, and then again and again.
    pub(super) async fn start_keyed(&self, launch: &Launch) -> Option<Id> {
        let mut first = match launch.stage {
            Stage::There(run, _) => Some(run),
            _ => None,
        };
        let mut left = 1 + launch.choice % 3;
        while left > 0 {
            if first.is_none() {
                self.change(|launch| launch.stage = Stage::Sent);
            }
            let told = self.ask(launch, "the same").await;
            self.answered().await;
            match told {
                Told::Is(run) => {
                    self.is_the_one(launch, first, run).await;
                    first = Some(run);
                    left -= 1;
                }
                Told::Refused(why) => {
                    self.life.log(format!("launch {} was refused: {why}", launch.n));
                    self.life.sleeps(AGAIN_MS).await;
                }
                Told::Wrong(says) => {
                    self.life.broken(format!("launch {} of {}: {says}", launch.n, launch.kind));
                    self.change(|launch| launch.stage = Stage::Gone);
                    return None;
                }
            }
        }
        if let Told::Is(run) = self.ask(launch, "another").await {
            self.life.broken(format!("another request under the key of launch {} started {run}", launch.n));
        }
        first
    }

    async fn is_the_one(&self, launch: &Launch, first: Option<Id>, run: Id) {
        self.change(|launch| launch.stage = Stage::There(run, true));
        self.life.log(format!("launch {} was answered for: {run}", launch.n));
        if first.is_some_and(|first| first != run) {
            self.life.broken(format!("launch {} was answered {first:?}, then {run}", launch.n));
        }
        if !life::is_known(&self.life, run).await {
            self.life.broken(format!("launch {} was answered before it was durable", launch.n));
        }
    }

    /// As the server does it: the start and its answer are one transaction.
    async fn ask(&self, launch: &Launch, body: &str) -> Told {
        self.life.log(format!("launch {} of {}, under its key, with {body} body", launch.n, launch.kind));
        let planned = match self.engine.plan(call(launch)).await {
            Ok(planned) => planned,
            Err(Refusal::Store(error)) => return Told::Refused(error.to_string()),
            Err(refusal) => return Told::Wrong(format!("{refusal:?}")),
        };
        let run = planned.run();
        let key = Key {
            name: Hash::of(format!("launch {}", launch.n).as_bytes()),
            body: Hash::of(body.as_bytes()),
            at_ms: self.life.now_ms(),
        };
        let answer = Kept { status: 202, headers: Vec::new(), body: Some(run.to_string().into_bytes()) };
        let start = Deed::Start(Box::new(planned.into_start()));
        match self.engine.once(key, start, Some(answer)).await {
            Ok(Once::Did(Did::Started(started))) if started.id == run && !started.existing => Told::Is(run),
            Ok(Once::Answered(kept)) => {
                let body = String::from_utf8(kept.body.unwrap_or_default()).unwrap_or_default();
                body.parse().map_or_else(|()| Told::Wrong(format!("it was answered `{body}`")), Told::Is)
            }
            Ok(other) => Told::Wrong(format!("under its key it came to {other:?}")),
            Err(error) => Told::Refused(error.to_string()),
        }
    }
}
