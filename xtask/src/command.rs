//! Children: started, waited for, and shown as the line a user would type.

use std::{
    env,
    ffi::OsStr,
    io,
    process::{Command, Stdio},
};

use crate::failure::{Failure, Result};

/// Runs a child that shares this terminal, and fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|e| unstartable(command, &e))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(match status.code() {
        Some(code) => format!("`{}` ended with exit code {code}", line(command)),
        None => format!("`{}` was killed", line(command)),
    }))
}

/// What a child that is only asked something writes to its standard output, unless it cannot start
/// or fails.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The failure to start a child at all.
pub(crate) fn unstartable(command: &Command, error: &io::Error) -> Failure {
    Failure::new(format!("cannot start `{}`: {error}", line(command)))
}

/// The program and its arguments as one line of shell, where the cargo in use is simply `cargo`.
pub(crate) fn line(command: &Command) -> String {
    let program = command.get_program();
    let cargo = env::var_os("CARGO").is_some_and(|cargo| program == cargo);
    let program = if cargo { OsStr::new("cargo") } else { program };
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+\\".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_quotes_what_a_shell_would_split() {
        let mut command = Command::new("cargo");
        command.args(["install", "--root", "/home/a b", "it's", ""]);
        assert_eq!(line(&command), r"cargo install --root '/home/a b' 'it'\''s' ''");
    }

    #[test]
    fn a_missing_program_is_named() {
        let failure = run(&mut Command::new("no-such-program-here")).expect_err("there is no such program");
        assert!(failure.to_string().starts_with("cannot start `no-such-program-here`: "), "{failure}");
    }
}
