//! What happened on a stream, and when.

use std::{collections::VecDeque, fmt, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use crate::{
    escape::{Quoted, quoted},
    seen::{End, Seen},
};

/// The number of bytes that are kept, with an allowance for each entry. Beyond it the oldest entries are dropped.
const KEPT: usize = 64 << 20;

/// The cost of an entry in addition to the bytes of its frame.
const ENTRY: usize = 512;

/// The number of frames that a report shows, the most recent ones.
const FRAMES_SHOWN: usize = 500;

/// The number of items of one frame that a report shows, besides those around the one it is about.
const ITEMS_SHOWN: usize = 50;

/// Everything that was sent and received, in order, and how far the test has read.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    start: Instant,
    real_start: std::time::Instant,
    entries: VecDeque<TimelineEntry>,
    frames: u64,
    forgotten: u64,
    /// When the last head came, and the number of frames before it.
    head: (Duration, u64),
    /// The cost of the entries: at most `limit`, or that of a single entry.
    kept: usize,
    limit: usize,
    /// The number of items of the last frame that the test has read. All earlier frames are read.
    read: usize,
}

#[derive(Debug, Clone)]
struct TimelineEntry {
    at: Duration,
    kind: EntryKind,
}

#[derive(Debug, Clone)]
enum EntryKind {
    Request {
        line: String,
        headers: HeaderMap,
    },
    Head {
        status: StatusCode,
        headers: HeaderMap,
    },
    Frame(Frame),
    Trailers(HeaderMap),
    End(End),
    Note {
        text: String,
        /// The state to show at the end, if nothing comes after this entry.
        now: Option<&'static str>,
    },
}

#[derive(Debug, Clone)]
struct Frame {
    number: u64,
    bytes: Bytes,
    /// The items that this frame completed.
    seen: Vec<Seen>,
}

/// A note on an answer, carried as its extension: the timeline shows it below the head.
#[derive(Debug, Clone)]
pub(crate) struct AnswerNote(pub(crate) String);

/// Frames, and the end if there was one, each with its time since the head.
pub(crate) type AnswerFrames = (Vec<(Duration, Bytes)>, Option<Duration>);

impl EntryKind {
    const fn cost(&self) -> usize {
        match self {
            Self::Frame(frame) => ENTRY + frame.bytes.len(),
            _ => ENTRY,
        }
    }
}

