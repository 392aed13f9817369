//! Circles in a small graph, and the fewest edges that close them.

use std::collections::{BTreeMap, BTreeSet};

/// Beyond this the order of a circle's nodes is not searched for, but put together node by node.
const MAX_SEARCHED: usize = 12;

/// Edges with their weights.
pub(crate) type Graph = BTreeMap<(usize, usize), usize>;

/// The nodes that are reached from one, itself among them.
pub(crate) fn reached(graph: &Graph, from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::from([from]);
    let mut pending = vec![from];
    while let Some(node) = pending.pop() {
        pending.extend(
            graph.range((node, 0)..=(node, usize::MAX)).map(|(edge, _)| edge.1).filter(|&to| reached.insert(to)),
        );
    }
    reached
}

/// The shortest way between two nodes, both of them in it.
pub(crate) fn way(graph: &Graph, from: usize, to: usize) -> Option<Vec<usize>> {
    let mut ways = std::collections::VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::from([from]);
    while let Some(way) = ways.pop_front() {
        let last = *way.last()?;
        if last == to {
            return Some(way);
        }
        for (&(_, next), _) in graph.range((last, 0)..=(last, usize::MAX)) {
            if seen.insert(next) {
                ways.push_back([&way[..], &[next]].concat());
            }
        }
    }
    None
}

/// The lightest set of edges without which there is no circle.
pub(crate) fn closing(graph: &Graph) -> BTreeSet<(usize, usize)> {
    let nodes: BTreeSet<_> = graph.keys().flat_map(|&(from, to)| [from, to]).collect();
    let reach: BTreeMap<_, _> = nodes.iter().map(|&node| (node, reached(graph, node))).collect();
    let mut left = nodes;
    let mut closing = BTreeSet::new();
    while let Some(node) = left.pop_first() {
        let circle: Vec<_> = reach[&node].iter().copied().filter(|other| reach[other].contains(&node)).collect();
        left.retain(|other| !circle.contains(other));
        let order = if circle.len() > MAX_SEARCHED { greedy(graph, circle) } else { lightest(graph, &circle) };
        for (place, &low) in order.iter().enumerate() {
            closing.extend(order[place + 1..].iter().map(|&high| (low, high)).filter(|edge| graph.contains_key(edge)));
        }
    }
    closing
}

fn weight(graph: &Graph, from: usize, to: usize) -> usize {
    graph.get(&(from, to)).copied().unwrap_or(0)
}

/// The order from the bottom whose edges upward weigh least. `least[set]` is what the nodes of `set` weigh at the bottom,
/// and which of them lies on top.
fn lightest(graph: &Graph, nodes: &[usize]) -> Vec<usize> {
    let mut least = vec![(usize::MAX, 0); 1 << nodes.len()];
    least[0].0 = 0;
    for set in 0..least.len() {
        for top in (0..nodes.len()).filter(|top| set & (1 << top) == 0) {
            let below = (0..nodes.len()).filter(|below| set & (1 << below) != 0);
            let upward = below.map(|below| weight(graph, nodes[below], nodes[top])).sum::<usize>();
            let with = (least[set].0 + upward, top);
            let next = &mut least[set | (1 << top)];
            *next = (*next).min(with);
        }
    }
    let mut set = least.len() - 1;
    let mut order = Vec::new();
    while set != 0 {
        let top = least[set].1;
        order.push(nodes[top]);
        set &= !(1 << top);
    }
    order.reverse();
    order
}

/// An order from the bottom: always the node next that imports least of those above it.
fn greedy(graph: &Graph, mut nodes: Vec<usize>) -> Vec<usize> {
    let mut order = Vec::new();
    while let Some(&lowest) =
        nodes.iter().min_by_key(|&&node| nodes.iter().map(|&above| weight(graph, node, above)).sum::<usize>())
    {
        nodes.retain(|&node| node != lowest);
        order.push(lowest);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_without_a_circle_has_no_edge_that_closes_one() {
        assert_eq!(closing(&Graph::from([((0, 1), 1), ((0, 2), 1), ((1, 2), 1)])), BTreeSet::new());
    }

    #[test]
    fn the_lightest_edge_closes_the_circle() {
        let graph = Graph::from([((0, 1), 3), ((1, 2), 1), ((2, 0), 2), ((3, 0), 1)]);
        assert_eq!(closing(&graph), BTreeSet::from([(1, 2)]));
        assert_eq!(way(&graph, 2, 1), Some(vec![2, 0, 1]));
    }

    #[test]
    fn circles_are_told_apart() {
        let graph = Graph::from([((0, 1), 1), ((1, 0), 2), ((1, 2), 1), ((2, 3), 2), ((3, 2), 1)]);
        assert_eq!(closing(&graph), BTreeSet::from([(0, 1), (3, 2)]));
    }

    #[test]
    fn a_large_circle_is_cut_too() {
        let graph: Graph = (0..20).map(|node| ((node, (node + 1) % 20), 1)).collect();
        assert_eq!(closing(&graph).len(), 1);
    }
}
