//! A running script, in this process or on a port.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    panic::Location,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    },
};
use http_body_util::BodyExt;
use tower_service::Service;

use super::{
    answer::BrokenOff,
    body::ScriptBody,
    log::{ScriptFailure, ScriptReport},
    machine::RequestHead,
    plan::Planned,
    run::ScriptRun,
    serve::{Serving, serve},
};
use crate::client::TestClient;

/// The time allowed for [`expect_finished`](ScriptedService::expect_finished).
const FINISH: Duration = Duration::from_secs(5);

/// The number of bytes of a request's body that are read before the script sees the request. The rest is not read.
const REQUEST_BODY: usize = 1 << 20;

/// A script that runs in this process, as a [`tower_service::Service`] for any client that can call one. Made by
/// [`Script::service`](super::Script::service).
///
/// Clones are the same run. It stops when the last clone, the last client made by [`client`](Self::client) and the last
/// open answer are dropped.
///
/// ```
/// use std::time::Duration;
/// use sse_testkit::script;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let server = script![accept, head(200), wait(1h), event("hello"), end].service();
///
/// let mut stream = server.client().get("/events").connect().await; // or any other client
/// stream.within(Duration::from_secs(7200)).expect_event("hello").await;
/// stream.expect_closed().await;
/// server.expect_finished().await;
/// # }
/// ```
#[derive(Clone)]
pub struct ScriptedService {
    run: Arc<ScriptRun>,
}

/// A script that runs on a loopback port. Made by [`Script::listen`](super::Script::listen); it stops when it is
/// dropped.
///
/// ```
/// use sse_testkit::script;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = script![accept.path("/events"), head(200), event("hello"), drop].listen().await?;
///
/// let url = server.url("/events"); // for any client; here the kit's own
/// assert!(url.starts_with("http://127.0.0.1:"));
/// server.client().get("/events").connect().await.expect_event("hello").await;
/// server.expect_finished().await;
/// # Ok(())
/// # }
/// ```
pub struct ScriptedServer {
    service: ScriptedService,
    serving: Serving,
}

macro_rules! handle {
    ($self:ident => $run:expr) => {
        /// Waits until the script has finished or failed, however long that takes.
        ///
        /// ```
        /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
        /// # async fn main() {
        /// let server = sse_testkit::script![accept, status(204)].service();
        /// server.client().get("/").send().await;
        /// assert_eq!(server.finished().await, Ok(()));
        /// # }
        /// ```
        ///
        /// # Errors
        ///
        /// [`ScriptFailure`] if a step failed. A request after the last step fails the script, too, from then on.
        pub async fn finished(&$self) -> Result<(), ScriptFailure> {
            $run.finished().await
        }

        /// Expects that all steps of the script have run within 5 seconds from now.
        ///
        /// ```
        /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
        /// # async fn main() {
        /// let server = sse_testkit::script![accept, status(204)].service();
        /// server.client().get("/").send().await;
        /// server.expect_finished().await;
        /// # }
        /// ```
        ///
        /// # Panics
        ///
        /// If a step fails, or the time is over. The message has the step, what happened instead, and the timeline.
        #[track_caller]
        pub fn expect_finished(&$self) -> impl Future<Output = ()> + Send {
            $run.expect_finished(FINISH, Location::caller())
        }

        /// Expects that all steps of the script have run within `time` from now.
        ///
        /// ```
        /// use std::time::Duration;
        ///
        /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
        /// # async fn main() {
        /// let server = sse_testkit::script![accept, status(204), expect_silence(60s)].service();
        /// server.client().get("/").send().await;
        /// server.expect_finished_within(Duration::from_secs(61)).await;
        /// # }
        /// ```
        ///
        /// # Panics
        ///
        /// If a step fails, or the time is over. The message has the step, what happened instead, and the timeline.
        #[track_caller]
        pub fn expect_finished_within(&$self, time: Duration) -> impl Future<Output = ()> + Send {
            $run.expect_finished(time, Location::caller())
        }

        /// How far the script is, and what has happened so far.
        ///
        /// ```
        /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
        /// # async fn main() {
        /// let server = sse_testkit::script![accept, status(204)].service();
        /// server.client().get("/events").send().await;
        /// println!("{}", server.report());
        /// # }
        /// ```
        #[must_use]
        pub fn report(&$self) -> ScriptReport {
            $run.report()
        }
    };
}

