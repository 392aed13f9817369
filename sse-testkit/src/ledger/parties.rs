//! Those who make the entries: publishers and readers.

use std::sync::Arc;

use super::{account::Account, entry::Entry};
use crate::seen::Event;

/// A publish in flight. If it is dropped without an outcome, as when the connection broke off, the event may or may not
/// be in the log.
///
/// ```
/// # use sse_testkit::Ledger;
/// let ledger = Ledger::new();
/// ledger.publish("news", "one").acknowledged("1"); // it must be seen
/// ledger.publish("news", "two").refused();         // it must not
/// drop(ledger.publish("news", "three"));           // it may
/// ```
#[derive(Debug)]
pub struct Publishing {
    pub(super) account: Account,
    pub(super) publish: u64,
}

impl Publishing {
    /// Enters that the server acknowledged the event, with this `id`; empty if the id is not known.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// ledger.publish("news", "one").acknowledged("41");
    /// ```
    pub fn acknowledged(self, id: impl Into<String>) {
        self.account.enter(Entry::Acknowledged { publish: self.publish, id: id.into() });
    }

    /// Enters that the server refused the event.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// ledger.publish("news", "too large").refused();
    /// ```
    pub fn refused(self) {
        self.account.enter(Entry::Refused { publish: self.publish });
    }
}

/// A client that enters what it sees. Clones are the same reader.
///
/// ```
/// # use sse_testkit::Ledger;
/// # let ledger = Ledger::new();
/// let reader = ledger.reader("browser").wants(["news"]);
/// ```
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) account: Account,
    pub(super) name: Arc<str>,
}

impl Reader {
    /// Enters that the reader wants only these topics.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// let reader = ledger.reader("browser").wants(["news", "weather"]);
    /// ```
    #[must_use]
    pub fn wants<I>(self, topics: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.enter(|reader| Entry::Wants { reader, topics: topics.into_iter().map(Into::into).collect() });
        self
    }

    /// Enters that the reader began before the first event, or asked for everything from the start.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// let reader = ledger.reader("archive").from_start();
    /// ```
    #[must_use]
    pub fn from_start(self) -> Self {
        self.enter(|reader| Entry::FromStart { reader });
        self
    }

    /// Enters that the reader is connected: it has to see what is published from now on. Call it when the server has
    /// let the reader in, such as after the first bytes. `last_event_id` is what the reader resumed with; empty if it
    /// did not resume, in which case a reader that has seen no event yet begins anew.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// let reader = ledger.reader("browser");
    /// reader.connected("");
    /// reader.left();
    /// reader.connected("41"); // what was published meanwhile it has to see, too
    /// ```
    pub fn connected(&self, last_event_id: &str) {
        self.enter(|reader| Entry::Connected { reader, last_event_id: last_event_id.into() });
    }

    /// Enters that the reader saw `event`. Leave out events that the server itself makes, such as heartbeats: they were
    /// not published.
    ///
    /// ```
    /// # use sse_testkit::{Ledger, TestClient, any_event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: one\n\n"));
    /// # let ledger = Ledger::new();
    /// # ledger.publish("news", "one").acknowledged("");
    /// let reader = ledger.reader("browser");
    /// let mut stream = client.get("/").connect().await;
    /// reader.saw(&stream.expect_event(any_event()).await);
    /// # ledger.check().expect_clean();
    /// # }
    /// ```
    pub fn saw(&self, event: &Event) {
        let (name, data, id) = (event.name.clone(), event.data.clone(), event.id.clone());
        self.enter(|reader| Entry::Saw { reader, name, data, id });
    }

    /// Enters that `event` announced to the reader that something may be missing here.
    ///
    /// ```
    /// # use sse_testkit::{Ledger, TestClient, event, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("event: sse-gap\ndata: {}\n\n"));
    /// # let ledger = Ledger::new();
    /// # let reader = ledger.reader("browser");
    /// # let mut stream = client.get("/").connect().await;
    /// reader.gap(&stream.expect_event(event("sse-gap")).await);
    /// # }
    /// ```
    pub fn gap(&self, event: &Event) {
        let id = event.id.clone();
        self.enter(|reader| Entry::Gap { reader, id });
    }

    /// Enters that the reader has left, or was cut off.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// # let reader = ledger.reader("browser");
    /// reader.left();
    /// ```
    pub fn left(&self) {
        self.enter(|reader| Entry::Left { reader });
    }

    /// Enters that the reader must have seen everything that has been acknowledged by now.
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// let ledger = Ledger::new();
    /// let reader = ledger.reader("browser").from_start();
    /// ledger.publish("news", "one").acknowledged("1");
    /// assert!(ledger.check().is_clean()); // it may yet come
    /// reader.complete();
    /// assert!(!ledger.check().is_clean());
    /// ```
    pub fn complete(&self) {
        self.enter(|reader| Entry::Complete { reader });
    }

    /// The name.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// assert_eq!(ledger.reader("browser").name(), "browser");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn enter(&self, record: impl FnOnce(String) -> Entry) {
        self.account.enter(record((*self.name).into()));
    }
}
