//! The shop on `127.0.0.1:3040`, until Ctrl-C.

use std::{io, net::SocketAddr};

use sse_server::{Hub, Selector, Start};
use tokio::{net::TcpListener, signal};

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 3040))).await?;
    let address = listener.local_addr()?;
    println!("watch  curl -N 'http://{address}/hub/events?topic=orders'");
    println!("order  curl -X POST http://{address}/orders/tea");
    let hub = Hub::new(axum_mount::config(address))?;
    let selector = Selector::new("orders").map_err(io::Error::other)?;
    let orders = hub.subscribe([selector], Start::Head).await.map_err(io::Error::other)?;
    let following = tokio::spawn(axum_mount::follow(orders, |line| println!("{line}")));
    axum_mount::serve(listener, hub, async { signal::ctrl_c().await.unwrap_or(()) }).await?;
    following.await.map_err(io::Error::other) // the hub has ended its subscription
}
