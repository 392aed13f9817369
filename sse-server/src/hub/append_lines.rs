//! Publishing the lines of an upload under one idempotency key.

use sse_engine::Draft;

use super::{
    AppendError, Hub, Published,
    idempotency::Keys,
    in_flight::InFlight,
    uploads::{NextLines, UploadProgress},
};
use crate::store::{Batch, Fingerprint, Key, KeyedRange, Scope, UploadRange};

/// An upload, as far as it was read.
#[derive(Debug)]
pub(crate) struct UploadedLines {
    key: String,
    lines: u64,
    content: Fingerprint,
}

/// What became of some lines.
#[derive(Debug, Default)]
pub(crate) struct LinesPublished {
    pub(crate) published: u64,
    pub(crate) duplicates: u64,
    /// The first event of the whole upload, and the last one so far.
    pub(crate) ends: Option<(Published, Published)>,
}

impl UploadedLines {
    pub(crate) fn new(key: String) -> Self {
        Self { key, lines: 0, content: Fingerprint::of([]) }
    }
}

impl Hub {
    /// Publishes the next lines of `upload`, but those that an earlier request with the same key has published.
    pub(crate) async fn append_lines(
        &self,
        upload: &mut UploadedLines,
        drafts: Vec<Draft>,
    ) -> Result<LinesPublished, AppendError> {
        if self.draining().is_some() {
            return Err(AppendError::Draining);
        }
        let mut contents = vec![upload.content];
        for draft in &drafts {
            let through = contents[contents.len() - 1].then(Fingerprint::of_draft(draft));
            contents.push(through);
        }
        let lines = upload.lines;
        let further = (lines + drafts.len() as u64, contents[drafts.len()]);
        let (hub, key) = (self.clone(), upload.key.clone());
        let append = async move { hub.append_next_lines(key, lines, &contents, drafts).await };
        let done = self.finish_keyed(append).await?;
        (upload.lines, upload.content) = further;
        Ok(done)
    }

    /// Refuses an upload that ends before the lines that an earlier request with its key has published.
    pub(crate) fn end_lines(&self, upload: &UploadedLines) -> Result<(), AppendError> {
        if self.with_keys(|keys| keys.uploads().has_more_than(&upload.key, upload.lines))? {
            return Err(AppendError::Conflict(None));
        }
        Ok(())
    }

    async fn append_next_lines(
        &self,
        key: String,
        lines: u64,
        contents: &[Fingerprint],
        mut drafts: Vec<Draft>,
    ) -> Result<LinesPublished, AppendError> {
        let next = |keys: &mut Keys, now| match keys.uploads().next(&key, lines, contents, now) {
            NextLines::Publish { repeats, before } => Ok(Some((repeats, before))),
            NextLines::Conflict(index) => Err(AppendError::Conflict(Some(index))),
            NextLines::InFlight => Ok(None),
        };
        let (repeats, before) = self.begin_keyed(next).await?;
        self.metrics().duplicates.inc_by(repeats as u64);
        let ends = |progress: UploadProgress, duplicate| {
            let (first, last) = progress.seqs;
            (self.published(first, before.is_some()), self.published(last, duplicate))
        };
        let duplicates = repeats as u64;
        let new = drafts.split_off(repeats);
        let count = new.len();
        if count == 0 {
            return Ok(LinesPublished { duplicates, published: 0, ends: before.map(|before| ends(before, true)) });
        }
        let in_flight = InFlight::new(self, |keys| keys.uploads().failed(&key));
        let (all, content) = (lines + (repeats + count) as u64, contents[repeats + count]);
        let upload = Some(UploadRange { lines: all, first: before.map(|before| before.seqs.0) });
        let stored = Key { scope: Scope::Lines, text: key.clone() };
        let keyed = KeyedRange { key: stored, content, events: 0..count, upload };
        let batch = Batch { drafts: new, keys: vec![keyed], ..Batch::default() };
        let appended = self.append_to_store(batch).await.map_err(|error| match error {
            AppendError::Ended(index, at) => AppendError::Ended(index + repeats, at), // among all lines
            error => error,
        });
        let seqs = appended?.seqs;
        let (Some(first), Some(last)) = (seqs.first(), seqs.last()) else { return Err(AppendError::Draining) };
        let seqs = (before.map_or(*first, |before| before.seqs.0), *last);
        let progress = UploadProgress { lines: all, content, seqs };
        in_flight.resolve(|keys, now| keys.uploads().done(&key, progress, now))?;
        Ok(LinesPublished { published: count as u64, duplicates, ends: Some(ends(progress, false)) })
    }
}
