//! One delivery to one element, and what leaves it.

use std::{cell::Cell, sync::Arc};

use recipe::Value;
use smallvec::SmallVec;
use workflow::{Element, Graph, Source};

use super::{Machine, Output};
use crate::{
    Fired, FiringId, Outcome,
    effect::{Failure, Own},
    element::{Firing, Left, Ports, Step, Type},
    elements,
    facts::RunFacts,
    firing::fingerprint,
    journal::Entry,
    options,
    state::{Delivery, Frame, Hold, Inputs},
};

impl Machine {
    pub(super) fn graph(&self, frame: u32) -> &Arc<Graph> {
        &self.graphs[usize::from(self.frame(frame).workflow)]
    }

    pub(super) fn element(&self, frame: u32, element: u32) -> &Element {
        &self.graph(frame).elements[element as usize]
    }

    /// The next strand's innermost frame's next delivery, or what follows from its having none.
    pub(super) fn step(&mut self) {
        let Some(&strand) = self.state.turns.front() else { return };
        let Some(&top) = self.strand(strand).ready.last() else { return self.idle(strand) };
        match self.frame_mut(top).stack.pop() {
            Some(delivery) => {
                self.state.pending -= 1;
                self.fire(top, delivery);
            }
            None if self.frame(top).open == 0 => self.exhausted(top),
            // Its iterations are under way: what follows the loop waits, until all of them have parked.
            None if self.is_busy(top) => {
                self.state.turns.pop_front();
            }
            None => {
                self.strand_mut(strand).ready.pop();
            }
        }
    }

    /// Counts a firing or a turn since the last outcome. True: there were too many, and the run is over.
    pub(super) fn spun(&mut self) -> bool {
        self.state.spins += 1;
        let over = self.state.spins > self.limits.steps_max;
        if over {
            let says = format!("more than {} firings without an outcome", self.limits.steps_max);
            self.state.over = Some(Err(Failure::new("max_steps", says)));
        }
        over
    }

    fn fire(&mut self, frame: u32, mut delivery: Delivery) {
        if self.spun() {
            return;
        }
        let id = self.count(frame, delivery.element);
        let result = self.with(frame, &mut delivery, &id, |firing, kind| (kind.step)(firing));
        match result {
            Ok((step, left)) => self.follow(frame, delivery, &id, step, left),
            Err(failure) => self.fail(frame, delivery, failure),
        }
    }

    fn follow(&mut self, frame: u32, delivery: Delivery, id: &Lazy, step: Step, left: Left) {
        let number = left.own.len() as u8;
        self.leave(frame, delivery.element, id, left);
        if self.state.over.is_some() {
            return;
        }
        match step {
            Step::Emit(ports) => self.emit(frame, &delivery, ports),
            Step::Ask(asked) => self.depart(frame, delivery, id.get(), number, asked),
            Step::Open(open) => self.open(frame, delivery, id.get(), open),
            Step::Stop(result) => self.stop(frame, delivery, result),
        }
    }

