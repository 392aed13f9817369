//! A recording as NDJSON.
//!
//! ```text
//! {"format":"sse-recording","version":1,"status":200,"headers":[["content-type","text/event-stream"]]}
//! {"at_ms":0,"text":"data: hello\n\n"}
//! {"at_ms":12,"base64":"w7w="}
//! {"at_ms":20,"end":"broken","because":"connection reset"}   or   {"at_ms":20,"end":"closed"}   or   {"end":"open"}
//! ```

use std::{fmt, fs, path::Path, str::FromStr, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::{RecordedChunk, Recording, RecordingEnd, error::RecordingError};

const FORMAT: &str = "sse-recording";
const VERSION: u64 = 1;

/// The largest file, in bytes.
const FILE: u64 = 512 << 20;

impl Recording {
    /// Writes the recording to a file, replacing one that is there.
    ///
    /// ```
    /// # use sse_testkit::{Recording, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// # stream.expect_event("a").await;
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("ticks.ndjson");
    /// stream.recording()?.save(&path)?;
    /// assert_eq!(std::fs::read_to_string(&path)?.lines().count(), 3); // its head, its chunk, its end
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), RecordingError> {
        save(self, path.as_ref())
    }

    /// Reads a recording from a file of up to 512 MiB.
    ///
    /// ```
    /// # use sse_testkit::{Recording, TestClient, event_stream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sse_testkit::recording::RecordingError> {
    /// # let client = TestClient::from_fn(async |_| event_stream("data: a\n\n"));
    /// # let mut stream = client.get("/").connect().await;
    /// # stream.expect_event("a").await;
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("ticks.ndjson");
    /// # stream.recording()?.save(&path)?;
    /// let client = TestClient::replay(Recording::load(&path)?);
    /// client.get("/events").connect().await.expect_event("a").await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the file can't be read, or is not a recording. The error has the line, the field, its value and what is
    /// allowed.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        load(path.as_ref())
    }
}

/// The text of the file.
impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self, f)
    }
}

/// From the text of a file.
impl FromStr for Recording {
    type Err = RecordingError;

    fn from_str(text: &str) -> Result<Self, RecordingError> {
        parse(text)
    }
}

fn save(recording: &Recording, path: &Path) -> Result<(), RecordingError> {
    fs::write(path, recording.to_string()).map_err(|error| RecordingError::write(error).at(path))
}

fn load(path: &Path) -> Result<Recording, RecordingError> {
    let read = || {
        let len = fs::metadata(path).map_err(RecordingError::read)?.len();
        if len > FILE {
            return Err(RecordingError::too_large(len, FILE));
        }
        parse(&fs::read_to_string(path).map_err(RecordingError::read)?)
    };
    read().map_err(|error| error.at(path))
}

