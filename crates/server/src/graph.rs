//! A workflow as a drawing: rounded boxes in columns, curves between them, the way a run took in colour. Pure: it knows
//! neither runs nor pages, and leaves all colours to the style sheet's classes.

use std::collections::HashMap;

use maud::{Markup, html};
use workflow::{Catalog, Graph};

use crate::layout::layout;

const BOX: [f64; 2] = [158.0, 50.0];
const CELL: [f64; 2] = [212.0, 92.0];
const MARGIN: f64 = 26.0;
/// Half of the gap between two rows: ways over several columns run there.
const LANE: f64 = (CELL[1] - BOX[1]) / 2.0;

/// What a run did in a workflow.
#[derive(Debug, Clone, Default)]
pub struct Path {
    /// How often each element fired, by index.
    pub fired: HashMap<u32, u64>,
    /// How often each output port fired, by element and port name.
    pub left: HashMap<(u32, String), u64>,
    /// The element where the run is now.
    pub current: Option<u32>,
    /// The element that it failed at.
    pub failed: Option<u32>,
}

/// Draws `graph` as SVG. `grid` has a place for each element, in columns and rows; an element without one is left out.
pub fn draw(graph: &Graph, catalog: &Catalog, grid: &[[f64; 2]], path: &Path) -> String {
    let origin = |axis: usize| grid.iter().map(|place| place[axis]).fold(f64::INFINITY, f64::min);
    let (left, top) = (origin(0), origin(1));
    let places: Vec<[f64; 2]> =
        grid.iter().map(|[x, y]| [MARGIN + (x - left) * CELL[0], MARGIN + (y - top) * CELL[1]]).collect();
    let far = |axis: usize| places.iter().map(|place| place[axis]).fold(0.0, f64::max);
    let (width, height) = (far(0) + BOX[0] + MARGIN, far(1) + BOX[1] + MARGIN);
    let drawing = html! {
        svg class="graph" xmlns="http://www.w3.org/2000/svg" role="img"
            aria-label={ "graph of " (graph.title) }
            width=(round(width)) height=(round(height))
            viewBox={ "0 0 " (round(width)) " " (round(height)) } {
            defs {
                @for (id, class) in [("tip", "tip"), ("tip-taken", "tip taken"), ("tip-error", "tip error")] {
                    marker id=(id) class=(class) viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"
                        orient="auto-start-reverse" { path d="M0 0 8 4 0 8z" {} }
                }
            }
            g { (edges(graph, &places, path)) }
            g { (boxes(graph, catalog, &places, path)) }
        }
    };
    drawing.into_string()
}

/// The drawing of a workflow that needs no page around it: light, or dark where its reader wants that.
pub fn standalone(graph: &Graph, catalog: &Catalog) -> String {
    let drawing = draw(graph, catalog, &layout(graph), &Path::default());
    match drawing.split_once('>') {
        Some((open, rest)) => format!("{open}>{STYLE}{rest}"),
        None => drawing,
    }
}

/// The page's style sheet for drawings, in colours of its own.
const STYLE: &str = "<style>\
.graph{font-family:system-ui,sans-serif;--paper:#fff;--faint:#f6f4ee;--line:#b9b2a1;--quiet:#5f5a4e;--text:#26231c;--bad:#b3261e}\
@media(prefers-color-scheme:dark){.graph{--paper:#1d1b17;--faint:#2a2721;--line:#6d6657;--quiet:#b8b09e;--text:#efe9dc;--bad:#f2867e}}\
.graph .element rect{fill:var(--faint);stroke:var(--line);stroke-width:1.2}\
.graph .name{font-size:13.5px;font-weight:600;fill:var(--text)}\
.graph .type{font-size:11.5px;font-family:ui-monospace,monospace;fill:var(--quiet)}\
.graph .edge{fill:none;stroke:var(--line);stroke-width:1.6}.graph .edge.error{stroke-dasharray:5 4}\
.graph .tip{fill:var(--quiet)}.graph .tip.error{fill:var(--bad)}\
.graph .port{fill:var(--quiet);font-size:11px;text-anchor:middle;paint-order:stroke;stroke:var(--paper);stroke-width:4px}\
.graph .port.error{fill:var(--bad)}</style>";

/// The same as text in Mermaid's language.
pub fn mermaid(graph: &Graph, catalog: &Catalog) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (index, element) in graph.elements.iter().enumerate() {
        let kind = catalog.types.get(element.kind).map_or("", |kind| kind.name);
        let begins = graph.events.iter().any(|event| event.element as usize == index);
        let (open, close) = if begins { ("([", "])") } else { ("(", ")") };
        let name = quoted(&element.name);
        text.push_str(&format!("    e{index}{open}\"{name}<br>{kind}\"{close}\n"));
    }
    for (index, element) in graph.elements.iter().enumerate() {
        for (port, targets) in element.out_names.iter().zip(&element.outs) {
            let line = if &**port == "error" { "-.->" } else { "-->" };
            let label = if &**port == "default" { String::new() } else { format!("|\"{}\"|", quoted(port)) };
            for target in targets {
                text.push_str(&format!("    e{index} {line}{label} e{}\n", target.element));
            }
        }
    }
    text
}

