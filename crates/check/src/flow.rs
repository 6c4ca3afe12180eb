//! How a run moves, without running it (workflow.md, How a run moves): what holds as each element fires and as everything
//! that follows from it is over, for whatever a [`Domain`] keeps an eye on.
//!
//! An element is like a procedure: its bindings, then each target with all that follows from it, one after the other. So
//! each has a state in which it fires and one in which it is over, and both only ever grow until nothing changes any more.
//! They may say more than is so, never less.

use std::{cmp::Reverse, collections::BinaryHeap, rc::Rc};

use workflow::{Source, Target};

use crate::view::{Call, Node, View};

/// How often each element is looked at, on the average, at the most: all that is known only grows, and not for long, so that this is
/// never come to.
const LOOKS_MAX: usize = 1_000;

/// What is kept an eye on.
pub(crate) trait Domain {
    /// What holds for a whole run: variables, bars.
    type State: Clone + PartialEq;
    /// What holds for a value that travels along an edge.
    type Value: Clone + PartialEq + Default;

    /// As a run begins.
    fn begin(&self) -> Self::State;
    /// It may be either.
    fn or(&self, one: &Self::State, other: &Self::State) -> Self::State;
    /// It may be either.
    fn either(&self, one: &Self::Value, other: &Self::Value) -> Self::Value;
    /// What the firing itself does.
    fn fire(&self, _at: &Firing<'_, Self>, _state: &mut Self::State) {}
    /// What arrived, with what the file puts in its place.
    fn arrives(&self, at: &Firing<'_, Self>) -> Vec<Self::Value> {
        at.ins.to_vec()
    }
    /// What leaves on a port.
    fn leaves(&self, _at: &Firing<'_, Self>, _port: &str) -> Self::Value {
        Self::Value::default()
    }
    /// A binding.
    fn bind(&self, _binding: &workflow::Binding, _value: &Self::Value, _state: &mut Self::State) {}
    /// What a called workflow begins with; None: it begins as any run does.
    fn enter(&self, _at: &Firing<'_, Self>, _call: &Call) -> Option<(Self::State, Self::Value)> {
        None
    }
    /// What holds after a sync call, from what held before it and at the callee's end.
    fn after(&self, before: &Self::State, end: &Self::State, call: &Call) -> Self::State;
    /// What a firing adds to how its workflow ends.
    fn gives(&self, _at: &Firing<'_, Self>) -> Gives<Self::Value> {
        Gives::default()
    }
}

/// What a workflow gives to who runs it.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Gives<V> {
    /// Its result.
    pub(crate) result: V,
    /// What its error value says of single fields.
    pub(crate) errors: V,
}

/// An element that fires.
pub(crate) struct Firing<'a, D: Domain + ?Sized> {
    pub(crate) view: &'a View<'a>,
    pub(crate) node: Node,
    /// What arrived, by input port.
    pub(crate) ins: &'a [D::Value],
    pub(crate) state: &'a D::State,
    /// Of a loop: the state at the end of a turn.
    pub(crate) turn: Option<&'a D::State>,
    /// What each workflow gives, as far as is known.
    pub(crate) given: &'a [Gives<D::Value>],
}

/// What arrives at an element as it fires.
pub(crate) struct Arrived<'a, D: Domain> {
    ins: Vec<D::Value>,
    firing: Firing<'a, D>,
}

impl<D: Domain> Arrived<'_, D> {
    pub(crate) fn as_firing(&self) -> Firing<'_, D> {
        Firing { ins: &self.ins, ..self.firing }
    }
}

/// What is known of an element.
struct Cell<D: Domain> {
    /// As it fires; None: it never does.
    state: Option<D::State>,
    ins: Vec<D::Value>,
    /// When everything that follows from it is over; None: that never is.
    over: Option<D::State>,
    /// Of a loop: at the end of any turn.
    turn: Option<D::State>,
    queued: bool,
}

/// What is known of a workflow.
struct End<D: Domain> {
    /// Where a flow/stop ended it well.
    stopped: Option<D::State>,
}