    /// Calls a function of the element's type with what it may see. The element's `in` options replace what arrived.
    pub(super) fn with<T>(
        &mut self,
        frame: u32,
        delivery: &mut Delivery,
        id: &Lazy,
        call: impl FnOnce(&mut Firing<'_>, &Type) -> Result<T, Failure>,
    ) -> Result<(T, Left), Failure> {
        let graph = self.graph(frame).clone();
        let element = &graph.elements[delivery.element as usize];
        let vars = self.frame(self.frame(frame).scope).vars.clone();
        let get = || id.get();
        let facts = RunFacts {
            run: &self.run,
            graph: &graph,
            now_ms: self.state.now_ms,
            firing: &get,
            place: id.place(),
            uuids: Cell::new(0),
        };
        if !element.ins.is_empty() {
            let this = options::on(&delivery.inputs, 0);
            let arrived = delivery.inputs.clone();
            for (port, template) in &element.ins {
                let value = options::eval(template, &this, &vars, &arrived, &facts)?;
                put(&mut delivery.inputs, *port, value);
            }
        }
        let frames = &self.state.frames;
        let started = || {
            branch(frames, frame)
                .and_then(|at| frames[at as usize].as_ref())
                .map_or(vec![], |at| at.started.clone())
        };
        let mut firing = Firing {
            element,
            graph: &graph,
            run: &self.run,
            system: &self.system,
            inputs: &delivery.inputs,
            vars: &vars,
            items: &mut self.state.items,
            started: &started,
            facts,
            left: Left::default(),
        };
        let result = call(&mut firing, elements::kind(element.kind))?;
        Ok((result, firing.left))
    }

    /// Own effects get their entries, live ones are shown unless this is a replay.
    pub(super) fn leave(&mut self, frame: u32, element: u32, id: &Lazy, left: Left) {
        let Left { own, live, page, response, awaited } = left;
        if awaited && let Some(branch) = branch(&self.state.frames, frame) {
            self.frame_mut(branch).started.clear();
        }
        if own.is_empty() && live.is_empty() && page.is_empty() && response.is_none() {
            return;
        }
        let name = self.element(frame, element).name.clone();
        for (number, own) in own.into_iter().enumerate() {
            self.remember(frame, &own);
            self.own(id.get(), number as u8, &name, own);
        }
        if !self.replaying {
            let shown = live.into_iter().map(|live| Output::Live { element: name.clone(), live });
            self.out.extend(shown);
        }
        if self.state.page.len() + page.len() > self.limits.page_max {
            let says = format!("more than {} effects for the browser", self.limits.page_max);
            self.state.over = Some(Err(Failure::new("too_large", says)));
            return;
        }
        self.state.page.extend(page);
        if let Some(response) = response {
            self.respond(frame, response);
        }
    }

    /// A workflow that awaits what it started has to know what that was.
    fn remember(&mut self, frame: u32, own: &Own) {
        if let Own::Start(start) = own {
            self.remember_child(frame, start.id);
        }
    }

    pub(super) fn remember_child(&mut self, frame: u32, id: u128) {
        if elements::awaits_children(self.graph(frame))
            && let Some(branch) = branch(&self.state.frames, frame)
        {
            self.frame_mut(branch).started.push(id);
        }
    }

    /// The outcome of an own effect does not depend on the store: we make the ids, and go on at once.
    fn own(&mut self, firing: FiringId, number: u8, element: &Arc<str>, own: Own) {
        let fingerprint = fingerprint(&own);
        if let Some(entry) = self.replay.pop_front() {
            if (entry.firing, entry.number, entry.fingerprint) != (firing, number, fingerprint) {
                let other = if (entry.firing, entry.number) == (firing, number) {
                    ", with other options"
                } else {
                    ""
                };
                self.mismatch(&entry, &format!("effect {number} of `{element}`{other}"));
                return;
            }
            self.state.now_ms = self.state.now_ms.max(entry.outcome.at_ms);
        } else {
            self.caught_up();
            let outcome = Outcome { at_ms: self.state.now_ms, result: Ok(own.result()) };
            let kind = own.kind().into();
            let entry = Entry { firing, number, element: element.clone(), kind, fingerprint, outcome };
            self.out.push(Output::Own { entry, own });
        }
        self.state.entries += 1;
        self.state.spins = 0;
        if self.replay.is_empty() && self.replaying {
            self.caught_up();
        }
    }

    /// Bindings first, in file order; then each port that fired delivers to its targets in file order. A target that
    /// several ports name runs once, at its first mention, with all of them.
    pub(super) fn emit(&mut self, frame: u32, delivery: &Delivery, ports: Ports) {
        let graph = self.graph(frame).clone();
        let element = &graph.elements[delivery.element as usize];
        let mut fired: SmallVec<[(u8, Value); 2]> =
            ports.into_iter().filter_map(|(name, value)| Some((element.out(name.text())?, value))).collect();
        fired.sort_by_key(|(port, _)| *port);
        self.bind_variables(frame, element, &delivery.inputs, &fired);
        if self.record.is_some() {
            self.note(frame, delivery, &fired, None);
        }
        let mut targets: SmallVec<[Delivery; 4]> = SmallVec::new();
        for (port, value) in &fired {
            for target in &element.outs[usize::from(*port)] {
                let known = targets.iter().position(|delivery| delivery.element == target.element);
                let at = known.unwrap_or_else(|| {
                    targets.push(Delivery { element: target.element, inputs: Inputs::new() });
                    targets.len() - 1
                });
                for into in &target.ports {
                    put(&mut targets[at].inputs, *into, value.clone());
                }
            }
        }
        self.state.pending += targets.len();
        if self.state.pending > self.limits.pending_max {
            let says = format!("more than {} deliveries are pending", self.limits.pending_max);
            self.state.over = Some(Err(Failure::new("too_deep", says)));
            return;
        }
        if targets.is_empty() {
            return;
        }
        self.frame_mut(frame).stack.extend(targets.into_iter().rev());
    }

    fn bind_variables(&mut self, frame: u32, element: &Element, inputs: &Inputs, fired: &[(u8, Value)]) {
        if element.set.is_empty() {
            return;
        }
        let scope = self.frame(frame).scope;
        for binding in &element.set {
            let (list, port) = match binding.from {
                Source::In(port) => (inputs.as_slice(), port),
                Source::Out(port) => (fired, port),
            };
            let Some((_, value)) = list.iter().find(|(at, _)| *at == port) else { continue };
            let value = match &binding.path {
                Some(path) => value.path(path),
                None => value.clone(),
            };
            self.frame_mut(scope).vars.insert(binding.variable.clone(), value);
        }
    }

    pub(super) fn note(
        &mut self,
        frame: u32,
        delivery: &Delivery,
        fired: &[(u8, Value)],
        failure: Option<Value>,
    ) {
        let element = self.element(frame, delivery.element);
        let named = |names: &[Arc<str>], list: &[(u8, Value)]| {
            list.iter()
                .filter_map(|(port, value)| Some((names.get(usize::from(*port))?.clone(), value.clone())))
                .collect()
        };
        let note = Fired {
            workflow: self.graph(frame).identifier.clone(),
            element: delivery.element,
            depth: self.depth(frame) as u32,
            inputs: named(&element.in_names, &delivery.inputs),
            outputs: named(&element.out_names, fired),
            failure,
            vars: self.frame(self.frame(frame).scope).vars.clone(),
        };
        if let Some(record) = &mut self.record {
            record.push(note);
        }
    }

    /// Counts a firing within its frame; its id is worked out only if someone asks.
    fn count(&mut self, frame: u32, element: u32) -> Lazy {
        let name = self.element(frame, element).name.clone();
        let frame = self.frame_mut(frame);
        let count = match frame.counts.iter_mut().find(|(of, _)| *of == element) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                frame.counts.push((element, 0));
                0
            }
        };
        Lazy { known: Cell::new(None), path: Some((frame.firing, frame.index, name, count)) }
    }
}

