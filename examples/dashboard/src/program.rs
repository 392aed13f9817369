//! The hub with the page beside it, and a shop that makes events.

use std::{
    env, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use dashboard::{
    board::WINDOW,
    event::TOPIC,
    shop::Shop,
    site::{self, Site},
};
use sse_server::{Config, Hub};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    time::{sleep, timeout},
};

/// Over how long the hub ends its streams.
const DRAIN: Duration = Duration::from_secs(1);

#[derive(Debug, Parser)]
#[command(name = "dashboard", about = "A shop's orders, drawn live by a page in Rust")]
struct Options {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8060")]
    listen: SocketAddr,
    /// The page's module, by default where `cargo xtask wasm` leaves it
    #[arg(long, value_name = "DIR")]
    module: Option<PathBuf>,
    /// What the shop's chance begins with
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Keep the shop closed: only what others publish is shown
    #[arg(long)]
    closed: bool,
}

/// Runs it by its command line.
pub(crate) async fn run() -> ExitCode {
    let options = Options::parse();
    let module = options.module.clone().unwrap_or_else(built);
    let site = match Site::new(&module) {
        Ok(site) => site,
        Err(error) => {
            let module = module.display();
            eprintln!("dashboard: the page can't be read from {module}: {error}; build it by `cargo xtask wasm`");
            return ExitCode::FAILURE;
        }
    };
    match serve(&options, site).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dashboard: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `target/dashboard` of the workspace that this lies in.
fn built() -> PathBuf {
    let workspace = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    env::var_os("CARGO_TARGET_DIR").map_or_else(workspace, PathBuf::from).join("dashboard")
}

async fn serve(options: &Options, site: Site) -> io::Result<()> {
    let listen = options.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("can't listen on {listen}: {error}")))?;
    let address = listener.local_addr()?;
    let mut config = Config::in_memory();
    config.server.listen = vec![address.into()]; // the hub answers only to names that it knows
    config.server.drain = DRAIN;
    let hub = Hub::new(config)?;
    println!("dashboard: listening on http://{address}");
    println!("  page   http://{address}/");
    println!("  watch  curl -N 'http://{address}/events?topic={TOPIC}'");

    // The shop has been open for a while, so that there is something to show, from the window's beginning on.
    let shop = Shop::new(options.seed, now().saturating_sub(WINDOW * 3 / 2));
    let trading = (!options.closed).then(|| tokio::spawn(trade(hub.clone(), shop)));
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    let filter = site::program(hub.clone(), site);
    let serving = tokio::spawn(warp::serve(filter).incoming(listener).graceful(stopped).run());
    tokio::signal::ctrl_c().await?;
    if let Some(trading) = trading {
        trading.abort();
    }
    // warp waits for every answer to end, and a stream ends only if the hub ends it
    hub.drain();
    let _ = stop.send(());
    let _ = timeout(2 * DRAIN, serving).await;
    Ok(())
}

/// Publishes each event when it is due, those of the past at once.
async fn trade(hub: Hub, shop: Shop) {
    for event in shop {
        let wait = event.at().saturating_sub(now());
        if wait > 0 {
            sleep(Duration::from_millis(wait)).await; // which takes a millisecond even for none
        }
        if let Err(error) = site::publish(&hub, &event).await {
            eprintln!("dashboard: the shop closes, since an event can't be published: {error}");
            return;
        }
    }
}

/// In milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
