//! A Server-Sent Events hub: publish over HTTP, fan out as SSE, resume exactly.
//!
//! As a program, `sse-server`. As a library, a [`Server`] to run in a program of one's own, or [`routes`] to mount
//! beside the routes of a warp program.
//!
//! ```no_run
//! use sse_server::{Config, Server};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::bind(Config::in_memory()).await?;
//! println!("http://{}", server.local_addr());
//! server.run(async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await;
//! # Ok(())
//! # }
//! ```
//!
//! Everything a subscriber receives is read from one log through a cursor; live delivery and replay are the same code.

// the tests that run on both drivers are shared with those of the library's users
#[cfg(test)]
extern crate self as sse_server;

mod config;
mod server;

mod http;
mod keys;

mod handle;
mod hub;
mod publish;
mod store;

mod driver;
mod wire;

mod metrics;
mod random;

pub use config::{
    Config, ConfigError, Cors, Durability, Lag, Limits, LogFormat, Overload, Publish, Retention, RetentionError,
    Server as ServerConfig, Source, Store, StoreKind, Stream, Telemetry, Window,
};
pub use handle::{Hub, HubError};
pub use http::{Face, routes};
pub use publish::PublishError;
pub use server::{ServeError, Server, Shutdown};
pub use store::redb::{Form, Imported, LogError, LogFile, LogInfo, LogTopic, Verified};