fn write(recording: &Recording, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Recording { status, headers, chunks, end } = recording;
    let headers: Vec<Value> = headers.iter().map(|(name, value)| json!([name.as_str(), header_text(value)])).collect();
    let headers = Value::from(headers);
    let status = status.as_u16();
    writeln!(f, r#"{{"format":"{FORMAT}","version":{VERSION},"status":{status},"headers":{headers}}}"#)?;
    for RecordedChunk { at, bytes } in chunks {
        let at = at.as_millis();
        match std::str::from_utf8(bytes) {
            Ok(text) => writeln!(f, r#"{{"at_ms":{at},"text":{}}}"#, json!(text))?,
            Err(_) => writeln!(f, r#"{{"at_ms":{at},"base64":"{}"}}"#, BASE64_STANDARD.encode(bytes))?,
        }
    }
    match end {
        RecordingEnd::Open => writeln!(f, r#"{{"end":"open"}}"#),
        RecordingEnd::Closed { at } => writeln!(f, r#"{{"at_ms":{},"end":"closed"}}"#, at.as_millis()),
        RecordingEnd::Broken { at, because } => {
            writeln!(f, r#"{{"at_ms":{},"end":"broken","because":{}}}"#, at.as_millis(), json!(because))
        }
    }
}

/// A header's value as a string or, if it is not UTF-8, as an object with base64.
fn header_text(value: &HeaderValue) -> Value {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": BASE64_STANDARD.encode(value) }),
    }
}

fn parse(text: &str) -> Result<Recording, RecordingError> {
    let mut lines = (1..).zip(text.lines());
    let (number, first) = lines.next().unwrap_or((1, "{}"));
    let (status, headers) = FileLine::parse(number, first)?.head()?;
    let mut chunks: Vec<RecordedChunk> = Vec::new();
    let mut last = number;
    for (number, line) in lines.by_ref() {
        last = number;
        let mut line = FileLine::parse(number, line)?;
        let after = chunks.last().map_or(Duration::ZERO, |chunk| chunk.at);
        if let Some(end) = line.end(after)? {
            return match lines.next() {
                Some((number, _)) => Err(RecordingError::in_line(number, "it comes after the end".into())),
                None => Ok(Recording { status, headers, chunks, end }),
            };
        }
        chunks.push(line.chunk(after)?);
    }
    let problem = r#"the end is missing: the last line has an "end""#;
    Err(RecordingError::in_line(last + 1, problem.into()))
}

struct FileLine {
    number: usize,
    fields: Map<String, Value>,
}

impl FileLine {
    fn parse(number: usize, text: &str) -> Result<Self, RecordingError> {
        let problem = match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => return Ok(Self { number, fields }),
            Ok(_) => "it is no JSON object".into(),
            Err(error) => format!("it is no JSON object: {error}"),
        };
        Err(RecordingError::in_line(number, problem))
    }

    fn head(mut self) -> Result<(StatusCode, HeaderMap), RecordingError> {
        const HEADERS: &str = r#"a list of ["name", "value"], or ["name", {"base64": "…"}]"#;
        self.field("format", &format!("{FORMAT:?}"), |value| (value == FORMAT).then_some(()))?;
        self.field("version", &VERSION.to_string(), |value| (value == VERSION).then_some(()))?;
        let status = self.field("status", "a number from 100 to 999", |value| {
            StatusCode::from_u16(u16::try_from(value.as_u64()?).ok()?).ok()
        })?;
        let list = self.field("headers", HEADERS, |value| value.as_array().cloned())?;
        let mut headers = HeaderMap::new();
        for entry in list {
            let Some((name, value)) = header(&entry) else {
                return Err(self.wrong("headers", Some(&entry), HEADERS));
            };
            let added = headers.try_append(name, value);
            added.map_err(|_| self.wrong("headers", None, "fewer of them"))?;
        }
        self.nothing_else("format, version, status and headers")?;
        Ok((status, headers))
    }

    /// The end of the stream, if this line is the one that has it.
    fn end(&mut self, after: Duration) -> Result<Option<RecordingEnd>, RecordingError> {
        const ENDS: [&str; 3] = ["closed", "broken", "open"];
        if !self.fields.contains_key("end") {
            return Ok(None);
        }
        let allowed = r#""closed", "broken" or "open""#;
        let end = self.field("end", allowed, |value| ENDS.into_iter().find(|end| value == end))?;
        let end = match end {
            "closed" => RecordingEnd::Closed { at: self.at(after)? },
            "broken" => RecordingEnd::Broken { at: self.at(after)?, because: self.text("because")? },
            _ => RecordingEnd::Open,
        };
        self.nothing_else(match end {
            RecordingEnd::Open => "end",
            RecordingEnd::Closed { .. } => "end and at_ms",
            RecordingEnd::Broken { .. } => "end, at_ms and because",
        })?;
        Ok(Some(end))
    }

    fn chunk(&mut self, after: Duration) -> Result<RecordedChunk, RecordingError> {
        let at = self.at(after)?;
        let bytes = match self.fields.contains_key("base64") {
            true => self.field("base64", "bytes in base64, with padding", |value| decode(value).map(Bytes::from))?,
            false => self.text("text").map(Bytes::from)?,
        };
        self.nothing_else("at_ms, and text or base64; or end")?;
        Ok(RecordedChunk { at, bytes })
    }

    fn at(&mut self, after: Duration) -> Result<Duration, RecordingError> {
        let allowed = format!("a whole number of milliseconds, not below {}", after.as_millis());
        self.field("at_ms", &allowed, |value| value.as_u64().map(Duration::from_millis).filter(|at| *at >= after))
    }

    fn text(&mut self, name: &str) -> Result<String, RecordingError> {
        self.field(name, "a string", |value| value.as_str().map(Into::into))
    }

    fn field<T>(
        &mut self,
        name: &str,
        allowed: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, RecordingError> {
        let value = self.fields.remove(name);
        value.as_ref().and_then(read).ok_or_else(|| self.wrong(name, value.as_ref(), allowed))
    }

    fn nothing_else(&self, allowed: &str) -> Result<(), RecordingError> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(name) => {
                let problem = format!("{name:?} is no field of it; allowed is {allowed}");
                Err(RecordingError::in_line(self.number, problem))
            }
        }
    }

    fn wrong(&self, name: &str, value: Option<&Value>, allowed: &str) -> RecordingError {
        /// The number of characters that are shown of a value.
        const SHOWN: usize = 100;
        let problem = match value.map(Value::to_string) {
            None => format!("{name} is missing; allowed is {allowed}"),
            Some(value) => {
                let shown: String = value.chars().take(SHOWN).collect();
                let more = if shown.len() < value.len() { "…" } else { "" };
                format!("{name} is {shown}{more}; allowed is {allowed}")
            }
        };
        RecordingError::in_line(self.number, problem)
    }
}

fn header(entry: &Value) -> Option<(HeaderName, HeaderValue)> {
    let [name, value] = entry.as_array()?.as_slice() else { return None };
    let value = match value {
        Value::Object(fields) if fields.len() == 1 => decode(fields.get("base64")?)?,
        value => value.as_str()?.into(),
    };
    Some((name.as_str()?.parse().ok()?, HeaderValue::from_bytes(&value).ok()?))
}

fn decode(value: &Value) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(value.as_str()?).ok()
}
