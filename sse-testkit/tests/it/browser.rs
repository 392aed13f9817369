//! What the standard says of an `EventSource`, clause by clause, in virtual time.

mod failures;
mod firefox;
mod processing;
mod redirects;
mod stream;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use sse_testkit::{Body, BrowserClient, TestClient};

/// A server whose `n`th answer, from 0, is that of the closure.
fn turns<F>(answer: F) -> TestClient
where
    F: Fn(usize, http::Request<Body>) -> http::Response<Body> + Clone + Send + 'static,
{
    let count = Arc::new(AtomicUsize::new(0));
    TestClient::from_fn(async move |request| answer(count.fetch_add(1, Ordering::Relaxed), request))
}

fn browser<F>(answer: F) -> BrowserClient
where
    F: Fn(usize, http::Request<Body>) -> http::Response<Body> + Clone + Send + 'static,
{
    BrowserClient::new(turns(answer))
}

fn status(status: u16) -> http::Response<Body> {
    http::Response::builder().status(status).body(Body::default()).unwrap()
}

/// An event stream that stays open.
fn open(start: &'static str) -> http::Response<Body> {
    let (feed, body) = Body::channel();
    tokio::spawn(async move {
        feed.send(start).await?;
        std::future::pending::<Result<(), sse_testkit::BodyDropped>>().await
    });
    sse_testkit::event_stream(body)
}

fn header(request: &http::Request<Body>, name: &str) -> Option<String> {
    request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
