//! Against a real hub: what is published while the connection is down comes afterwards, all of it and once.

use std::{net::SocketAddr, ops::ControlFlow, time::Duration};

use follow::{Change, client, follow};
use reqwest::Client;
use sse_core::{
    Item,
    session::{Closed, Session},
};
use sse_server::{Config, Server, Shutdown};
use sse_testkit::{FaultProxy, Faults};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::DEADLINE;

async fn publish(client: &Client, hub: SocketAddr, text: &'static str) {
    let answer = client.post(format!("http://{hub}/publish/news")).body(text).send().await.unwrap();
    answer.error_for_status().unwrap();
}

async fn bind() -> Server {
    let mut config = Config::in_memory();
    config.server.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()];
    config.stream.retry = Duration::from_millis(10);
    Server::bind(config).await.unwrap()
}

#[tokio::test]
async fn a_topic_is_followed_to_its_end() {
    let server = bind().await;
    let hub = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async { stopped.await.unwrap_or(()) }));
    let client = client().no_proxy().build().unwrap();
    let publish = async |path: &str, text: &'static str| {
        let answer = client.post(format!("http://{hub}/publish/{path}")).body(text).send().await.unwrap();
        answer.error_for_status().unwrap();
    };
    publish("runs/42", "That is").await;
    publish("runs/42?end", "all.").await;
    let (mut read, mut last_event_id) = (Vec::new(), String::new());
    for expect in [Closed::Ended, Closed::NoContent] {
        let url = format!("http://{hub}/events?topic=runs/42&since=earliest").parse().unwrap();
        let mut session = Session::default();
        session.set_last_event_id(&last_event_id).unwrap();
        let on_item = |item: Item<'_>| {
            if let Item::Event(event) = item {
                read.push(format!("{}: {}", event.name(), event.data()));
                event.id().clone_into(&mut last_event_id);
            }
            ControlFlow::Continue(())
        };
        let ended = timeout(DEADLINE, follow(&client, &url, session, on_item, |_| {})).await.unwrap();
        assert_eq!(ended.unwrap(), expect);
    }
    let end = r#"sse-end: {"topics":["runs/42"]}"#;
    assert_eq!(read, ["sse-cursor: {}", "message: That is", "message: all.", end]);
    stop.send(()).unwrap();
    assert_eq!(timeout(DEADLINE, serving).await.unwrap().unwrap(), Shutdown::Drained);
}

#[tokio::test]
async fn what_is_published_while_the_connection_is_down_comes_afterwards() {
    let server = bind().await;
    let hub = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async { stopped.await.unwrap_or(()) }));

    let network = FaultProxy::start(hub, Faults::none()).await.unwrap();
    let url = format!("http://{}/events?topic=news", network.address()).parse().unwrap();
    let client = client().no_proxy().build().unwrap();
    let (told, mut tells) = mpsc::channel(16);
    let on_item = |item: Item<'_>| {
        let Item::Event(event) = item else { return ControlFlow::Continue(()) };
        told.try_send(format!("{}: {}", event.name(), event.data())).unwrap();
        if event.data() == "last" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let on_change = |change: Change<'_>| {
        if let Change::Waiting(_, Some(_)) = change {
            told.try_send("broken".into()).unwrap();
        }
    };
    let following = follow(&client, &url, Session::default(), on_item, on_change);
    let happening = async {
        assert_eq!(tells.recv().await.unwrap(), "sse-cursor: {}");
        publish(&client, hub, "one").await;
        assert_eq!(tells.recv().await.unwrap(), "message: one");
        network.pause(); // or it would be back too soon
        network.sever();
        assert_eq!(tells.recv().await.unwrap(), "broken");
        publish(&client, hub, "two").await;
        publish(&client, hub, "three").await;
        network.resume();
        for expect in ["sse-cursor: {}", "message: two", "message: three"] {
            assert_eq!(tells.recv().await.unwrap(), expect); // `sse-cursor` and no `sse-gap`: nothing was lost
        }
        publish(&client, hub, "last").await;
        assert_eq!(tells.recv().await.unwrap(), "message: last");
    };
    let (ended, ()) = timeout(DEADLINE, async { tokio::join!(following, happening) }).await.unwrap();
    assert_eq!(ended.unwrap(), Closed::ByCaller);
    assert_eq!(network.connections(), 2);
    stop.send(()).unwrap();
    assert_eq!(timeout(DEADLINE, serving).await.unwrap().unwrap(), Shutdown::Drained);
}
