//! A crate: the files that its root leads to, and the modules in them.

use std::{
    io,
    path::{Path, PathBuf},
};

use syn::Item;

use crate::{
    attributes::{attributes, compiled_for_tests, path_attribute},
    module::{Import, Kind, Module},
    paths,
};

/// Reads a source file.
pub(crate) type Read<'a> = dyn Fn(&Path) -> io::Result<String> + 'a;

/// A crate: a library or a program.
#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) files: Vec<File>,
    pub(crate) modules: Vec<Module>,
}

/// A source file, with the inline modules in it.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// The file that declares this one by `mod`; the root's is none.
    pub(crate) parent: Option<usize>,
    pub(crate) module: usize,
    pub(crate) lines: usize,
}

impl Crate {
    /// Reads a crate from its root file. What is compiled for tests only is left out.
    ///
    /// # Errors
    ///
    /// A file can't be read or is no Rust.
    pub(crate) fn read(root: &Path, read: &Read<'_>) -> Result<Self, String> {
        let mut this = Self { files: Vec::new(), modules: Vec::new() };
        this.file(root, None, "crate", read, root.parent().unwrap_or(Path::new("")).to_owned())?;
        Ok(this)
    }

    /// The name of a file's module: `crate::hub::cursor`.
    pub(crate) fn name(&self, file: usize) -> String {
        self.modules[self.files[file].module].path.join("::")
    }

    /// A file and those that declare it, up to the root.
    pub(crate) fn lineage(&self, file: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(file), |&file| self.files[file].parent)
    }

    /// Files that a file declares.
    pub(crate) fn declared_by(&self, file: usize) -> impl Iterator<Item = usize> {
        (0..self.files.len()).filter(move |&child| self.files[child].parent == Some(file))
    }

    fn file(
        &mut self,
        path: &Path,
        declared_in: Option<usize>,
        name: &str,
        read: &Read<'_>,
        beneath: PathBuf,
    ) -> Result<usize, String> {
        let text = read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let parsed =
            syn::parse_file(&text).map_err(|e| format!("{}:{}: {e}", path.display(), e.span().start().line))?;
        let file = self.files.len();
        let parent = declared_in.map(|module| self.modules[module].file);
        let module = self.module(name, declared_in, file);
        self.files.push(File { path: path.to_owned(), parent, module, lines: text.lines().count() });
        self.items(module, &parsed.items, &Place { read, path: path.to_owned(), beneath, inline: false })?;
        Ok(module)
    }

    fn module(&mut self, name: &str, parent: Option<usize>, file: usize) -> usize {
        let mut path = parent.map(|parent| self.modules[parent].path.clone()).unwrap_or_default();
        path.push(name.to_owned());
        self.modules.push(Module { path, parent, file, ..Module::default() });
        let module = self.modules.len() - 1;
        if let Some(parent) = parent {
            self.modules[parent].children.push((name.to_owned(), module));
        }
        module
    }

    fn items(&mut self, module: usize, items: &[Item], place: &Place<'_>) -> Result<(), String> {
        for item in items {
            if compiled_for_tests(attributes(item)) {
                continue;
            }
            if let Item::Mod(declared) = item {
                self.declared(module, declared, place)?;
                continue;
            }
            if let Some((name, kind)) = definition(item) {
                if kind == Kind::Macro && attributes(item).iter().any(|a| a.path().is_ident("macro_export")) {
                    let path = [self.modules[module].path.clone(), vec![name.clone()]].concat();
                    self.modules[0].imports.push(Import { name: Some(name.clone()), path, public: true, line: 0 });
                }
                self.modules[module].items.entry(name).or_default().push(kind);
            }
            paths::gather(item, &mut self.modules[module]);
        }
        Ok(())
    }

    fn declared(&mut self, module: usize, declared: &syn::ItemMod, place: &Place<'_>) -> Result<(), String> {
        let name = paths::plain(&declared.ident);
        let beneath = place.beneath.join(&name);
        if let Some((_, items)) = &declared.content {
            let inner = self.module(&name, Some(module), self.modules[module].file);
            return self.items(inner, items, &Place { path: place.path.clone(), beneath, inline: true, ..*place });
        }
        if let Some(given) = path_attribute(&declared.attrs) {
            let from = if place.inline { &place.beneath } else { place.path.parent().unwrap_or(Path::new("")) };
            let path = from.join(given);
            let beneath = path.parent().unwrap_or(Path::new("")).to_owned();
            return self.file(&path, Some(module), &name, place.read, beneath).map(drop);
        }
        let path = beneath.with_extension("rs");
        let path = if (place.read)(&path).is_ok() { path } else { beneath.join("mod.rs") };
        self.file(&path, Some(module), &name, place.read, beneath).map(drop)
    }
}

/// Where a module's text is, and where the files are that it declares.
struct Place<'a> {
    read: &'a Read<'a>,
    path: PathBuf,
    beneath: PathBuf,
    inline: bool,
}

fn definition(item: &Item) -> Option<(String, Kind)> {
    let (ident, kind) = match item {
        Item::Const(item) => (&item.ident, Kind::Value),
        Item::Fn(item) => (&item.sig.ident, Kind::Value),
        Item::Static(item) => (&item.ident, Kind::Value),
        Item::Enum(item) => (&item.ident, Kind::Type),
        Item::Struct(item) => (&item.ident, Kind::Type),
        Item::Trait(item) => (&item.ident, Kind::Type),
        Item::Type(item) => (&item.ident, Kind::Type),
        Item::Union(item) => (&item.ident, Kind::Type),
        Item::Macro(item) => (item.ident.as_ref()?, Kind::Macro),
        _ => return None,
    };
    Some((paths::plain(ident), kind))
}