/// What is known of all of them.
pub(crate) struct Flow<'a, D: Domain> {
    domain: D,
    view: &'a View<'a>,
    /// The first element of each workflow in `cells`.
    base: Vec<usize>,
    cells: Vec<Cell<D>>,
    ends: Vec<End<D>>,
    given: Vec<Gives<D::Value>>,
    /// Who looks at an element again when it is over in another way.
    waits: Vec<Vec<Node>>,
    /// Who looks at what a workflow gives.
    asks: Vec<Vec<Node>>,
    /// Who looks at what any workflow gives.
    asks_all: Vec<Node>,
    queue: BinaryHeap<Reverse<u32>>,
    /// When an element is looked at, if several are to be: what leads to others comes before them.
    rank: Vec<u32>,
    ranked: Vec<Node>,
    shapes: Vec<Rc<Shape>>,
}

/// In which rows an element's ports fire.
enum Shape {
    /// One of the rows, its ports together.
    OneOf(Vec<Vec<u8>>),
    /// The first row again and again, then the other.
    Loop { inside: Vec<u8>, next: Vec<u8>, alone: bool, collects: bool },
    /// The first row, perhaps cut off with the second, then the third.
    Try([Vec<u8>; 3]),
    /// Another workflow, then `default`; or `error`.
    Call,
    /// The workflow ends; true: well.
    Stop(bool),
}

