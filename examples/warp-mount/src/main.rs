//! The guest book on `127.0.0.1:3030`, until Ctrl-C.

use std::{io, net::SocketAddr, time::Duration};

use sse_server::{Config, Hub};
use tokio::{net::TcpListener, time::timeout};

/// Over how long the hub ends its streams.
const DRAIN: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], 3030));
    let mut config = Config::in_memory();
    config.server.listen = vec![address.into()]; // the hub answers only to names that it knows
    config.server.drain = DRAIN;
    let hub = Hub::new(config)?;
    let listener = TcpListener::bind(address).await?;
    println!("watch  curl -N 'http://{address}/live/events?topic=book'");
    println!("sign   curl -X POST http://{address}/sign/ann");

    let filter = warp_mount::program(hub.clone());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    let serving = tokio::spawn(warp::serve(filter).incoming(listener).graceful(stopped).run());
    tokio::signal::ctrl_c().await?;
    // warp waits for every answer to end, and a stream ends only if the hub ends it
    hub.drain();
    _ = stop.send(());
    // a client that has stopped reading holds its connection no longer
    _ = timeout(2 * DRAIN, serving).await;
    hub.close().await;
    Ok(())
}
