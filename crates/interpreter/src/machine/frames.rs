//! Frames: how they open, what happens when nothing is left in them, and where a failure goes.

use recipe::Value;
use smallvec::smallvec;

use super::{Machine, Response, fire::Lazy};
use crate::{
    FiringId,
    effect::Failure,
    element::{Again, Open, port},
    state::{Delivery, Frame, Hold, Phase},
};

impl Machine {
    #[expect(clippy::expect_used, reason = "a frame index is only ever held while its frame is open")]
    pub(super) fn frame(&self, index: u32) -> &Frame {
        self.state.frames[index as usize].as_ref().expect("an open frame")
    }

    #[expect(clippy::expect_used, reason = "a frame index is only ever held while its frame is open")]
    pub(super) fn frame_mut(&mut self, index: u32) -> &mut Frame {
        self.state.frames[index as usize].as_mut().expect("an open frame")
    }

    /// How many frames enclose this one.
    pub(super) fn depth(&self, frame: u32) -> usize {
        std::iter::successors(self.frame(frame).parent, |at| self.frame(*at).parent).count()
    }

    pub(super) fn open(&mut self, parent: u32, opener: Delivery, firing: FiringId, open: Open) {
        let Open { hold, vars, lay } = open;
        let free = self.state.frames.iter().position(Option::is_none);
        let index = free.unwrap_or(self.state.frames.len()) as u32;
        if index as usize >= self.limits.frames_max {
            let says =
                format!("more than {} loops, tries and calls stand in one another", self.limits.frames_max);
            return self.fail(parent, opener, Failure::new("too_deep", says));
        }
        let enclosing = self.frame_mut(parent);
        enclosing.open += 1;
        let strand = enclosing.strand;
        let frame = Frame {
            parent: Some(parent),
            strand,
            opener,
            firing,
            index: u64::MAX,
            workflow: enclosing.workflow,
            scope: if vars.is_some() { index } else { enclosing.scope },
            vars: vars.unwrap_or_default(),
            counts: smallvec![],
            stack: Vec::new(),
            open: 0,
            started: Vec::new(),
            hold,
        };
        match free {
            Some(at) => self.state.frames[at] = Some(frame),
            None => self.state.frames.push(Some(frame)),
        }
        self.strand_mut(strand).ready.push(index);
        if let Some(vars) = lay {
            let scope = self.frame(index).scope;
            self.frame_mut(scope).vars = vars;
        }
    }

    /// Nothing is left in the frame: its element says what comes next.
    pub(super) fn exhausted(&mut self, index: u32) {
        // A loop without anything in it spins as well.
        if self.spun() {
            return;
        }
        let frame = self.frame_mut(index);
        let Some(parent) = frame.parent else {
            self.state.over = Some(Ok(()));
            return;
        };
        // A frame of a callee stands in the callee's workflow, its element in the caller's.
        let mut hold = std::mem::replace(&mut frame.hold, Hold::Root);
        let mut opener = frame.opener.clone();
        let own_scope = frame.scope;
        let id = Lazy::known(frame.firing);
        // `turn` sees the variables as the frame's own branch left them.
        let scope = std::mem::replace(&mut self.frame_mut(parent).scope, own_scope);
        let arrived = opener.inputs.clone();
        let result = self.with(parent, &mut opener, &id, |firing, kind| (kind.turn)(firing, &mut hold));
        opener.inputs = arrived;
        self.frame_mut(parent).scope = scope;
        self.frame_mut(index).hold = hold;
        match result {
            Ok((again, left)) => {
                self.leave(parent, opener.element, &id, left);
                self.again(index, parent, &opener, again);
            }
            // A failing `collect` is its iteration's failure.
            Err(failure) if matches!(self.frame(index).hold, Hold::Item(_)) => {
                self.item_failed(index, failure)
            }
            Err(failure) => {
                self.close(index);
                self.surface(parent);
                self.fail(parent, opener, failure);
            }
        }
    }

    fn again(&mut self, index: u32, parent: u32, opener: &Delivery, again: Again) {
        match again {
            Again::Inside(ports) => {
                self.next_index(index);
                self.emit(index, opener, ports);
            }
            Again::Enter(workflow, input) => self.enter(index, parent, &workflow, input),
            Again::Fork(items) => {
                for (at, ports) in items {
                    self.fork(index, at, ports);
                }
            }
            Again::Done(given) => self.item_ended(index, given),
            Again::Close(ports) => {
                self.close(index);
                self.surface(parent);
                self.emit(parent, opener, ports);
            }
        }
    }

