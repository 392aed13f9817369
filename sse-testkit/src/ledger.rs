//! What was published, what each reader saw of it, and whether that fits.
//!
//! ```text
//!   publishers ──▶ Publishing ──▶ ┌─────────┐ ◀── Reader ◀── clients
//!                                 │ records │
//!        files of other runs ───▶ └─────────┘ ──▶ check ──▶ Findings
//! ```

mod check;
mod entry;
mod file;
mod findings;

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use file::Log;

pub use entry::Entry;
pub use file::LedgerError;
pub use findings::{Finding, Findings};

use crate::Event;

/// An account of what was published and of what each reader saw.
///
/// Clones are the same ledger, so that tasks can share it. Publishers say what they are about to publish and how that
/// went, readers what they saw; [`check`](Self::check) then says what does not fit. It knows an event by its data, so
/// **each event has data of its own**. To publish the same data to the same topic again is a repetition, as a publisher
/// makes one that got no answer: it may be seen once.
///
/// ```
/// # use sse_testkit::{Ledger, TestClient, any_event, event_stream};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("data: one\nid: 1\n\ndata: three\nid: 3\n\n"));
/// let ledger = Ledger::new();
/// let reader = ledger.reader("browser");
/// let mut stream = client.get("/events").connect().await;
/// reader.connected("");
///
/// for (id, data) in [("1", "one"), ("2", "two"), ("3", "three")] {
///     let publishing = ledger.publish("news", data);
///     // ... publish it, and wait for the answer
///     publishing.acknowledged(id);
/// }
/// for _ in 0..2 {
///     reader.saw(&stream.expect_event(any_event()).await);
/// }
///
/// let findings = ledger.check();
/// assert_eq!(findings.to_string(), "1 finding\nbrowser lost \"two\" of news, between \"one\" and \"three\"\n");
/// # }
/// ```
///
/// # What is checked
///
/// - Nothing is **forged**: what a reader saw was published, with that data, to a topic that it wants, and was not
///   refused.
/// - Nothing is **doubled**, also not by a resume.
/// - Nothing is **out of order**, nor do two readers **disagree** on the order of what both saw, across all topics.
/// - Nothing that was acknowledged is **lost**, unless a [gap](Reader::gap) was announced at that place.
/// - An id stands for one event, and an event has one **id**.
///
/// # What is known of the order
///
/// One event comes before another in the log if its publish was acknowledged, or it was seen, before the other's began:
/// that is the order in which the ledger was told. Where publishes overlap, only the ids can tell, if
/// [`ids`](Self::ids) says how they compare. An event is lost if it surely lies between two that the reader saw one
/// after the other; before its first if it lies after the first [`connected`](Reader::connected) or the reader
/// [began at the start](Reader::from_start); after its last if the reader is [complete](Reader::complete). What may lie
/// outside is not missed.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    records: Vec<Entry>,
    ids: Ids,
    /// Publishes so far, which are numbered.
    publishes: u64,
    log: Option<Log>,
    torn: bool,
    /// Of several files: what comes from different ones is in no order.
    merged: bool,
}

/// How event ids compare.
///
/// ```
/// # use sse_testkit::{Ids, Ledger};
/// let ledger = Ledger::new().ids(Ids::Numeric); // ids are 1, 2, 3, ...
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ids {
    /// Each event has its own, or none, and they say nothing about the order.
    #[default]
    Opaque,
    /// An event may have that of one before it: they are not looked at.
    Shared,
    /// As decimal numbers; those that are none say nothing.
    Numeric,
    /// By their bytes, where they are of one length and the same up to the last `-`: `e7-0041` is before `e7-0042`, and
    /// says nothing about `f2-0001`. Those of `sse-server` are of this kind.
    Bytewise,
}

impl Ledger {
    /// An empty ledger.
    ///
    /// ```
    /// assert!(sse_testkit::Ledger::new().check().is_clean());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty ledger that writes each record to a new file as it is made, so that a process that is killed leaves
    /// what it saw. [`read`](Self::read) has the format.
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// # let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("publisher.ndjson");
    /// Ledger::to_file(&path)?.publish("news", "one").acknowledged("1");
    /// assert_eq!(std::fs::read_to_string(path)?, "\
    /// {\"published\":{\"publish\":0,\"topic\":\"news\",\"data\":\"one\"}}
    /// {\"acknowledged\":{\"publish\":0,\"id\":\"1\"}}
    /// ");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// That of making the file. If a record can't be written later, what makes the record panics.
    pub fn to_file(path: impl AsRef<Path>) -> io::Result<Self> {
        let log = Log::create(path.as_ref())?;
        Ok(Self(Arc::new(Mutex::new(Book { log: Some(log), ..Book::default() }))))
    }

