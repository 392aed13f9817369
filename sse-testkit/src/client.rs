//! The client of one server.

use std::{error::Error, fmt, net::SocketAddr, sync::Arc};

use http::Method;
use tower_service::Service;

use crate::{
    body::Body,
    recording::Recording,
    request::RequestBuilder,
    transport::{InProcess, Tcp, Transport, Watched, call_fn},
};

/// A client of one server: a service in this process, or an address.
///
/// Clones are the same client. Requests are independent of each other: there is no connection pool, no cookie, and no
/// redirect is followed.
///
/// ```
/// # use sse_testkit::{TestClient, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let client = TestClient::from_fn(async |_request| event_stream("data: hello\n\n"));
///
/// let mut stream = client.get("/events").connect().await;
/// stream.expect_event("hello").await;
/// stream.expect_closed().await;
/// # }
/// ```
#[derive(Clone)]
pub struct TestClient {
    transport: Arc<dyn Transport>,
}

impl TestClient {
    /// A client that calls a clone of `service` for each request.
    ///
    /// ```
    /// use std::{convert::Infallible, future::{Ready, ready}, task::{Context, Poll}};
    /// use sse_testkit::{Body, TestClient};
    ///
    /// #[derive(Clone)]
    /// struct Hello; // a warp filter, an axum router, ...
    ///
    /// impl tower_service::Service<http::Request<Body>> for Hello {
    ///     type Response = http::Response<String>;
    ///     type Error = Infallible;
    ///     type Future = Ready<Result<Self::Response, Infallible>>;
    ///
    ///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
    ///         Poll::Ready(Ok(()))
    ///     }
    ///
    ///     fn call(&mut self, request: http::Request<Body>) -> Self::Future {
    ///         ready(Ok(http::Response::new(format!("hello from {}", request.uri()))))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let response = TestClient::new(Hello).get("/here").send().await;
    /// assert_eq!(response.text(), "hello from /here");
    /// # }
    /// ```
    #[must_use]
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::Future: Send + 'static,
        B: http_body::Body + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self { transport: Arc::new(InProcess::new(service)) }
    }

    /// A client that calls a clone of `answer` for each request: an async function, or a closure.
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicU32, Ordering}};
    /// use sse_testkit::{TestClient, event_stream};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let count = Arc::new(AtomicU32::new(0));
    /// let client = TestClient::from_fn(async move |_request| {
    ///     event_stream(format!("data: {}\n\n", count.fetch_add(1, Ordering::Relaxed)))
    /// });
    /// client.get("/").connect().await.expect_event("0").await;
    /// client.get("/").connect().await.expect_event("1").await;
    /// # }
    /// ```
    #[must_use]
    pub fn from_fn<F, A, B>(answer: F) -> Self
    where
        F: FnOnce(http::Request<Body>) -> A + Clone + Send + 'static,
        A: Future<Output = http::Response<B>> + Send + 'static,
        B: http_body::Body + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self { transport: Arc::new(call_fn(answer)) }
    }

    /// A client that opens a connection to `address` for each request, and speaks HTTP/1.1.
    ///
    /// ```
    /// use std::io::Write;
    /// use sse_testkit::TestClient;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let client = TestClient::tcp(listener.local_addr()?);
    /// # let server =
    /// std::thread::spawn(move || -> std::io::Result<()> {
    ///     let (mut socket, _) = listener.accept()?;
    ///     # std::io::Read::read(&mut socket, &mut [0; 4096])?;
    ///     socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: hello\n\n")
    /// });
    /// client.get("/events").connect().await.expect_event("hello").await;
    /// # server.join().unwrap()
    /// # }
    /// ```
    #[must_use]
    pub fn tcp(address: SocketAddr) -> Self {
        Self { transport: Arc::new(Tcp::new(address)) }
    }

    /// The same client, which shows the bytes of every event stream that it gets to a watcher: what holds for all streams
    /// of a server is checked once, there. `watcher` is called for each stream; what it returns is called with each chunk
    /// of that stream as it arrives, and may panic to fail the test.
    ///
    /// ```should_panic
    /// use sse_testkit::{TestClient, event_stream};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = TestClient::from_fn(async |_request| event_stream("data: a\r\n\r\n"))
    ///     .watch_streams(|| |piece: &[u8]| assert!(!piece.contains(&b'\r'), "lines end in LF here"));
    /// client.get("/").connect().await.expect_event("a").await;
    /// # }
    /// ```
    #[must_use]
    pub fn watch_streams<W, F>(&self, watcher: W) -> Self
    where
        W: Fn() -> F + Send + Sync + 'static,
        F: FnMut(&[u8]) + Send + 'static,
    {
        Self::over(Watched::new(self.transport(), watcher))
    }

    /// A client of a server that answers each request with `recording`: the same head and the same chunks, at the same
    /// times since the request.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let head = r#"{"format":"sse-recording","version":1,"status":200,"headers":[["content-type","text/event-stream"]]}"#;
    /// # let file = format!("{head}\n{}\n{}\n", r#"{"at_ms":3000,"text":"data: hello\n\n"}"#, r#"{"end":"open"}"#);
    /// # let recording: sse_testkit::Recording = file.parse().unwrap();
    /// let client = TestClient::replay(recording);
    /// let mut stream = client.get("/events").connect().await;
    /// stream.expect_event("hello").await;
    /// assert_eq!(stream.received_at(), Duration::from_secs(3));
    /// # }
    /// ```
    #[must_use]
    pub fn replay(recording: Recording) -> Self {
        Self::from_fn(async move |_| recording.answer())
    }

    pub(crate) fn over(transport: impl Transport + 'static) -> Self {
        Self { transport: Arc::new(transport) }
    }

    /// The faults that the answers have, with their seed.
    pub(crate) fn plan(&self) -> Option<String> {
        self.transport.faults()
    }

    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport)
    }

    /// Begins a `GET` of `path`, which may have a query.
    ///
    /// ```
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = TestClient::from_fn(async |request| http::Response::new(request.uri().to_string()));
    /// assert_eq!(client.get("/topics?page=2").send().await.text(), "/topics?page=2");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `path` can't be a request's target.
    #[track_caller]
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// Begins a `POST` to `path`.
    ///
    /// ```
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = TestClient::from_fn(async |request| http::Response::new(request.into_body()));
    /// assert_eq!(client.post("/echo").body("hello").send().await.text(), "hello");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `path` can't be a request's target.
    #[track_caller]
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// Begins a request with any method.
    ///
    /// ```
    /// # use http::Method;
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = TestClient::from_fn(async |request| http::Response::new(request.method().to_string()));
    /// assert_eq!(client.request(Method::OPTIONS, "/").send().await.text(), "OPTIONS");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `path` can't be a request's target.
    #[track_caller]
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        RequestBuilder::new(Arc::clone(&self.transport), method, path)
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient").field("server", &self.transport.authority()).finish()
    }
}
