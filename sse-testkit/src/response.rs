//! A whole answer.

use std::panic::Location;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::{escape::quoted, report::Report, timeline::Timeline};

/// A whole answer, from [`RequestBuilder::send`](crate::RequestBuilder::send).
///
/// ```
/// # use sse_testkit::TestClient;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| http::Response::new(r#"{"id": "7"}"#.to_owned()));
/// let response = client.post("/publish/news").body("hello").send().await;
/// assert_eq!(response.status, 200);
/// assert_eq!(response.json()["id"], "7");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    pub(crate) timeline: Timeline,
}

impl Response {
    /// Expects this status, and returns the response.
    ///
    /// ```
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| http::Response::new(r#"{"id": "7"}"#.to_owned()));
    /// let published = client.post("/publish/news").body("hello").send().await.expect_status(200).json();
    /// assert_eq!(published["id"], "7");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the status is another. The message has the answer.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        if self.status != status {
            self.fail(&format!("status {status}"), &format!("status {}", self.status), None);
        }
        self
    }

    /// The body, read as JSON.
    ///
    /// ```
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| http::Response::new(r#"{"id": "7"}"#.to_owned()));
    /// assert_eq!(client.get("/").send().await.json()["id"], "7");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the body is not JSON. The message has the answer.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => self.fail("JSON", &quoted(&self.body).to_string(), Some(error.to_string())),
        }
    }

    /// The body, read as text.
    ///
    /// ```
    /// # use sse_testkit::TestClient;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| http::Response::new("hello".to_owned()));
    /// assert_eq!(client.get("/").send().await.text(), "hello");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the body is not UTF-8. The message has the answer.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        match std::str::from_utf8(&self.body) {
            Ok(text) => text,
            Err(error) => self.fail("text", &quoted(&self.body).to_string(), Some(error.to_string())),
        }
    }

    #[track_caller]
    fn fail(&self, expected: &str, got: &str, because: Option<String>) -> ! {
        let caller = Location::caller();
        let timeline = &self.timeline;
        Report { expected: &expected, got: &got, because, caller, timeline, here: false }.fail()
    }
}