    /// Reads what [`to_file`](Self::to_file) or [`write`](Self::write) has written: a JSON object a line, with one
    /// member that says what happened, as [`Entry`] has it. A last line without its line end is what a killed process
    /// leaves; it is left out, and [`is_torn`](Self::is_torn).
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("l.ndjson");
    /// std::fs::write(&path, "{\"connected\":{\"reader\":\"a\",\"last_event_id\":7}}\n").unwrap();
    /// let error = Ledger::read(&path).unwrap_err().to_string();
    /// assert!(error.ends_with("line 1: invalid type: integer `7`, expected a string at column 44"), "{error}");
    /// ```
    ///
    /// # Errors
    ///
    /// If the file can't be read, or a line is none of a ledger: file, line and what is allowed.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let (records, torn) = file::read(path.as_ref())?;
        let publishes = records.iter().filter(|record| matches!(record, Entry::Published { .. })).count() as u64;
        Ok(Self(Arc::new(Mutex::new(Book { records, torn, publishes, ..Book::default() }))))
    }

    /// Writes all records to a file.
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("l.ndjson");
    /// let ledger = Ledger::new();
    /// ledger.reader("a").connected("");
    /// ledger.write(&path)?;
    /// assert_eq!(Ledger::read(&path).unwrap().records(), ledger.records());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// That of writing the file.
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut log = Log::create(path.as_ref())?;
        self.book().records.iter().try_for_each(|record| log.append(record))
    }

    /// One ledger of several, such as those of several processes. Between them only [ids](Self::ids) tell the order; they
    /// are those of the first. Readers of the same name are one, in the order of the ledgers.
    ///
    /// ```
    /// # use sse_testkit::{Ids, Ledger};
    /// let (publisher, subscriber) = (Ledger::new(), Ledger::new());
    /// publisher.publish("news", "one").acknowledged("1");
    /// let reader = subscriber.reader("a").from_start();
    /// reader.complete();
    /// let both = Ledger::merge([publisher, subscriber]);
    /// assert_eq!(both.check().to_string(), "1 finding\na lost \"one\" of news, at its end\n");
    /// ```
    #[must_use]
    pub fn merge(ledgers: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Book::default();
        for (number, ledger) in ledgers.into_iter().enumerate() {
            let book = ledger.book();
            if number == 0 {
                all.ids = book.ids;
            }
            let base = all.publishes;
            all.records.extend(book.records.iter().map(|record| record.renumbered(base)));
            all.publishes += book.publishes;
            all.torn |= book.torn;
            all.merged |= number > 0 || book.merged;
        }
        Self(Arc::new(Mutex::new(all)))
    }

    /// Says how ids compare.
    ///
    /// ```
    /// # use sse_testkit::{Ids, Ledger};
    /// let ledger = Ledger::new().ids(Ids::Bytewise);
    /// ```
    #[must_use]
    pub fn ids(self, ids: Ids) -> Self {
        self.book().ids = ids;
        self
    }

    /// Something is about to be published. Say this before it is sent.
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// let ledger = Ledger::new();
    /// let publishing = ledger.publish("news", "one");
    /// // ... the server has answered
    /// publishing.acknowledged("41");
    /// ```
    pub fn publish(&self, topic: impl Into<String>, data: impl Into<String>) -> Publishing {
        let mut book = self.book();
        let publish = book.publishes;
        book.publishes += 1;
        book.enter(Entry::Published { publish, topic: topic.into(), data: data.into() });
        drop(book);
        Publishing { ledger: self.clone(), publish }
    }

    /// A reader of that name; it wants all topics. The same name is the same reader.
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// let ledger = Ledger::new();
    /// let reader = ledger.reader("browser").wants(["news", "weather"]);
    /// reader.connected("");
    /// ```
    #[must_use]
    pub fn reader(&self, name: impl Into<String>) -> Reader {
        Reader { ledger: self.clone(), name: name.into().into() }
    }

    /// What does not fit.
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// # let ledger = Ledger::new();
    /// ledger.check().expect_clean();
    /// ```
    #[must_use]
    pub fn check(&self) -> Findings {
        let book = self.book();
        check::check(&book.records, book.ids, !book.merged)
    }

    /// All that the ledger was told, in that order.
    ///
    /// ```
    /// # use sse_testkit::{Ledger, Entry};
    /// let ledger = Ledger::new();
    /// ledger.reader("a").complete();
    /// assert_eq!(ledger.records(), [Entry::Complete { reader: "a".into() }]);
    /// ```
    #[must_use]
    pub fn records(&self) -> Vec<Entry> {
        self.book().records.clone()
    }

    /// Whether a file that it was read from ended within a line.
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("l.ndjson");
    /// std::fs::write(&path, "{\"left\":{\"reader\":\"a\"}}\n{\"le").unwrap();
    /// assert!(Ledger::read(&path).unwrap().is_torn());
    /// ```
    #[must_use]
    pub fn is_torn(&self) -> bool {
        self.book().torn
    }

    fn enter(&self, record: Entry) {
        self.book().enter(record);
    }

    /// A panic elsewhere leaves the book whole: every entry is made in one go.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn enter(&mut self, record: Entry) {
        if let Some(log) = &mut self.log
            && let Err(error) = log.append(&record)
        {
            panic!("the ledger's file can't be written: {error}");
        }
        self.records.push(record);
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({} records)", self.book().records.len())
    }
}

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
    ledger: Ledger,
    publish: u64,
}

impl Publishing {
    /// The server has it, under that id; an empty one is not known.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// ledger.publish("news", "one").acknowledged("41");
    /// ```
    pub fn acknowledged(self, id: impl Into<String>) {
        self.ledger.enter(Entry::Acknowledged { publish: self.publish, id: id.into() });
    }

    /// The server does not take it.
    ///
    /// ```
    /// # let ledger = sse_testkit::Ledger::new();
    /// ledger.publish("news", "too large").refused();
    /// ```
    pub fn refused(self) {
        self.ledger.enter(Entry::Refused { publish: self.publish });
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
    ledger: Ledger,
    name: Arc<str>,
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
    /// after its first bytes. `last_event_id` is what it resumed with; empty, if nothing.
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
        self.ledger.enter(record((*self.name).into()));
    }
}
