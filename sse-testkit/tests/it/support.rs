//! Small servers, and failures to look at.
#![allow(dead_code, reason = "each test program uses some of it")]

pub(crate) mod toy_hub;

use std::time::Duration;

use sse_testkit::{Body, BodyDropped, BodySender, Event, TestClient, TestStream, event_stream};

/// A server whose event stream each request's own run of `script` writes; the stream ends with the script.
pub(crate) fn scripted<F, S>(script: F) -> TestClient
where
    F: FnOnce(BodySender) -> S + Clone + Send + 'static,
    S: Future<Output = Result<(), BodyDropped>> + Send + 'static,
{
    TestClient::from_fn(async move |_| {
        let (sender, body) = Body::channel();
        tokio::spawn(script(sender));
        event_stream(body)
    })
}

/// A server whose event stream is these frames, and then its end.
pub(crate) fn frames<const N: usize>(frames: [&'static str; N]) -> TestClient {
    TestClient::from_fn(async move |_| event_stream(Body::chunks(frames)))
}

pub(crate) async fn sleep(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

/// The report of an expectation that has to fail, without the line that says where.
pub(crate) async fn failure<T: Send + 'static>(expectation: impl Future<Output = T> + Send + 'static) -> String {
    let Err(error) = tokio::spawn(expectation).await else { panic!("no failure") };
    without_place(&error.into_panic())
}

/// The same of one that is not asynchronous.
pub(crate) fn failure_of<T>(expectation: impl FnOnce() -> T) -> String {
    let run = std::panic::AssertUnwindSafe(expectation);
    let Err(panic) = std::panic::catch_unwind(run) else { panic!("no failure") };
    without_place(&panic)
}

fn without_place(panic: &Box<dyn std::any::Any + Send>) -> String {
    let report = panic.downcast_ref::<String>().expect("a text");
    let is_place = |line: &&str| line.starts_with("      at sse-testkit/tests/");
    assert_eq!(report.lines().filter(is_place).count(), 1, "where? {report}");
    report.lines().filter(|line| !is_place(line)).map(|line| format!("{line}\n")).collect()
}

/// The next event, if there is one within a second.
pub(crate) async fn next(stream: &mut TestStream) -> Option<Event> {
    loop {
        let seen = tokio::time::timeout(Duration::from_secs(1), stream.next()).await.ok()??;
        if let Some(event) = seen.event() {
            return Some(event.clone());
        }
    }
}
