//! Publishing the events of an upload under one idempotency key.

use sse_engine::Draft;

use super::{
    AppendError, Hub, Published,
    idempotency::Keys,
    in_flight::InFlight,
    uploads::{NextEvents, UploadProgress},
};
use crate::store::{Batch, Fingerprint, Key, KeyedRange, Scope, UploadRange};

/// An upload under a key, as far as it was read.
#[derive(Debug)]
pub(crate) struct KeyedUpload {
    key: String,
    /// The number of events.
    read: u64,
    /// Of all these events.
    content: Fingerprint,
}

/// What became of some events of an upload.
#[derive(Debug, Default)]
pub(crate) struct UploadPublished {
    pub(crate) published: u64,
    pub(crate) duplicates: u64,
    /// The first event of the whole upload, and the last one so far.
    pub(crate) ends: Option<(Published, Published)>,
}

impl KeyedUpload {
    pub(crate) fn new(key: String) -> Self {
        Self { key, read: 0, content: Fingerprint::of([]) }
    }
}

impl Hub {
    /// Publishes the next events of `upload`, but those that an earlier request with the same key has published.
    pub(crate) async fn append_upload(
        &self,
        upload: &mut KeyedUpload,
        drafts: Vec<Draft>,
    ) -> Result<UploadPublished, AppendError> {
        self.refuse_if_draining()?;
        let mut contents = vec![upload.content];
        for draft in &drafts {
            let through = contents[contents.len() - 1].then(Fingerprint::of_draft(draft));
            contents.push(through);
        }
        let read = upload.read;
        let further = (read + drafts.len() as u64, contents[drafts.len()]);
        let (hub, key) = (self.clone(), upload.key.clone());
        let append = async move { hub.append_next(key, read, &contents, drafts).await };
        let done = self.finish_keyed(append).await?;
        (upload.read, upload.content) = further;
        Ok(done)
    }

    /// Returns an error if `upload` ends here, before the last of the events that an earlier request with its key has
    /// published: then it is another one.
    pub(crate) fn check_upload_end(&self, upload: &KeyedUpload) -> Result<(), AppendError> {
        if self.with_keys(|keys| keys.uploads().has_more_than(&upload.key, upload.read))? {
            return Err(AppendError::Conflict(None));
        }
        Ok(())
    }

    async fn append_next(
        &self,
        key: String,
        read: u64,
        contents: &[Fingerprint],
        mut drafts: Vec<Draft>,
    ) -> Result<UploadPublished, AppendError> {
        let next = |keys: &mut Keys, now| match keys.uploads().next(&key, read, contents, now) {
            NextEvents::Publish { repeats, before } => Ok(Some((repeats, before))),
            NextEvents::Conflict(index) => Err(AppendError::Conflict(Some(index))),
            NextEvents::InFlight => Ok(None),
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
            return Ok(UploadPublished { duplicates, published: 0, ends: before.map(|before| ends(before, true)) });
        }
        let in_flight = InFlight::new(self, |keys| keys.uploads().failed(&key));
        let (total, content) = (read + (repeats + count) as u64, contents[repeats + count]);
        let upload = Some(UploadRange { total, first: before.map(|before| before.seqs.0) });
        let stored = Key { scope: Scope::Upload, text: key.clone() };
        let keyed = KeyedRange { key: stored, content, events: 0..count, upload };
        let batch = Batch { drafts: new, keys: vec![keyed], ..Batch::default() };
        let appended = self.append_to_store(batch).await.map_err(|error| match error {
            AppendError::Ended(index, at) => AppendError::Ended(index + repeats, at), // among all events
            error => error,
        });
        let seqs = appended?.seqs;
        let (Some(first), Some(last)) = (seqs.first(), seqs.last()) else { return Err(AppendError::Draining) };
        let seqs = (before.map_or(*first, |before| before.seqs.0), *last);
        let progress = UploadProgress { total, content, seqs };
        in_flight.resolve(|keys, now| keys.uploads().done(&key, progress, now))?;
        Ok(UploadPublished { published: count as u64, duplicates, ends: Some(ends(progress, false)) })
    }
}
