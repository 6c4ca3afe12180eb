//! What branches wait for: how they begin to, what an outcome leads to, and when a failed one is tried again.

use recipe::Value;
use workflow::duration_ms;

use super::{Machine, fire::Lazy};
use crate::{
    FiringId, Outcome,
    effect::{Asked, Failure, Outside, Wait},
    state::{Delivery, Flying, Strand, Whence},
};

impl Machine {
    #[expect(clippy::expect_used, reason = "a strand's index is only ever held while it is there")]
    pub(super) fn strand(&self, index: u32) -> &Strand {
        self.state.strands[index as usize].as_ref().expect("a strand")
    }

    #[expect(clippy::expect_used, reason = "a strand's index is only ever held while it is there")]
    pub(super) fn strand_mut(&mut self, index: u32) -> &mut Strand {
        self.state.strands[index as usize].as_mut().expect("a strand")
    }

    /// A branch begins to wait. A call holds its strand up; a park does not, but what follows its frame waits.
    pub(super) fn depart(
        &mut self,
        frame: u32,
        delivery: Delivery,
        firing: FiringId,
        number: u8,
        asked: Asked,
    ) {
        let strand = self.frame(frame).strand;
        let element = self.element(frame, delivery.element).name.clone();
        let whence = Whence::Frame(frame, delivery);
        let flying = Flying { whence, element, firing, number, asked, tries: 0, pause_ms: None };
        if flying.parked() {
            self.frame_mut(frame).open += 1;
        } else {
            self.strand_mut(strand).flying = true;
            self.state.turns.retain(|turn| *turn != strand);
        }
        self.state.flights.push(flying);
    }

    /// The outcome of a flight.
    pub(super) fn land(&mut self, at: usize, outcome: Outcome) {
        let mut flying = self.state.flights.remove(at);
        self.issued.remove(&(flying.firing, flying.number));
        self.state.entries += 1;
        self.state.spins = 0;
        self.state.now_ms = self.state.now_ms.max(outcome.at_ms);
        if flying.pause_ms.take().is_some() {
            self.state.flights.push(flying);
            return;
        }
        if let (Err(failure), Whence::Frame(frame, delivery)) = (&outcome.result, &flying.whence)
            && let Some(pause_ms) = self.again_in(*frame, delivery, &flying, failure)
        {
            flying.tries += 1;
            flying.pause_ms = Some(self.state.now_ms.saturating_add_unsigned(pause_ms));
            self.state.flights.push(flying);
            return;
        }
        let parked = flying.parked();
        // A modal whose time is over has nobody who waits.
        if flying.asks() && outcome.result.as_ref().is_ok_and(|came| !came.is_null()) {
            self.answered();
        }
        match flying.whence {
            Whence::Gone => {}
            Whence::Loop(many) => self.given_up(many),
            Whence::Frame(frame, delivery) => {
                if parked {
                    self.frame_mut(frame).open -= 1;
                } else {
                    let strand = self.frame(frame).strand;
                    self.strand_mut(strand).flying = false;
                }
                self.surface(frame);
                let (firing, number) = (flying.firing, flying.number);
                if let (Asked::Start(start), Ok(started)) = (&flying.asked, &outcome.result)
                    && started.get("existing").is_none()
                {
                    self.remember_child(frame, start.id);
                }
                let result = outcome
                    .result
                    .map_err(|failure| Failure { effect: Some(Box::new((firing, number))), ..failure });
                self.go_on(frame, delivery, firing, result);
            }
        }
    }

    fn go_on(
        &mut self,
        frame: u32,
        mut delivery: Delivery,
        firing: FiringId,
        result: Result<Value, Failure>,
    ) {
        let id = Lazy::known(firing);
        let result = result.and_then(|value| {
            self.with(frame, &mut delivery, &id, |firing, kind| (kind.finish)(firing, value))
        });
        match result {
            Ok((ports, left)) => {
                self.leave(frame, delivery.element, &id, left);
                self.emit(frame, &delivery, ports);
            }
            Err(failure) => self.fail(frame, delivery, failure),
        }
    }

    /// The element's own `retry`: in how many milliseconds the effect is tried again; None if it is not.
    fn again_in(&self, frame: u32, delivery: &Delivery, flying: &Flying, failure: &Failure) -> Option<u64> {
        let retry = &self.element(frame, delivery.element).retry;
        let attempts =
            retry.get("attempts").and_then(Value::as_i64).unwrap_or(if retry.is_null() { 1 } else { 5 });
        let tried = i64::from(flying.tries) + 1;
        if tried >= attempts || !repeats(retry.get("on"), failure) {
            return None;
        }
        let ms = |key: &str, default: u64| {
            retry.get(key).and_then(|value| duration_ms(&value.to_text())).unwrap_or(default)
        };
        let doubled = ms("base", 1_000).saturating_mul(1 << (tried - 1).min(40));
        Some(doubled.min(ms("max", 60_000)).max(u64::from(failure.after_ms.unwrap_or(0))))
    }

    /// Drops what is waited for in frames that are given up: parks are forgotten, a call under way is recorded when it
    /// ends and leads nowhere.
    pub(super) fn abandon(&mut self, frames: &[u32]) {
        let inside =
            |flying: &Flying| matches!(&flying.whence, Whence::Frame(frame, _) if frames.contains(frame));
        self.state.flights.retain(|flying| !(flying.parked() && inside(flying)));
        for flying in self.state.flights.iter_mut().filter(|flying| inside(flying)) {
            flying.whence = Whence::Gone;
        }
    }
}

/// Whether the file wants that failure tried again: by code, by status, by class of statuses; what is retryable if it
/// does not say.
fn repeats(on: Option<&Value>, failure: &Failure) -> bool {
    let Some(on) = on.filter(|on| !on.is_null()) else { return failure.retryable };
    let one = |wanted: &Value| {
        let text = wanted.to_text();
        let class =
            |status: u16| text.strip_suffix("xx").is_some_and(|class| class == (status / 100).to_string());
        *text == *failure.code
            || failure.status.is_some_and(|status| text == status.to_string() || class(status))
    };
    match on {
        Value::List(list) => list.iter().any(one),
        single => one(single),
    }
}

impl Asked {
    /// What kind of effect it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Asked::Outside(Outside::Http(_)) => "http",
            Asked::Start(_) => "start",
            Asked::Wait(Wait::Until(_)) => "wait",
            Asked::Wait(Wait::Runs { .. }) => "await",
            Asked::Wait(Wait::Signal { .. }) => "signal",
            Asked::Wait(Wait::Modal { .. }) => "modal",
        }
    }
}
