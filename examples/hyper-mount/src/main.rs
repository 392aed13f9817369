//! The program on `127.0.0.1:3050`, until Ctrl-C.

use std::{io, net::SocketAddr, time::Duration};

use sse_server::{Config, Hub};
use tokio::{net::TcpListener, signal};

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 3050))).await?;
    let address = listener.local_addr()?;
    println!("watch    curl -N 'http://{address}/hub/events?topic=news'");
    println!("publish  curl -d hello http://{address}/hub/publish/news");
    let mut config = Config::in_memory();
    config.server.listen = vec![address.into()]; // the hub answers only to names that it knows
    config.server.drain = Duration::from_secs(1);
    hyper_mount::serve(listener, Hub::new(config)?, async { signal::ctrl_c().await.unwrap_or(()) }).await;
    Ok(())
}
