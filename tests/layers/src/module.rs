//! A module: what it defines, and every path that it names.

use std::collections::BTreeMap;

/// A module: a file's or an inline one.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// From the root, which is `crate`.
    pub(crate) path: Vec<String>,
    pub(crate) parent: Option<usize>,
    pub(crate) file: usize,
    pub(crate) children: Vec<(String, usize)>,
    pub(crate) items: BTreeMap<String, Vec<Kind>>,
    pub(crate) imports: Vec<Import>,
    pub(crate) mentions: Vec<Mention>,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A struct, an enum, a union, an alias or a trait.
    Type,
    /// A function, a constant or a static.
    Value,
    Macro,
}

/// A name that `use` brings into a module.
#[derive(Debug)]
pub(crate) struct Import {
    /// The name it has here; none for a glob.
    pub(crate) name: Option<String>,
    pub(crate) path: Vec<String>,
    /// `pub use`, of whatever reach.
    pub(crate) public: bool,
    /// 0 for what `#[macro_export]` puts into the root.
    pub(crate) line: usize,
}

/// A path in a type, an expression, a pattern or a macro's arguments.
#[derive(Debug)]
pub(crate) struct Mention {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    /// The path of a macro that is called: it may be found by the order of the text.
    pub(crate) called: bool,
}
