//! Over real sockets, in real time, on several threads.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sse_testkit::{
    BrowserClient, Fleet, TestClient,
    fleet::{Observed, Record},
};
use tokio::{net::TcpListener, sync::watch};

use super::{Numbers, in_a_row, numbers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_under_churn() {
    let server = Numbers::new();
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let client = TestClient::tcp(listener.local_addr().unwrap());
    let served = server.clone();
    let serving = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let served = served.clone();
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let answer = served.answer(request.headers());
                async { Ok::<_, Infallible>(answer) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
        }
    });
    let millis = Duration::from_millis;
    let browser = BrowserClient::new(client).reconnection_time(millis(5));
    let left = watch::Sender::new(0);
    let mut leaves = left.subscribe();
    let mut fleet = Fleet::of(20)
        .seed(5)
        .churn(millis(50), millis(20))
        .observe(move |_| {
            let left = left.clone();
            move |record: &Record| left.send_modify(|left| *left += u32::from(record.what == Observed::Left))
        })
        .open(browser);
    for number in 1..=20 {
        leaves.wait_for(|left| *left >= 5 * number).await.unwrap();
        server.publish();
    }
    fleet.calm().await;
    server.publish();
    fleet.all_saw(|event| event.data == "20").await;
    for view in fleet.close() {
        assert!(in_a_row(&numbers(&view)), "{view}");
    }
    serving.abort();
}
