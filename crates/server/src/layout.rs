//! Where elements stand in a drawing: columns to the right along the edges, rows downwards. Pure.

use std::collections::HashMap;

use workflow::Graph;

/// Editors place elements in pixels; these are the steps between two of them.
const PIXELS: [f64; 2] = [240.0, 110.0];
/// Positions that lie further out than this are pixels, others columns and rows already.
const CELLS_MAX: f64 = 40.0;

/// A place for each element, in columns and rows: as the file says if it places every element apart, else by the edges.
pub(crate) fn layout(graph: &Graph) -> Vec<[f64; 2]> {
    placed(graph).unwrap_or_else(|| by_edges(graph))
}

fn placed(graph: &Graph) -> Option<Vec<[f64; 2]>> {
    let mut places: Vec<[f64; 2]> =
        graph.elements.iter().map(|element| element.position).collect::<Option<_>>()?;
    let far = places.iter().flatten().fold(0.0_f64, |far, n| far.max(n.abs()));
    if far > CELLS_MAX {
        places.iter_mut().for_each(|[x, y]| (*x, *y) = (*x / PIXELS[0], *y / PIXELS[1]));
    }
    let apart = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).abs() >= 0.75 || (a[1] - b[1]).abs() >= 0.6;
    let all_apart = places.iter().enumerate().all(|(at, a)| places[..at].iter().all(|b| apart(a, b)));
    all_apart.then_some(places)
}

fn by_edges(graph: &Graph) -> Vec<[f64; 2]> {
    let order = visited(graph);
    let rank: HashMap<usize, usize> = order.iter().enumerate().map(|(rank, index)| (*index, rank)).collect();
    let mut columns = vec![0_usize; graph.elements.len()];
    // In this order every edge but those that lead back goes forward, so one pass gives the longest way.
    for from in &order {
        for target in graph.elements[*from].outs.iter().flatten() {
            let to = target.element as usize;
            if rank.get(&to) > rank.get(from) {
                columns[to] = columns[to].max(columns[*from] + 1);
            }
        }
    }
    let mut heights: HashMap<usize, usize> = HashMap::new();
    let mut places = vec![[0.0, 0.0]; graph.elements.len()];
    for index in order {
        let row = heights.entry(columns[index]).or_default();
        places[index] = [columns[index] as f64, *row as f64];
        *row += 1;
    }
    places
}

/// All elements in topological order where there is one, the ways in first; depth first without recursion.
fn visited(graph: &Graph) -> Vec<usize> {
    let count = graph.elements.len();
    let mut entered = vec![false; count];
    for target in graph.elements.iter().flat_map(|element| element.outs.iter().flatten()) {
        if let Some(entered) = entered.get_mut(target.element as usize) {
            *entered = true;
        }
    }
    let starts = (0..count).filter(|index| !entered[*index]).chain(0..count);
    let targets = |index: usize| -> Vec<usize> {
        let all = graph.elements[index].outs.iter().flatten().map(|target| target.element as usize);
        all.filter(|to| *to < count).collect()
    };
    let (mut seen, mut done) = (vec![false; count], Vec::with_capacity(count));
    for start in starts {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let mut open = vec![(start, targets(start))];
        while let Some((index, left)) = open.last_mut() {
            match left.pop() {
                Some(to) if !std::mem::replace(&mut seen[to], true) => open.push((to, targets(to))),
                Some(_) => {}
                None => {
                    done.push(*index);
                    open.pop();
                }
            }
        }
    }
    done.reverse();
    done
}
