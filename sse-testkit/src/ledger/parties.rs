//! Those who tell a ledger: publishers and readers.

use std::sync::Arc;

use super::{account::Account, entry::Entry};
use crate::seen::Event;

/// A publish that is under way. If it is dropped without an outcome, as when the connection broke off, the event may be
/// there or not.
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
    /// The server has it, under that id; an empty one is not known.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// ledger.publish("news", "one").acknowledged("41");
    /// ```
    pub fn acknowledged(self, id: impl Into<String>) {
        self.account.enter(Entry::Acknowledged { publish: self.publish, id: id.into() });
    }

    /// The server does not take it.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// ledger.publish("news", "too large").refused();
    /// ```
    pub fn refused(self) {
        self.account.enter(Entry::Refused { publish: self.publish });
    }
}

/// What one client says of what it sees. Clones are the same reader.
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
    /// It wants only these topics.
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

    /// It began before the first event, or asked for everything from the start.
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

    /// It is connected: what is published from here on it has to see. Say so when the server has let it in, such as
    /// after its first bytes. `last_event_id` is what it resumed with; empty, if nothing: if it has seen no event yet, it
    /// begins anew.
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

    /// It saw this event. Events of the server's own, such as heartbeats, are none that was published: leave them out.
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

    /// It was told that something may be missing here.
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

    /// It has left, or was cut off.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// # let reader = ledger.reader("browser");
    /// reader.left();
    /// ```
    pub fn left(&self) {
        self.enter(|reader| Entry::Left { reader });
    }

    /// It must have seen by now all that is acknowledged.
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