/// The frame of the iteration, the callee or the run that this one is in.
fn branch(frames: &[Option<Frame>], frame: u32) -> Option<u32> {
    let mut at = frame;
    loop {
        let here = frames[at as usize].as_ref()?;
        match here.hold {
            Hold::Root | Hold::Item(_) | Hold::Callee { .. } => return Some(at),
            _ => at = here.parent?,
        }
    }
}

/// Replaces what is on a port.
fn put(inputs: &mut Inputs, port: u8, value: Value) {
    match inputs.iter_mut().find(|(at, _)| *at == port) {
        Some((_, old)) => *old = value,
        None => inputs.push((port, value)),
    }
}

/// A firing's id, hashed when first asked for: pure elements never do, and a hash costs more than they.
pub(super) struct Lazy {
    known: Cell<Option<FiringId>>,
    path: Option<(FiringId, u64, Arc<str>, u32)>,
}

impl Lazy {
    pub(super) fn known(id: FiringId) -> Lazy {
        Lazy { known: Cell::new(Some(id)), path: None }
    }

    /// Which turn of its frame it stands in, and how often its element has fired there: either grows with a loop.
    fn place(&self) -> u64 {
        self.path.as_ref().map_or(0, |(_, index, _, count)| index.saturating_add(u64::from(*count)))
    }

    pub(super) fn get(&self) -> FiringId {
        if let Some(id) = self.known.get() {
            return id;
        }
        let id = match &self.path {
            Some((parent, index, name, count)) => parent.child(*index, name, *count),
            None => FiringId::default(),
        };
        self.known.set(Some(id));
        id
    }
}

impl Own {
    /// What kind of effect it is, for people.
    fn kind(&self) -> &'static str {
        match self {
            Own::Start(_) => "start",
            Own::Notify { .. } => "notify",
            Own::End(_) => "end",
        }
    }

    /// What the element that asked for it goes on with; it needs nothing of the store.
    fn result(&self) -> Value {
        match self {
            Own::Start(start) => Value::from(format!("{:032x}", start.id)),
            Own::Notify { .. } | Own::End(_) => Value::Null,
        }
    }
}
