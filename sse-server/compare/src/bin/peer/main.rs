//! The peers: small servers of events as someone would write them who has no hub, and the least that there can be.
//!
//! Each speaks `GET /events?topic=T` and `POST /publish/T`, on loopback only.

mod axum;
mod bare;
mod bare_http;
mod listen;
mod topics;
mod warp;

use std::{io, process::ExitCode};

use clap::{Parser, ValueEnum};

#[derive(Debug, Parser)]
#[command(name = "peer", about = "A small server of events to compare with")]
struct Arguments {
    /// Which
    #[arg(value_enum)]
    peer: Peer,
    /// The port on 127.0.0.1. 0: a free one, which is printed
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Peer {
    /// warp::sse over tokio's broadcast channel
    Warp,
    /// axum's Sse over tokio's broadcast channel
    Axum,
    /// One thread, all sockets, one write for each event and subscriber: the limit
    Loop,
    /// A warp route that reads a body and answers 200, without streams
    Route,
}

fn main() -> ExitCode {
    let Arguments { peer, port } = Arguments::parse();
    match serve(peer, port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peer: {error}; is port {port} taken?");
            ExitCode::FAILURE
        }
    }
}

fn serve(peer: Peer, port: u16) -> io::Result<()> {
    let listener = listen::on(port)?;
    println!("listening on http://{}", listener.local_addr()?);
    match peer {
        Peer::Loop => bare::serve(listener),
        Peer::Warp => runtime()?.block_on(warp::serve(listener)),
        Peer::Axum => runtime()?.block_on(axum::serve(listener)),
        Peer::Route => runtime()?.block_on(warp::serve_route(listener)),
    }
}

/// As `#[tokio::main]` makes it.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
