//! `sse-server token`: the file of tokens.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use clap::{Args, Subcommand};
use serde::Serialize;
use sse_server::{Config, NewToken, Selector, Token, Tokens};

use crate::exit::{fail, tell};

/// The file is that of --file, or of auth.tokens in the configuration. A hub that runs reads it again when it changes: what is
/// revoked ends within a second.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// A TOML file, the hub's
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,

    /// The file of tokens [default: sse-tokens.toml]
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) file: Option<PathBuf>,

    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make a token and print it: once, for the file has only its hash
    New {
        /// Who holds it: streams are listed by this name
        #[arg(long, value_name = "NAME")]
        subject: String,
        /// A topic or pattern to publish to, such as runs/**; give it repeatedly for several
        #[arg(long, value_name = "SELECTOR")]
        publish: Vec<String>,
        /// A topic or pattern to subscribe to; give it repeatedly for several
        #[arg(long, value_name = "SELECTOR")]
        subscribe: Vec<String>,
        /// How long it is valid, such as 30days [default: until it is revoked]
        #[arg(long, value_name = "TIME")]
        valid_for: Option<String>,
    },
    /// Tell the tokens and what they grant
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a token
    Revoke {
        /// Its ID, as list tells it
        id: String,
    },
}

impl Command {
    /// Runs the task, and reports the outcome.
    pub(crate) fn run(&self, config: &Config) -> ExitCode {
        let path = &config.auth.tokens;
        let done = match &self.task {
            Task::New { subject, publish, subscribe, valid_for } => {
                new(path, subject, publish, subscribe, valid_for.as_deref())
            }
            Task::List { json } => list(path, *json),
            Task::Revoke { id } => revoke(path, id),
        };
        done.map_or_else(|error| fail(&error, 1), |()| ExitCode::SUCCESS)
    }
}

fn new(
    path: &Path,
    subject: &str,
    publish: &[String],
    subscribe: &[String],
    valid_for: Option<&str>,
) -> Result<(), String> {
    if publish.is_empty() && subscribe.is_empty() {
        return Err(
            "a token without --publish and --subscribe grants nothing; give one, such as --subscribe 'news/**'".into(),
        );
    }
    let selectors = |flag: &str, texts: &[String]| {
        let one = |text: &String| Selector::new(text).map_err(|why| format!("{flag} {text:?}: {why}"));
        texts.iter().map(one).collect::<Result<Vec<_>, _>>()
    };
    let time = |text: &str| {
        humantime::parse_duration(text)
            .ok()
            .filter(|time| *time > Duration::ZERO)
            .ok_or_else(|| format!("--valid-for {text:?}: it takes a time such as 12h or 30days"))
    };
    let new = NewToken {
        subject: subject.to_owned(),
        publish: selectors("--publish", publish)?,
        subscribe: selectors("--subscribe", subscribe)?,
        valid_for: valid_for.map(time).transpose()?,
    };
    let issued = change(path, |tokens| tokens.issue(new, SystemTime::now()).map_err(|error| error.to_string()))?;
    tell(&format!(
        "the token {} is in {} as a hash; this is the only time that it is shown",
        issued.id,
        path.display()
    ));
    say(&format!("{}\n", issued.token))
}

#[derive(Serialize)]
struct Listed {
    id: String,
    subject: String,
    publish: Vec<String>,
    subscribe: Vec<String>,
    expires: Option<String>,
    expired: bool,
}

impl Listed {
    fn of(token: &Token, now: SystemTime) -> Self {
        let texts = |selectors: &[Selector]| selectors.iter().map(ToString::to_string).collect();
        Self {
            id: token.id.clone(),
            subject: token.subject.clone(),
            publish: texts(&token.publish),
            subscribe: texts(&token.subscribe),
            // the file has only times of the calendar
            expires: token.expires.map(|at| humantime::format_rfc3339_seconds(at).to_string()),
            expired: token.expires.is_some_and(|at| at <= now),
        }
    }
}

fn list(path: &Path, json: bool) -> Result<(), String> {
    let (tokens, now) = (read(path)?, SystemTime::now());
    let all: Vec<_> = tokens.iter().map(|token| Listed::of(token, now)).collect();
    if json {
        return say(&(serde_json::to_string_pretty(&all).map_err(|error| error.to_string())? + "\n"));
    }
    let mut text = String::new();
    for Listed { id, subject, publish, subscribe, expires, expired } in &all {
        let end = match expires {
            None => "until it is revoked".to_owned(),
            Some(at) if *expired => format!("expired {at}"),
            Some(at) => format!("until {at}"),
        };
        text.push_str(&format!("{id}  {subject}, {end}\n"));
        for (what, selectors) in [("publish", publish), ("subscribe", subscribe)] {
            if !selectors.is_empty() {
                text.push_str(&format!("              {what} {}\n", selectors.join(" ")));
            }
        }
    }
    if all.is_empty() {
        text.push_str("no tokens\n");
    }
    say(&text)
}

fn revoke(path: &Path, id: &str) -> Result<(), String> {
    read(path)?; // or there is none, and none is made
    change(path, |tokens| {
        let unknown = || format!("there is no token {id:?} in {}; `sse-server token list` tells them", path.display());
        tokens.revoke(id).then_some(()).ok_or_else(unknown)
    })?;
    say(&format!("revoked {id}\n"))
}

fn read(path: &Path) -> Result<Tokens, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => told(&"there is no such file; `sse-server token new` makes it"),
        _ => told(&error),
    })?;
    Tokens::parse(&text).map_err(|error| told(&error))
}

/// Changes the tokens of the file as `change` says. Others that change it at the same time wait.
fn change<T>(path: &Path, change: impl FnOnce(&mut Tokens) -> Result<T, String>) -> Result<T, String> {
    let failed = |error: &dyn std::fmt::Display| format!("can't write {}: {error}", path.display());
    let beside = |ending: &str| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        path.with_file_name(name)
    };
    let lock = File::options().create(true).append(true).open(beside(".lock"));
    let lock = lock.and_then(|lock| lock.lock().map(|()| lock)).map_err(|error| failed(&error))?;
    let mut tokens = if path.exists() { read(path)? } else { Tokens::default() };
    let changed = change(&mut tokens)?;
    let text = tokens.to_toml().map_err(|error| error.to_string())?;
    replace(path, &beside(".new"), &text).map_err(|error| failed(&error))?;
    drop(lock);
    Ok(changed)
}

/// Writes `new`, and puts it in the place of `path`, so that a hub never reads half of it. It has the owner and the mode of the
/// old file; the first one is for its owner alone.
fn replace(path: &Path, new: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {} // there was one of a run that was interrupted, or none
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(new)?;
    if let Ok(old) = fs::metadata(path) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, fchown};
            if (old.uid(), old.gid()) != (file.metadata()?.uid(), file.metadata()?.gid()) {
                fchown(&file, Some(old.uid()), Some(old.gid()))?;
            }
        }
        file.set_permissions(old.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(new, path)
}

fn say(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    let said = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    said.map_err(|error| format!("can't write to standard output: {error}"))
}