impl Timeline {
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
            real_start: std::time::Instant::now(),
            entries: VecDeque::new(),
            frames: 0,
            forgotten: 0,
            head: (Duration::ZERO, 0),
            kept: 0,
            limit: KEPT,
            read: 0,
        }
    }

    /// Bounds the entries to `bytes`, for where there are many timelines.
    pub(crate) const fn keep(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    pub(crate) fn request(&mut self, line: String, headers: HeaderMap) {
        self.push(EntryKind::Request { line, headers });
    }

    /// Enters the head of an answer, and the note that it carries.
    pub(crate) fn answered<B>(&mut self, answer: &http::Response<B>) {
        self.head(answer.status(), answer.headers().clone());
        if let Some(AnswerNote(text)) = answer.extensions().get() {
            self.note(text.clone(), None);
        }
    }

    fn head(&mut self, status: StatusCode, headers: HeaderMap) {
        self.head = (self.now(), self.frames);
        self.push(EntryKind::Head { status, headers });
    }

    pub(crate) fn frame(&mut self, bytes: Bytes, seen: Vec<Seen>) {
        self.frames += 1;
        self.read = 0;
        self.push(EntryKind::Frame(Frame { number: self.frames, bytes, seen }));
    }

    /// The data of a frame of a body. Trailers are entered, and return `None`.
    pub(crate) fn data(&mut self, frame: http_body::Frame<Bytes>) -> Option<Bytes> {
        let frame = match frame.into_data() {
            Ok(bytes) => return Some(bytes),
            Err(frame) => frame,
        };
        if let Ok(headers) = frame.into_trailers() {
            self.push(EntryKind::Trailers(headers));
        }
        None
    }

    pub(crate) fn end(&mut self, end: End) {
        self.push(EntryKind::End(end));
    }

    /// Enters what the client did.
    pub(crate) fn note(&mut self, text: String, now: Option<&'static str>) {
        self.push(EntryKind::Note { text, now });
    }

    fn push(&mut self, kind: EntryKind) {
        self.kept += kind.cost();
        self.entries.push_back(TimelineEntry { at: self.now(), kind });
        while self.kept > self.limit && self.entries.len() > 1 {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.kept -= oldest.kind.cost();
            self.forgotten += u64::from(matches!(oldest.kind, EntryKind::Frame(_)));
        }
    }

    /// The next item of the last frame, if there is one.
    pub(crate) fn read(&mut self) -> Option<Seen> {
        let seen = self.last_frame()?.seen.get(self.read)?.clone();
        self.read += 1;
        Some(seen)
    }

    /// Returns true if the test has read everything.
    pub(crate) fn is_read(&self) -> bool {
        self.last_frame().is_none_or(|frame| self.read >= frame.seen.len())
    }

    fn last_frame(&self) -> Option<&Frame> {
        match self.entries.back() {
            Some(TimelineEntry { kind: EntryKind::Frame(frame), .. }) => Some(frame),
            _ => None,
        }
    }

    /// The time since the first request.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Returns true if the clock has run ahead of real time, as a paused one does.
    pub(crate) fn is_virtual(&self) -> bool {
        self.now() > self.real_start.elapsed() + Duration::from_secs(1)
    }

    /// The time of the last entry.
    pub(crate) fn last(&self) -> Duration {
        self.entries.back().map_or(Duration::ZERO, |entry| entry.at)
    }

    /// The bytes of the last answer.
    pub(crate) fn raw(&self) -> Bytes {
        let mut raw = BytesMut::new();
        for entry in &self.entries {
            match &entry.kind {
                EntryKind::Head { .. } => raw.clear(),
                EntryKind::Frame(frame) => raw.extend_from_slice(&frame.bytes),
                _ => {}
            }
        }
        raw.freeze()
    }

    /// The frames of the last answer and its end, with their times since its head; as an error, the number of its
    /// frames that are no longer kept.
    pub(crate) fn answer(&self) -> Result<AnswerFrames, u64> {
        let (head, before) = self.head;
        let mut frames = Vec::new();
        let mut end = None;
        for TimelineEntry { at, kind } in &self.entries {
            match kind {
                EntryKind::Head { .. } => end = None,
                EntryKind::Frame(frame) if frame.number > before => frames.push((*at - head, frame.bytes.clone())),
                EntryKind::End(_) => end = Some(at.saturating_sub(head)),
                _ => {}
            }
        }
        match self.frames - before - frames.len() as u64 {
            0 => Ok((frames, end)),
            forgotten => Err(forgotten),
        }
    }

    /// The timeline as text. With `here`, the item that was read last is marked.
    pub(crate) const fn shown(&self, here: bool) -> Shown<'_> {
        Shown { timeline: self, here }
    }
}

pub(crate) struct Shown<'a> {
    timeline: &'a Timeline,
    here: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Timeline { entries, frames, forgotten, .. } = self.timeline;
        let first_shown = frames.saturating_sub(FRAMES_SHOWN as u64) + 1;
        if *forgotten > 0 {
            line(f, "", format_args!("the first {forgotten} frames, no longer kept"))?;
        }
        let mut left_out = false;
        for TimelineEntry { at, kind } in entries {
            let at = Clock(*at);
            match kind {
                EntryKind::Request { line: request, headers } => {
                    line(f, at, request)?;
                    fields(f, headers)?;
                }
                EntryKind::Head { status, headers } => {
                    line(f, at, status)?;
                    fields(f, headers)?;
                }
                EntryKind::Frame(frame) if frame.number < first_shown => {
                    if !std::mem::replace(&mut left_out, true) {
                        line(f, at, format_args!("... up to frame {}", first_shown - 1))?;
                    }
                }
                EntryKind::Frame(frame) => {
                    let Frame { number, bytes, seen } = frame;
                    let (len, bytes) = (bytes.len(), quoted(bytes));
                    line(f, at, format_args!("frame {number}, {len} bytes: {bytes}"))?;
                    self.items(f, seen, *number == *frames)?;
                }
                EntryKind::Trailers(headers) => {
                    line(f, at, "trailers")?;
                    fields(f, headers)?;
                }
                EntryKind::End(end) => line(f, at, end)?,
                EntryKind::Note { text, .. } => line(f, at, text)?,
            }
        }
        let now = match entries.back() {
            Some(TimelineEntry { kind: EntryKind::End(_), .. }) => None,
            Some(TimelineEntry { kind: EntryKind::Note { now, .. }, .. }) => *now,
            _ => Some("still open"),
        };
        now.map_or(Ok(()), |now| line(f, Clock(self.timeline.now()), now))
    }
}

