//! A parallel loop: iterations are strands of their own, with variables of their own, that overlap while they wait.

use recipe::{List, Value};
use smallvec::smallvec;

use super::Machine;
use crate::{
    effect::Failure,
    element::Ports,
    state::{Frame, Hold, Many, Strand, Whence},
};

impl Machine {
    /// Begins an iteration.
    pub(super) fn fork(&mut self, many: u32, index: u64, ports: Ports) {
        let strand = slot(&mut self.state.strands);
        let frame = slot(&mut self.state.frames);
        let outer = self.frame_mut(many);
        outer.open += 1;
        let vars = match &outer.hold {
            Hold::Many(hold) => hold.vars.clone(),
            _ => outer.vars.clone(),
        };
        let inner = Frame {
            parent: Some(many),
            strand,
            opener: outer.opener.clone(),
            firing: outer.firing,
            index,
            workflow: outer.workflow,
            scope: frame,
            vars,
            counts: smallvec![],
            stack: Vec::new(),
            open: 0,
            started: Vec::new(),
            hold: Hold::Item(ports.last().map(|(_, item)| item.clone()).unwrap_or_default()),
        };
        let opener = inner.opener.clone();
        self.state.frames[frame as usize] = Some(inner);
        self.state.strands[strand as usize] =
            Some(Strand { ready: vec![frame], flying: false, of: Some(many) });
        self.state.turns.push_back(strand);
        self.emit(frame, &opener, ports);
    }

    /// An iteration has come to its end, with what it is to put into the list.
    pub(super) fn item_ended(&mut self, frame: u32, given: Value) {
        let (Some(many), at) = (self.frame(frame).parent, self.frame(frame).index) else { return };
        self.close(frame);
        if let Hold::Many(hold) = &mut self.frame_mut(many).hold {
            hold.running -= 1;
            if let Some(place) = hold.collected.as_mut().and_then(|list| list.get_mut(at as usize)) {
                *place = given;
            }
        }
        self.turn_many(many);
    }

    /// An iteration has failed, and nothing in it took the failure.
    pub(super) fn item_failed(&mut self, frame: u32, failure: Failure) {
        let (Some(many), at) = (self.frame(frame).parent, self.frame(frame).index) else { return };
        let Hold::Many(hold) = &mut self.frame_mut(many).hold else { return };
        if hold.collects_errors {
            self.state.handled += 1;
            return self.item_ended(frame, failure.to_value());
        }
        if hold.failed.as_ref().is_none_or(|(lowest, _)| at < *lowest) {
            hold.failed = Some((at, failure));
        }
        self.close(frame);
        self.give_up(many);
        self.turn_many(many);
    }

    /// The other iterations finish the effect they are in, which leads nowhere, and end.
    fn give_up(&mut self, many: u32) {
        let inside = |frame: &Option<Frame>| frame.as_ref().is_some_and(|frame| frame.parent == Some(many));
        let items: Vec<u32> = (0..self.state.frames.len() as u32)
            .filter(|at| inside(&self.state.frames[*at as usize]))
            .collect();
        for item in items {
            let frames = self.within(item);
            for flying in &mut self.state.flights {
                if let Whence::Frame(frame, _) = &flying.whence
                    && !flying.parked()
                    && frames.contains(frame)
                {
                    flying.whence = Whence::Loop(many);
                }
            }
            self.close(item);
        }
        let under_way =
            self.state.flights.iter().filter(|flying| flying.whence == Whence::Loop(many)).count();
        self.frame_mut(many).open = under_way as u32;
    }

    /// A call of an iteration that was given up has ended.
    pub(super) fn given_up(&mut self, many: u32) {
        self.frame_mut(many).open -= 1;
        self.turn_many(many);
    }

    /// The loop's own frame looks again at what is to be done.
    fn turn_many(&mut self, many: u32) {
        let frame = self.frame(many);
        let Hold::Many(hold) = &frame.hold else { return };
        let (failed, parent) = (hold.failed.clone(), frame.parent);
        match (failed, parent) {
            // Those under way finish first.
            (Some(_), _) if frame.open > 0 => {}
            (Some((_, failure)), Some(parent)) => {
                self.surface(many);
                self.close(many);
                self.propagate(parent, failure);
            }
            _ => {
                self.surface(many);
                self.exhausted(many);
            }
        }
    }

    /// Whether an iteration of this loop can go on, or waits for a call: then its strand does not go past it.
    pub(super) fn is_busy(&self, frame: u32) -> bool {
        matches!(self.frame(frame).hold, Hold::Many(_))
            && (self.state.strands.iter().enumerate().any(|(at, strand)| {
                strand.as_ref().is_some_and(|strand| {
                    strand.of == Some(frame) && (strand.flying || self.state.turns.contains(&(at as u32)))
                })
            }) || self.state.flights.iter().any(|flying| flying.whence == Whence::Loop(frame)))
    }

    /// Nothing of this strand can go on: what is left of it has parked.
    pub(super) fn idle(&mut self, strand: u32) {
        self.state.turns.retain(|turn| *turn != strand);
        // The strand around it may go on once all iterations have parked.
        if let Some(many) = self.strand(strand).of {
            self.wake(self.frame(many).strand);
        }
    }

    /// A strand has its turn, unless a call holds it up.
    pub(super) fn wake(&mut self, strand: u32) {
        if !self.strand(strand).flying && !self.state.turns.contains(&strand) {
            self.state.turns.push_back(strand);
        }
    }
}

impl Many {
    /// The list that `next` carries.
    pub(crate) fn list(&mut self) -> Option<List> {
        self.collected.take().map(List::from)
    }
}

/// The index of a free place, made if there is none.
fn slot<T>(places: &mut Vec<Option<T>>) -> u32 {
    let free = places.iter().position(Option::is_none);
    let at = free.unwrap_or_else(|| {
        places.push(None);
        places.len() - 1
    });
    at as u32
}