impl<'a, D: Domain> Flow<'a, D> {
    /// Follows every run that may begin in the system.
    pub(crate) fn solve(view: &'a View<'a>, domain: D) -> Flow<'a, D> {
        let mut base = Vec::new();
        let mut cells = Vec::new();
        for node in view.nodes() {
            if node.element == 0 {
                base.resize(node.file + 1, cells.len());
            }
            let ins = vec![D::Value::default(); view.element(node).in_names.len()];
            cells.push(Cell { state: None, ins, over: None, turn: None, queued: false });
        }
        let count = view.files().count();
        base.resize(count, cells.len());
        let mut flow = Flow {
            domain,
            view,
            base,
            waits: vec![Vec::new(); cells.len()],
            cells,
            ends: (0..count).map(|_| End { stopped: None }).collect(),
            given: vec![Gives::default(); count],
            asks: vec![Vec::new(); count],
            asks_all: Vec::new(),
            queue: BinaryHeap::new(),
            rank: Vec::new(),
            ranked: Vec::new(),
            shapes: Vec::new(),
        };
        flow.shapes = view.nodes().map(|node| Rc::new(flow.shape(node))).collect();
        flow.order();
        flow.watch();
        for file in view.files() {
            let events = view.graph(file).events.iter().map(|event| Node { file, element: event.element });
            for start in events.chain(view.entry(file)) {
                let state = flow.domain.begin();
                flow.deliver(start, &state, &[]);
            }
        }
        let mut looks = 0;
        while let Some(Reverse(rank)) = flow.queue.pop() {
            looks += 1;
            if looks > LOOKS_MAX * flow.cells.len() {
                break;
            }
            let node = flow.ranked[rank as usize];
            let at = flow.index(node);
            flow.cells[at].queued = false;
            flow.look(node);
        }
        flow
    }

    /// What holds as it fires, and what arrives there, with what the file puts in its place; None: it never fires.
    pub(crate) fn arrived(&self, node: Node) -> Option<Arrived<'_, D>> {
        let cell = &self.cells[self.index(node)];
        let state = cell.state.as_ref()?;
        let turn = cell.turn.as_ref();
        let ins = self.domain.arrives(&self.seen(node, &cell.ins, state, turn));
        Some(Arrived { ins, firing: self.seen(node, &cell.ins, state, turn) })
    }

    /// What holds when a run that begins there has ended well; None: it never does.
    pub(crate) fn end(&self, start: Node) -> Option<D::State> {
        let over = self.cells[self.index(start)].over.as_ref();
        self.joined(over, self.ends[start.file].stopped.as_ref())
    }

    pub(crate) fn domain(&self) -> &D {
        &self.domain
    }

    fn index(&self, node: Node) -> usize {
        self.base[node.file] + node.element as usize
    }

    /// Ranks the elements of each workflow: each before what it leads to, but for ways back.
    fn order(&mut self) {
        let view = self.view;
        self.rank = vec![u32::MAX; self.cells.len()];
        for file in view.files() {
            let events = view.graph(file).events.iter().map(|event| Node { file, element: event.element });
            let mut left: Vec<Node> = Vec::new();
            let mut met = vec![false; view.graph(file).elements.len()];
            for start in events.chain(view.entry(file)).chain(view.nodes_of(file)) {
                // An element, and whether everything behind it has been met.
                let mut open = vec![(start, false)];
                while let Some((node, done)) = open.pop() {
                    if done {
                        left.push(node);
                    } else if !std::mem::replace(&mut met[node.element as usize], true) {
                        open.push((node, true));
                        open.extend(view.follows(node).map(|next| (next, false)));
                    }
                }
            }
            for node in left.into_iter().rev() {
                let at = self.index(node);
                self.rank[at] = self.ranked.len() as u32;
                self.ranked.push(node);
            }
        }
    }

    /// Who has to look again at what.
    fn watch(&mut self) {
        for node in self.view.nodes() {
            for next in self.view.follows(node) {
                let at = self.index(next);
                self.waits[at].push(node);
            }
            match self.view.type_name(node) {
                "flow/try" | "flow/each" => {
                    self.asks[node.file].push(node);
                    if let Some(within) = self.may_be_cut_off(node) {
                        for inside in within {
                            let at = self.index(inside);
                            self.waits[at].push(node);
                        }
                    }
                }
                "flow/await" | "event/failed" => self.asks_all.push(node),
                "action/run" => match self.view.call(node) {
                    Some(Call { callee: Some(callee), .. }) => {
                        self.asks[*callee].push(node);
                        if let Some(entry) = self.view.entry(*callee) {
                            let at = self.index(entry);
                            self.waits[at].push(node);
                        }
                    }
                    _ => self.asks_all.push(node),
                },
                _ => {}
            }
        }
    }

    /// What a failure in a try, or in a loop that collects errors, may leave half done.
    fn may_be_cut_off(&self, node: Node) -> Option<Vec<Node>> {
        let row = match &*self.shapes[self.index(node)] {
            Shape::Try([inside, ..]) => inside,
            Shape::Loop { inside, collects: true, alone: false, .. } => inside,
            _ => return None,
        };
        let element = self.view.element(node);
        let targets = row.iter().flat_map(|port| &element.outs[usize::from(*port)]);
        let mut all: Vec<Node> =
            targets.flat_map(|target| self.view.reach(Node { element: target.element, ..node })).collect();
        all.sort_unstable();
        all.dedup();
        Some(all)
    }

    fn queue(&mut self, node: Node) {
        let at = self.index(node);
        if self.cells[at].state.is_some() && !std::mem::replace(&mut self.cells[at].queued, true) {
            self.queue.push(Reverse(self.rank[at]));
        }
    }

    fn joined(&self, one: Option<&D::State>, other: Option<&D::State>) -> Option<D::State> {
        match (one, other) {
            (Some(one), Some(other)) => Some(self.domain.or(one, other)),
            (one, other) => one.or(other).cloned(),
        }
    }

    /// Something arrives: what was known of the element grows by it.
    fn deliver(&mut self, to: Node, state: &D::State, ports: &[(u8, D::Value)]) {
        let at = self.index(to);
        let grown = self.joined(self.cells[at].state.as_ref(), Some(state));
        let mut changed = grown != self.cells[at].state;
        self.cells[at].state = grown;
        for (port, value) in ports {
            let Some(here) = self.cells[at].ins.get_mut(usize::from(*port)) else { continue };
            let grown = self.domain.either(here, value);
            changed |= grown != *here;
            *here = grown;
        }
        if changed {
            self.queue(to);
        }
    }

    /// Looks at what an element does, now that more is known.
    fn look(&mut self, node: Node) {
        let at = self.index(node);
        let Some(before) = self.cells[at].state.clone() else { return };
        let arrived = self.cells[at].ins.clone();
        let ins = self.domain.arrives(&self.seen(node, &arrived, &before, None));
        let mut state = before.clone();
        self.domain.fire(&self.seen(node, &ins, &before, None), &mut state);
        let gives = self.domain.gives(&self.seen(node, &ins, &state, None));
        self.give(node.file, &gives);
        let step = Step { node, ins: &ins };
        let shape = self.shapes[at].clone();
        let over = match &*shape {
            Shape::OneOf(rows) => {
                let mut over = None;
                for row in rows {
                    let one = self.follow(&step, row, &state, None);
                    over = self.joined(over.as_ref(), one.as_ref());
                }
                over
            }
            Shape::Loop { inside, next, alone, collects } => {
                let begins = if *alone { None } else { self.cells[at].turn.clone() };
                let begins = self.joined(begins.as_ref(), Some(&state)).unwrap_or_else(|| state.clone());
                let mut turn = self.follow(&step, inside, &begins, None);
                if *collects && !*alone {
                    turn = self.joined(turn.as_ref(), self.cut_off(node).as_ref());
                }
                let grown = self.joined(self.cells[at].turn.as_ref(), turn.as_ref());
                if grown != self.cells[at].turn {
                    self.cells[at].turn = grown;
                    self.queue(node);
                }
                let turn = self.cells[at].turn.clone();
                let after = if *alone { Some(state) } else { self.joined(Some(&state), turn.as_ref()) };
                after.and_then(|after| self.follow(&step, next, &after, turn.as_ref()))
            }
            Shape::Try([inside, catch, next]) => {
                let well = self.follow(&step, inside, &state, None);
                let cut = self.joined(Some(&state), self.cut_off(node).as_ref());
                let caught = cut.and_then(|cut| self.follow(&step, catch, &cut, None));
                let after = self.joined(well.as_ref(), caught.as_ref());
                after.and_then(|after| self.follow(&step, next, &after, None))
            }
            Shape::Call => self.run(&step, &state),
            Shape::Stop(well) => {
                if *well {
                    let grown = self.joined(self.ends[node.file].stopped.as_ref(), Some(&state));
                    if grown != self.ends[node.file].stopped {
                        self.ends[node.file].stopped = grown;
                        self.ask(node.file);
                    }
                }
                None
            }
        };
        let grown = self.joined(self.cells[at].over.as_ref(), over.as_ref());
        if grown != self.cells[at].over {
            self.cells[at].over = grown;
            for who in self.waits[at].clone() {
                self.queue(who);
            }
        }
    }

    fn seen<'s>(
        &'s self,
        node: Node,
        ins: &'s [D::Value],
        state: &'s D::State,
        turn: Option<&'s D::State>,
    ) -> Firing<'s, D> {
        Firing { view: self.view, node, ins, state, turn, given: &self.given }
    }

    fn give(&mut self, file: usize, gives: &Gives<D::Value>) {
        let here = &self.given[file];
        let grown = Gives {
            result: self.domain.either(&here.result, &gives.result),
            errors: self.domain.either(&here.errors, &gives.errors),
        };
        if grown != *here {
            self.given[file] = grown;
            self.ask(file);
        }
    }

    fn ask(&mut self, file: usize) {
        for who in self.asks[file].clone().into_iter().chain(self.asks_all.clone()) {
            self.queue(who);
        }
    }

    /// Everything that may hold where a failure cuts off what is going on.
    fn cut_off(&self, node: Node) -> Option<D::State> {
        let within = self.may_be_cut_off(node).unwrap_or_default();
        within.into_iter().fold(None, |all, inside| {
            let cell = &self.cells[self.index(inside)];
            let all = self.joined(all.as_ref(), cell.state.as_ref());
            self.joined(all.as_ref(), cell.over.as_ref())
        })
    }

    /// A row of ports fires: bindings, then each target with all that follows from it. None: it never is over.
    fn follow(
        &mut self,
        step: &Step<'_, D>,
        row: &[u8],
        state: &D::State,
        turn: Option<&D::State>,
    ) -> Option<D::State> {
        let Step { node, ins } = *step;
        let element = self.view.element(node);
        let firing = self.seen(node, ins, state, turn);
        let left: Vec<(u8, D::Value)> = row
            .iter()
            .map(|port| (*port, self.domain.leaves(&firing, &element.out_names[usize::from(*port)])))
            .collect();
        let mut state = state.clone();
        for binding in &element.set {
            let value = match binding.from {
                Source::In(port) => ins.get(usize::from(port)),
                Source::Out(port) => left.iter().find(|(at, _)| *at == port).map(|(_, value)| value),
            };
            if let Some(value) = value {
                self.domain.bind(binding, value, &mut state);
            }
        }
        let mut targets: Vec<(u32, Arrivals<D>)> = Vec::new();
        for (port, value) in &left {
            for Target { element, ports } in &element.outs[usize::from(*port)] {
                let given = ports.iter().map(|into| (*into, value.clone()));
                match targets.iter_mut().find(|(known, _)| known == element) {
                    Some((_, all)) => all.extend(given),
                    None => targets.push((*element, given.collect())),
                }
            }
        }
        for (element, ports) in targets {
            let to = Node { element, ..node };
            self.deliver(to, &state, &ports);
            state = self.cells[self.index(to)].over.clone()?;
        }
        Some(state)
    }

    fn run(&mut self, step: &Step<'_, D>, state: &D::State) -> Option<D::State> {
        let (node, view) = (step.node, self.view);
        let element = view.element(node);
        let row = |name: &str| element.out(name).into_iter().collect::<Vec<u8>>();
        let failed =
            if element.takes_errors() { self.follow(step, &row("error"), state, None) } else { None };
        let after = match view.call(node).copied() {
            Some(call @ Call { callee: Some(callee), in_background, .. }) => {
                self.enter(step, &call, state);
                if in_background {
                    Some(state.clone())
                } else {
                    let end = view.entry(callee).and_then(|entry| self.end(entry));
                    end.map(|end| self.domain.after(state, &end, &call))
                }
            }
            _ => Some(state.clone()),
        };
        let well = after.and_then(|after| self.follow(step, &row("default"), &after, None));
        self.joined(failed.as_ref(), well.as_ref())
    }

    fn enter(&mut self, step: &Step<'_, D>, call: &Call, state: &D::State) {
        let Some(entry) = call.callee.and_then(|callee| self.view.entry(callee)) else { return };
        if let Some((state, value)) = self.domain.enter(&self.seen(step.node, step.ins, state, None), call) {
            self.deliver(entry, &state, &[(0, value)]);
        }
    }

    fn shape(&self, node: Node) -> Shape {
        let element = self.view.element(node);
        let row = |names: &[&str]| names.iter().filter_map(|name| element.out(name)).collect::<Vec<u8>>();
        let all = || 0..element.out_names.len() as u8;
        match self.view.type_name(node) {
            "flow/each" => Shape::Loop {
                inside: row(&["index", "total", "each"]),
                next: row(&["next"]),
                alone: self.view.literal(node, "parallel").and_then(|n| n.as_i64()).unwrap_or(1) > 1,
                collects: self.view.literal(node, "onError").and_then(|word| word.as_str())
                    == Some("collect"),
            },
            "flow/while" => {
                Shape::Loop { inside: row(&["each"]), next: row(&["next"]), alone: false, collects: false }
            }
            "flow/try" => Shape::Try([row(&["try"]), row(&["catch"]), row(&["next"])]),
            "flow/stop" => {
                let failed =
                    self.view.literal(node, "status").and_then(|word| word.as_str()) == Some("failed");
                Shape::Stop(!failed)
            }
            "action/run" => Shape::Call,
            "action/validate" => {
                // Where nobody takes it, it ends the run.
                let taken = row(&["invalid", "errors"]);
                let rows = [Some(row(&["valid"])), Some(taken).filter(|row| takes(element, row))];
                Shape::OneOf(rows.into_iter().flatten().collect())
            }
            "flow/if" | "flow/empty" | "flow/switch" | "flow/await" | "action/modal" => {
                let error = element.out("error").filter(|_| !element.takes_errors());
                Shape::OneOf(all().filter(|port| Some(*port) != error).map(|port| vec![port]).collect())
            }
            _ => {
                let error = element.out("error");
                let well = all().filter(|port| Some(*port) != error).collect();
                let failed = error.filter(|_| element.takes_errors()).map(|port| vec![port]);
                Shape::OneOf([Some(well), failed].into_iter().flatten().collect())
            }
        }
    }
}

/// Whether the file connects or binds one of the ports.
fn takes(element: &workflow::Element, ports: &[u8]) -> bool {
    ports.iter().any(|port| {
        let bound = element.set.iter().any(|binding| binding.from == Source::Out(*port));
        bound || !element.outs[usize::from(*port)].is_empty()
    })
}

/// What arrives at an element, by input port.
type Arrivals<D> = Vec<(u8, <D as Domain>::Value)>;

/// An element that is looked at, and what arrives there.
struct Step<'s, D: Domain> {
    node: Node,
    ins: &'s [D::Value],
}
