//! `sse-server log`: the log on disk while no hub runs.

mod progress;
mod words;

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use sse_server::{Config, Exported, Form, Imported, LogFile};

use crate::exit::{fail, tell};
use progress::{Progress, Unit};

/// The log on disk is that of --data, or of store.path in the configuration.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// A TOML file, the hub's
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,

    /// The directory of the log on disk [default: sse-data]
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) data: Option<PathBuf>,

    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Tell its epoch, what it retains of which topics, and its size
    Info {
        /// As JSON, with every topic
        #[arg(long)]
        json: bool,
    },
    /// Write the retained events, one JSON object a line, in the order of the log
    Export {
        /// A new file; without it they go to standard output
        file: Option<PathBuf>,
        /// Without IDs and times: what POST /publish takes as application/x-ndjson
        #[arg(long)]
        publishable: bool,
    },
    /// Append events, one JSON object a line as export writes them, under new IDs
    ///
    /// Each event keeps its time, if the log is not beyond it. A log is made if there is none. A line that is no event ends
    /// it; what came before stays.
    Import {
        /// Without it they come from standard input
        file: Option<PathBuf>,
    },
    /// Check that all of it can be read and agrees with itself; status 1 and a line for each finding if not
    Verify,
    /// Give the room that trimmed events left back to the file system
    Compact,
}

/// The exit code, or a line that says what failed.
type Done = Result<ExitCode, String>;

impl Command {
    /// Runs the task, and reports the outcome.
    pub(crate) fn run(&self, config: &Config) -> ExitCode {
        let done = match &self.task {
            Task::Info { json } => info(config, *json),
            Task::Export { file, publishable } => {
                let form = if *publishable { Form::Publishable } else { Form::Whole };
                export(config, file.as_deref(), form)
            }
            Task::Import { file } => import(config, file.as_deref()),
            Task::Verify => verify(config),
            Task::Compact => compact(config),
        };
        done.unwrap_or_else(|error| fail(&error, 1))
    }
}

fn open(config: &Config) -> Result<LogFile, String> {
    LogFile::open(config).map_err(line)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
fn line(error: impl ToString) -> String {
    error.to_string()
}

fn info(config: &Config, json: bool) -> Done {
    let info = open(config)?.info().map_err(line)?;
    let text = if json { serde_json::to_string_pretty(&info).map_err(line)? + "\n" } else { words::info(&info) };
    say(&text)
}

fn export(config: &Config, file: Option<&Path>, form: Form) -> Done {
    let log = open(config)?;
    let Some(path) = file else {
        let progress = Progress::new(Unit::Events, !io::stdout().is_terminal());
        let exported = log.export(io::stdout().lock(), form, |done, total| progress.at(done, total)).map_err(line)?;
        drop(progress);
        tell(&format!("events exported: {}", exported.events));
        return Ok(left_out(exported));
    };
    let failed = |error: io::Error| format!("can't write {}: {error}", path.display());
    let mut out = File::create_new(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{} exists; give the name of a new file", path.display()),
        _ => failed(error),
    })?;
    let progress = Progress::new(Unit::Events, true);
    let exported = log.export(&mut out, form, |done, total| progress.at(done, total)).map_err(line);
    drop(progress);
    let exported = exported.and_then(|exported| out.sync_all().map(|()| exported).map_err(failed));
    match exported {
        Ok(exported) => {
            say(&format!("events exported: {}, to {}\n", exported.events, path.display()))?;
            Ok(left_out(exported))
        }
        Err(error) => {
            drop(out);
            let _ = fs::remove_file(path); // half an export would look complete
            Err(error)
        }
    }
}

/// Status 1, and a line, if damaged events were left out.
fn left_out(exported: Exported) -> ExitCode {
    let Exported { left_out, .. } = exported;
    if left_out == 0 {
        return ExitCode::SUCCESS;
    }
    tell(&format!("events left out, since they can't be read: {left_out}; `sse-server log verify` names them"));
    ExitCode::FAILURE
}

fn import(config: &Config, file: Option<&Path>) -> Done {
    let imported = match file {
        None => read_in(config, io::stdin().lock(), None)?,
        Some(path) => {
            let failed = |error: io::Error| format!("can't read {}: {error}", path.display());
            let file = File::open(path).map_err(failed)?;
            let bytes = file.metadata().map_err(failed)?.len();
            read_in(config, BufReader::new(file), Some(bytes))?
        }
    };
    say(&format!("{imported}\n"))
}

fn read_in(config: &Config, lines: impl BufRead, bytes: Option<u64>) -> Result<Imported, String> {
    let progress = Progress::new(Unit::Bytes, true);
    let imported = LogFile::import(config, lines, |done| progress.at(done, bytes.unwrap_or_default()));
    drop(progress);
    imported.map_err(line)
}

fn verify(config: &Config) -> Done {
    let mut log = open(config)?;
    let progress = Progress::new(Unit::Rows, true);
    let verified = log.verify(|done, total| progress.at(done, total));
    drop(progress);
    say(&words::verified(&verified))?;
    Ok(if verified.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compact(config: &Config) -> Done {
    let log = open(config)?;
    let progress = Progress::new(Unit::Unknown, true);
    let compacted = log.compact();
    drop(progress);
    let (before, after) = compacted.map_err(line)?;
    say(&format!("{} before, {} after\n", words::bytes(before), words::bytes(after)))
}

/// Writes the requested output. If that fails, so does the task.
fn say(text: &str) -> Done {
    let mut out = io::stdout().lock();
    let said = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    said.map(|()| ExitCode::SUCCESS).map_err(|error| format!("can't write to standard output: {error}"))
}
