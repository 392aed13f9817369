//! An account of what was published and what each reader saw, and a check that they agree.
//!
//! ```text
//!   publishers ──▶ Publishing ──▶ ┌─────────┐ ◀── Reader ◀── clients
//!                                 │ records │
//!        files of other runs ───▶ └─────────┘ ──▶ check ──▶ Findings
//! ```

mod account;
mod check;
mod entry;
mod file;
mod findings;
mod ids;
mod parties;

use std::{fmt, io, path::Path};

use account::{Account, Book};
use file::LedgerFile;

pub use entry::Entry;
pub use file::LedgerError;
pub use findings::{Finding, Findings};
pub use ids::Ids;
pub use parties::{Publishing, Reader};

/// An account of what was published and of what each reader saw.
///
/// Clones are the same ledger, so that tasks can share it. Publishers enter what they are about to publish and how that
/// went, readers what they saw; [`check`](Self::check) then finds what does not agree. Events are identified by their
/// data, so **each event needs data of its own**. Publishing the same data to the same topic again is a retry, such as
/// by a publisher that got no answer; it may be seen once.
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
/// - Nothing is **forged**: what a reader saw was published with that data, to a topic that the reader wants, and was
///   not refused.
/// - Nothing is **doubled**, not even by a resume.
/// - Nothing is **out of order**, and no two readers **disagree** on the order of what both saw, across all topics.
/// - Nothing that was acknowledged is **lost**, unless a [gap](Reader::gap) was announced at that point.
/// - An id stands for one event, and an event has one **id**; where ids can be compared, they grow with the log.
///
/// # What is known of the order
///
/// One event comes before another in the log if its publish was acknowledged, or it was seen, before the publish of the
/// other began, in the order in which these were entered. Where publishes overlap, only the ids can tell, if
/// [`ids`](Self::ids) says how they compare. An event is lost
///
/// - if it certainly lies between two that the reader saw one after the other;
/// - if it lies before the first that the reader saw, and after the reader last [connected](Reader::connected) without
///   an id, or the reader [began at the start](Reader::from_start);
/// - if it lies after the last that the reader saw, and the reader is [complete](Reader::complete).
///
/// An event that may lie outside is not reported as lost.
#[derive(Clone, Default)]
pub struct Ledger(Account);

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

    /// An empty ledger that also writes each record to a new file as it is made, so that a process that is killed
    /// leaves what it entered. [`read`](Self::read) describes the format.
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
    /// If the file can't be created. If a record can't be written later, the call that enters it panics.
    pub fn to_file(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = LedgerFile::create(path.as_ref())?;
        Ok(Self(Account::new(Book { file: Some(file), ..Book::default() })))
    }

    /// Reads what [`to_file`](Self::to_file) or [`write`](Self::write) has written: one JSON object on each line, an
    /// [`Entry`]. A last line without its line end is what a killed process leaves; it is skipped, and the ledger
    /// [`is_torn`](Self::is_torn).
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
    /// If the file can't be read, or a line is not that of a ledger. The error has the file, the line and what is
    /// allowed.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let (records, torn) = file::read(path.as_ref())?;
        let publishes = records.iter().filter_map(Entry::published).max().map_or(0, |last| last.saturating_add(1));
        Ok(Self(Account::new(Book { records, torn, publishes, ..Book::default() })))
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
    /// If the file can't be written.
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut file = LedgerFile::create(path.as_ref())?;
        self.0.book().records.iter().try_for_each(|record| file.append(record))
    }

    /// Merges several ledgers into one, such as those of several processes. The order within each is known; between
    /// them only [ids](Self::ids) can tell, which compare as in the first ledger. Readers of the same name are one
    /// reader, with their records in the order of the ledgers.
    ///
    /// ```
    /// # use sse_testkit::{Ledger, ledger::Ids};
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
            let book = ledger.0.book();
            if number == 0 {
                all.ids = book.ids;
            } else {
                all.records.push(Entry::Elsewhere {});
            }
            let base = all.publishes;
            all.records.extend(book.records.iter().map(|record| record.renumbered(base)));
            all.publishes = base.saturating_add(book.publishes);
            all.torn |= book.torn;
        }
        Self(Account::new(all))
    }

    /// Sets how ids compare.
    ///
    /// ```
    /// # use sse_testkit::{Ledger, ledger::Ids};
    /// let ledger = Ledger::new().ids(Ids::Bytewise);
    /// ```
    #[must_use]
    pub fn ids(self, ids: Ids) -> Self {
        self.0.book().ids = ids;
        self
    }

    /// Enters that `data` is about to be published to `topic`. Call it before sending.
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// let ledger = Ledger::new();
    /// let publishing = ledger.publish("news", "one");
    /// // ... the server has answered
    /// publishing.acknowledged("41");
    /// ```
    pub fn publish(&self, topic: impl Into<String>, data: impl Into<String>) -> Publishing {
        let mut book = self.0.book();
        let publish = book.publishes;
        book.publishes = publish.saturating_add(1);
        book.enter(Entry::Published { publish, topic: topic.into(), data: data.into() });
        drop(book);
        Publishing { account: self.0.clone(), publish }
    }

    /// The reader of this name, which wants all topics. The same name is the same reader.
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// let ledger = Ledger::new();
    /// let reader = ledger.reader("browser").wants(["news", "weather"]);
    /// reader.connected("");
    /// ```
    #[must_use]
    pub fn reader(&self, name: impl Into<String>) -> Reader {
        Reader { account: self.0.clone(), name: name.into().into() }
    }

    /// Enters that something was drawn, such as what is published. A failure shows `what`, so include the seed. A
    /// [`Fleet`](crate::Fleet) enters its own.
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// let ledger = Ledger::new();
    /// ledger.drawn("topics, seed 42");
    /// // ...
    /// ledger.check().expect_clean(); // or else it ends with "drawn topics, seed 42"
    /// ```
    pub fn drawn(&self, what: impl Into<String>) {
        self.0.enter(Entry::Drawn { what: what.into() });
    }

    /// Checks the ledger, and returns what is wrong.
    ///
    /// ```
    /// # use sse_testkit::Ledger;
    /// # let ledger = Ledger::new();
    /// ledger.check().expect_clean();
    /// ```
    #[must_use]
    pub fn check(&self) -> Findings {
        let book = self.0.book();
        check::check(&book.records, book.ids)
    }

    /// Everything that was entered, in order.
    ///
    /// ```
    /// # use sse_testkit::{Ledger, ledger::Entry};
    /// let ledger = Ledger::new();
    /// ledger.reader("a").complete();
    /// assert_eq!(ledger.records(), [Entry::Complete { reader: "a".into() }]);
    /// ```
    #[must_use]
    pub fn records(&self) -> Vec<Entry> {
        self.0.book().records.clone()
    }

    /// Returns true if the file that the ledger was read from ended in the middle of a line.
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
        self.0.book().torn
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({} records)", self.0.book().records.len())
    }
}
