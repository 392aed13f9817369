//! The effective configuration as a file that could be read again.

use std::{convert::Infallible, fmt::Write};

use super::{Config, Field, Visitor, lines};

const WIDTH: usize = 100;

pub(super) fn to_toml(mut config: Config) -> String {
    let mut print = Print(String::new());
    let Ok(()) = config.visit(&mut print);
    print.0
}

struct Print(String);

impl Visitor for Print {
    type Error = Infallible;

    fn section(&mut self, name: &'static str, about: &'static str) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.0, "{gap}# {about}\n[{name}]");
    }

    fn key(&mut self, name: &'static str, about: &'static str, field: Field<'_>) -> Result<(), Infallible> {
        for line in lines(about, WIDTH) {
            let _ = writeln!(self.0, "# {line}");
        }
        match field.show() {
            // A table among the keys of another would take them: it comes as one line.
            toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
                let tables: Vec<_> = list.iter().map(ToString::to_string).collect();
                let _ = writeln!(self.0, "{name} = [{}]", tables.join(", "));
            }
            value => {
                let _ = writeln!(self.0, "{name} = {value}");
            }
        }
        Ok(())
    }
}