/// Within quotation marks nothing has a meaning but these.
fn quoted(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => safe.push_str("#quot;"),
            '#' => safe.push_str("#35;"),
            '<' => safe.push_str("#lt;"),
            '>' => safe.push_str("#gt;"),
            '`' => safe.push_str("#96;"),
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

fn round(n: f64) -> i64 {
    n.round() as i64
}

fn edges(graph: &Graph, places: &[[f64; 2]], path: &Path) -> Markup {
    html! {
        @for (from, element) in graph.elements.iter().enumerate() {
            @for (port, targets) in element.out_names.iter().zip(&element.outs) {
                @for target in targets {
                    @if let (Some(start), Some(end)) = (places.get(from), places.get(target.element as usize)) {
                        (edge(*start, *end, port, path.left.contains_key(&(from as u32, port.to_string()))))
                    }
                }
            }
        }
    }
}

fn edge(from: [f64; 2], to: [f64; 2], port: &str, taken: bool) -> Markup {
    let (x1, y1) = (from[0] + BOX[0], from[1] + BOX[1] / 2.0);
    let (x2, y2) = (to[0], to[1] + BOX[1] / 2.0);
    let error = port == "error";
    let class = match (error, taken) {
        (false, false) => "edge",
        (false, true) => "edge taken",
        (true, false) => "edge error",
        (true, true) => "edge error taken",
    };
    let tip = if taken && !error {
        "url(#tip-taken)"
    } else if error {
        "url(#tip-error)"
    } else {
        "url(#tip)"
    };
    let (curve, label) = if x2 > x1 && x2 - x1 < CELL[0] {
        let bend = ((x2 - x1) / 2.0).max(20.0);
        let d = format!("M{x1:.0} {y1:.0}C{:.0} {y1:.0} {:.0} {y2:.0} {x2:.0} {y2:.0}", x1 + bend, x2 - bend);
        (d, [(x1 + x2) / 2.0, (y1 + y2) / 2.0])
    } else {
        // Over several columns, or back: between the rows, where no box is.
        let lane = if y2 < y1 { y1 - BOX[1] / 2.0 - LANE } else { y1 + BOX[1] / 2.0 + LANE };
        let (out, into) = (x1 + 22.0, x2 - 22.0);
        let d = format!(
            "M{x1:.0} {y1:.0}C{out:.0} {y1:.0} {x1:.0} {lane:.0} {out:.0} {lane:.0}L{into:.0} {lane:.0}C{x2:.0} {lane:.0} {into:.0} {y2:.0} {x2:.0} {y2:.0}"
        );
        (d, [if x2 > x1 { out + 24.0 } else { (out + into) / 2.0 }, lane])
    };
    html! {
        path class=(class) d=(curve) marker-end=(tip) {}
        @if port != "default" {
            text class=(if error { "port error" } else { "port" }) x=(round(label[0])) y=(round(label[1]) - 5) { (port) }
        }
    }
}

fn boxes(graph: &Graph, catalog: &Catalog, places: &[[f64; 2]], path: &Path) -> Markup {
    html! {
        @for (index, (element, [x, y])) in graph.elements.iter().zip(places).enumerate() {
            @let index = index as u32;
            @let fired = path.fired.get(&index).copied().unwrap_or(0);
            @let kind = catalog.types.get(element.kind).map_or("", |kind| kind.name);
            @let mark = if path.failed == Some(index) { " failed" } else if path.current == Some(index) { " current" } else { "" };
            g class={ "element" (if fired > 0 { " fired" } else { "" }) (mark) }
                transform={ "translate(" (round(*x)) " " (round(*y)) ")" } data-element=(element.name) {
                title { (element.name) " (" (kind) ")" }
                rect width=(round(BOX[0])) height=(round(BOX[1])) rx="12" {}
                text class="name" x="13" y="21" { (short(&element.name, 19)) }
                text class="type" x="13" y="38" { (short(kind, 20)) }
                @if fired > 1 {
                    g class="count" transform={ "translate(" (round(BOX[0]) - 14) " 0)" } {
                        rect x="-22" y="-11" width="44" height="22" rx="11" {}
                        text x="0" y="4" { "× " (fired) }
                    }
                }
            }
        }
    }
}

fn short(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max - 1).chain(['…']).collect()
}
