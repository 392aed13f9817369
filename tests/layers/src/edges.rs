//! Which file imports what of which other.

use std::collections::BTreeSet;

use crate::{
    module::Kind,
    resolve::{Found, Target},
    source::Crate,
};

/// A file names an item of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The item by its full name, where it is defined; of a re-export, where that is.
    pub(crate) what: String,
    pub(crate) line: usize,
    pub(crate) kind: Option<Kind>,
    /// A file hands on what a file beneath it defines.
    pub(crate) handed_on: bool,
}

/// A path of another crate in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Outside {
    pub(crate) file: usize,
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
    /// `use path::*`.
    pub(crate) glob: bool,
}

/// What the files of a crate import.
#[derive(Debug, Default)]
pub(crate) struct Edges {
    pub(crate) within: Vec<Edge>,
    pub(crate) outside: Vec<Outside>,
}

impl Edges {
    pub(crate) fn of(of: &Crate) -> Self {
        let mut edges = Self::default();
        for (module, all) in of.modules.iter().enumerate() {
            for import in all.imports.iter().filter(|import| import.line > 0) {
                for found in of.resolve(module, &import.path) {
                    edges.add(of, module, import.line, &found, import.public, import.name.is_none());
                }
            }
            for mention in &all.mentions {
                let mut found = of.resolve(module, &mention.path);
                let unknown = found.iter().all(|found| matches!(found.target, Target::Outside(_)));
                if let ([name], true, true) = (&mention.path[..], mention.called, unknown) {
                    found.extend(of.macro_in_scope(module, name));
                }
                // A name alone may be a module's by chance.
                found.retain(|found| mention.path.len() > 1 || matches!(found.target, Target::Item { .. }));
                for found in found {
                    edges.add(of, module, mention.line, &found, false, false);
                }
            }
        }
        edges.within.sort();
        edges.within.dedup_by(|a, b| (a.from, a.to, &a.what, a.handed_on) == (b.from, b.to, &b.what, b.handed_on));
        edges.drop_modules();
        edges.outside.sort();
        edges.outside.dedup();
        edges
    }

    /// Drops the import of a module where the file names something in it.
    fn drop_modules(&mut self) {
        let items: BTreeSet<_> =
            self.within.iter().filter(|edge| edge.kind.is_some()).map(|edge| (edge.from, edge.what.clone())).collect();
        self.within.retain(|edge| {
            let beneath = format!("{}::", edge.what);
            edge.kind.is_some()
                || !items
                    .range((edge.from, beneath.clone())..)
                    .next()
                    .is_some_and(|(from, what)| *from == edge.from && what.starts_with(&beneath))
        });
    }

    fn add(&mut self, of: &Crate, module: usize, line: usize, found: &Found, public: bool, glob: bool) {
        let from = of.modules[module].file;
        let (target, what, kind) = match &found.target {
            Target::Outside(path) => {
                self.outside.push(Outside { file: from, line, path: path.clone(), glob });
                return;
            }
            Target::Module(target) => (*target, of.modules[*target].path.join("::"), None),
            Target::Item { module: target, name, kind } => {
                (*target, format!("{}::{name}", of.modules[*target].path.join("::")), Some(*kind))
            }
        };
        let to = of.modules[target].file;
        let names_ancestor = |file: usize| of.lineage(from).any(|above| above == file);
        if from != to && (kind.is_some() || !names_ancestor(to)) {
            let handed_on = public && of.lineage(to).any(|above| above == from);
            self.within.push(Edge { from, to, line, what: what.clone(), kind, handed_on });
        }
        for &through in &found.through {
            let to = of.modules[through].file;
            if !names_ancestor(to) && !of.lineage(of.modules[target].file).any(|above| above == to) {
                let name = what.rsplit("::").next().unwrap_or_default();
                let what = format!("{}::{name}", of.modules[through].path.join("::"));
                self.within.push(Edge { from, to, line, what, kind, handed_on: false });
            }
        }
    }
}
