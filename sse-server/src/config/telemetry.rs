//! `[telemetry]`

use super::{
    section::section,
    setting::{TextRule, choices},
};

section! {
    /// What the hub tells of itself. Log lines go to standard error.
    pub struct Telemetry {
        /// Which log lines: `error`, `warn`, `info`, `debug`, `trace`, or a filter in `tracing`'s syntax such as
        /// `sse_server=debug`.
        pub log: String = "info".into(), takes TextRule::LogFilter;

        /// How log lines look. `NO_COLOR` turns colours off.
        pub format: LogFormat = LogFormat::Auto;
    }
}

choices! {
    /// How log lines look.
    pub enum LogFormat {
        /// Text on a terminal, else JSON.
        Auto = "auto",
        /// Lines for a reader.
        Text = "text",
        /// A JSON object a line.
        Json = "json",
    }
}
