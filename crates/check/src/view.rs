//! A system as rules see it: its workflows in order, who runs whom, what starts them.

use std::{cell::OnceCell, collections::HashMap, sync::Arc};

use recipe::Value;
use workflow::{Catalog, Class, Declaration, Element, Event, Graph, Sources, Step, System, Template};

/// So many workflows that run one another are followed.
pub(crate) const CALLS_MAX: usize = 256;

/// An element of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node {
    /// Index of its workflow.
    pub(crate) file: usize,
    /// Index of the element.
    pub(crate) element: u32,
}

/// An action/run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// The element that runs it.
    pub(crate) from: Node,
    /// The workflow that it names; None: there is none of that name, or the name is only known as it fires.
    pub(crate) callee: Option<usize>,
    /// Its name is only known as it fires.
    pub(crate) computed: bool,
    /// It becomes a run of its own.
    pub(crate) in_background: bool,
    /// It works with the caller's variables, or a copy of them.
    pub(crate) shares: bool,
}

/// Where and how a workflow may begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin<'a> {
    /// At that element.
    pub(crate) node: Node,
    /// No request waits for it.
    pub(crate) in_background: bool,
    /// By whom.
    pub(crate) by: By<'a>,
}

/// What begins a run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By<'a> {
    /// An event; its place in the file's list of those that loaded.
    Event(&'a Event),
    /// A person, by the workflow's name.
    Name,
    /// An action/run that starts it in the background.
    Run,
}

impl By<'_> {
    /// Whether a person may be behind it.
    pub(crate) fn is_personal(self) -> bool {
        !matches!(self, By::Event(event) if is_of_clock(event))
    }
}

/// The clock and failures have nobody in front of them.
fn is_of_clock(event: &Event) -> bool {
    matches!(&*event.kind, "cron" | "failed")
}

/// The system.
pub(crate) struct View<'a> {
    pub(crate) sources: &'a Sources<'a>,
    catalog: &'a Catalog,
    graphs: Vec<&'a Arc<Graph>>,
    by_name: HashMap<&'a str, usize>,
    calls: Vec<Vec<Call>>,
    callers: Vec<Vec<Call>>,
    reached: OnceCell<Vec<Vec<bool>>>,
}

