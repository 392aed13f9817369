//! The program's log: lines on standard error, of panics too.

use std::{
    any::Any,
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, IsTerminal},
    panic, thread,
};

use sse_server::{Config, LogFormat, LogLines};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Logs to standard error as `config` says.
///
/// From here on nothing else may be written there while the hub serves: a write could fail or block.
pub(crate) fn start(config: &Config) -> io::Result<LogLines> {
    let lines = LogLines::start(io::stderr())?;
    let telemetry = &config.telemetry;
    let terminal = io::stderr().is_terminal();
    let json = match telemetry.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        _ => !terminal,
    };
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let filter: Targets = telemetry.log.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let writer = lines.clone();
    let layer = fmt::layer().with_writer(move || writer.clone()).with_ansi(colours).log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    if json {
        registry.with(layer.json()).init();
    } else {
        registry.with(layer).init();
    }
    // The standard library's own would write to standard error from the thread that panics, and wait there for its reader.
    panic::set_hook(Box::new(log_panic));
    Ok(lines)
}

fn log_panic(panicked: &panic::PanicHookInfo<'_>) {
    let thread = thread::current();
    let backtrace = Backtrace::capture();
    tracing::error!(
        thread = thread.name().unwrap_or("without a name"),
        panic = text(panicked.payload()),
        at = panicked.location().map(tracing::field::display),
        backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace)),
        "a thread panicked"
    );
}

fn text(payload: &dyn Any) -> &str {
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    payload.downcast_ref::<&str>().copied().or_else(owned).unwrap_or("not a text")
}
