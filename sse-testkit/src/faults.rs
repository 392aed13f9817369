//! Faults of a network, planned and repeatable.
//!
//! ```text
//!   source ──▶ Machine: corrupt, cut, stop, double ──▶ Faulty: delay, credits ──▶ reader
//! ```

mod client;
mod credits;
mod cuts;
mod faulty;
mod machine;
mod proxy;

use std::{fmt, time::Duration};

use crate::random::Random;

pub use credits::Credits;
pub use cuts::every_cut;
pub use faulty::{Faulty, FaultyError};
pub use proxy::FaultProxy;

/// A plan of the faults that a stream of bytes has on its way to its reader.
///
/// A plan is deterministic: the same bytes are cut, corrupted and ended at the same places, whatever chunks they come
/// in. The chunks of the source stay cut, and each has its [delay](Self::delay), unless they are [merged](Self::merge).
/// Offsets count the bytes of the source from 0. [`Display`](fmt::Display) shows the whole plan, with its seed.
///
/// ```
/// use std::time::Duration;
/// use sse_testkit::{Faults, TestClient, event_stream};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let client = TestClient::from_fn(async |_| event_stream("data: hello\nid: 1\n\ndata: lost\n\n"));
/// let faults = Faults::seeded(42).cut_every(1).delay(Duration::from_millis(10)).reset_after(25);
/// assert_eq!(faults.to_string(), "seed 42: a piece every 1 bytes, 10ms before each, reset after 25 bytes");
///
/// let mut stream = client.faults(faults).get("/events").connect().await;
/// stream.expect_event("hello").await; // in 19 chunks
/// assert_eq!(stream.received_at(), Duration::from_millis(190));
/// while let Some(_) = stream.next().await {}
/// assert!(stream.end().unwrap().to_string().contains("reset"));
/// # }
/// ```
///
/// It applies to the answers of a [client](crate::TestClient::faults), to any [stream of bytes](Self::stream) or
/// [body](Self::body), and, through a [proxy](FaultProxy), to sockets.
#[derive(Debug, Clone, Default)]
#[must_use = "a plan does nothing by itself"]
pub struct Faults {
    seed: u64,
    cuts: Vec<CutRule>,
    merge: usize,
    delay: Duration,
    /// Of several calls, the one with the lowest offset counts.
    stop: Option<(u64, Stop)>,
    /// One byte in this many, on average.
    corrupt: Option<u32>,
    corrupt_at: Vec<(u64, u8)>,
    credits: Option<Credits>,
    duplicate: bool,
    only_first: Option<u64>,
}

/// A rule for where chunks end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CutRule {
    At(Vec<u64>),
    Every(u64),
    Randomly(u32),
    InCharacters,
    BetweenCrAndLf,
}

/// What comes in place of the rest of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Stall,
    Drop,
    Reset,
}

impl Faults {
    /// A plan without faults, to add to. What is drawn is drawn with the seed 0.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// assert_eq!(Faults::none().to_string(), "no faults");
    /// ```
    pub fn none() -> Self {
        Self::default()
    }

