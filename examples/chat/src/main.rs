//! The chat as a program, until Ctrl-C.

use std::{env, io, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use chat::Site;
use clap::Parser;
use sse_server::{Config, Hub};
use tokio::{net::TcpListener, time::timeout};

/// Over how long the hub ends its streams.
const DRAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Parser)]
#[command(about = "A chat in plain JavaScript, over a hub")]
struct Options {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8070")]
    listen: SocketAddr,
    /// The npm package, by default where `cargo xtask wasm` leaves it
    #[arg(long, value_name = "DIR")]
    package: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Options { listen, package } = Options::parse();
    let package = package.unwrap_or_else(built);
    let site = match Site::new(&package) {
        Ok(site) => site,
        Err(error) => {
            let package = package.display();
            eprintln!("chat: the npm package can't be read from {package}: {error}; build it by `cargo xtask wasm`");
            return ExitCode::FAILURE;
        }
    };
    match serve(listen, site).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `target/npm/sse-wasm-client`, wherever that is: this program lies in `target/release` or the like.
fn built() -> PathBuf {
    let target = env::current_exe().ok().and_then(|program| Some(program.parent()?.parent()?.to_owned()));
    target.unwrap_or_else(|| "target".into()).join("npm/sse-wasm-client")
}

async fn serve(listen: SocketAddr, site: Site) -> io::Result<()> {
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("can't listen on {listen}: {error}")))?;
    let address = listener.local_addr()?;
    let mut config = Config::in_memory();
    config.server.listen = vec![address.into()]; // the hub answers only to names that it knows
    config.server.drain = DRAIN;
    let hub = Hub::new(config)?;
    println!("chat: listening on http://{address}");
    println!("  page   http://{address}/  (another room: http://{address}/?room=kitchen)");
    println!("  watch  curl -N 'http://{address}/events?topic=chat/*&envelope=json'");

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    let filter = chat::program(hub.clone(), site);
    let serving = tokio::spawn(warp::serve(filter).incoming(listener).graceful(stopped).run());
    tokio::signal::ctrl_c().await?;
    // warp waits for every answer to end, and a stream ends only if the hub ends it
    hub.drain();
    let _ = stop.send(());
    let _ = timeout(2 * DRAIN, serving).await;
    Ok(())
}
