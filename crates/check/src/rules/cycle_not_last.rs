//! HF033: ways back that are not the last thing an element does.

use workflow::{Severity, Step};

use crate::{
    Rule,
    rule::{At, Found},
    view::{Node, View},
};

pub(super) static RULE: Rule = Rule {
    code: "HF033",
    title: "a way back is not the last target",
    severity: Severity::Warning,
    why: "What follows from one target comes before the next target is looked at. Where the way back comes first, the others pile up, one for each turn: after 100,000 of them the run stops with `too_deep`. Where it leads back into a loop from inside it, each turn opens a loop in a loop.",
    bad: &[r#"
{ "identifier": "Count", "async": true, "events": [ { "identifier": "count", "type": "webhook" } ], "elements": [
  { "name": "count", "type": "event/webhook", "to": { "default": { "add": ["default"] } } },
  { "name": "add", "type": "op/recipe", "options": { "recipe": "$n + 1" }, "set": { "n": "default:" }, "to": { "default": { "again": ["default"] } } },
  { "name": "again", "type": "flow/if", "options": { "condition": "$n < 100" }, "to": { "default": { "add": ["default"], "log": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "turn $n" } } ] }
"#],
    good: &[r#"
{ "identifier": "Count", "async": true, "events": [ { "identifier": "count", "type": "webhook" } ], "elements": [
  { "name": "count", "type": "event/webhook", "to": { "default": { "add": ["default"] } } },
  { "name": "add", "type": "op/recipe", "options": { "recipe": "$n + 1" }, "set": { "n": "default:" }, "to": { "default": { "again": ["default"] } } },
  { "name": "again", "type": "flow/if", "options": { "condition": "$n < 100" }, "to": { "default": { "log": ["default"], "add": ["default"] } } },
  { "name": "log", "type": "action/log", "options": { "message": "turn $n" } } ] }
"#],
    fix: "Write the way back as the last target of its element. Leave a loop (flow/each, flow/while, flow/try) to its own turns instead of leading back to it from inside.",
    find: Some(find),
};

fn find(view: &View<'_>, found: &mut Found<'_>) {
    for file in view.files() {
        for cycle in cycles(view, file) {
            for node in &cycle {
                ways_back(view, found, *node, &cycle);
            }
        }
    }
}

fn ways_back(view: &View<'_>, found: &mut Found<'_>, node: Node, cycle: &[Node]) {
    let element = view.element(node);
    for row in rows(view, node) {
        let targets: Vec<(u8, u32)> = row
            .iter()
            .flat_map(|port| element.outs[usize::from(*port)].iter().map(|target| (*port, target.element)))
            .collect();
        let Some((_, last)) = targets.last().copied() else { continue };
        for (port, target) in targets {
            let to = Node { element: target, ..node };
            let is_back = cycle.binary_search(&to).is_ok();
            let inside = is_inside(view, node, port);
            if !is_back || target == last && !inside {
                continue;
            }
            let port = &element.out_names[usize::from(port)];
            let steps = [Step::Key("to"), Step::Key(port), Step::Key(view.name(to))];
            let (says, help) = match inside {
                true => (
                    format!(
                        "the way back from `{}` over `{}` opens a loop in a loop at each turn",
                        view.name(node),
                        view.name(to)
                    ),
                    "leave the loop to its own turns, or lead back after its `next`",
                ),
                false => (
                    format!(
                        "the way back from `{}` to `{}` is not its last target",
                        view.name(node),
                        view.name(to)
                    ),
                    "write it as the last one, else the others pile up at each turn",
                ),
            };
            found.say(At::inside(node, &steps).key(), says, help);
        }
    }
}

/// Whether a port fires inside a frame that waits for what follows from it.
fn is_inside(view: &View<'_>, node: Node, port: u8) -> bool {
    let name = &*view.element(node).out_names[usize::from(port)];
    match view.type_name(node) {
        "flow/each" | "flow/while" => name != "next",
        "flow/try" => name != "next",
        _ => false,
    }
}

/// The ports that fire together.
fn rows(view: &View<'_>, node: Node) -> Vec<Vec<u8>> {
    let element = view.element(node);
    let all = 0..element.out_names.len() as u8;
    let alone = [
        "flow/if",
        "flow/empty",
        "flow/switch",
        "flow/await",
        "flow/while",
        "flow/try",
        "action/modal",
        "action/run",
    ];
    let name = |port: u8| &*element.out_names[usize::from(port)];
    match view.type_name(node) {
        kind if alone.contains(&kind) => all.map(|port| vec![port]).collect(),
        "flow/each" => {
            let (next, inside) = all.partition(|port| name(*port) == "next");
            vec![inside, next]
        }
        "action/validate" => {
            let (valid, invalid) = all.partition(|port| name(*port) == "valid");
            vec![valid, invalid]
        }
        _ => {
            let (error, well) = all.partition(|port| name(*port) == "error");
            vec![well, error]
        }
    }
}

/// The parts of a workflow that go round, each from the element on that comes first in the file (Tarjan's algorithm, without
/// recursion).
pub(super) fn cycles(view: &View<'_>, file: usize) -> Vec<Vec<Node>> {
    let count = view.graph(file).elements.len();
    let next: Vec<Vec<usize>> = view
        .nodes_of(file)
        .map(|node| view.follows(node).map(|node| node.element as usize).collect())
        .collect();
    let mut search = Search {
        next: &next,
        number: vec![0; count],
        low: vec![0; count],
        on: vec![false; count],
        ..Search::default()
    };
    (0..count).for_each(|root| search.from(root));
    let is_round = |part: &Vec<usize>| part.len() > 1 || next[part[0]].contains(&part[0]);
    let mut cycles: Vec<Vec<Node>> = search
        .parts
        .into_iter()
        .filter(is_round)
        .map(|mut part| {
            part.sort_unstable();
            part.into_iter().map(|element| Node { file, element: element as u32 }).collect()
        })
        .collect();
    cycles.sort();
    cycles
}

#[derive(Default)]
struct Search<'n> {
    next: &'n [Vec<usize>],
    /// In which order an element was met, from 1.
    number: Vec<usize>,
    /// The first that leads to it and that it leads back to.
    low: Vec<usize>,
    stack: Vec<usize>,
    on: Vec<bool>,
    met: usize,
    parts: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn from(&mut self, root: usize) {
        if self.number[root] > 0 {
            return;
        }
        // An element and how many of its ways have been gone.
        let mut open = vec![(root, 0)];
        self.meet(root);
        while let Some((at, gone)) = open.pop() {
            match self.next[at].get(gone) {
                Some(&to) => {
                    open.push((at, gone + 1));
                    if self.number[to] == 0 {
                        self.meet(to);
                        open.push((to, 0));
                    } else if self.on[to] {
                        self.low[at] = self.low[at].min(self.number[to]);
                    }
                }
                None => {
                    if let Some((before, _)) = open.last() {
                        self.low[*before] = self.low[*before].min(self.low[at]);
                    }
                    if self.low[at] == self.number[at] {
                        self.part(at);
                    }
                }
            }
        }
    }

    fn meet(&mut self, at: usize) {
        self.met += 1;
        (self.number[at], self.low[at], self.on[at]) = (self.met, self.met, true);
        self.stack.push(at);
    }

    fn part(&mut self, first: usize) {
        let begins = self.stack.iter().rposition(|at| *at == first).unwrap_or(0);
        let part = self.stack.split_off(begins);
        part.iter().for_each(|at| self.on[*at] = false);
        self.parts.push(part);
    }
}
