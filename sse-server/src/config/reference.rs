//! `docs/configuration.md`: every key with its text, default and what it takes.

use std::{convert::Infallible, fmt::Write};

use super::{
    Config,
    section::{About, Key, Visitor},
    setting::Setting,
};

/// What comes before the sections.
const INTRO: &str = include_str!("reference/intro.md");

impl Config {
    /// The documentation of every key as Markdown, which is `docs/configuration.md`.
    #[doc(hidden)]
    #[must_use]
    pub fn reference() -> String {
        let mut reference = Reference { text: INTRO.to_owned(), notes: "" };
        let Ok(()) = Self::default().visit(&mut reference);
        reference.end_section();
        reference.text
    }
}

struct Reference {
    text: String,
    /// What follows the section's table.
    notes: &'static str,
}

impl Reference {
    fn end_section(&mut self) {
        if !self.notes.is_empty() {
            let _ = write!(self.text, "\n{}", self.notes);
        }
    }
}

impl Visitor for Reference {
    type Error = Infallible;

    fn section(&mut self, name: &'static str, about: &About) {
        self.end_section();
        self.notes = about.notes;
        let _ =
            writeln!(self.text, "\n## {name}\n\n{}\n\n| key | default | allowed | |\n|---|---|---|---|", about.text());
    }

    fn key<S: Setting>(&mut self, key: &Key, value: &mut S, takes: &S::Takes) -> Result<(), Infallible> {
        let default = match (key.default, value.in_units(takes)) {
            (Some(words), _) => words.to_owned(),
            (None, Some(units)) => format!("`{}` ({units})", value.show()),
            (None, None) => format!("`{}`", value.show()),
        };
        let see = key.see.map(|link| format!(" See {link}.")).unwrap_or_default();
        let cells = [format!("`{}`", key.name), default, S::allowed_in_table(takes), key.text::<S>() + &see];
        let _ = writeln!(self.text, "| {} |", cells.map(|cell| cell.replace('|', r"\|")).join(" | "));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_that_of_the_keys() {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        let document = std::fs::read_to_string(document).unwrap();
        assert!(document == Config::reference(), "docs/configuration.md is stale: run `cargo xtask docs`");
    }
}