impl<'a> View<'a> {
    pub(crate) fn new(system: &'a System, sources: &'a Sources<'a>, catalog: &'a Catalog) -> View<'a> {
        let mut graphs: Vec<&Arc<Graph>> = system.workflows.values().collect();
        graphs.sort_by(|a, b| a.path.cmp(&b.path));
        let by_name = graphs.iter().enumerate().map(|(at, graph)| (&*graph.identifier, at)).collect();
        let mut view = View {
            sources,
            catalog,
            callers: vec![Vec::new(); graphs.len()],
            calls: Vec::new(),
            graphs,
            by_name,
            reached: OnceCell::new(),
        };
        view.calls = (0..view.graphs.len()).map(|file| view.calls_of(file)).collect();
        for call in view.calls.iter().flatten() {
            if let Some(callee) = call.callee {
                view.callers[callee].push(*call);
            }
        }
        view
    }

    /// The workflows, in order of their paths.
    pub(crate) fn files(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.graphs.len()
    }

    pub(crate) fn graph(&self, file: usize) -> &'a Graph {
        self.graphs[file]
    }

    /// Whether the file has that key.
    pub(crate) fn says(&self, file: usize, key: &str) -> bool {
        self.sources.value(&self.graph(file).path, &[Step::Key(key)]).is_some()
    }

    /// Every element.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node> + '_ {
        self.files().flat_map(|file| self.nodes_of(file))
    }

    /// Every element of a workflow.
    pub(crate) fn nodes_of(&self, file: usize) -> impl Iterator<Item = Node> + use<> {
        (0..self.graphs[file].elements.len() as u32).map(move |element| Node { file, element })
    }

    pub(crate) fn element(&self, node: Node) -> &'a Element {
        &self.graph(node.file).elements[node.element as usize]
    }

    pub(crate) fn kind(&self, node: Node) -> &'static Declaration {
        self.catalog.types[self.element(node).kind]
    }

    /// The name of its type.
    pub(crate) fn type_name(&self, node: Node) -> &'static str {
        self.kind(node).name
    }

    pub(crate) fn name(&self, node: Node) -> &'a str {
        &self.element(node).name
    }

    pub(crate) fn option(&self, node: Node, name: &str) -> Option<&'a Template> {
        self.element(node).options.get(name)
    }

    /// An option's value, where the file says it.
    pub(crate) fn literal(&self, node: Node, name: &str) -> Option<&'a Value> {
        self.option(node, name)?.literal()
    }

    pub(crate) fn is_outside(&self, node: Node) -> bool {
        self.kind(node).class == Class::Outside
    }

    /// Every action/run of a workflow.
    pub(crate) fn calls(&self, file: usize) -> &[Call] {
        &self.calls[file]
    }

    /// What an action/run runs.
    pub(crate) fn call(&self, node: Node) -> Option<&Call> {
        let calls = &self.calls[node.file];
        calls.binary_search_by_key(&node, |call| call.from).ok().map(|at| &calls[at])
    }

    /// Every action/run that names the workflow.
    pub(crate) fn callers(&self, file: usize) -> &[Call] {
        &self.callers[file]
    }

    /// Where it starts when no event does.
    pub(crate) fn entry(&self, file: usize) -> Option<Node> {
        self.graph(file).entry.map(|element| Node { file, element })
    }

    /// What follows an element, in the order in which it would.
    pub(crate) fn follows(&self, node: Node) -> impl Iterator<Item = Node> + use<'a> {
        let targets = self.element(node).outs.iter().flatten();
        targets.map(move |target| Node { element: target.element, ..node })
    }

    /// Whether the file puts something on an input port.
    pub(crate) fn is_fed(&self, node: Node, port: &str) -> bool {
        let element = self.element(node);
        let Some(port) = element.in_names.iter().position(|name| &**name == port) else { return false };
        let mut targets =
            self.graph(node.file).elements.iter().flat_map(|element| element.outs.iter().flatten());
        let to = |target: &workflow::Target| {
            target.element == node.element && target.ports.iter().any(|at| usize::from(*at) == port)
        };
        element.ins.iter().any(|(at, _)| usize::from(*at) == port) || targets.any(to)
    }

    /// How a workflow may begin on its own; one that others run at once is left out there.
    pub(crate) fn begins(&self, file: usize) -> Vec<Begin<'a>> {
        let graph = self.graph(file);
        let mut begins: Vec<Begin<'a>> = graph
            .events
            .iter()
            .map(|event| Begin {
                node: Node { file, element: event.element },
                in_background: is_of_clock(event) || event.is_async.unwrap_or(graph.is_async),
                by: By::Event(event),
            })
            .collect();
        let Some(node) = self.entry(file) else { return begins };
        if self.callers(file).iter().any(|call| call.in_background) {
            begins.push(Begin { node, in_background: true, by: By::Run });
        }
        // Every workflow can be started by its name; one with other beginnings is meant to begin there.
        let is_part = self.callers(file).iter().any(|call| !call.in_background);
        if graph.events.is_empty() && !is_part {
            begins.push(Begin { node, in_background: graph.is_async, by: By::Name });
        }
        begins
    }

    /// The elements that a run passes that begins there, that one first, without those of other workflows.
    pub(crate) fn reach(&self, from: Node) -> Vec<Node> {
        let mut seen = vec![false; self.graph(from.file).elements.len()];
        let mut found = vec![from];
        seen[from.element as usize] = true;
        let mut at = 0;
        while at < found.len() {
            for next in self.follows(found[at]) {
                if !std::mem::replace(&mut seen[next.element as usize], true) {
                    found.push(next);
                }
            }
            at += 1;
        }
        found
    }

    /// Whether anything leads to an element from where its workflow may begin.
    pub(crate) fn is_reached(&self, node: Node) -> bool {
        let reached = self.reached.get_or_init(|| self.files().map(|file| self.reached_of(file)).collect());
        reached[node.file][node.element as usize]
    }

    fn reached_of(&self, file: usize) -> Vec<bool> {
        let mut reached = vec![false; self.graph(file).elements.len()];
        let events = self.graph(file).events.iter().map(|event| Node { file, element: event.element });
        for start in events.chain(self.entry(file)) {
            self.reach(start).into_iter().for_each(|node| reached[node.element as usize] = true);
        }
        reached
    }

    fn calls_of(&self, file: usize) -> Vec<Call> {
        let runs = self.nodes_of(file).filter(|node| self.type_name(*node) == "action/run");
        runs.map(|from| {
            let named = self.literal(from, "workflow").and_then(Value::as_str);
            let callee = named.and_then(|name| self.by_name.get(name).copied());
            let in_background = match self.literal(from, "async") {
                Some(Value::Bool(says)) => *says,
                _ => callee.is_some_and(|callee| self.graph(callee).is_async),
            };
            let shares = self.literal(from, "scope") == Some(&Value::Bool(false));
            let computed = named.is_none() && self.option(from, "workflow").is_some();
            Call { from, callee, computed, in_background, shares }
        })
        .collect()
    }
}
