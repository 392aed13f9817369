//! What was published, what each reader saw of it, and whether that fits.
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
/// - An id stands for one event, and an event has one **id**; where ids compare, they grow with the log.
///
/// # What is known of the order
///
/// One event comes before another in the log if its publish was acknowledged, or it was seen, before the other's began:
/// that is the order in which the ledger was told. Where publishes overlap, only the ids can tell, if
/// [`ids`](Self::ids) says how they compare. An event is lost if it surely lies between two that the reader saw one
/// after the other; before its first if it lies after it [connected](Reader::connected), for the last time that it did so
/// without an id, or the reader [began at the start](Reader::from_start); after its last if the reader is
/// [complete](Reader::complete). What may lie outside is not missed.
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
        let file = LedgerFile::create(path.as_ref())?;
        Ok(Self(Account::new(Book { file: Some(file), ..Book::default() })))
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
    /// That of writing the file.
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut file = LedgerFile::create(path.as_ref())?;
        self.0.book().records.iter().try_for_each(|record| file.append(record))
    }

    /// One ledger of several, such as those of several processes. What is in one of them is in order, as ever; between
    /// them only [ids](Self::ids) tell, which are those of the first. Readers of the same name are one, in the order of the
    /// ledgers.
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

    /// Says how ids compare.
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
        let mut book = self.0.book();
        let publish = book.publishes;
        book.publishes = publish.saturating_add(1);
        book.enter(Entry::Published { publish, topic: topic.into(), data: data.into() });
        drop(book);
        Publishing { account: self.0.clone(), publish }
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
        Reader { account: self.0.clone(), name: name.into().into() }
    }

    /// Something was drawn, such as what is published: a failure shows it, so say it with its seed. A
    /// [`Fleet`](crate::Fleet) says its own.
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

    /// What does not fit.
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

    /// All that the ledger was told, in that order.
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
        self.0.book().torn
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({} records)", self.0.book().records.len())
    }
}