    fn next_index(&mut self, frame: u32) {
        let frame = self.frame_mut(frame);
        frame.index = frame.index.wrapping_add(1);
        frame.counts.clear();
    }

    fn enter(&mut self, index: u32, parent: u32, workflow: &std::sync::Arc<str>, input: Value) {
        let graph = self.system.workflows.get(workflow).cloned();
        let entry = graph.as_ref().and_then(|graph| graph.entry);
        let calls = std::iter::successors(Some(index), |at| self.frame(*at).parent)
            .filter(|at| matches!(self.frame(*at).hold, Hold::Callee { .. }))
            .count();
        let (Some(graph), Some(element)) = (graph, entry) else {
            let says = format!("there is no workflow `{workflow}` that could be started");
            return self.fail_callee(index, Failure::new("missing_workflow", says));
        };
        if calls > self.limits.calls_max {
            let says = format!("more than {} sync calls stand in one another", self.limits.calls_max);
            return self.fail_callee(index, Failure::new("too_deep", says));
        }
        let known = self.state.workflows.iter().position(|name| name == workflow);
        let at = known.unwrap_or_else(|| {
            self.state.workflows.push(workflow.clone());
            self.graphs.push(graph);
            self.graphs.len() - 1
        });
        debug_assert!(self.frame(index).parent == Some(parent));
        self.next_index(index);
        let frame = self.frame_mut(index);
        frame.workflow = at as u16;
        frame.stack.push(Delivery { element, inputs: smallvec![(0, input)] });
        self.state.pending += 1;
    }

    /// Removes a frame with everything that stands in it; an iteration's strand goes with it.
    pub(super) fn close(&mut self, index: u32) {
        self.clear(index);
        let Frame { parent, strand, hold, .. } = self.frame(index);
        let (parent, strand, item) = (*parent, *strand, matches!(hold, Hold::Item(_)));
        self.state.frames[index as usize] = None;
        if item {
            self.end_strand(strand);
        } else {
            self.strand_mut(strand).ready.retain(|at| *at != index);
        }
        if let Some(parent) = parent {
            self.frame_mut(parent).open -= 1;
        }
    }

    fn end_strand(&mut self, strand: u32) {
        self.state.strands[strand as usize] = None;
        self.state.turns.retain(|turn| *turn != strand);
    }

    /// A frame and all frames in it. Worked off from a list, as they may stand as deep as `frames_max`.
    pub(super) fn within(&self, index: u32) -> Vec<u32> {
        let mut found = vec![index];
        let mut at = 0;
        while at < found.len() {
            let parent = Some(found[at]);
            let inside = |frame: &Option<Frame>| frame.as_ref().is_some_and(|frame| frame.parent == parent);
            let indices =
                (0..self.state.frames.len() as u32).filter(|i| inside(&self.state.frames[*i as usize]));
            found.extend(indices);
            at += 1;
        }
        found
    }

    /// Drops what is pending in a frame, closes the frames in it, and gives up what is waited for there.
    fn clear(&mut self, index: u32) {
        let dropped = std::mem::take(&mut self.frame_mut(index).stack).len();
        self.state.pending -= dropped;
        if self.frame(index).open == 0 {
            return;
        }
        let doomed = self.within(index);
        self.abandon(&doomed);
        for inner in doomed.into_iter().skip(1) {
            let Some(frame) = self.state.frames[inner as usize].take() else { continue };
            self.state.pending -= frame.stack.len();
            match (frame.hold, &mut self.state.strands[frame.strand as usize]) {
                (Hold::Item(_), _) => self.end_strand(frame.strand),
                (_, Some(strand)) => strand.ready.retain(|at| *at != inner),
                (_, None) => {}
            }
        }
        self.frame_mut(index).open = 0;
        // A call of its own strand that was under way in there holds it up no longer.
        let strand = self.frame(index).strand;
        self.strand_mut(strand).flying = false;
    }

