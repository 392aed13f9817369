//! Load for a server of events: many subscribers, some publishers, and an account of every event.
//!
//! The program `sse-load` is this library with a command line. It knows nothing of the server but two paths: where a
//! subscriber asks, and where an event is posted.
//!
//! ```
//! use clap::Parser;
//! use sse_load::Options;
//! use sse_testkit::script;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = script![accept, head(200), comment("welcome"), stall].listen().await?;
//! let address = server.address().to_string();
//! // one subscriber, held for a second; five thousand, in lockstep: ["sse-load", "-n", "5000", "--lockstep", ...]
//! let options = Options::parse_from(["sse-load", "-n", "1", "--idle", "1s", "--settle", "0s", &address]);
//! let report = tokio::task::spawn_blocking(move || sse_load::run(&options, |_progress| {})).await??;
//! assert!(report.is_clean(), "{report}");
//! # Ok(())
//! # }
//! ```
//!
//! One thread drives all sockets by readiness. What needs no socket is apart from it, and is tested without one: the
//! mix of topics, the schedule, the ledger of sequence numbers, the framing of HTTP.

mod options;
mod tls;

mod mix;
mod template;

mod pace;

mod ledger;
mod payload;

mod engine;
mod http;
mod process;

mod error;
mod report;

pub use error::LoadError;
pub use options::Options;
pub use report::Report;

/// How far a run is, for a display.
///
/// ```
/// use sse_load::Progress;
///
/// fn show(progress: &Progress) -> String {
///     format!("{}: {} of {} streams", progress.phase, progress.open, progress.subscribers)
/// }
/// # let show: fn(&Progress) -> String = show; // for `sse_load::run`
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is going on, such as `connecting`.
    pub phase: &'static str,
    /// Streams that are open.
    pub open: u32,
    /// Streams that there are to be.
    pub subscribers: u32,
    /// Events published so far.
    pub events: u64,
    /// Deliveries so far, slow subscribers included.
    pub deliveries: u64,
}

/// Makes the load, and blocks until it is over. `progress` is called some five times a second.
///
/// The process's descriptor limit is raised to the hard one.
///
/// ```
/// use clap::Parser;
/// use sse_load::Options;
///
/// let nobody = Options::parse_from(["sse-load", "-n", "1", "--connect-timeout", "1s", "127.0.0.1:1"]);
/// let error = sse_load::run(&nobody, |_progress| {}).unwrap_err();
/// assert!(error.to_string().contains("0 of 1 subscribers were connected within 1 s"), "{error}");
/// ```
///
/// # Errors
///
/// [`LoadError`] if the load can't be made. Events that are lost are no error: the [`Report`] has them.
pub fn run(options: &Options, progress: impl FnMut(&Progress)) -> Result<Report, LoadError> {
    engine::Engine::new(options, progress)?.run()
}
