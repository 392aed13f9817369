//! What a path names: an item of a file, found through imports and re-exports, or something outside of the crate.

use crate::{
    module::{Kind, Module},
    source::Crate,
};

/// How many imports a name is followed through. Only a circle of imports is longer, and such a name is another crate's.
const MAX_IMPORTS: usize = 8;

/// What a path names.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Module(usize),
    Item {
        module: usize,
        name: String,
        kind: Kind,
    },
    /// A path that begins with another crate's name.
    Outside(Vec<String>),
}

/// What a path names, and how it was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) target: Target,
    /// Modules whose imports the name came through.
    pub(crate) through: Vec<usize>,
}

impl Found {
    fn at(target: Target) -> Self {
        Self { target, through: Vec::new() }
    }
}

impl Crate {
    /// What a path that is written in `module` names: nothing, or one thing for each namespace that knows it.
    pub(crate) fn resolve(&self, module: usize, path: &[String]) -> Vec<Found> {
        self.follow(module, path, 0)
    }

    /// The macro that is defined above its caller in the order of the text.
    pub(crate) fn macro_in_scope(&self, module: usize, name: &str) -> Option<Found> {
        let above = std::iter::successors(Some(module), |&module| self.modules[module].parent);
        let defines = |module: &usize| self.modules[*module].items.get(name).is_some_and(|k| k.contains(&Kind::Macro));
        let module = above.into_iter().find(defines)?;
        Some(Found::at(Target::Item { module, name: name.to_owned(), kind: Kind::Macro }))
    }

    fn follow(&self, module: usize, path: &[String], depth: usize) -> Vec<Found> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let outside = || vec![Found::at(Target::Outside(path.to_vec()))];
        let mut found = match first.as_str() {
            "" => return vec![Found::at(Target::Outside(rest.to_vec()))],
            "crate" => vec![Found::at(Target::Module(0))],
            "self" => vec![Found::at(Target::Module(module))],
            "super" => match self.modules[module].parent {
                Some(parent) => vec![Found::at(Target::Module(parent))],
                None => return Vec::new(),
            },
            name => self.lookup(module, name, depth),
        };
        if found.is_empty() {
            return outside();
        }
        for segment in rest {
            if found.len() > 1 {
                // A function does not go on, a module of its name does.
                found.retain(|f| !matches!(f.target, Target::Item { kind: Kind::Value | Kind::Macro, .. }));
            }
            found = found.into_iter().flat_map(|f| self.step(f, segment, depth)).collect();
        }
        found
    }

    fn step(&self, found: Found, segment: &str, depth: usize) -> Vec<Found> {
        let Found { target, through } = found;
        match target {
            Target::Module(module) if segment == "super" => {
                let parent = self.modules[module].parent;
                parent.map(|parent| Found { target: Target::Module(parent), through }).into_iter().collect()
            }
            Target::Module(module) if segment == "self" => vec![Found { target: Target::Module(module), through }],
            Target::Module(module) => {
                let mut next = self.lookup(module, segment, depth);
                if next.is_empty() {
                    // The crate compiles, so it is there: a macro makes it.
                    let kind = if segment.starts_with(char::is_uppercase) { Kind::Type } else { Kind::Value };
                    next.push(Found::at(Target::Item { module, name: segment.to_owned(), kind }));
                }
                for found in &mut next {
                    found.through.extend(&through);
                }
                next
            }
            // A variant or an associated item.
            item @ Target::Item { .. } => vec![Found { target: item, through }],
            Target::Outside(mut path) => {
                path.push(segment.to_owned());
                vec![Found { target: Target::Outside(path), through }]
            }
        }
    }

    /// What a name in a module's scope is.
    fn lookup(&self, module: usize, name: &str, depth: usize) -> Vec<Found> {
        if depth > MAX_IMPORTS {
            return Vec::new();
        }
        let Module { children, items, imports, .. } = &self.modules[module];
        let mut found: Vec<_> =
            children.iter().filter(|c| c.0 == name).map(|c| Found::at(Target::Module(c.1))).collect();
        for &kind in items.get(name).into_iter().flatten() {
            found.push(Found::at(Target::Item { module, name: name.to_owned(), kind }));
        }
        let mut imported = Vec::new();
        for import in imports.iter().filter(|import| import.name.as_deref() == Some(name)) {
            imported.extend(self.follow(module, &import.path, depth + 1));
        }
        if found.is_empty() && imported.is_empty() {
            for glob in imports.iter().filter(|import| import.name.is_none()) {
                for from in self.follow(module, &glob.path, depth + 1) {
                    if let Target::Module(from) = from.target {
                        imported.extend(self.lookup(from, name, depth + 1));
                    }
                }
            }
        }
        for found in &mut imported {
            found.through.push(module);
        }
        found.append(&mut imported);
        found
    }
}
