//! This machine's counters, published through a hub and drawn live: the library part of the program `host-dashboard`.
//!
//! ```text
//! /proc ──▶ Reading ──▶ rates of two readings ──▶ events ──▶ POST /publish ──▶ hub ──▶ /events ──▶ page
//! ```
//!
//! ```no_run
//! use host_dashboard::{Dashboard, Options};
//!
//! # async fn run() -> Result<(), host_dashboard::Error> {
//! let dashboard = Dashboard::bind(Options::default()).await?;
//! println!("http://{}/", dashboard.local_addr());
//! dashboard.run(async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await;
//! # Ok(())
//! # }
//! ```

mod proc;
mod rates;

mod event;
mod topic;

mod publisher;
mod sampler;

mod dashboard;
mod hub_url;
mod page;

pub use dashboard::{Dashboard, Error, Options};
pub use hub_url::{HubUrl, HubUrlError};