impl ScriptedService {
    pub(super) fn start(plan: Vec<Planned>) -> Self {
        Self { run: ScriptRun::start(plan) }
    }

    /// A client that calls it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = sse_testkit::script![accept, status(204)].service().client();
    /// assert_eq!(client.get("/").send().await.status, 204);
    /// # }
    /// ```
    #[must_use]
    pub fn client(&self) -> TestClient {
        TestClient::new(self.clone())
    }

    handle!(self => self.run);

    /// Ends the run and its connections, even if others still hold it.
    pub(super) fn stop(&self) {
        self.run.stop();
    }

    /// Answers a request whose body has been read. The caller has to signal when the client has taken the head.
    pub(super) fn answer(
        &self,
        head: RequestHead,
    ) -> impl Future<Output = Result<http::Response<ScriptBody>, BrokenOff>> + Send + use<> {
        let run = Arc::clone(&self.run);
        async move {
            if is_preflight(&head) {
                let answer = preflight(&head);
                run.preflight(head);
                return Ok(answer);
            }
            let answer = run.ask(head).await?;
            Ok(ScriptBody::response(answer, run))
        }
    }
}

impl<B> Service<http::Request<B>> for ScriptedService {
    type Response = http::Response<ScriptBody>;
    type Error = BrokenOff;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BrokenOff>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BrokenOff>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let answer = self.answer(head_of(&request));
        Box::pin(async move {
            let mut answer = answer.await?;
            answer.body_mut().arrived();
            Ok(answer)
        })
    }
}

impl fmt::Debug for ScriptedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedService").field("step", &self.report().step()).finish_non_exhaustive()
    }
}

impl ScriptedServer {
    pub(super) async fn start(plan: Vec<Planned>) -> io::Result<Self> {
        let service = ScriptedService::start(plan);
        let answering = service.clone();
        let serving = serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), move |request: http::Request<_>| {
            let service = answering.clone();
            async move {
                let head = head_of(&request);
                read(request.into_body()).await?;
                service.answer(head).await
            }
        })
        .await?;
        Ok(Self { service, serving })
    }

    /// The address that it listens at.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = sse_testkit::script![accept, status(204)].listen().await?;
    /// assert!(server.address().ip().is_loopback());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.serving.address
    }

    /// The URL of `path` on this server.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = sse_testkit::script![accept, status(204)].listen().await?;
    /// assert_eq!(server.url("/events?topic=a"), format!("http://{}/events?topic=a", server.address()));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// A client that connects to it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = sse_testkit::script![accept, status(204)].listen().await?;
    /// assert_eq!(server.client().get("/").send().await.status, 204);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn client(&self) -> TestClient {
        TestClient::tcp(self.address())
    }

    handle!(self => self.service.run);
}

impl fmt::Debug for ScriptedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedServer")
            .field("address", &self.address())
            .field("step", &self.report().step())
            .finish_non_exhaustive()
    }
}

pub(super) fn head_of<B>(request: &http::Request<B>) -> RequestHead {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    RequestHead { method: request.method().clone(), target: target.to_owned(), headers: request.headers().clone() }
}

/// Reads and discards the body of a request: a client that is still writing would not read the answer.
pub(super) async fn read<B: http_body::Body + Unpin>(mut body: B) -> Result<(), BrokenOff> {
    let mut len = 0;
    while len < REQUEST_BODY {
        let Some(frame) = body.frame().await else { return Ok(()) };
        let frame = frame.map_err(|_| BrokenOff { reset: false })?;
        len += frame.data_ref().map_or(0, bytes::Buf::remaining).max(1);
    }
    Ok(())
}

pub(super) fn is_preflight(head: &RequestHead) -> bool {
    head.method == Method::OPTIONS && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight, which allows everything that the browser asks for.
pub(super) fn preflight(head: &RequestHead) -> http::Response<ScriptBody> {
    const HEADERS: HeaderValue = HeaderValue::from_static("authorization, cache-control, content-type, last-event-id");
    let mut answer = http::Response::new(ScriptBody::whole(""));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let asked = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    answer
}
