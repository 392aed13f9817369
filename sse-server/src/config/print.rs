//! The effective configuration as a file that could be read again.

use std::{convert::Infallible, fmt::Write};

use super::{
    Config,
    section::{About, Key, Visitor},
    setting::Setting,
};

/// How many bytes a line of a comment has at most, its `# ` aside.
const WIDTH: usize = 100;

impl Config {
    /// The effective configuration as commented TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut print = Print(String::new());
        let Ok(()) = self.clone().visit(&mut print);
        print.0
    }
}

struct Print(String);

impl Print {
    fn comment(&mut self, text: &str) {
        for line in lines(text, WIDTH) {
            let _ = writeln!(self.0, "# {line}");
        }
    }
}

impl Visitor for Print {
    type Error = Infallible;

    fn section(&mut self, name: &'static str, about: &About) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.comment(&about.text());
        let _ = writeln!(self.0, "[{name}]");
    }

    fn key<S: Setting>(&mut self, key: &Key, value: &mut S, _: &S::Takes) -> Result<(), Infallible> {
        self.comment(&key.text::<S>());
        let name = key.name;
        let _ = match value.show() {
            // A table among the keys of another would take them: it comes as one line.
            toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
                let tables: Vec<_> = list.iter().map(ToString::to_string).collect();
                writeln!(self.0, "{name} = [{}]", tables.join(", "))
            }
            value => writeln!(self.0, "{name} = {value}"),
        };
        Ok(())
    }
}

/// Breaks a paragraph into lines of at most `width` bytes, or of one word.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
