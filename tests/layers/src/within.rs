//! The rules within a crate: an order of its modules, no circles among siblings, and none between parent and child.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    circle::{self, Graph},
    edges::{Edge, Edges},
    module::Kind,
    source::Crate,
    violation::Violation,
};

/// A crate's modules from the bottom: each imports only from those before it.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The package. The order is its library's, or of its program if it has no library.
    pub package: &'a str,
    /// The modules at the top of the crate. Each that there is has to be here; one may be here that there is not yet.
    pub modules: &'a [&'a str],
}

/// What a crate's imports break.
pub(crate) fn violations(of: &Crate, edges: &Edges, order: Option<&Order<'_>>) -> Vec<Violation> {
    let mut found = Vec::new();
    for parent in 0..of.files.len() {
        let family = Family::new(of, edges, parent);
        match order {
            Some(order) if parent == 0 => family.upward(order, &mut found),
            _ => family.circles(&mut found),
        }
        family.with_parent(&mut found);
    }
    found.sort();
    found
}

/// The children of one file, each with all that lies beneath it.
struct Family<'a> {
    of: &'a Crate,
    children: Vec<usize>,
    between: BTreeMap<(usize, usize), Vec<&'a Edge>>,
    /// What the parent names of a child, but for what it hands on.
    down: BTreeMap<usize, Vec<&'a Edge>>,
    /// What a child names of the parent's own file.
    up: BTreeMap<usize, Vec<&'a Edge>>,
}

impl<'a> Family<'a> {
    fn new(of: &'a Crate, edges: &'a Edges, parent: usize) -> Self {
        let (between, down, up) = Default::default();
        let mut this = Self { of, children: of.declared_by(parent).collect(), between, down, up };
        for edge in &edges.within {
            match (this.child(edge.from), this.child(edge.to)) {
                (Some(from), Some(to)) if from != to => this.between.entry((from, to)).or_default().push(edge),
                (None, Some(to)) if edge.from == parent && !edge.handed_on && edge.kind.is_some() => {
                    this.down.entry(to).or_default().push(edge);
                }
                (Some(from), None) if edge.to == parent => this.up.entry(from).or_default().push(edge),
                _ => {}
            }
        }
        this
    }

    /// The child that a file lies beneath.
    fn child(&self, file: usize) -> Option<usize> {
        self.of.lineage(file).find(|above| self.children.contains(above))
    }

    fn graph(&self) -> Graph {
        self.between.iter().map(|(&ends, edges)| (ends, edges.len())).collect()
    }

    /// The name of a child in its parent.
    fn short(&self, child: usize) -> &'a str {
        self.of.modules[self.of.files[child].module].path.last().map_or("crate", String::as_str)
    }

    fn upward(&self, order: &Order<'_>, found: &mut Vec<Violation>) {
        let place = |child: usize| order.modules.iter().position(|module| *module == self.short(child));
        for &child in self.children.iter().filter(|&&child| place(child).is_none()) {
            found.push(Violation {
                file: self.of.files[child].path.clone(),
                line: 1,
                what: self.of.name(child),
                why: format!("it has no place in the order of {}", order.package),
                mend: "say in the table of orders what it lies above".to_owned(),
            });
        }
        for (&(from, to), edges) in &self.between {
            let (Some(low), Some(high)) = (place(from), place(to)) else { continue };
            if low < high {
                let why =
                    format!("`{}` lies below `{}` in the order of {}", self.short(from), self.short(to), order.package);
                let mend = format!("move what both need to `{}` or below it", self.short(from));
                found.extend(edges.iter().map(|edge| self.violation(edge, why.clone(), mend.clone())));
            }
        }
    }

    fn circles(&self, found: &mut Vec<Violation>) {
        let graph = self.graph();
        for (from, to) in circle::closing(&graph) {
            let back = circle::way(&graph, to, from).unwrap_or_default();
            let steps = back.windows(2).map(|step| {
                let edge = self.between[&(step[0], step[1])][0];
                format!("`{}` imports {} ({})", self.short(step[0]), edge.what, self.place(edge))
            });
            let why = format!("this closes a circle, as {}", steps.collect::<Vec<_>>().join(", "));
            let mend = "move what both need to a file below both".to_owned();
            found.extend(self.between[&(from, to)].iter().map(|edge| self.violation(edge, why.clone(), mend.clone())));
        }
    }

    /// A parent may use what a child defines, or be named by it, but not both. Owning a child's type is no use of it that
    /// counts here, as long as all that is named of the parent are types.
    fn with_parent(&self, found: &mut Vec<Violation>) {
        let graph = self.graph();
        let calls = |edge: &&&Edge| edge.kind != Some(Kind::Type);
        let mut used = BTreeSet::new();
        for (&child, down) in &self.down {
            let reached = circle::reached(&graph, child);
            let back: Vec<_> = reached.iter().filter_map(|child| self.up.get(child)).flatten().collect();
            let Some(first) = self.up.get(&child).and_then(|up| up.first()).or(back.first().copied()) else { continue };
            for edge in down.iter().filter(calls) {
                let who = if self.child(first.from) == Some(child) { "the child" } else { "what the child imports" };
                let why = format!("its parent uses it, while {who} names {} ({})", first.what, self.place(first));
                let mend = "make it a method of the parent's type, or move what the child needs to a file below both"
                    .to_owned();
                found.push(self.violation(edge, why, mend));
            }
            if let Some(owned) = down.iter().find(|edge| edge.kind == Some(Kind::Type)) {
                for edge in back.into_iter().filter(calls).filter(|edge| used.insert(**edge)) {
                    let why =
                        format!("a child takes it from its parent, which owns {} ({})", owned.what, self.place(owned));
                    found.push(self.violation(edge, why, "move it to a file below both".to_owned()));
                }
            }
        }
    }

    fn violation(&self, edge: &Edge, why: String, mend: String) -> Violation {
        Violation { file: self.of.files[edge.from].path.clone(), line: edge.line, what: edge.what.clone(), why, mend }
    }

    fn place(&self, edge: &Edge) -> String {
        format!("{}:{}", self.of.files[edge.from].path.display(), edge.line)
    }
}
