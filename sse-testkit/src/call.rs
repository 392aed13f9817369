//! A request as it is sent, and its answer as it is read.

use std::{fmt, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, Method, Uri,
    header::{CONTENT_LENGTH, HOST},
};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use crate::{
    body::Body,
    report::{Caller, Report},
    response::Response,
    seen::End,
    time::deadline,
    timeline::Timeline,
    transport::{Answer, AnswerBody, Answering, BoxError, Transport, causes},
};

/// The header with which a client resumes a stream.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The time allowed for an answer, unless the request says otherwise.
const ANSWER: Duration = Duration::from_secs(10);

/// The time allowed for an expectation, unless the request or the test says otherwise.
pub(crate) const EXPECTATION: Duration = Duration::from_secs(5);

/// The longest body of a whole answer, in bytes.
const RESPONSE: usize = 16 << 20;

/// A request that can be sent and, unless its body is used up, sent again.
pub(crate) struct Call {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// `None` once it has been sent and can't be sent again.
    pub(crate) body: Option<Body>,
    pub(crate) within: Option<Duration>,
    /// The names of events that the test does not want to see.
    pub(crate) skipped: Vec<String>,
}

impl Call {
    pub(crate) fn new(transport: Arc<dyn Transport>, method: Method, uri: Uri) -> Self {
        Self {
            transport,
            method,
            uri,
            headers: HeaderMap::new(),
            body: Some(Body::default()),
            within: None,
            skipped: Vec::new(),
        }
    }

    /// The time allowed for an expectation.
    pub(crate) fn expectation(&self) -> Duration {
        self.within.unwrap_or(EXPECTATION)
    }

    /// Why nothing came in time, if the test itself is the likely cause.
    pub(crate) fn late_because(&self, timeline: &Timeline) -> Option<String> {
        (self.transport.is_socket() && timeline.is_virtual())
            .then(|| "the clock is paused, so it ran ahead of the socket: over TCP leave it running".into())
    }

    /// Sends the request and reads the whole answer. Fails the test if it does not come in time.
    pub(crate) async fn response(mut self, caller: Caller) -> Response {
        let time = self.within.unwrap_or(ANSWER);
        let deadline = deadline(time);
        let mut timeline = Timeline::start();
        let (head, body) = self.answer(&mut timeline, caller).await.into_parts();
        let (got, because) = match read(body, deadline, &mut timeline).await {
            Ok(body) => {
                return Response { status: head.status, headers: head.headers, body, timeline };
            }
            Err(Unread::Late) => (format!("a part of it within {time:?}"), self.late_because(&timeline)),
            Err(Unread::Long) => (format!("more than {RESPONSE} bytes"), None),
            Err(Unread::Broken(how)) => (format!("a broken one: {how}"), None),
        };
        let expected = format!("a whole answer to {} {}", self.method, self.uri);
        fail(&expected, &got, because, caller, &timeline)
    }

    /// The value of the `host` header.
    pub(crate) fn host(&self) -> String {
        let given = self.headers.get(HOST).map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
        given.unwrap_or_else(|| self.transport.authority())
    }

    /// Sends the request; `None` if its body is used up.
    pub(crate) fn ask(&mut self, timeline: &mut Timeline) -> Option<Answering> {
        let request = self.next_request()?;
        timeline.request(format!("{} {}", self.method, self.uri), request.headers().clone());
        Some(self.transport.send(request))
    }

    /// Sends the request and awaits the head of the answer. Fails the test if there is none.
    pub(crate) async fn answer(&mut self, timeline: &mut Timeline, caller: Caller) -> Answer {
        match self.try_answer(timeline, caller).await {
            Ok(answer) => answer,
            Err(error) => fail(&self.an_answer(), &format!("none: {}", causes(&*error)), None, caller, timeline),
        }
    }

    /// The same, but an error of the transport is returned; fails the test if nothing comes in time.
    pub(crate) async fn try_answer(&mut self, timeline: &mut Timeline, caller: Caller) -> Result<Answer, BoxError> {
        let Some(asking) = self.ask(timeline) else {
            let got = "a body that was written while it was sent, and can't be sent again";
            fail(&self.an_answer(), got, None, caller, timeline)
        };
        let time = self.within.unwrap_or(ANSWER);
        let Ok(answer) = timeout_at(deadline(time), asking).await else {
            let because = self.late_because(timeline);
            fail(&self.an_answer(), &format!("none within {time:?}"), because, caller, timeline)
        };
        answer.inspect(|answer| timeline.answered(answer))
    }

    fn an_answer(&self) -> String {
        format!("an answer to {} {}", self.method, self.uri)
    }

    /// The request to send; `None` if its body is used up.
    fn next_request(&mut self) -> Option<http::Request<Body>> {
        let body = self.body.take()?;
        self.body = body.copy();
        let mut headers = self.headers.clone();
        if !headers.contains_key(HOST)
            && let Ok(host) = self.transport.authority().try_into()
        {
            headers.insert(HOST, host);
        }
        // as over a socket: a method that usually has a body announces an empty one
        let usual = matches!(self.method, Method::POST | Method::PUT | Method::PATCH);
        if let Some(len) = body.len().filter(|len| usual || *len > 0) {
            headers.entry(CONTENT_LENGTH).or_insert_with(|| len.into());
        }
        let mut request = http::Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        Some(request)
    }
}

/// There was no answer. The text says why.
///
/// ```
/// # use sse_testkit::{NoAnswer, TestClient};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let client = TestClient::tcp("127.0.0.1:1".parse().unwrap());
/// let up = !matches!(client.get("/events").try_connect().await, Err(NoAnswer { .. }));
/// assert!(!up);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAnswer(pub(crate) String);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer: {}", self.0)
    }
}

impl std::error::Error for NoAnswer {}

/// Why an answer could not be read to its end.
enum Unread {
    Late,
    Long,
    Broken(String),
}

async fn read(mut body: AnswerBody, deadline: Instant, timeline: &mut Timeline) -> Result<Bytes, Unread> {
    let mut whole = BytesMut::new();
    loop {
        match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Unread::Late),
            Ok(None) => {
                timeline.end(End::Closed);
                return Ok(whole.freeze());
            }
            Ok(Some(Err(error))) => {
                let how = causes(&*error);
                timeline.end(End::Broken(how.clone()));
                return Err(Unread::Broken(how));
            }
            Ok(Some(Ok(frame))) => {
                if let Some(bytes) = timeline.data(frame) {
                    timeline.frame(bytes.clone(), Vec::new());
                    if bytes.len() > RESPONSE - whole.len() {
                        return Err(Unread::Long);
                    }
                    whole.extend_from_slice(&bytes);
                }
            }
        }
    }
}

fn fail(expected: &str, got: &str, because: Option<String>, caller: Caller, timeline: &Timeline) -> ! {
    Report { expected: &expected, got: &got, because, caller, timeline, here: false }.fail()
}
