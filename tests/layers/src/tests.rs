//! The rules on small made-up crates.

mod across;
mod parents;
mod paths;
mod siblings;

use std::{io, path::Path};

use crate::{edges::Edges, source::Crate, within};

pub(crate) use within::Order;

/// A crate of these files, below `src/`.
fn made_up(files: &[(&str, &str)]) -> Crate {
    let read = |path: &Path| {
        let file = files.iter().find(|(name, _)| Path::new("src").join(name) == path);
        file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    Crate::read(Path::new("src/lib.rs"), &read).unwrap()
}

/// What breaks a rule in a crate of these files: file, line and import.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    found_in_order(files, None)
}

fn found_in_order(files: &[(&str, &str)], modules: Option<&[&str]>) -> Vec<String> {
    let of = made_up(files);
    let order = modules.map(|modules| Order { package: "made-up", modules });
    let violations = within::violations(&of, &Edges::of(&of), order.as_ref());
    violations.iter().map(|found| format!("{}:{} {}", found.file.display(), found.line, found.what)).collect()
}

/// What breaks a rule, in full.
fn lines(files: &[(&str, &str)], modules: Option<&[&str]>) -> Vec<String> {
    let of = made_up(files);
    let order = modules.map(|modules| Order { package: "made-up", modules });
    within::violations(&of, &Edges::of(&of), order.as_ref()).iter().map(ToString::to_string).collect()
}
