//! Fuzzing: the targets in `sse-core/fuzz` and `sse-server/fuzz`, each for a while.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    command,
    context::Context,
    failure::{Failure, Result},
};

const CORE: &str = "sse-core/fuzz";
const SERVER: &str = "sse-server/fuzz";

/// A program that libFuzzer feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A stream, its cuts and its limits
    Parse,
    /// Events of any fields
    Encode,
    /// The inputs of a client's session
    Session,
    /// Topics, and selectors of them
    Selector,
    /// A topic in a path
    Path,
    /// A query
    Query,
    /// An event's ID, and a resume with it
    Id,
    /// NDJSON, in any pieces
    Lines,
    /// A stream that is poured in, in any pieces
    Pour,
    /// What is shown to a hub with access control
    Token,
    /// The PROXY protocol
    Proxy,
}

impl Target {
    pub(crate) const ALL: [Self; 11] = [
        Self::Parse,
        Self::Encode,
        Self::Session,
        Self::Selector,
        Self::Path,
        Self::Query,
        Self::Id,
        Self::Lines,
        Self::Pour,
        Self::Token,
        Self::Proxy,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Encode => "encode",
            Self::Session => "session",
            Self::Selector => "selector",
            Self::Path => "path",
            Self::Query => "query",
            Self::Id => "id",
            Self::Lines => "lines",
            Self::Pour => "pour",
            Self::Token => "token",
            Self::Proxy => "proxy",
        }
    }

    /// The package that it is in.
    const fn directory(self) -> &'static str {
        match self {
            Self::Parse | Self::Encode | Self::Session => CORE,
            _ => SERVER,
        }
    }
}

/// Finds or builds cargo-fuzz, and builds the targets.
pub(crate) fn set_up(context: &Context) -> Result<()> {
    [CORE, SERVER].into_iter().try_for_each(|directory| {
        command::run(&mut cargo_fuzz(context, "build", directory)?).map_err(|failure| {
            Failure::new(format!(
                "{failure}; if a C++ compiler or the address sanitizer is missing, install g++ or clang, and Rust by \
                 rustup"
            ))
        })
    })
}

/// Fuzzes the target, beginning with what is in `seeds` and what earlier runs found worth keeping. The note says how
/// many inputs were tried.
pub(crate) fn run(context: &Context, target: Target, seconds: u32) -> Result<Option<String>> {
    let (name, place) = (target.name(), target.directory());
    let [grown, seeds] = ["corpus", "seeds"].map(|kind| PathBuf::from(place).join(kind).join(name));
    let directory = context.workspace.root().join(&grown);
    fs::create_dir_all(&directory).map_err(|e| Failure::new(format!("cannot make {}: {e}", directory.display())))?;

    let mut run = cargo_fuzz(context, "run", place)?;
    run.arg(name).args([grown, seeds]).args(["--", "-verbosity=0", "-print_final_stats=1", "-timeout=10"]);
    run.arg(format!("-max_total_time={seconds}"));
    let output = run.output().map_err(|e| command::unstartable(&run, &e))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(executions(&said).map(|number| format!("{number} executions")));
    }
    eprintln!("{said}");
    let Some(input) = written(&said) else {
        return Err(Failure::new(format!("`{}` ended with {}", command::line(&run), output.status)));
    };
    let mut repeat = cargo_fuzz(context, "run", place)?;
    repeat.args([name, input]);
    Err(Failure::new(format!("{name} found something, `RUSTC_BOOTSTRAP=1 {}` shows it", command::line(&repeat))))
}

fn cargo_fuzz(context: &Context, subcommand: &str, directory: &str) -> Result<Command> {
    let mut command = context.workspace.command(context.cargo_fuzz()?);
    command.args([subcommand, "--fuzz-dir", directory, "--target-dir"]).arg(context.workspace.target().join("fuzz"));
    // The sanitizer's flags are unstable; with this a stable compiler takes them too.
    command.env("RUSTC_BOOTSTRAP", "1");
    Ok(command)
}

/// What libFuzzer's closing statistics say.
fn executions(said: &str) -> Option<&str> {
    said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")).map(str::trim)
}

/// The input that libFuzzer kept because it found something with it.
fn written(said: &str) -> Option<&str> {
    said.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executions_are_read_off_the_statistics() {
        let said = "###### End of recommended dictionary. ######\n\
            stat::number_of_executed_units: 12942\nstat::average_exec_per_sec:     3235\n";
        assert_eq!((executions(said), written(said)), (Some("12942"), None));
    }

    #[test]
    fn the_input_that_found_something_is_read_off_the_report() {
        let said = "==1== ERROR: libFuzzer: deadly signal\n\
            artifact_prefix='artifacts/parse/'; Test unit written to artifacts/parse/crash-12df2e40\nBase64: BwA=\n";
        assert_eq!((executions(said), written(said)), (None, Some("artifacts/parse/crash-12df2e40")));
    }

    #[test]
    fn each_target_has_its_program_and_seeds() {
        for target in Target::ALL {
            let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(target.directory());
            let name = target.name();
            assert!(directory.join(format!("targets/{name}.rs")).is_file(), "{name}");
            assert!(fs::read_dir(directory.join("seeds").join(name)).unwrap().count() > 0, "{name}");
        }
    }
}
