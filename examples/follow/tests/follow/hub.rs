//! Against a real hub: what is published while the connection is down comes afterwards, all of it and once.

use std::{net::SocketAddr, ops::ControlFlow, time::Duration};

use follow::{client, follow};
use reqwest::Client;
use sse_core::{
    Item,
    session::{Closed, Session},
};
use sse_server::{Config, Server, Shutdown};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use crate::DEADLINE;

/// Lets one connection through to the hub. It is cut by aborting the task.
async fn relay(listener: &TcpListener, hub: SocketAddr) -> JoinHandle<()> {
    let (mut outside, _) = listener.accept().await.unwrap();
    let mut inside = TcpStream::connect(hub).await.unwrap();
    tokio::spawn(async move {
        let _ = copy_bidirectional(&mut outside, &mut inside).await;
    })
}

async fn publish(client: &Client, hub: SocketAddr, text: &'static str) {
    let answer = client.post(format!("http://{hub}/publish/news")).body(text).send().await.unwrap();
    answer.error_for_status().unwrap();
}

#[tokio::test]
async fn what_is_published_while_the_connection_is_down_comes_afterwards() {
    let mut config = Config::in_memory();
    config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.stream.retry = Duration::from_millis(10);
    let server = Server::bind(config).await.unwrap();
    let hub = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async { stopped.await.unwrap_or(()) }));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events?topic=news", listener.local_addr().unwrap()).parse().unwrap();
    let client = client().no_proxy().build().unwrap();
    let (seen, mut events) = mpsc::channel(16);
    let on_item = |item: Item<'_>| {
        let Item::Event(event) = item else { return ControlFlow::Continue(()) };
        seen.try_send(format!("{}: {}", event.name(), event.data())).unwrap();
        if event.data() == "last" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let following = follow(&client, &url, Session::default(), on_item, |_| {});
    let happening = async {
        let connection = relay(&listener, hub).await;
        assert_eq!(events.recv().await.unwrap(), "sse-cursor: ");
        publish(&client, hub, "one").await;
        assert_eq!(events.recv().await.unwrap(), "message: one");
        connection.abort();
        connection.await.unwrap_err();
        publish(&client, hub, "two").await;
        publish(&client, hub, "three").await;
        let connection = relay(&listener, hub).await;
        for expect in ["sse-cursor: ", "message: two", "message: three"] {
            assert_eq!(events.recv().await.unwrap(), expect); // `sse-cursor` and no `sse-gap`: nothing was lost
        }
        publish(&client, hub, "last").await;
        assert_eq!(events.recv().await.unwrap(), "message: last");
        connection.await.unwrap();
    };
    let (ended, ()) = timeout(DEADLINE, async { tokio::join!(following, happening) }).await.unwrap();
    assert_eq!(ended.unwrap(), Closed::ByCaller);
    stop.send(()).unwrap();
    assert_eq!(timeout(DEADLINE, serving).await.unwrap().unwrap(), Shutdown::Drained);
}