    /// An element has failed: its error port if the file connects or binds it, else whatever encloses it.
    pub(super) fn fail(&mut self, frame: u32, delivery: Delivery, mut failure: Failure) {
        let element = self.element(frame, delivery.element);
        if failure.element.is_empty() {
            failure.element = element.name.clone();
        }
        if self.passes_all(&failure) {
            return;
        }
        if self.element(frame, delivery.element).takes_errors() {
            self.state.handled += 1;
            self.emit(frame, &delivery, port("error", failure.to_value()));
            return;
        }
        if self.record.is_some() {
            self.note(frame, &delivery, &[], Some(failure.to_value()));
        }
        self.propagate(frame, failure);
    }

    /// The innermost try, callee or the run itself takes the failure.
    pub(super) fn propagate(&mut self, mut at: u32, failure: Failure) {
        loop {
            match &mut self.frame_mut(at).hold {
                Hold::Root => {
                    self.state.over = Some(Err(failure));
                    return;
                }
                Hold::Try(phase) if *phase == Phase::Trying => {
                    *phase = Phase::Caught;
                    self.clear(at);
                    self.surface(at);
                    self.state.handled += 1;
                    let opener = self.frame(at).opener.clone();
                    self.next_index(at);
                    self.emit(at, &opener, port("catch", failure.to_value()));
                    return;
                }
                Hold::Callee { .. } => return self.fail_callee(at, failure),
                Hold::Item(_) => return self.item_failed(at, failure),
                Hold::Each { collects_errors: true, failed, .. } => {
                    *failed = Some(failure.to_value());
                    self.clear(at);
                    self.surface(at);
                    self.state.handled += 1;
                    return;
                }
                Hold::Each { .. } | Hold::Many(_) | Hold::While { .. } | Hold::Try(_) => {
                    let Some(parent) = self.frame(at).parent else { return };
                    self.close(at);
                    at = parent;
                }
            }
        }
    }

    /// A callee's failure is action/run's error.
    fn fail_callee(&mut self, index: u32, mut failure: Failure) {
        let Some(parent) = self.frame(index).parent else { return };
        let opener = self.frame(index).opener.clone();
        self.close(index);
        self.surface(parent);
        failure.element = self.element(parent, opener.element).name.clone();
        self.fail(parent, opener, failure);
    }

    /// Makes sure that a frame is worked next in its strand.
    pub(super) fn surface(&mut self, index: u32) {
        let strand = self.frame(index).strand;
        let ready = &mut self.strand_mut(strand).ready;
        if ready.last() != Some(&index) {
            ready.retain(|at| *at != index);
            ready.push(index);
        }
        self.wake(strand);
    }

    /// Some failures pass every try and error port.
    fn passes_all(&mut self, failure: &Failure) -> bool {
        let passes = matches!(&*failure.code, "max_steps" | "replay_mismatch" | "crash_loop");
        if passes {
            self.state.over = Some(Err(failure.clone()));
        }
        passes
    }

    /// flow/stop ends the workflow that it stands in.
    pub(super) fn stop(&mut self, frame: u32, delivery: Delivery, result: Result<Value, Failure>) {
        if self.record.is_some() {
            let failure = result.as_ref().err().map(Failure::to_value);
            self.note(frame, &delivery, &[], failure);
        }
        let name = self.element(frame, delivery.element).name.clone();
        let result = result.map_err(|failure| Failure { element: name, ..failure });
        let callee = std::iter::successors(Some(frame), |at| self.frame(*at).parent)
            .find(|at| matches!(self.frame(*at).hold, Hold::Callee { .. }));
        match (callee, result) {
            (None, Ok(message)) => {
                self.state.message = message;
                self.state.over = Some(Ok(()));
            }
            (None, Err(failure)) => self.state.over = Some(Err(failure)),
            (Some(at), Err(failure)) => self.fail_callee(at, failure),
            (Some(at), Ok(message)) => {
                self.clear(at);
                self.surface(at);
                if let Hold::Callee { result, answered: false, .. } = &mut self.frame_mut(at).hold {
                    *result = message;
                }
            }
        }
    }

    /// The innermost sync callee's result, else the run's.
    pub(super) fn respond(&mut self, frame: u32, response: Response) {
        let callee = std::iter::successors(Some(frame), |at| self.frame(*at).parent)
            .find(|at| matches!(self.frame(*at).hold, Hold::Callee { .. }));
        match callee {
            None => self.state.response = Some(response),
            Some(at) => {
                if let Hold::Callee { result, answered, .. } = &mut self.frame_mut(at).hold {
                    *result = response.body;
                    *answered = true;
                }
            }
        }
    }
}
