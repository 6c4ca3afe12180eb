//! How a run leaves its worker: parked, for another attempt, or for good.

use std::ops::RangeInclusive;

use interpreter::{End as MachineEnd, EndStatus, Entry, Failure};
use recipe::Value;
use store::{Commit, End, NewRun, Park, Status, sabotage::Sabotage};

use super::{Drive, Left, encode, patience::Late};
use crate::{Shared, failed, kept, waits};

/// A run whose version cannot be loaded here is put off, for others to take it: half as long as it is old, milliseconds. While machines are
/// upgraded one after another it costs a new run next to nothing, and where none can load it nobody is kept busy by it.
const FOREIGN_MS: RangeInclusive<i64> = 200..=15_000;

/// What is known of a claimed run without its journal.
pub(super) struct Held {
    pub(super) epoch: u64,
    pub(super) started_at_ms: i64,
    pub(super) worked_ms: u64,
    pub(super) stored_bytes: u64,
}

/// It stays queued, at no cost of an attempt.
pub(super) fn to_others(shared: &Shared, new: &NewRun, held: Held) -> Left {
    let Held { epoch, started_at_ms, worked_ms, stored_bytes } = held;
    let now_ms = shared.clock.now_ms();
    let put_off_ms = ((now_ms - new.created_at_ms) / 2).clamp(*FOREIGN_MS.start(), *FOREIGN_MS.end());
    let park = Park {
        status: Status::Queued,
        wake_at_ms: Some(now_ms + put_off_ms),
        awaits: Vec::new(),
        signals: Vec::new(),
        started_at_ms,
        worked_ms,
        stored_bytes,
        failed: false,
        host: None,
    };
    let commit = Commit { run: new.id, epoch, park: Some(park), ..Commit::default() };
    Left::Leaves(shared.store.commit(commit), None)
}

impl Drive {
    /// Nothing is left to do but to wait: the run becomes a row.
    pub(super) fn park(&mut self, wakes: waits::Wakes) -> Left {
        self.keeps_if_brief(wakes.at_ms);
        let park = Park {
            status: Status::Waiting,
            wake_at_ms: wakes.at_ms,
            awaits: wakes.awaits,
            signals: wakes.signals,
            ..self.parks()
        };
        self.leave(park)
    }

    /// Nothing is under way, and a host's turn has not come: it is queued till then, at no cost of an attempt.
    pub(super) fn park_for_a_turn(&mut self, wakes: waits::Wakes) -> Left {
        let first = self.turns.iter().map(|(_, later)| later).min_by_key(|later| later.at_ms);
        let host = first.map(|later| later.host.clone());
        let at_ms = first.map(|later| later.at_ms).into_iter().chain(wakes.at_ms).min();
        self.keeps_if_brief(at_ms);
        let waits::Wakes { awaits, signals, .. } = wakes;
        self.leave(Park { wake_at_ms: at_ms, awaits, signals, host, ..self.parks() })
    }

    fn keeps_if_brief(&mut self, wake_at_ms: Option<i64>) {
        let now_ms = self.shared.clock.now_ms();
        let brief = wake_at_ms.is_none_or(|at_ms| at_ms - now_ms <= kept::WAIT_MS_MAX);
        self.keeps = brief && self.written.size() <= kept::STATE_BYTES_MAX;
    }

    fn parks(&self) -> Park {
        Park {
            status: Status::Queued,
            wake_at_ms: None,
            awaits: Vec::new(),
            signals: Vec::new(),
            started_at_ms: self.started_at_ms,
            worked_ms: self.patience.worked_ms(self.shared.clock.now_ms()),
            stored_bytes: 0,
            failed: false,
            host: None,
        }
    }

    fn leave(&mut self, park: Park) -> Left {
        self.sink.due(&self.shared, true);
        let commit = self.collected();
        let due = self.written.checkpoint_is_due_at_park() && !park.failed;
        let (checkpoint, stored_max) = if due { self.state() } else { (None, None) };
        if let Some(failure) = self.written.too_large() {
            drop(self.shared.store.commit(commit));
            return self.end(MachineEnd::failed(failure));
        }
        let park = Park { stored_bytes: self.written.stored_bytes, ..park };
        let commit = Commit { checkpoint, stored_max, park: Some(park), ..commit };
        Left::Leaves(self.shared.store.commit(commit), None)
    }

