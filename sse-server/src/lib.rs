//! A Server-Sent Events hub: publish over HTTP, fan out as SSE, resume exactly.
//!
//! As a program, `sse-server`. As a library, a [`Server`] to run in a program of one's own, or a [`HubService`] to mount
//! beside a program's own routes, with axum, hyper or another; for warp it is also a filter, `routes`.
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
//! The public enums may grow, so a match from outside has an arm for what is to come:
//!
//! ```
//! use sse_server::RouteSet;
//!
//! fn name(routes: RouteSet) -> &'static str {
//!     match routes {
//!         RouteSet::All => "all",
//!         RouteSet::Public => "public",
//!         RouteSet::Admin => "admin",
//!         _ => "other",
//!     }
//! }
//! # assert_eq!(name(RouteSet::Public), "public");
//! ```
//!
//! Without it the program does not compile:
//!
//! ```compile_fail,E0004
//! use sse_server::RouteSet;
//!
//! fn name(routes: RouteSet) -> &'static str {
//!     match routes {
//!         RouteSet::All => "all",
//!         RouteSet::Public => "public",
//!         RouteSet::Admin => "admin",
//!     }
//! }
//! # assert_eq!(name(RouteSet::Public), "public");
//! ```
//!
//! Everything a subscriber receives is read from one log through a cursor; live delivery and replay are the same code.

#![cfg_attr(
    not(feature = "redb"),
    allow(dead_code, reason = "the contract of stores has parts that only one on disk needs")
)]

// the tests that run on both drivers are shared with those of the library's users
#[cfg(test)]
extern crate self as sse_server;

// each block imports only from those below it
mod server;

mod http;

mod transport;

mod hub;

#[cfg(feature = "redb")]
mod log_file;
mod store;

mod auth;

mod fetch;

mod metrics;

mod config;

mod base;

pub use auth::{Asked, Authorizer, Authorizing, Denial, Grant, Issued, NewToken, Operation, Token, TokenError, Tokens};
pub use base::log_lines::LogLines;
pub use config::{
    Ask, Auth, AuthMode, CertificateGrant, Config, ConfigError, Cors, Durability, ForwardedBy, Issuer, IssuerKeys, Lag,
    Limits, Listen, LogFormat, Overload, Publish, Retention, RetentionError, Server as ServerConfig, Source, Store,
    StoreKind, Stream, Telemetry, Tls, Window,
};
#[cfg(feature = "warp")]
pub use http::routes;
pub use http::{HubService, ResponseBody, RouteSet};
pub use hub::{Hub, HubError, PublishError, SubscribeError, Target};
#[cfg(feature = "redb")]
pub use log_file::{Exported, Form, Imported, LogError, LogFile, LogInfo, LogTopic, Verified};
pub use server::{ServeError, Server, Shutdown};
pub use sse_core::hub::{DrainReason, End, Gap, GapReason};
pub use sse_engine::{Selector, Topic, TopicError};
pub use store::StoreFailure;
pub use transport::in_process::{Delivery, Start, Subscription};
