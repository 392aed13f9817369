//! The relay as a program, until it is killed.

use std::process::ExitCode;

use clap::Parser;
use llm_relay::{Options, Relay};

#[tokio::main]
async fn main() -> ExitCode {
    let relay = match Relay::bind(Options::parse()).await {
        Ok(relay) => relay,
        Err(error) => {
            eprintln!("llm-relay: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (at, hub) = (relay.address(), relay.hub());
    println!("llm-relay: listening on http://{at}");
    println!("  page   http://{at}/  (the hub's cors.origins must name http://{at})");
    println!("  watch  curl -N '{hub}events?topic=runs/*&envelope=json'");
    relay.run().await;
    ExitCode::SUCCESS
}
