//! Events that come one after the other in one body, published as they arrive, in bounded memory.

use http::Response;
use serde::Serialize;
use sse_engine::Draft;

use super::receipt::refusal;
use crate::{
    http::{
        access::Publisher,
        problem::Problem,
        response::{ResponseBody, json},
    },
    hub::{AppendError, Hub, KeyedUpload, Publication, Published, UploadPublished},
    store::{Fingerprint, Key, Scope},
};

/// The response to the publisher.
#[derive(Debug, Default, Serialize)]
struct Summary {
    published: u64,
    duplicates: u64,
    first_id: Option<String>,
    last_id: Option<String>,
    /// Whether the topic has ended, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<bool>,
}

/// The most events published at once, and the most bytes.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 1 << 20;

/// The events of one body. Those before one that is refused are published.
pub(super) struct Upload {
    publisher: Publisher,
    /// The key of the request.
    pub(super) key: Option<String>,
    /// The same events, as the hub knows them by that key.
    keyed: Option<KeyedUpload>,
    /// What an event is called in a refusal, which gives the number of the one that is refused.
    unit: &'static str,
    /// The number of the event that is being read, from 1.
    pub(super) number: u64,
    /// Events read and not published yet.
    batch: Vec<Numbered>,
    bytes: usize,
    summary: Summary,
}

struct Numbered {
    number: u64,
    draft: Draft,
    key: Option<Key>,
}

impl Upload {
    /// Begins with a request that has this `key`. `form` tells the use of the key from that by other forms: it is stored, and
    /// never changes.
    pub(super) async fn begin(
        publisher: Publisher,
        key: Option<String>,
        form: &'static str,
        unit: &'static str,
    ) -> Result<Self, Problem> {
        let key = key.map(|key| publisher.key_of_subject(key));
        if let Some(text) = key.clone() {
            // reserves the key for this form
            let key = Key { scope: Scope::Request, text };
            let marker = Publication::whole(Vec::new(), key, Fingerprint::of([form.as_bytes()]));
            publisher.hub().append(marker).await.map_err(refusal)?;
        }
        let keyed = key.clone().map(KeyedUpload::new);
        Ok(Self { publisher, key, keyed, unit, number: 1, batch: Vec::new(), bytes: 0, summary: Summary::default() })
    }

    /// Adds the event with the present number and the key that is its own. It takes about `bytes` bytes until it is published.
    /// It is refused if its publisher may not publish it, or is too quick.
    pub(super) fn push(&mut self, draft: Draft, key: Option<Key>, bytes: usize) -> Result<(), Problem> {
        self.publisher.check_draft(&draft)?;
        self.publisher.check_rate([&draft])?;
        self.bytes += bytes;
        self.batch.push(Numbered { number: self.number, draft, key });
        Ok(())
    }

    pub(super) const fn hub(&self) -> &Hub {
        self.publisher.hub()
    }

    pub(super) const fn is_full(&self) -> bool {
        self.batch.len() >= BATCH || self.bytes >= BATCH_BYTES
    }

    /// Returns true if it may be a repeat: it has a key, and nothing of it was new.
    pub(super) const fn may_be_repeat(&self) -> bool {
        self.key.is_some() && self.summary.published == 0
    }

    /// Notes whether the topic has ended.
    pub(super) const fn ended(&mut self, ended: bool) {
        self.summary.ended = Some(ended);
    }

    /// Publishes what is left. `read` is how reading went.
    pub(super) async fn complete(&mut self, read: Result<(), Problem>) -> Result<(), Problem> {
        self.flush().await.and(read).and_then(|()| self.check_end())
    }

    /// Says what was published, also before it was refused.
    pub(super) fn respond(self, done: Result<(), Problem>) -> Result<Response<ResponseBody>, Problem> {
        match done {
            Ok(()) => Ok(json(&self.summary)),
            Err(problem) => Err(problem
                .with(self.unit, self.number)
                .with("published", self.summary.published)
                .with("duplicates", self.summary.duplicates)
                .with("last_id", self.summary.last_id)
                .closing()),
        }
    }

    /// An upload that ends before what was published under its key is another one.
    fn check_end(&self) -> Result<(), Problem> {
        self.keyed.as_ref().map_or(Ok(()), |upload| self.hub().check_upload_end(upload).map_err(refusal))
    }

    /// Publishes the batch. If an event is refused for itself, those before it are published.
    pub(super) async fn flush(&mut self) -> Result<(), Problem> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        let Some(first) = batch.first().map(|event| event.number) else { return Ok(()) };
        if let Err(problem) = self.check_publisher(batch.iter().map(|event| &event.draft)).await {
            self.number = first;
            return Err(problem);
        }
        let Err(error) = self.publish(&batch).await else {
            self.publisher.forget_begun();
            return Ok(());
        };
        let (AppendError::Conflict(Some(index)) | AppendError::Ended(index, _)) = error else {
            return Err(self.refused_at(first, error));
        };
        let before = &batch[..index.min(batch.len())];
        // under the key of the request all that repeats is known before anything is published
        let is_whole = self.keyed.is_some() && matches!(error, AppendError::Conflict(_));
        if !before.is_empty()
            && !is_whole
            && let Err(error) = self.publish(before).await
        {
            return Err(self.refused_at(first, error));
        }
        let number = batch.get(index).map_or(first, |event| event.number);
        let alone = match error {
            AppendError::Conflict(_) => AppendError::Conflict(None),
            error => error,
        };
        // where an earlier event of the batch ended the topic, it is known only now
        let alone = match &batch[before.len()..] {
            [refused, ..] if matches!(alone, AppendError::Ended(..)) && !before.is_empty() => {
                self.publish(std::slice::from_ref(refused)).await.err().unwrap_or(alone)
            }
            _ => alone,
        };
        Err(self.refused_at(number, alone))
    }

    /// Refuses `drafts` once their publisher may not publish them any more.
    pub(super) async fn check_publisher(&mut self, drafts: impl Iterator<Item = &Draft>) -> Result<(), Problem> {
        self.publisher.go_on(drafts).await
    }

    fn refused_at(&mut self, number: u64, error: AppendError) -> Problem {
        self.number = number;
        refusal(error)
    }

    /// Publishes all events of `batch`, or none.
    async fn publish(&mut self, batch: &[Numbered]) -> Result<(), AppendError> {
        let drafts = batch.iter().map(|event| event.draft.clone()).collect();
        match &mut self.keyed {
            Some(upload) => {
                let done = self.publisher.hub().append_upload(upload, drafts).await?;
                self.count_keyed(&done);
            }
            None => {
                let keys = batch.iter().map(|event| event.key.clone()).collect();
                let published = self.hub().append(Publication::each(drafts, keys)).await?;
                self.count(published);
            }
        }
        Ok(())
    }

    fn count_keyed(&mut self, done: &UploadPublished) {
        self.summary.published += done.published;
        self.summary.duplicates += done.duplicates;
        if let Some((first, last)) = &done.ends {
            self.summary.first_id.get_or_insert_with(|| first.position.to_string());
            self.summary.last_id = Some(last.position.to_string());
        }
    }

    fn count(&mut self, published: Vec<Published>) {
        for event in published {
            let id = event.position.to_string();
            if event.duplicate {
                self.summary.duplicates += 1;
            } else {
                self.summary.published += 1;
            }
            self.summary.first_id.get_or_insert_with(|| id.clone());
            self.summary.last_id = Some(id);
        }
    }
}