    pub(super) fn end(&mut self, end: MachineEnd) -> Left {
        match self.next_attempt(&end) {
            Some(wake_at_ms) => self.again(&end, wake_at_ms),
            None => self.end_for_good(end),
        }
    }

    /// It has taken too long: the effects under way are left.
    pub(super) fn too_late(&mut self, late: Late) -> Left {
        let element = self.machine.waits_at().unwrap_or_default();
        let end = MachineEnd::failed(Failure { element, ..late.failure() });
        if late == Late::Run { self.end_for_good(end) } else { self.end(end) }
    }

    fn end_for_good(&mut self, end: MachineEnd) -> Left {
        self.sink.due(&self.shared, true);
        let now_ms = self.shared.clock.now_ms();
        let again = end.failure.as_ref().and_then(|failure| Entry::again(failure, now_ms));
        let entries = self.written.entries + self.sink.entries.len() as u64;
        let end = End {
            attempts: self.attempts + 1,
            retry: again.and_then(|again| encode(&[again], entries)),
            ..ended(end, self.started_at_ms, now_ms)
        };
        self.finish(end)
    }

    /// When the run is tried again, if its failure is one that another attempt may mend, and one is left.
    fn next_attempt(&self, end: &MachineEnd) -> Option<i64> {
        let failure = end.failure.as_ref().filter(|failure| failure.retryable)?;
        if self.attempts + 1 >= self.policy.attempts {
            return None;
        }
        let backoff_ms = match Sabotage::NoBackoff.on() {
            true => 0,
            false => self.policy.backoff.ms(self.attempts + 1, self.new.id.0),
        };
        let ms = backoff_ms.max(u64::from(failure.after_ms.unwrap_or(0)));
        Some(self.shared.clock.now_ms().saturating_add_unsigned(ms))
    }

    /// The attempt is over; the next one resumes from the journal, and tries the effect that failed again.
    fn again(&mut self, end: &MachineEnd, wake_at_ms: i64) -> Left {
        let now_ms = self.shared.clock.now_ms();
        self.sink.entries.extend(end.failure.as_ref().and_then(|failure| Entry::again(failure, now_ms)));
        let words = Value::from(format!("trying again {}", crate::why::at(wake_at_ms, now_ms)));
        for item in self.machine.items() {
            self.sink.say(item.clone(), words.clone(), &self.shared);
        }
        let park = Park { wake_at_ms: Some(wake_at_ms), failed: true, ..self.parks() };
        self.leave(park)
    }

    /// What was done stays done; nothing more is.
    pub(super) fn cancel(&mut self) -> Left {
        self.sink.due(&self.shared, true);
        let now_ms = self.shared.clock.now_ms();
        let end = End::new(Status::Cancelled, self.started_at_ms, now_ms);
        self.finish(End { attempts: self.attempts + 1, ..end })
    }

    fn finish(&mut self, end: End) -> Left {
        let mut commit = self.collected();
        commit.writes.extend(failed::starts(&self.shared, &self.new, &end));
        let commit = Commit { end: Some(end), ..commit };
        Left::Leaves(self.shared.store.commit(commit), None)
    }
}

pub(crate) fn failed(failure: interpreter::Failure, started_at_ms: i64, ended_at_ms: i64) -> End {
    End { error: failure.to_value(), ..End::new(Status::Failed, started_at_ms, ended_at_ms) }
}

/// How the machine ended, as the store keeps it.
pub(crate) fn ended(end: MachineEnd, started_at_ms: i64, ended_at_ms: i64) -> End {
    let status = match end.status {
        EndStatus::Succeeded => Status::Succeeded,
        EndStatus::Failed => Status::Failed,
    };
    End {
        result: end.result,
        error: end.failure.map_or(Value::Null, |failure| failure.to_value()),
        effects: end.page,
        handled: end.handled,
        ..End::new(status, started_at_ms, ended_at_ms)
    }
}