impl Shown<'_> {
    fn items(&self, f: &mut fmt::Formatter<'_>, seen: &[Seen], last: bool) -> fmt::Result {
        let read = if last { self.timeline.read } else { seen.len() };
        let mut hidden = 0;
        for (number, seen) in (1..).zip(seen) {
            if number > ITEMS_SHOWN && !(last && number.abs_diff(read) < ITEMS_SHOWN) {
                hidden += 1;
                continue;
            }
            let note = match number {
                _ if last && self.here && number == read => "  <- here",
                _ if number > read => "  (not read yet)",
                _ => "",
            };
            line(f, "", format_args!("{seen}{note}"))?;
        }
        match hidden {
            0 => Ok(()),
            _ => line(f, "", format_args!("... and {hidden} more")),
        }
    }
}

fn line(f: &mut fmt::Formatter<'_>, at: impl fmt::Display, what: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{:>10}  {what}", at.to_string())
}

fn fields(f: &mut fmt::Formatter<'_>, headers: &HeaderMap) -> fmt::Result {
    headers.iter().try_for_each(|(name, value)| {
        let value: Quoted<'_> = quoted(value);
        line(f, "", format_args!("{name}: {value}"))
    })
}

/// A time since the start, to the millisecond.
pub(crate) struct Clock(pub(crate) Duration);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.0.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_frames_are_forgotten_and_counted() {
        let mut timeline = Timeline::start();
        timeline.head(StatusCode::OK, HeaderMap::new());
        for _ in 0..5 {
            timeline.frame(Bytes::from(vec![b'x'; KEPT / 4]), Vec::new());
        }
        assert!(timeline.kept <= KEPT);
        assert_eq!((timeline.frames, timeline.forgotten), (5, 2));
        assert_eq!(timeline.raw().len(), 3 * (KEPT / 4));
        assert_eq!(timeline.answer().unwrap_err(), 2);
        let shown = timeline.shown(false).to_string();
        assert!(shown.contains("the first 2 frames, no longer kept"), "{shown}");
    }

    #[tokio::test]
    async fn a_long_timeline_is_shown_from_where_it_matters() {
        let mut timeline = Timeline::start();
        for _ in 0..FRAMES_SHOWN + 7 {
            timeline.frame(Bytes::from_static(b":\n"), vec![Seen::Comment(String::new())]);
        }
        let shown = timeline.shown(false).to_string();
        assert!(shown.contains("... up to frame 7\n"), "{shown}");
        assert!(shown.contains("frame 8, "), "{shown}");
        assert!(!shown.contains("frame 7, "), "{shown}");
    }

    #[tokio::test]
    async fn of_a_frame_with_many_items_those_around_the_one_in_question_are_shown() {
        let mut timeline = Timeline::start();
        let seen = (0..1000).map(|n| Seen::Comment(n.to_string())).collect();
        timeline.frame(Bytes::from_static(b"..."), seen);
        for _ in 0..500 {
            timeline.read();
        }
        let shown = timeline.shown(true).to_string();
        assert!(shown.contains("comment \"499\"  <- here\n"), "{shown}");
        assert!(shown.contains("comment \"500\"  (not read yet)\n"), "{shown}");
        assert!(shown.contains("... and 851 more\n"), "{shown}");
    }
}