    /// A plan without faults, to add to. What is drawn is drawn with `seed`.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// let faults = Faults::seeded(42).cut_randomly(7);
    /// assert_eq!(faults.to_string(), "seed 42: cut about every 7 bytes");
    /// ```
    pub fn seeded(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Ends a chunk at each of `offsets`.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// assert_eq!(Faults::none().cut_at([3, 5]).chunks("data: a\n\n"), ["dat", "a:", " a\n\n"]);
    /// ```
    pub fn cut_at(self, offsets: impl IntoIterator<Item = u64>) -> Self {
        let mut offsets: Vec<_> = offsets.into_iter().collect();
        offsets.sort_unstable();
        self.cut(CutRule::At(offsets))
    }

    /// Ends a chunk after every `bytes` bytes: with 1, each byte comes alone. 0 counts as 1.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// assert_eq!(Faults::none().cut_every(4).chunks("data: a\n\n"), ["data", ": a\n", "\n"]);
    /// ```
    pub fn cut_every(self, bytes: u64) -> Self {
        self.cut(CutRule::Every(bytes.max(1)))
    }

    /// Cuts into chunks of drawn lengths, from 1 byte to twice `mean`.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// let chunks = Faults::seeded(1).cut_randomly(4).chunks("data: a\n\ndata: b\n\n");
    /// assert!(chunks.len() > 2);
    /// assert_eq!(chunks.concat(), b"data: a\n\ndata: b\n\n");
    /// ```
    pub fn cut_randomly(self, mean: u32) -> Self {
        self.cut(CutRule::Randomly(mean.max(1)))
    }

    /// Cuts every character of several bytes between its bytes.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// assert_eq!(Faults::none().cut_in_characters().chunks("für").len(), 2);
    /// ```
    pub fn cut_in_characters(self) -> Self {
        self.cut(CutRule::InCharacters)
    }

    /// Cuts every CRLF in the middle.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// assert_eq!(Faults::none().cut_between_cr_and_lf().chunks("a\r\nb\n"), ["a\r", "\nb\n"]);
    /// ```
    pub fn cut_between_cr_and_lf(self) -> Self {
        self.cut(CutRule::BetweenCrAndLf)
    }

    fn cut(mut self, cut: CutRule) -> Self {
        self.cuts.push(cut);
        self
    }

    /// Merges chunks that are available together into chunks of at least `bytes` bytes, as far as there are that many.
    /// Other rules still cut them.
    ///
    /// ```
    /// # use sse_testkit::{Body, Faults, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let client = TestClient::from_fn(async |_| event_stream(Body::chunks(["data", ": a\n", "\ndata: b\n\n"])));
    /// let mut stream = client.faults(Faults::none().merge(1024)).get("/").connect().await;
    /// stream.expect_event("a").await;
    /// assert_eq!(stream.raw(), "data: a\n\ndata: b\n\n");
    /// # }
    /// ```
    pub const fn merge(mut self, bytes: usize) -> Self {
        self.merge = bytes;
        self
    }

    /// Delays each chunk by `time` after the one before it, or after it became available.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// let faults = Faults::none().cut_every(10).delay(std::time::Duration::from_millis(5));
    /// ```
    pub const fn delay(mut self, time: Duration) -> Self {
        self.delay = time;
        self
    }

    /// After `bytes` bytes nothing more comes, and the stream stays open.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sse_testkit::{Faults, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\ndata: b\n\n"));
    /// let mut stream = client.faults(Faults::none().stall_after(9)).get("/").connect().await;
    /// stream.expect_event("a").await;
    /// stream.expect_silence(Duration::from_secs(3600)).await;
    /// # }
    /// ```
    pub fn stall_after(self, bytes: u64) -> Self {
        self.stop(bytes, Stop::Stall)
    }

    /// After `bytes` bytes the stream ends as if it were complete; on a socket, with FIN.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// assert_eq!(Faults::none().drop_after(4).chunks("data: a\n\n"), ["data"]);
    /// ```
    pub fn drop_after(self, bytes: u64) -> Self {
        self.stop(bytes, Stop::Drop)
    }

    /// After `bytes` bytes the stream breaks off; on a socket, with RST.
    ///
    /// ```
    /// # use sse_testkit::{End, Faults, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// let mut stream = client.faults(Faults::none().reset_after(8)).get("/").connect().await;
    /// assert_eq!(stream.next().await, None);
    /// assert!(matches!(stream.end(), Some(End::Broken(_))));
    /// # }
    /// ```
    pub fn reset_after(self, bytes: u64) -> Self {
        self.stop(bytes, Stop::Reset)
    }

    fn stop(mut self, bytes: u64, stop: Stop) -> Self {
        if self.stop.is_none_or(|(least, _)| bytes < least) {
            self.stop = Some((bytes, stop));
        }
        self
    }

    /// Flips one bit in about one of `one_of` bytes, which are drawn. 0 counts as 1.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// let sent = "data: a\n\n".repeat(100);
    /// let came = Faults::seeded(1).corrupt(100).chunks(sent.clone()).concat();
    /// let wrong = sent.bytes().zip(came).filter(|(sent, came)| sent != came).count();
    /// assert!((1..30).contains(&wrong));
    /// ```
    pub fn corrupt(mut self, one_of: u32) -> Self {
        self.corrupt = Some(one_of.max(1));
        self
    }

    /// Replaces the byte at `offset` with `byte`.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// assert_eq!(Faults::none().corrupt_at(1, b'i').chunks("data"), ["dita"]);
    /// ```
    pub fn corrupt_at(mut self, offset: u64, byte: u8) -> Self {
        self.corrupt_at.push((offset, byte));
        self
    }

    /// Lets bytes pass only as far as `credits` allow: a slow reader.
    ///
    /// ```
    /// # use sse_testkit::{Faults, TestClient, event_stream, faults::Credits};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # use std::time::Duration;
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\ndata: b\n\n"));
    /// let credits = Credits::new(9);
    /// let mut stream = client.faults(Faults::none().credits(&credits)).get("/").connect().await;
    /// stream.expect_event("a").await;
    /// stream.expect_silence(Duration::from_secs(60)).await;
    /// credits.grant(9);
    /// stream.expect_event("b").await;
    /// # }
    /// ```
    pub fn credits(mut self, credits: &Credits) -> Self {
        self.credits = Some(credits.clone());
        self
    }

    /// Repeats everything before the end, in the same chunks: an answer that is sent twice. Up to 16 MiB are kept for
    /// this; what goes beyond is not repeated.
    ///
    /// ```
    /// # use sse_testkit::Faults;
    /// assert_eq!(Faults::none().duplicate().chunks("data: a\n\n").concat(), b"data: a\n\ndata: a\n\n");
    /// ```
    pub const fn duplicate(mut self) -> Self {
        self.duplicate = true;
        self
    }

    /// Limits the faults to the first `answers` answers or connections; later ones have none. For a client that has to
    /// recover.
    ///
    /// ```
    /// # use sse_testkit::{BrowserClient, Faults, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// let client = client.faults(Faults::none().reset_after(3).only_first(2));
    /// let mut browser = BrowserClient::new(client).open("/");
    /// for _ in 0..2 {
    ///     browser.expect_error().await;
    /// }
    /// browser.expect_event("a").await;
    /// # }
    /// ```
    pub const fn only_first(mut self, answers: u64) -> Self {
        self.only_first = Some(answers);
        self
    }

    /// The plan for the answer of this number, from 0: what is drawn differs for each, and is repeatable.
    fn of(&self, answer: u64) -> Self {
        if self.only_first.is_some_and(|answers| answer >= answers) {
            return Self::none();
        }
        // the first answer draws as the plan alone does, so that a failure can be repeated with a stream of bytes
        let seed = if answer == 0 { self.seed } else { Random::of(self.seed, answer).next() };
        Self { seed, ..self.clone() }
    }

    fn is_none(&self) -> bool {
        matches!(self, Self { merge: 0, stop: None, corrupt: None, credits: None, duplicate: false, .. })
            && self.cuts.is_empty()
            && self.corrupt_at.is_empty()
            && self.delay.is_zero()
    }
}

/// `seed 42: cut about every 7 bytes, reset after 100 bytes`.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("no faults");
        }
        let mut parts: Vec<String> = self.cuts.iter().map(CutRule::to_string).collect();
        let mut part = |is: bool, text: String| parts.extend(is.then_some(text));
        part(self.merge > 0, format!("merged to {} bytes and more", self.merge));
        part(!self.delay.is_zero(), format!("{:?} before each", self.delay));
        if let Some(one_of) = self.corrupt {
            part(true, format!("one of {one_of} bytes corrupt"));
        }
        for (offset, byte) in &self.corrupt_at {
            part(true, format!("byte {offset} is 0x{byte:02x}"));
        }
        part(self.credits.is_some(), "on credit".into());
        if let Some((bytes, stop)) = self.stop {
            let what = match stop {
                Stop::Stall => "stalled",
                Stop::Drop => "dropped",
                Stop::Reset => "reset",
            };
            part(true, format!("{what} after {bytes} bytes"));
        }
        part(self.duplicate, "twice".into());
        if let Some(answers) = self.only_first {
            part(true, format!("only the first {answers} answers"));
        }
        write!(f, "seed {}: {}", self.seed, parts.join(", "))
    }
}

impl fmt::Display for CutRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(offsets) => write!(f, "cut at {offsets:?}"),
            Self::Every(bytes) => write!(f, "a piece every {bytes} bytes"),
            Self::Randomly(mean) => write!(f, "cut about every {mean} bytes"),
            Self::InCharacters => f.write_str("cut in characters"),
            Self::BetweenCrAndLf => f.write_str("cut between CR and LF"),
        }
    }
}
